"""The families of conditional GANs (Isola et al. 2017): ab in one go, from maps of L.

In the family "gan" the only noise is the dropout of the decoder's inner layers, which stays on; in
the family "gan-encoder" there is none, and all samples of a photo are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from ...diffusion.noise import SampleNoise
from ...errors import ModelError
from ...imaging.lab import Float
from ...runtimes.runtime import GraphSpec, Shape, Size, Value
from .family import Graphs, OnStep, Step, level_of, require_one_step

ENCODER, DECODER = "encoder.onnx", "decoder.onnx"
_ENCODER = GraphSpec(ENCODER, ("L",), ("cond_*",), feeds_others=True)
_GRAPHS: Mapping[str, tuple[GraphSpec, ...]] = {
    "gan": (_ENCODER, GraphSpec(DECODER, ("cond_*", "mask_*"), ("ab",))),
    # In bfloat16 the pretrained encoder loses what it knows, as that of the diffusion family does.
    "gan-encoder": (
        GraphSpec(ENCODER, ("L",), ("cond_*",), needs_fp32=True, feeds_others=True),
        GraphSpec(DECODER, ("cond_*",), ("ab",)),
    ),
}
_FINEST = {"gan": 2, "gan-encoder": 4}  # working pixels a cell of `cond_0`; doubled from map to map
_MOST_LAYERS, _MOST_CHANNELS, _MOST_STRIDE = 8, 1 << 12, 1 << 10


@dataclass(frozen=True)
class Dropout:
    """A layer of the decoder whose values are left out by chance, each with probability one half.

    Attributes:
        channels: of the layer.
        stride: working pixels a cell of it, along each side.
    """

    channels: int
    stride: int

    def __post_init__(self) -> None:
        channels, stride = self.channels, self.stride
        if type(channels) is not int or not 1 <= channels <= _MOST_CHANNELS:
            raise ValueError(f"dropout: {channels!r} is no number of channels")
        is_power = type(stride) is int and 2 <= stride <= _MOST_STRIDE and stride.bit_count() == 1
        if not is_power:
            raise ValueError(f"dropout: {stride!r} is no stride")


@dataclass(frozen=True, eq=False)
class Gan:
    """A generator, of the family "gan" or "gan-encoder", as one bundle uses it."""

    name: str
    grid: int  # working pixels a cell of the ab grid, along each side
    dropout: Sequence[Dropout]  # inputs `mask_0`, `mask_1`, ... of the decoder

    @property
    def graphs(self) -> tuple[GraphSpec, ...]:
        """What looks at L, and what makes ab of it."""
        return _GRAPHS[self.name]

    @property
    def steps(self) -> int:
        """One: the decoder runs once a sample."""
        return 1

    @property
    def gains(self) -> tuple[float, ...]:
        """No sample is muted."""
        return (1.0,)

    @property
    def warning(self) -> None:
        """There is nothing to know of one sample."""
        return None

    @property
    def calls(self) -> tuple[int, int]:
        """The encoder once, and the decoder for each sample, unless there is but one answer."""
        return (1, 1) if self.dropout else (2, 0)

    @property
    def alike(self) -> str:
        """How little the samples of a photo differ."""
        if self.dropout:
            return "a GAN gives nearly one answer: samples of a photograph hardly differ"
        return "this model gives one answer: all samples of a photograph are the same"

    @property
    def sampling(self) -> dict[str, Any]:
        """The family's table of `bundle.json`, which `parse` reads."""
        return {"dropout": [asdict(layer) for layer in self.dropout]}

    def with_steps(self, steps: int) -> Self:
        """Keep to one step; UsageError where it is to be another number."""
        require_one_step(self.name, steps)
        return self

    def shape(self, graph: str, name: str, size: Size) -> Shape:
        """Give the shape of an input: L, a map of the encoder, or a mask of dropout."""
        photos, height, width = size
        if graph == ENCODER:
            return (photos, 1, height, width)
        if name.startswith("mask_"):
            if level_of(name) >= len(self.dropout):
                raise ModelError(f"{graph} takes {name}, of which the bundle says nothing")
            layer = self.dropout[level_of(name)]
            return (photos, layer.channels, height // layer.stride, width // layer.stride)
        cell = _FINEST[self.name] << level_of(name)
        return (photos, None, height // cell, width // cell)

    def condition(self, graphs: Graphs, L: Float) -> Mapping[str, Value]:
        """Run the encoder; without dropout the decoder, too, since there is but one answer."""
        photos, _, height, width = L.shape
        graphs[DECODER].expect((photos, height, width))
        maps = graphs[ENCODER].run({"L": L})
        return maps if self.dropout else graphs[DECODER].bind(maps)({})

    def sample(
        self, graphs: Graphs, condition: Mapping[str, Value], noise: SampleNoise, on_step: OnStep
    ) -> Float:
        """Run the decoder with dropout that seed, photo and sample decide."""
        if self.dropout:
            height, width = (side * self.grid for side in noise.shape[1:])
            masks = {
                f"mask_{i}": self._mask(noise, i, height, width) for i in range(len(self.dropout))
            }
            ab = np.asarray(graphs[DECODER].bind(condition)(masks)["ab"])
        else:
            ab = np.repeat(np.asarray(condition["ab"]), noise.samples, axis=0)
        on_step(Step(noise.first, 1, ab, ab, 1.0, 1.0, noise.keys))
        return ab

    def _mask(self, noise: SampleNoise, i: int, height: int, width: int) -> Float:
        """Draw what a layer is multiplied by: 0 or 2, so that its mean stays as it is."""
        layer = self.dropout[i]
        shape = (layer.channels, height // layer.stride, width // layer.stride)
        drawn = np.stack([stream.random(shape, np.float32) for stream in noise.streams(i)])
        return np.where(drawn < 0.5, np.float32(0), np.float32(2))


def parse(name: str, grid: int, sampling: Mapping[str, Any]) -> Gan:
    """Read what `Gan.sampling` writes, as `parse_family` says."""
    dropout = tuple(Dropout(**layer) for layer in sampling["dropout"])
    if len(dropout) > _MOST_LAYERS:
        raise ValueError(f"dropout: {len(dropout)} layers, where {_MOST_LAYERS} are the most")
    takes_masks = "mask_*" in _GRAPHS[name][-1].inputs
    if bool(dropout) != takes_masks:
        raise ValueError(f"the family {name} has {'some' if takes_masks else 'no'} dropout")
    return Gan(name, grid, dropout)
