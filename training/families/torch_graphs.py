"""The parts of a network behind the interface by which the families of models run graphs."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn

from . import family_of
from .family import NetworkGraph


class TorchGraph:
    """A part of a network that is one graph of a bundle, as `colorize_cli.runtimes` has them."""

    def __init__(
        self,
        graph: NetworkGraph,
        device: torch.device,
        arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        """Take a part of a network on a device, and what each call of it is computed within."""
        self.module = graph.module
        self._graph = graph
        self._device = device
        self._arithmetic = arithmetic

    def run(self, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """Compute outputs by name, arrays of float32, from inputs by name."""
        inputs = {
            name: torch.from_numpy(np.asarray(value)).to(self._device)
            for name, value in feeds.items()
        }
        with torch.no_grad(), self._arithmetic():
            outputs = self._graph(inputs)
        return {name: value.float().cpu().numpy() for name, value in outputs.items()}

    def bind(self, feeds: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """Give some inputs ahead of `run`."""
        return lambda others: self.run({**feeds, **others})

    def expect(self, size: tuple[int, int, int]) -> None:
        """Do nothing: PyTorch takes every size."""


def torch_graphs(
    family: str,
    network: nn.Module,
    device: torch.device,
    arithmetic: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> dict[str, TorchGraph]:
    """Give the graphs of a network by file name.

    Args:
        family: of the network.
        network: in evaluation mode, on the device.
        device: where it computes.
        arithmetic: what each call is computed within.
    """
    graphs = family_of(family).graphs(network)
    return {graph.file: TorchGraph(graph, device, arithmetic) for graph in graphs}
