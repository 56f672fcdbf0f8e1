"""The gate: does a bundle, in its precision, give the colours of the network in float32?

The whole run of the sampler on real photographs, rendered, with the same noise on both sides. A
precision is judged where it will run: fp16 on a CUDA device or else by PyTorch, which rounds as
a GPU does; bf16 in OpenVINO; int8 and fp32 on ONNX Runtime's CPU provider.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from colorize_cli.errors import CheckError, DeviceError, ImageError
from colorize_cli.imaging.ciede2000 import ciede2000
from colorize_cli.imaging.lab import Float, lab_from_rgb
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.read import Photo
from colorize_cli.runtimes.find_device import problem, resolve, runtime_of
from colorize_cli.runtimes.runtime import Device, Graph
from training.bundle_state import network_from_bundle

from .layer_blame import Layers, bundle_layers, most_different, torch_layers
from .precision import Precision, half_copy
from .recorded_calls import record_calls
from .torch_runtime import torch_graphs

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
    """A bundle, opened as it will be run: on a device, or as a network of PyTorch."""

    bundle: Bundle
    graphs: Mapping[str, Graph]
    runs_on: Device | nn.Module
    description: str


def require_device(precision: Precision) -> None:
    """Check that a precision can be judged here, before minutes go into making it.

    Raises:
        DeviceError: It cannot; the message says what is missing.
    """
    if precision != "bf16":
        return
    missing = problem("openvino")
    if missing is None and "bf16" not in runtime_of("openvino").precisions():
        missing = "this CPU has no instructions for bfloat16"
    if missing is not None:
        raise DeviceError(
            f"--bf16 is checked where it runs, in OpenVINO: {missing}. Export it on another "
            "machine, or with --no-check."
        )


def check_colours(
    bundle: Bundle,
    network: nn.Module,
    photos: Mapping[str, Photo],
    report: Callable[[str], None],
) -> Verdict:
    """Colorize photographs with a bundle and with its network in float32, and compare.

    Args:
        bundle: The bundle as the command line will read it.
        network: The network in float32, with the weights that were trained.
        photos: Photographs by name.
        report: Takes the verdict.

    Raises:
        CheckError: The colours differ too much; the message names the layers that differ most.
        DeviceError: What the precision runs on cannot run here.
    """
    candidate = _open(bundle)
    reference = torch_graphs(bundle.family.name, network)
    verdict = judge(bundle, candidate.graphs, candidate.description, reference, photos)
    report(verdict.line)
    if not verdict.passed:
        differences = verdict.differences
        worst = max(differences, key=differences.__getitem__)
        raise CheckError(_complaint(verdict, _blame(candidate, network, photos[worst])))
    return verdict


def judge(
    bundle: Bundle,
    graphs: Mapping[str, Graph],
    ran_on: str,
    reference: Mapping[str, Graph],
    photos: Mapping[str, Photo],
) -> Verdict:
    """Colorize photographs with the graphs of two runtimes, with the same noise, and compare.

    Args:
        bundle: The bundle, which says how to sample, and the precision to judge by.
        graphs: Its graphs, which take one photo at a time.
        ran_on: What they run on, for people.
        reference: What they should give, in float32.
        photos: Photographs by name.

    Raises:
        DeviceError: A graph failed.
        ImageError: What the reference gives is not finite.
    """
    differences = {}
    for name, photo in photos.items():
        expected = _painted(bundle, reference, photo)
        try:
            differences[name] = float(ciede2000(expected, _painted(bundle, graphs, photo)).mean())
        except ImageError:  # the graphs' answer is not finite
            differences[name] = np.inf
    return Verdict(str(bundle.precision["compute"]), ran_on, differences)


def _open(bundle: Bundle) -> _Candidate:
    """Open a bundle on what its precision is for."""
    precision = bundle.precision["compute"]
    if precision == "fp16" and problem("cuda") is not None:
        network = network_from_bundle(bundle)
        halved = half_copy(network)
        graphs = torch_graphs(bundle.family.name, halved)
        return _Candidate(bundle, graphs, halved, "PyTorch, rounding as a GPU does,")
    if precision == "fp16":
        device = resolve("cuda")
    elif precision == "bf16":
        device = resolve("openvino", precision="bf16")
    else:
        device = resolve("cpu")
    return _Candidate(bundle, open_graphs(bundle, device), device, device.description)


def _painted(bundle: Bundle, graphs: Mapping[str, Graph], photo: Photo) -> Float:
    """Make a photograph's first sample: (H, W, 3) Lab, by way of 16 bits, which round little."""
    if photo.pixels.dtype == np.uint8:
        photo = replace(photo, pixels=photo.pixels.astype(np.uint16) * 257)
    colorizer = Colorizer(bundle, resolve("cpu", is_proven=True), graphs=graphs)
    return lab_from_rgb(next(colorizer.paint(photo, samples=1)))


def _blame(candidate: _Candidate, reference: nn.Module, photo: Photo) -> list[tuple[str, float]]:
    """Rank the layers by their error on one photograph, at the first, middle and last call."""
    bundle, runs_on = candidate.bundle, candidate.runs_on
    family = bundle.family.name
    calls = record_calls(bundle, torch_graphs(family, reference), photo)

    def layers(part: float) -> Layers:
        if isinstance(runs_on, Device):
            return bundle_layers(bundle, runs_on, calls, part)
        return torch_layers(family, runs_on, calls, part)

    parts = (0.0, 0.5, 1.0)
    wanted = [torch_layers(family, reference, calls, part) for part in parts]
    return most_different(wanted, [layers(part) for part in parts])


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
