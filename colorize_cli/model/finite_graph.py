"""Graphs whose answers are looked at: numbers that are not finite fail the photo.

They would end as a black picture that is said to be done, and a clamp makes numbers of infinity.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..errors import ImageError
from ..runtimes.runtime import Feeds, Graph, Size, Value


@dataclass(frozen=True, eq=False)
class FiniteGraph:
    """A graph of any runtime that raises ImageError where an answer is not finite.

    An answer that stays on the device is not looked at; it shows in that of the graph it goes to.
    """

    graph: Graph
    name: str  # of the file

    def run(self, feeds: Feeds) -> dict[str, Value]:
        """Compute outputs by name, as `Graph.run`."""
        return self._checked(self.graph.run(feeds))

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Value]]:
        """Give inputs ahead, as `Graph.bind`."""
        run = self.graph.bind(feeds)
        return lambda others: self._checked(run(others))

    def expect(self, size: Size) -> None:
        """Get ready for photos of a size, as `Graph.expect`."""
        self.graph.expect(size)

    def _checked(self, answers: dict[str, Value]) -> dict[str, Value]:
        for name, values in answers.items():
            if isinstance(values, np.ndarray) and not np.isfinite(values).all():
                raise ImageError(
                    f"the network's answer is not finite ({name} of {self.name}): try another "
                    "--device, or a model that was exported in single precision"
                )
        return answers


def watched(graphs: Mapping[str, Graph]) -> dict[str, Graph]:
    """Look at the answers of all graphs of a model, by file name."""
    return {name: FiniteGraph(graph, name) for name, graph in graphs.items()}
