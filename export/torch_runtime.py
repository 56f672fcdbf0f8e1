"""PyTorch as a runtime: the parts of a network behind the interface of a graph."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from colorize_cli.runtimes.runtime import Feeds, Graph, Size
from training.families import family_of
from training.families.family import NetworkGraph

from .precision import HalfArithmetic


def torch_graphs(family: str, network: nn.Module) -> dict[str, Graph]:
    """Give the graphs of a network by file name, computed in PyTorch on the CPU.

    Args:
        family: The family of the network.
        network: A network in float32 or float16; one that was halved computes as a GPU would.
    """
    graphs = family_of(family).graphs(network.eval())
    is_half = next(network.parameters()).dtype == torch.float16
    return {graph.file: TorchGraph(graph, is_half=is_half) for graph in graphs}


class TorchGraph:
    """A part of a network that is one graph of a bundle."""

    def __init__(self, graph: NetworkGraph, *, is_half: bool) -> None:
        self.module = graph.module
        self._graph = graph
        self._is_half = is_half

    def run(self, feeds: Feeds) -> dict[str, Any]:
        """Compute, as `Graph.run` says; the outputs are arrays of float32."""
        inputs = {name: torch.from_numpy(np.asarray(value)) for name, value in feeds.items()}
        with torch.no_grad(), self._arithmetic():
            outputs = self._graph(inputs)
        return {name: value.float().numpy() for name, value in outputs.items()}

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Any]]:
        """Give some inputs ahead, as `Graph.bind` says."""
        return lambda others: self.run({**feeds, **others})

    def expect(self, size: Size) -> None:
        """Do nothing: PyTorch takes every size."""

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        if not self._is_half:
            yield
            return
        with HalfArithmetic():
            yield
