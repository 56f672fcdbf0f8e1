"""The family of "Learning Diverse Image Colorization" (Deshpande et al. 2017): codes of ab fields.

A mixture density network says which codes are likely for a photo, a decoder makes an ab field of
64 x 64 cells of each. Photos of all shapes are seen as squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np

from ...diffusion.noise import SampleNoise
from ...errors import ModelError
from ...imaging.lab import Float
from ...runtimes.runtime import GraphSpec, Shape, Size
from .family import Graphs, OnStep, Step, level_of, require_one_step

ENCODER, MIXTURE, DECODER = "encoder.onnx", "mdn.onnx", "decoder.onnx"
_SEEN, _SIDE = 128, 64  # pixels a side of what the encoder sees; cells a side of the ab field
_GRAPHS = (
    GraphSpec(ENCODER, ("L",), ("cond_*",), needs_fp32=True, feeds_others=True),
    GraphSpec(MIXTURE, ("cond_*",), ("means", "logits")),
    GraphSpec(DECODER, ("z", "grey"), ("ab",)),
)
_MOST = 1 << 12  # components, and numbers of a code
_MOST_SIGMA = 100.0


@dataclass(frozen=True, eq=False)
class Condition:
    """What is known of B photos: their mixtures, the likeliest component first, and their grey."""

    means: Float  # (B, components, latent)
    weights: Float  # (B, components), falling, of sum 1
    grey: Float  # (B, 1, 64, 64), -1..1


@dataclass(frozen=True, eq=False)
class VaeMdn:
    """A model of the family, as one bundle uses it."""

    name: str
    grid: int  # working pixels a cell of the ab grid, along each side
    components: int  # of the mixture
    latent: int  # numbers of a code
    sigma: float  # deviation of each component

    graphs = _GRAPHS
    steps = 1
    gains = (1.0,)
    calls = (2, 1)
    warning = None
    alike = None

    @property
    def sampling(self) -> dict[str, Any]:
        """The family's table of `bundle.json`, which `parse` reads."""
        return {"components": self.components, "latent": self.latent, "sigma": self.sigma}

    def with_steps(self, steps: int) -> Self:
        """Keep to one step; UsageError where it is to be another number."""
        require_one_step(self.name, steps)
        return self

    def shape(self, graph: str, name: str, size: Size) -> Shape:
        """Give the shape of an input, which the photo's own has no part in."""
        photos = size[0]
        if name.startswith("cond_"):
            side = _SEEN >> (2 + level_of(name))
            return (photos, None, side, side)
        sides = {"L": _SEEN, "grey": _SIDE}
        return (photos, 1, sides[name], sides[name]) if name in sides else (photos, self.latent)

    def condition(self, graphs: Graphs, L: Float) -> Condition:
        """Run the encoder and the mixture density network on the photos, made square."""
        for graph in graphs.values():
            graph.expect((len(L), _SEEN, _SEEN))
        seen = _resized(L, _SEEN, _SEEN)
        told = graphs[MIXTURE].bind(graphs[ENCODER].run({"L": seen}))({})
        means, logits = (np.asarray(told[name]) for name in ("means", "logits"))
        shape = (len(L), self.components, self.latent)
        if means.shape != shape or logits.shape != shape[:2]:
            raise ModelError(
                f"{MIXTURE} gives means of {means.shape[1:]}, where the bundle says {shape[1:]}. "
                "Make the bundle anew with `colorize export`."
            )
        order = np.argsort(-logits, axis=1, kind="stable")
        logits = np.take_along_axis(logits, order, axis=1).astype(np.float64)
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        grey = (2.55 * _resized(L, _SIDE, _SIDE) - 128) / 128
        return Condition(
            np.take_along_axis(means, order[:, :, None], axis=1),
            (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
            grey.astype(np.float32),
        )

    def sample(
        self, graphs: Graphs, condition: Condition, noise: SampleNoise, on_step: OnStep
    ) -> Float:
        """Decode the means, the likeliest first; samples beyond them are drawn from the mixture."""
        numbers = [*range(noise.first, noise.first + noise.samples)] * len(noise.keys)
        photos = [i for i in range(len(noise.keys)) for _ in range(noise.samples)]
        z = np.stack(
            [
                self._code(condition, photo, k, stream)
                for photo, k, stream in zip(photos, numbers, noise.streams(0), strict=True)
            ]
        )
        decoded = np.asarray(graphs[DECODER].run({"z": z, "grey": condition.grey})["ab"])
        height, width = noise.shape[1:]
        ab = _resized(decoded, height, width)
        on_step(Step(noise.first, 1, ab, ab, 1.0, 1.0, noise.keys))
        return ab

    def _code(self, condition: Condition, photo: int, k: int, stream: np.random.Generator) -> Float:
        """Take the mean of component k, or draw a component and a code around its mean."""
        if k < self.components:
            return np.asarray(condition.means[photo, k])
        steps = condition.weights[photo].cumsum(dtype=np.float64)
        component = min(int(np.searchsorted(steps, stream.random())), self.components - 1)
        spread = self.sigma * stream.standard_normal(self.latent, np.float32)
        return np.asarray(condition.means[photo, component] + spread, np.float32)


def parse(name: str, grid: int, sampling: Mapping[str, Any]) -> VaeMdn:
    """Read what `VaeMdn.sampling` writes, as `parse_family` says."""
    components, latent, sigma = (sampling[key] for key in ("components", "latent", "sigma"))
    if any(type(each) is not int or not 1 <= each <= _MOST for each in (components, latent)):
        raise ValueError(f"{components!r} components of {latent!r} numbers make no mixture")
    if type(sigma) not in (int, float) or not 0 <= sigma <= _MOST_SIGMA:
        raise ValueError(f"sigma: {sigma!r} is no deviation")
    return VaeMdn(name, grid, components, latent, float(sigma))


def _resized(planes: Float, height: int, width: int) -> Float:
    """Resize planes (N, C, H, W): each side by area where it shrinks, else linearly."""
    made = [
        _with_side(_with_side(plane, height, 0), width, 1)
        for plane in planes.reshape(-1, *planes.shape[2:])
    ]
    return np.stack(made).reshape(*planes.shape[:2], height, width)


def _with_side(plane: Float, side: int, axis: int) -> Float:
    how = cv2.INTER_AREA if side < plane.shape[axis] else cv2.INTER_LINEAR
    size = (plane.shape[1], side) if axis == 0 else (side, plane.shape[0])
    return np.asarray(cv2.resize(plane, size, interpolation=how), np.float32)
