"""What graphs are asked while a photograph is colorized: real inputs at every step."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from colorize_cli.model.bundle import Bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import Photo
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.runtime import Feeds, Graph, Size

Feed: TypeAlias = Mapping[str, NDArray[np.float32]]
# The inputs of every call, by graph.
Calls: TypeAlias = Mapping[str, list[Feed]]


def record_calls(bundle: Bundle, graphs: Mapping[str, Graph], photo: Photo) -> Calls:
    """Colorize a photograph once, as the command line would, and keep what was asked.

    Args:
        bundle: The bundle, which says how to sample.
        graphs: The bundle's graphs on the CPU, or what stands in for them.
        photo: Any photograph.

    Raises:
        DeviceError: A graph failed.
    """
    recorded = {name: RecordedGraph(graph) for name, graph in graphs.items()}
    colorizer = Colorizer(bundle, resolve("cpu", threads=1, is_proven=True), graphs=recorded)
    colorizer.colorize([colorizer.prepare(photo)], 1, 0)
    return {name: graph.calls for name, graph in recorded.items()}


class RecordedGraph:
    """A graph that keeps the inputs of its calls."""

    def __init__(self, graph: Graph) -> None:
        self.calls: list[Feed] = []
        self._graph = graph

    def run(self, feeds: Feeds) -> dict[str, Any]:
        """Compute, and keep the inputs."""
        return self.bind({})(feeds)

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Any]]:
        """Give some inputs ahead, which are kept with those of each call."""
        run = self._graph.bind(feeds)
        ahead = {name: as_array(value) for name, value in feeds.items()}

        def recorded(others: Feeds) -> dict[str, Any]:
            given = {name: as_array(value).copy() for name, value in others.items()}
            self.calls.append(ahead | given)
            return run(others)

        return recorded

    def expect(self, size: Size) -> None:
        """Pass on what is expected."""
        self._graph.expect(size)


def as_array(value: Any) -> NDArray[np.float32]:
    """Take a value from wherever a runtime keeps it."""
    return np.asarray(value if isinstance(value, np.ndarray) else value.numpy())
