"""What computes graphs: the interface of every runtime, and the table of them.

A runtime knows graphs, devices and shapes, and nothing of photographs, colours or diffusion.
"""

from collections.abc import Callable, Mapping
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
    """A device that has been seen to work.

    Attributes:
        name: A key of `RUNTIMES`.
        threads: Threads of a call on the CPU.
        description: Words for people: "CUDA (NVIDIA H200, onnxruntime 1.31.1)".
        lanes: Calls at the same time; on the CPU, `threads` x `lanes` are the cores to be used.
        photos_a_call: Photos that should go through one call together. A GPU is idle most of the
            time with one; a CPU gains nothing from more.
        precision: Precision that it computes in where it is not the model that decides.
        note: Why `auto` did not take a better device, or None.
    """

    name: DeviceName
    threads: int
    description: str
    lanes: int = 1
    photos_a_call: int = 1
    precision: Precision | None = None
    note: str | None = None

    @property
    def is_gpu(self) -> bool:
        """Tell whether calls are of many photos, one at a time."""
        return self.photos_a_call > 1

    def computes(self, compute: str) -> str:
        """Say what a model's numbers are computed in here.

        Args:
            compute: What the model says, "fp32" | "fp16" | "bf16" | "int8". Its graphs are of
                that, but for bfloat16, which a runtime makes of graphs in single precision.
        """
        own = "fp32" if compute == "bf16" else compute
        if own == "fp32":
            return self.precision or own
        return f"{own}+{self.precision}" if self.precision == "bf16" else own

    def batch_for(self, samples: int) -> int:
        """Count the photos that should go through together when each gets so many samples."""
        return self.photos_a_call if self.is_gpu else ceil(self.lanes / samples)

    def fitted(self, calls: int) -> Self:
        """Use fewer lanes with more threads each where there are hardly any calls to make.

        On the CPU bits do not depend on the number of threads.
        """
        lanes = max(1, min(self.lanes, calls))
        return replace(self, lanes=lanes, threads=self.threads * self.lanes // lanes)


@dataclass(frozen=True)
class GraphSpec:
    """What a family says of one of its graphs.

    Attributes:
        name: File name, "denoiser.onnx".
        inputs: Patterns of the names of its inputs, "cond_*"; the first one's shape tells usual
            photos from others.
        outputs: Patterns of the names of its outputs.
        needs_fp32: Whether it runs in single precision where the runtime would take another.
        feeds_others: Whether other graphs take its outputs, which then stay on the device.
        runs_often: Whether it runs many times a photo, so that a form for each usual shape pays.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    needs_fp32: bool = False
    feeds_others: bool = False
    runs_often: bool = False

    def check(self, inputs: set[str], outputs: set[str]) -> None:
        """Check the names that a file has.

        Raises:
            ModelError: The names are others than a graph of this family has.
        """
        for found, patterns in ((inputs, self.inputs), (outputs, self.outputs)):
            is_known = all(any(fnmatchcase(name, p) for p in patterns) for name in found)
            is_whole = all(any(fnmatchcase(name, p) for name in found) for p in patterns)
            if not (is_known and is_whole):
                raise ModelError(
                    f"{self.name} has {sorted(found)} where {sorted(patterns)} are expected. "
                    "Make the bundle anew with `colorize export`."
                )


@dataclass(frozen=True)
class GraphFile:
    """A graph as a file.

    Attributes:
        spec: What its family says of it.
        sha256: Checksum (hex) of its content.
        read: Gives the content; a runtime that finds the compiled graph elsewhere never asks.
    """

    spec: GraphSpec
    sha256: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class GraphSet:
    """All graphs of a model, and what they will be asked for.

    Attributes:
        files: The graphs.
        compute: Precision that they were exported in: "fp32" | "fp16" | "bf16" | "int8".
        shape: Gives the shape of an input by graph, input and size.
        usual: Sizes of the photos that are met most.
        smallest: The smallest size that is possible.
        best: The size at which they are to be fastest.
        largest: The largest size that is likely.
    """

    files: tuple[GraphFile, ...]
    compute: str
    shape: Callable[[str, str, Size], Shape]
    usual: tuple[Size, ...]
    smallest: Size
    best: Size
    largest: Size


class Graph(Protocol):
    """A graph on a device; its methods may be called from any thread."""

    def run(self, feeds: Feeds) -> dict[str, Value]:
        """Compute the outputs by name from the inputs by name.

        Raises:
            DeviceError: The device failed, for want of memory say.
        """

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Value]]:
        """Give some inputs ahead: what comes back is `run` for the others.

        The inputs given ahead stay on the device over all calls.
        """

    def expect(self, size: Size) -> None:
        """Get ready for photos of a size, in the background, where that takes time."""


@dataclass(frozen=True)
class Runtime:
    """What a device computes with; the constant `RUNTIME` of a module of `RUNTIMES` is one.

    Attributes:
        problem: Says why a device cannot run here and what to do about it; None when it has just
            computed or, with `is_proven`, when it can be loaded, as this machine has run it with
            these packages before.
        device: Describes a device, for so many threads of the CPU, in a precision.
        open: Opens all graphs of a model, by file name. It raises ModelError where a file is not a
            graph of its family, and DeviceError where the device cannot run it.
        is_gpu: Whether it runs on a GPU, where bits depend on how many photos go through at once.
        precisions: Lists what it can compute in here; None is what the model says.
        versions: Names the packages beyond ONNX Runtime that decide what comes out.
        announcement: Says what opening graphs will take long for; None where it takes seconds.
    """

    problem: Callable[[DeviceName, bool], str | None]
    device: Callable[[DeviceName, int, Precision], Device]
    open: Callable[[GraphSet, Device], dict[str, Graph]]
    is_gpu: bool = False
    precisions: Callable[[], tuple[Precision | None, ...]] = lambda: (None,)
    versions: Callable[[], dict[str, str]] = dict
    announcement: Callable[[GraphSet], str | None] = lambda graphs: None
