"""The gate: does a bundle, in its precision, give the colours of the network in float32?

The whole run of the sampler on real photographs, rendered, with the same noise on both sides. A
precision is judged where it will run: fp16 on a CUDA device or else by PyTorch, which rounds as
a GPU does; bf16 in OpenVINO; int8 and fp32 on ONNX Runtime's CPU provider.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from colorize_cli.errors import CheckError, DeviceError
from colorize_cli.imaging.ciede2000 import ciede2000
from colorize_cli.imaging.lab import Float, lab_from_rgb
from colorize_cli.imaging.render import render
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import Photo
from colorize_cli.runtimes.device import Device, problem, resolve
from colorize_cli.runtimes.ort import Network, open_network
from training.bundle_state import network_from_bundle
from training.networks.build import Network as Module

from .layer_blame import Layers, bundle_layers, most_different, torch_layers
from .precision import Precision, half_copy
from .recorded_graph import record_calls
from .torch_runtime import TorchNetwork

# Largest mean CIEDE2000 over the photographs, by what the bundle computes in. The first allows
# for weights that are stored in half precision.
BOUNDS: Mapping[str, float] = {"fp32": 0.1, "fp16": 0.5, "bf16": 0.5, "int8": 1.5}


@dataclass(frozen=True)
class Verdict:
    """What the gate found.

    Attributes:
        precision: of the bundle.
        ran_on: what it was run on.
        differences: mean CIEDE2000 from float32 of each photograph, by name.
    """

    precision: str
    ran_on: str
    differences: Mapping[str, float]

    @property
    def mean(self) -> float:
        """Mean over the photographs; infinite where a picture is not finite."""
        mean = float(np.mean(list(self.differences.values())))
        return mean if np.isfinite(mean) else np.inf

    @property
    def passed(self) -> bool:
        """Tell whether the colours are close enough."""
        return self.mean <= BOUNDS[self.precision]

    @property
    def line(self) -> str:
        """The verdict as a line of the checklist."""
        return f"[{'ok  ' if self.passed else 'FAIL'}] {self}"

    def __str__(self) -> str:
        worst = max(self.differences, key=self.differences.__getitem__)
        return (
            f"{self.precision} on {self.ran_on} against float32, {len(self.differences)} "
            f"photographs: mean CIEDE2000 {self.mean:.3f} (bound {BOUNDS[self.precision]:g}), "
            f"at most {self.differences[worst]:.3f} ({worst})"
        )


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A bundle, opened as it will be run: on a device, or in PyTorch where that is None."""

    bundle: Bundle
    network: Network
    device: Device | None
    description: str


def require_device(precision: Precision) -> None:
    """Check that a precision can be judged here, before minutes go into making it.

    Raises:
        DeviceError: it cannot; the message says what is missing.
    """
    if precision != "bf16":
        return
    missing = problem("openvino")
    if missing is None:
        from colorize_cli.runtimes.openvino_core import computes_bf16

        missing = None if computes_bf16() else "this CPU has no instructions for bfloat16"
    if missing is not None:
        raise DeviceError(
            f"--bf16 is checked where it runs, in OpenVINO: {missing}. Export it on another "
            "machine, or with --no-check."
        )


def check_colours(
    bundle: Bundle, module: Module, photos: Mapping[str, Photo], report: Callable[[str], None]
) -> Verdict:
    """Colorize photographs with a bundle and with its network in float32, and compare.

    Args:
        bundle: as the command line will read it.
        module: the network in float32, with the weights that were trained.
        photos: by name.
        report: takes the verdict.

    Raises:
        CheckError: the colours differ too much; the message names the layers that differ most.
        DeviceError: what the precision runs on cannot run here.
    """
    reference = TorchNetwork(module, bundle.grid)
    candidate = _open(bundle)
    verdict = judge(bundle, candidate.network, candidate.description, reference, photos)
    report(verdict.line)
    if not verdict.passed:
        differences = verdict.differences
        worst = max(differences, key=differences.__getitem__)
        raise CheckError(_complaint(verdict, _blame(candidate, reference, photos[worst])))
    return verdict


def judge(
    bundle: Bundle,
    network: Network,
    ran_on: str,
    reference: TorchNetwork,
    photos: Mapping[str, Photo],
) -> Verdict:
    """Colorize photographs with two networks, with the same noise, and compare.

    Args:
        bundle: says how to sample, and the precision to judge by.
        network: of the bundle; takes one photo at a time.
        ran_on: what it runs on, for people.
        reference: what it should give, in float32.
        photos: by name.

    Raises:
        DeviceError: the network failed.
    """
    differences = {}
    for name, photo in photos.items():
        pictures = [_colorize(bundle, n, photo) for n in (reference, network)]
        differences[name] = float(ciede2000(*pictures).mean())
    return Verdict(str(bundle.precision["compute"]), ran_on, differences)


def _open(bundle: Bundle) -> _Candidate:
    """Open a bundle on what its precision is for."""
    precision = bundle.precision["compute"]
    if precision == "fp16" and problem("cuda") is not None:
        halved = half_copy(network_from_bundle(bundle), bundle.family, bundle.network)
        network = TorchNetwork(halved, bundle.grid)
        return _Candidate(bundle, network, None, "PyTorch, rounding as a GPU does,")
    if precision == "fp16":
        device = resolve("cuda")
    elif precision == "bf16":
        device = resolve("openvino", precision="bf16")
    else:
        device = resolve("cpu")
    return _Candidate(bundle, open_network(bundle, device), device, device.description)


def _colorize(bundle: Bundle, network: Network, photo: Photo) -> Float:
    """Make a photograph's first sample: (H, W, 3) Lab, by way of 16 bits, which round little."""
    if photo.pixels.dtype == np.uint8:
        photo = replace(photo, pixels=photo.pixels.astype(np.uint16) * 257)
    colorizer = Colorizer(bundle, resolve("cpu"), network=network)
    prepared = colorizer.prepare(photo)
    ab = colorizer.colorize([prepared], 1, 0)[0][0]
    rgb = render(photo.pixels, ab, prepared.frame, bundle.grid, working=prepared.L)
    return lab_from_rgb(rgb)


def _blame(candidate: _Candidate, reference: TorchNetwork, photo: Photo) -> list[tuple[str, float]]:
    """Rank the layers by their error on one photograph, at the first, middle and last step."""
    bundle = candidate.bundle
    calls = record_calls(bundle, reference, photo)
    steps = sorted({0, len(calls.steps) // 2, len(calls.steps) - 1})

    def layers(step: int) -> Layers:
        if candidate.device is not None:
            return bundle_layers(bundle, candidate.device, calls, step)
        assert isinstance(candidate.network, TorchNetwork)
        return torch_layers(candidate.network, calls, step)

    wanted = [torch_layers(reference, calls, step) for step in steps]
    return most_different(wanted, [layers(step) for step in steps])


def _complaint(verdict: Verdict, layers: list[tuple[str, float]]) -> str:
    listed = "".join(f"\n  {name}  {error:.3g}" for name, error in layers)
    advice = {
        "int8": "Calibrate on photographs like yours (--calibrate DIR), or take another precision.",
        "fp32": "The weights may not bear to be stored in half precision.",
    }
    return (
        f"{verdict}: too far, so the bundle was not kept. "
        f"{advice.get(verdict.precision, 'Take another precision.')} Layers that disagree most, "
        f"with the relative error of what they give:{listed}"
    )
