"""Does an exported graph compute what PyTorch computes? A checklist, and an error where not."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from colorize_cli.diffusion.noise import SampleNoise
from colorize_cli.errors import CheckError
from colorize_cli.imaging.lab import Float
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.graphs import open_graphs
from colorize_cli.runtimes.find_device import resolve

from .recorded_calls import RecordedGraph, as_array
from .torch_runtime import torch_graphs

# Photos (height, width) at the network's size, one square, one not, where it takes multiples of 32.
_SIZES = ((64, 64), (96, 160))
_PHOTOS = (1, 3)
_SAMPLES = 2
_STEPS = 4  # of the sampling at most: the first, a middle and the last call are compared
# Largest difference over the standard deviation of what PyTorch gives, by the graphs' arithmetic.
_TOLERANCE: Mapping[str, float] = {"fp32": 1e-3, "fp16": 3e-2}


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


def check_parity(bundle: Bundle, network: nn.Module, report: Callable[[str], None]) -> None:
    """Compare each graph of a bundle with the network that it was exported from, call by call.

    Args:
        bundle: as the command line will read it, in any precision but int8; run on the CPU.
        network: in float32, with the weights as the bundle stores them.
        report: takes a line for each comparison.

    Raises:
        CheckError: at least one comparison failed.
    """
    failed = 0
    for check in _checks(bundle, network):
        mark = "ok  " if check.passed else "FAIL"
        report(f"[{mark}] {check.what}: {check.difference:.1e} (bound {check.bound:.0e})")
        failed += not check.passed
    if failed:
        raise CheckError(
            f"{failed} of the comparisons with PyTorch failed; the bundle was not kept. The "
            "versions of torch, onnx and onnxruntime in use may not fit together: `colorize info`."
        )


def _checks(bundle: Bundle, network: nn.Module) -> Iterator[Check]:
    """Compare the graphs on what PyTorch's are asked while made-up photos are colorized."""
    bound = _TOLERANCE["fp16" if bundle.precision["compute"] == "fp16" else "fp32"]
    onnx = open_graphs(bundle, resolve("cpu"))
    few = bundle.family.steps > _STEPS
    family = bundle.family.with_steps(_STEPS) if few else bundle.family
    rng = np.random.default_rng(0)
    for height, width in sizes_for(bundle.multiple):
        for photos in _PHOTOS:
            graphs = torch_graphs(bundle.family.name, network)
            reference = {name: RecordedGraph(graph) for name, graph in graphs.items()}
            condition = family.condition(reference, _photos(rng, photos, height, width))
            cells = (2, height // bundle.grid, width // bundle.grid)
            noise = SampleNoise(0, [bytes([i]) for i in range(photos)], _SAMPLES, cells)
            family.sample(reference, condition, noise, lambda step: None)
            where = f"{height} x {width}, batch {photos}, {_SAMPLES} samples"
            for name, graph in reference.items():
                for number in sorted({0, len(graph.calls) // 2, len(graph.calls) - 1}):
                    feed = graph.calls[number]
                    got, wanted = onnx[name].run(feed), graphs[name].run(feed)
                    for output, values in wanted.items():
                        what = f"{output} of call {number + 1}, {where}"
                        yield _compare(what, as_array(got[output]), values, bound)


def sizes_for(multiple: int) -> list[tuple[int, int]]:
    """Give the sizes to compare at: the smallest multiples that are not smaller than the usual."""
    fitted = [[-(-side // multiple) for side in size] for size in _SIZES]
    fitted[-1][1] = max(fitted[-1][1], fitted[-1][0] + 1)  # never square
    return [(height * multiple, width * multiple) for height, width in fitted]


def _photos(rng: np.random.Generator, batch: int, height: int, width: int) -> Float:
    """Make smooth made-up photos: (batch, 1, height, width) float32 in 0..100."""
    coarse = torch.from_numpy(rng.uniform(0, 100, (batch, 1, 6, 6)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return smooth.numpy()


def _compare(what: str, got: Float, wanted: Float, bound: float) -> Check:
    scale = max(float(wanted.std()), 1e-6)
    return Check(what, float(np.abs(got - wanted).max()) / scale, bound)
