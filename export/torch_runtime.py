"""A PyTorch network behind the interface of the runtime's, so that one sampler runs both."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from colorize_cli.runtimes.ort import Condition, Denoise, Float
from training.networks.build import EncoderColorizer, Network

from .precision import HalfArithmetic


class TorchNetwork:
    """Does what `colorize_cli.runtimes.ort.OnnxNetwork` does, in PyTorch."""

    def __init__(self, module: Network, grid: int) -> None:
        """Take a network; one that was halved computes as a GPU would.

        Args:
            module: in float32 or float16, on the CPU.
            grid: working pixels a side of a cell of the ab grid.
        """
        self.module = module.eval()
        self._grid = grid
        self._is_half = next(module.parameters()).dtype == torch.float16

    def encode(self, L: Float) -> Condition:
        """Compute what the denoiser has to know of photos (B, 1, H, W), L in 0..100."""
        light = torch.from_numpy(L)
        with self._computing():
            if isinstance(self.module, EncoderColorizer):
                # The graph hands float32 over to the denoiser.
                maps = [cond.float() for cond in self.module.encoder(light)]
            else:
                maps = [torch.nn.functional.avg_pool2d(light, self._grid)]
        return Condition(maps={f"cond_{i}": m for i, m in enumerate(maps)}, batch=len(L))

    def denoiser(self, condition: Condition) -> Denoise:
        """Make the function that the sampler calls."""
        maps = list(condition.maps.values())

        def denoise(x_t: Float, gamma: Float) -> Float:
            rows, level = torch.from_numpy(x_t), torch.from_numpy(gamma)
            with self._computing():
                if isinstance(self.module, EncoderColorizer):
                    prediction = self.module.denoiser(rows, maps, level)
                else:
                    prediction = self.module(rows, maps[0], level)
            result: Float = prediction.numpy()
            return result

        return denoise

    @contextmanager
    def _computing(self) -> Iterator[None]:
        with torch.no_grad():
            if not self._is_half:
                yield
                return
            with HalfArithmetic():
                yield
