"""What a family of models is where it runs: its graphs, and the way from L to ab through them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...diffusion.noise import SampleNoise
from ...runtimes.runtime import Graph, GraphSpec, Shape, Size

Graphs: TypeAlias = Mapping[str, Graph]
# What `Family.sample` has to know of a batch of photos; a family's own.
Condition: TypeAlias = Any


@dataclass(frozen=True, eq=False)
class Step:
    """A step of the sampling, as it is taken.

    Attributes:
        sample: Number of the sample, from 0.
        t: Number of the step, counted down to 1.
        x_t: (photos, 2, h, w) float32, what the step starts from.
        x_0: The estimate of the clean picture at this step, like `x_t`.
    """

    sample: int
    t: int
    x_t: NDArray[np.float32]
    x_0: NDArray[np.float32]


OnStep: TypeAlias = Callable[[Step], None]


class Family(Protocol):
    """How the models of a family are run; an instance has the settings of one bundle."""

    @property
    def name(self) -> str:
        """Its name, a key of `FAMILIES`."""

    @property
    def graphs(self) -> tuple[GraphSpec, ...]:
        """Its graphs, in the order in which they run."""

    @property
    def steps(self) -> int:
        """How many steps a sample takes: calls of the graph that runs often."""

    @property
    def gains(self) -> tuple[float, ...]:
        """Factors on the ab of sample 0, 1, ..., over and over, that make some muted on purpose."""

    @property
    def warning(self) -> str | None:
        """What the user should know of the way it is sampled, or None."""

    @property
    def sampling(self) -> Mapping[str, Any]:
        """Its own table of `bundle.json`, whole: all but the graphs that decides the pixels."""

    def with_steps(self, steps: int) -> Self:
        """Take another number of steps.

        Raises:
            UsageError: This family has no such choice, or the number is out of range.
        """

    def shape(self, graph: str, name: str, size: Size) -> Shape:
        """Give the shape of a graph's input for so many photos of a padded height and width."""

    def condition(self, graphs: Graphs, L: NDArray[np.float32]) -> Condition:
        """Compute what does not depend on the sample.

        Args:
            graphs: The opened graphs by file name.
            L: (B, 1, H, W) float32, 0..100; H and W multiples of the bundle's `multiple`.

        Raises:
            DeviceError: The device failed, for want of memory say.
        """

    def sample(
        self,
        graphs: Graphs,
        condition: Condition,
        noise: SampleNoise,
        on_step: OnStep | None = None,
    ) -> NDArray[np.float32]:
        """Draw ab fields.

        Args:
            graphs: The opened graphs by file name.
            condition: From `condition`.
            noise: Noise of the rows, the samples of a photo side by side.
            on_step: Called before each step; what it raises ends the sampling.

        Returns:
            (rows, 2, h, w) float32 in Lab units.

        Raises:
            DeviceError: The device failed.
        """
