"""What computes graphs: the interface of every runtime, and the table of them.

A runtime knows graphs, devices and shapes, and nothing of photographs, colours or diffusion.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import ceil
from typing import Any, Literal, Protocol, Self, TypeAlias

from ..errors import ModelError

DeviceName: TypeAlias = Literal["cpu", "cuda", "tensorrt", "openvino"]
Precision: TypeAlias = Literal["fp32", "bf16"]
# An array, or a runtime's own handle of one that lies on its device; both have the values.
Value: TypeAlias = Any
Feeds: TypeAlias = Mapping[str, Value]
# Photos in a call, and the padded height and width of their working images in pixels.
Size: TypeAlias = tuple[int, int, int]
# Sides of an input; None is what the file itself fixes.
Shape: TypeAlias = tuple[int | None, ...]

# The module of each device, in the order in which they are listed to users.
RUNTIMES: Mapping[DeviceName, str] = {
    "cpu": "ort",
    "cuda": "cuda",
    "tensorrt": "tensorrt",
    "openvino": "openvino",
}


@dataclass(frozen=True)
class Device:
    """A device that has been seen to work."""

    name: DeviceName
    threads: int  # of a call on the CPU
    description: str  # for people: "CUDA (NVIDIA H200, onnxruntime 1.31.1)"
    lanes: int = 1  # calls at the same time; on the CPU, `threads` x `lanes` are the cores to use
    # A GPU is idle most of the time with one photo in a call; a CPU gains nothing from more.
    photos_a_call: int = 1
    precision: Precision | None = None  # that it computes in where it is not the model that decides
    note: str | None = None  # why `auto` did not take a better device

    @property
    def is_gpu(self) -> bool:
        """Tell whether calls are of many photos, one at a time."""
        return self.photos_a_call > 1

    def computes(self, compute: str) -> str:
        """Say what a model in "fp32" | "fp16" | "bf16" | "int8" is computed in here.

        Its graphs are of that, but for bfloat16, which a runtime makes of single precision.
        """
        if compute in ("fp32", "bf16"):
            return self.precision or "fp32"
        return f"{compute}+bf16" if self.precision == "bf16" else compute

    def batch_for(self, samples: int) -> int:
        """Count the photos that should go through together when each gets so many samples."""
        return self.photos_a_call if self.is_gpu else ceil(self.lanes / samples)

    def fitted(self, calls: int) -> Self:
        """Use fewer lanes with more threads each where calls are few, which changes no bits."""
        lanes = max(1, min(self.lanes, calls))
        return replace(self, lanes=lanes, threads=self.threads * self.lanes // lanes)


@dataclass(frozen=True)
class GraphSpec:
    """What a family says of one of its graphs, whose file is `name`."""

    name: str
    inputs: tuple[str, ...]  # patterns of names, "cond_*"; the first one's shape tells usual photos
    outputs: tuple[str, ...]  # patterns of names
    needs_fp32: bool = False  # where the runtime would take another precision
    feeds_others: bool = False  # so that its outputs stay on the device
    runs_often: bool = False  # many times a photo, so that a form for each usual shape pays

    def first_of(self, names: Iterable[str]) -> str:
        """Choose among the names of all inputs that whose shape tells usual photos."""
        return min(name for name in names if fnmatchcase(name, self.inputs[0]))

    def match(self, found: set[str], patterns: tuple[str, ...]) -> dict[str, set[str]]:
        """Find names by their pattern; ModelError where a name or a pattern is left over."""
        matches = {p: {name for name in found if fnmatchcase(name, p)} for p in patterns}
        if not all(matches.values()) or set().union(*matches.values()) != found:
            raise ModelError(
                f"{self.name} has {sorted(found)} where {sorted(patterns)} are expected. "
                "Make the bundle anew with `colorize export`."
            )
        return matches


@dataclass(frozen=True)
class GraphFile:
    """A graph as a file; a runtime that finds the compiled graph elsewhere never reads it."""

    spec: GraphSpec
    sha256: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class GraphSet:
    """All graphs of a model, and the sizes that they will be asked for."""

    files: tuple[GraphFile, ...]
    compute: str  # what they were exported in: "fp32" | "fp16" | "bf16" | "int8"
    shape: Callable[[str, str, Size], Shape]  # of an input by graph, input and size
    usual: tuple[Size, ...]  # of the photos that are met most
    smallest: Size
    best: Size  # at which they are to be fastest
    largest: Size  # that is likely

    def check(self, names: Mapping[str, tuple[set[str], set[str]]]) -> None:
        """Check the names of inputs and outputs of the files that were read.

        ModelError says which is no graph of its family, or does not take what another gives.
        """
        given: dict[str, set[str]] = {}  # outputs by their pattern
        for spec in (file.spec for file in self.files if file.spec.name in names):
            inputs, outputs = names[spec.name]
            taken, gives = spec.match(inputs, spec.inputs), spec.match(outputs, spec.outputs)
            for pattern in given.keys() & taken.keys():
                if taken[pattern] != given[pattern]:
                    raise ModelError(
                        f"{spec.name} takes {sorted(taken[pattern])}, and "
                        f"{sorted(given[pattern])} are given. Make the bundle anew with "
                        "`colorize export`."
                    )
            given |= gives


class Graph(Protocol):
    """A graph on a device; its methods may be called from any thread."""

    def run(self, feeds: Feeds) -> dict[str, Value]:
        """Compute outputs by name; DeviceError where the device fails, for want of memory say."""

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Value]]:
        """Give inputs ahead, which stay on the device: what comes back is `run` for the others."""

    def expect(self, size: Size) -> None:
        """Get ready for photos of a size, in the background, where that takes time."""


@dataclass(frozen=True)
class Runtime:
    """What a device computes with; the constant `RUNTIME` of a module of `RUNTIMES` is one.

    Attributes:
        problem: Says why the device cannot run here and what to do about it; None when it has just
            computed or, with `is_proven`, when it can be loaded, as it ran here before.
        device: Describes the device, for so many threads of the CPU, in a precision.
        open: Opens all graphs of a model, by file name. It raises ModelError where a file is not a
            graph of its family, and DeviceError where the device cannot run it.
        is_gpu: Whether bits depend on how many photos go through at once, as on a GPU.
        precisions: Lists what it can compute in here; None is what the model says.
        versions: Names the packages beyond ONNX Runtime that decide what comes out.
        announcement: Says what opening graphs will take long for; None where it takes seconds.
    """

    problem: Callable[[bool], str | None]
    device: Callable[[int, Precision], Device]
    open: Callable[[GraphSet, Device], dict[str, Graph]]
    is_gpu: bool = False
    precisions: Callable[[], tuple[Precision | None, ...]] = lambda: (None,)
    versions: Callable[[], dict[str, str]] = dict
    announcement: Callable[[GraphSet], str | None] = lambda graphs: None
