"""Does the exported bundle compute what PyTorch computes? A checklist, and an error where not."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colorize_cli.bundle import Bundle
from colorize_cli.colorizer import draw
from colorize_cli.devices import resolve
from colorize_cli.errors import ModelError
from colorize_cli.network import Denoise, OnnxNetwork
from colorize_cli.noise import SampleNoise
from training.networks.build import EncoderColorizer, Network

Float = NDArray[np.float32]

# Photos (height, width) at the network's size: one square, one not; both multiples of 32.
_SIZES = ((64, 64), (96, 160))
_BATCHES = (1, 3)
_GAMMAS = (1e-6, 0.1, 0.5, 0.97)
# Largest difference over the standard deviation of what PyTorch gives.
_TOLERANCE = {"fp32": 1e-3, "fp16": 3e-2}
# Mean difference of ab after the whole run, in Lab units.
_AB_TOLERANCE = {"fp32": 0.02, "fp16": 0.5}


@dataclass(frozen=True)
class Check:
    """A line of the checklist: what was compared, how far apart it is, and the bound."""

    what: str
    difference: float
    bound: float

    @property
    def passed(self) -> bool:
        """Tell whether the difference is finite and within the bound."""
        return bool(np.isfinite(self.difference)) and self.difference <= self.bound


def check_parity(bundle: Bundle, network: Network, report: Callable[[str], None]) -> None:
    """Compare a bundle with the network that it was exported from, and print the checklist.

    Args:
        bundle: as the command line will read it; run on the CPU.
        network: in float32.
        report: takes a line for each comparison.

    Raises:
        ModelError: at least one comparison failed.
    """
    precision = str(bundle.precision["compute"])
    failed = 0
    for check in _checks(bundle, network.eval(), precision):
        mark = "ok  " if check.passed else "FAIL"
        report(f"[{mark}] {check.what}: {check.difference:.1e} (bound {check.bound:.0e})")
        failed += not check.passed
    if failed:
        raise ModelError(
            f"{failed} of the comparisons with PyTorch failed; the bundle was not kept. The "
            "versions of torch, onnx and onnxruntime in use may not fit together: `colorize info`."
        )


def _checks(bundle: Bundle, network: Network, precision: str) -> Iterator[Check]:
    onnx = OnnxNetwork(bundle, resolve("cpu"))
    rng = np.random.default_rng(0)
    for height, width in _SIZES:
        for batch in _BATCHES:
            L = _photos(rng, batch, height, width)
            where = f"{height} x {width}, batch {batch}"
            condition = onnx.encode(L)
            if isinstance(network, EncoderColorizer):
                with torch.no_grad():
                    maps = network.encoder(torch.from_numpy(L))
                for name, wanted in zip(sorted(condition.maps), maps, strict=True):
                    got = condition.maps[name].numpy()
                    yield _compare(f"{name}, {where}", got, wanted, _TOLERANCE[precision])
            denoise = onnx.denoiser(condition)
            shape = (2 * batch, 2, height // bundle.grid, width // bundle.grid)
            for level in _GAMMAS:
                x_t = rng.standard_normal(shape, np.float32)
                gamma = np.full(len(x_t), level, np.float32)
                wanted = _torch_denoise(network, bundle, L)(x_t, gamma)
                what = f"prediction at gamma {level:g}, {where}, 2 samples"
                yield _compare(what, denoise(x_t, gamma), wanted, _TOLERANCE[precision])
        yield _whole_run(bundle, network, onnx, _photos(rng, 2, height, width), precision)


def _whole_run(
    bundle: Bundle, network: Network, onnx: OnnxNetwork, L: Float, precision: str
) -> Check:
    """Run the sampler with both and compare the ab that comes out."""
    height, width = L.shape[2] // bundle.grid, L.shape[3] // bundle.grid

    def run(denoise: Denoise) -> Float:
        noise = SampleNoise(0, [b"a", b"b"], 1, (2, height, width))
        return draw(bundle, bundle.schedule, denoise, noise)

    def in_torch(x_t: Float, gamma: Float) -> Float:
        return _torch_denoise(network, bundle, L)(x_t, gamma).numpy()

    difference = np.abs(run(onnx.denoiser(onnx.encode(L))) - run(in_torch)).mean()
    what = f"ab after {bundle.schedule.steps} steps, {L.shape[2]} x {L.shape[3]}, mean, Lab units"
    return Check(what, float(difference), _AB_TOLERANCE[precision])


def _torch_denoise(network: Network, bundle: Bundle, L: Float) -> Callable[[Float, Float], Tensor]:
    light = torch.from_numpy(L)
    if not isinstance(network, EncoderColorizer):
        light = torch.nn.functional.avg_pool2d(light, bundle.grid)

    def denoise(x_t: Float, gamma: Float) -> Tensor:
        with torch.no_grad():
            return network(torch.from_numpy(x_t), light, torch.from_numpy(gamma))

    return denoise


def _photos(rng: np.random.Generator, batch: int, height: int, width: int) -> Float:
    """Make smooth made-up photos: (batch, 1, height, width) float32 in 0..100."""
    coarse = torch.from_numpy(rng.uniform(0, 100, (batch, 1, 6, 6)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return smooth.numpy()


def _compare(what: str, got: Float, wanted: Tensor, bound: float) -> Check:
    reference = wanted.float().numpy()
    scale = max(float(reference.std()), 1e-6)
    return Check(what, float(np.abs(got - reference).max()) / scale, bound)
