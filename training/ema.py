"""Exponential moving average of the weights, which is what is sampled from and exported."""

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

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps; early on the average is shorter."""
        decay = min(self.decay, (1 + step) / (10 + step))
        averages: list[Tensor] = list(self.state.values())
        torch._foreach_lerp_(averages, list(self._parameters.values()), 1 - decay)
