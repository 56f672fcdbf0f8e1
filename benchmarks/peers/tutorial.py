"""The diffusion-colorization tutorial that this project descends from.

Palette's UNet (the public implementation's form, 62.6 M parameters) on L and noisy ab at 128 x 128,
told the noise level, and its loop: 20 steps, beta linear from 1e-4 to 0.09, one colouring a call.
"""

import torch
from torch import Tensor

from colorize_cli.diffusion.schedule import tutorial_20
from training.networks.palette import Palette, PaletteConfig

from .peer import Peer, ancestral, count_gflop, count_parameters, randomise_zeros

SIZE = 128
_AB_SCALE = 128.0  # bytes brought to -1..1


def tutorial_network() -> Palette:
    """Make its network, with random weights."""
    network = Palette(PaletteConfig()).eval()
    randomise_zeros(network)
    return network


def tutorial() -> Peer:
    """Make the tutorial's model and loop."""
    network = tutorial_network()
    schedule = tutorial_20()
    betas = 1 - schedule.gammas[1:] / schedule.gammas[:-1]
    gammas = torch.tensor(schedule.gammas[1:].tolist())

    def draw(L: Tensor, steps: int = schedule.steps) -> Tensor:
        x = torch.randn(1, 2, *L.shape[2:])
        with torch.inference_mode():
            x = ancestral(lambda x, t: network(x, L, gammas[t]), x, betas, steps, clamp=1)
        return _AB_SCALE * x

    L = torch.rand(1, 1, SIZE, SIZE) * 100
    return Peer(
        name="tutorial",
        size=SIZE,
        steps=schedule.steps,
        parameters=count_parameters(network),
        gflop=schedule.steps * count_gflop(lambda: draw(L, 1)),
        draw=draw,
    )
