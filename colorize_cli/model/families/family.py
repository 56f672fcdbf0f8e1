"""What a family of models is where it runs: its graphs, and the way from L to ab through them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

from ...diffusion.noise import SampleNoise
from ...errors import ModelError, UsageError
from ...imaging.lab import Float
from ...runtimes.runtime import Graph, GraphSpec, Shape, Size

Graphs: TypeAlias = Mapping[str, Graph]  # by file name
_MOST_LEVELS = 16  # of maps and masks
Condition: TypeAlias = Any  # what `Family.sample` has to know of a batch of photos


@dataclass(frozen=True, eq=False)
class Step:
    """A step of the sampling, once the network has answered.

    The arrays are (photos, 2, h, w) float32 in the family's own units, without what is done to the
    ab that comes out at the end, such as gains.
    """

    sample: int  # its number, from 0
    t: int  # counts down to 1
    x_t: Float
    x_0: Float  # the estimate of the clean picture
    gamma: float  # the noise level of x_t: the share of its variance that is the picture's
    unit: float  # Lab units a unit of the arrays
    keys: Sequence[bytes]  # what each of the photos is known by


OnStep: TypeAlias = Callable[[Step], None]


class Family(Protocol):
    """How the models of a family are run; an instance has the settings of one bundle."""

    @property
    def name(self) -> str:
        """The family's name, a key of `FAMILIES`."""

    @property
    def graphs(self) -> tuple[GraphSpec, ...]:
        """The graphs, in the order in which they run."""

    @property
    def steps(self) -> int:
        """How many steps a sample takes."""

    @property
    def gains(self) -> tuple[float, ...]:
        """Factors on the ab of sample 0, 1, ..., over and over, that make some muted on purpose."""

    @property
    def calls(self) -> tuple[int, int]:
        """How often a graph is run: once for all samples of a photo, and for each of them."""

    @property
    def warning(self) -> str | None:
        """What the user should know of the way it is sampled, or None."""

    @property
    def alike(self) -> str | None:
        """How little the samples of a photo differ, or None where they differ as they should."""

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The family's own table of `bundle.json`: all but the graphs that decides the pixels."""

    def with_steps(self, steps: int) -> Self:
        """Take another number of steps; UsageError where this family has no such choice."""

    def shape(self, graph: str, name: str, size: Size) -> Shape:
        """Give the shape of a graph's input for so many photos of a padded height and width."""

    def condition(self, graphs: Graphs, L: Float) -> Condition:
        """Compute what does not depend on the sample from L (B, 1, H, W), 0..100.

        H and W are multiples of the bundle's `multiple`. DeviceError is raised where the device
        fails, for want of memory say, here and in `sample`.
        """

    def sample(
        self, graphs: Graphs, condition: Condition, noise: SampleNoise, on_step: OnStep
    ) -> Float:
        """Draw ab fields (rows, 2, h, w) in Lab units, the samples of a photo side by side.

        `noise` says which rows there are; `on_step` is called at each step, and what it raises
        ends the sampling.
        """


def level_of(name: str) -> int:
    """Read the number of an input such as `cond_2`; of the pattern `cond_*`, that of the first.

    ModelError is raised for a name that no graph of ours has.
    """
    number = name.rpartition("_")[2]
    if number == "*":
        return 0
    if not number.isdecimal() or int(number) > _MOST_LEVELS:
        raise ModelError(f"a graph has an input {name!r}, which no bundle of colorize has")
    return int(number)


def require_one_step(name: str, steps: int) -> None:
    """Raise UsageError where a model of a family without noise levels is to take several steps."""
    if steps != 1:
        raise UsageError(f"a model of the family {name} takes one step, not {steps}")
