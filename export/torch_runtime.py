"""PyTorch as a runtime: the parts of a network behind the interface of a graph."""

from contextlib import nullcontext

import torch
from torch import nn

from colorize_cli.runtimes.runtime import Graph
from training.families.torch_graphs import torch_graphs as graphs_on

from .precision import HalfArithmetic


def torch_graphs(family: str, network: nn.Module) -> dict[str, Graph]:
    """Give the graphs of a network by file name, computed in PyTorch on the CPU.

    Args:
        family: The family of the network.
        network: A network in float32 or float16; one that was halved computes as a GPU would.
    """
    is_half = next(network.parameters()).dtype == torch.float16
    arithmetic = HalfArithmetic if is_half else nullcontext
    return dict(graphs_on(family, network.eval(), torch.device("cpu"), arithmetic))
