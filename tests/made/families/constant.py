"""A toy family where it is run: one call of one graph gives ab, without noise, steps or sampler."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from colorize_cli.diffusion.noise import SampleNoise
from colorize_cli.errors import UsageError
from colorize_cli.imaging.lab import Float
from colorize_cli.model.families.family import Graphs, OnStep
from colorize_cli.runtimes.runtime import GraphSpec, Shape, Size


@dataclass(frozen=True)
class Constant:
    """Every sample of a photo is the same."""

    name: str
    grid: int
    graphs = (GraphSpec("painter.onnx", ("L",), ("ab",)),)
    steps = 1
    gains = (1.0,)
    calls = (1, 0)
    warning = None
    alike = None
    sampling: Mapping[str, Any]

    def with_steps(self, steps: int) -> "Constant":
        if steps != 1:
            raise UsageError(f"a model of the family {self.name} takes one step, not {steps}")
        return self

    def shape(self, graph: str, name: str, size: Size) -> Shape:
        photos, height, width = size
        return photos, 1, height, width

    def condition(self, graphs: Graphs, L: Float) -> Float:
        ab: Float = graphs["painter.onnx"].run({"L": L})["ab"]
        return ab

    def sample(
        self, graphs: Graphs, condition: Float, noise: SampleNoise, on_step: OnStep | None = None
    ) -> Float:
        return np.repeat(condition, noise.samples, axis=0)


def parse(name: str, grid: int, sampling: Mapping[str, Any]) -> Constant:
    return Constant(name, grid, sampling)
