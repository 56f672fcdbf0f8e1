"""Exponential moving average of the weights, which is what is sampled from and exported."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Ema:
    """A float32 average of all parameters; buffers are taken as they are."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._parameters = dict(model.named_parameters())
        self.state = {name: p.detach().clone() for name, p in self._parameters.items()}

    def restart(self) -> None:
        """Begin anew from the weights as they are."""
        for name, parameter in self._parameters.items():
            self.state[name].copy_(parameter.detach())

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averaged weights for a while, and its own again after it."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            own = parameter.detach().clone()
            parameter.copy_(self.state[name])
            self.state[name].copy_(own)

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps; early on the average is shorter."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages: list[Tensor] = list(self.state.values())
        torch._foreach_lerp_(averages, list(self._parameters.values()), 1 - decay)
