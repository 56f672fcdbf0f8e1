"""A graph that tells of its calls, for tests of what a model asks of its graphs."""

from collections.abc import Callable
from typing import Any

from colorize_cli.runtimes.runtime import Feeds, Graph, Size


class Watched:
    """A graph that calls `called` with all inputs before each of its calls."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def called(self, feeds: Feeds) -> None:
        """Look at the inputs of a call."""

    def run(self, feeds: Feeds) -> dict[str, Any]:
        return self.bind({})(feeds)

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Any]]:
        run = self.graph.bind(feeds)

        def watched(others: Feeds) -> dict[str, Any]:
            self.called({**others, **feeds})
            return run(others)

        return watched

    def expect(self, size: Size) -> None:
        self.graph.expect(size)
