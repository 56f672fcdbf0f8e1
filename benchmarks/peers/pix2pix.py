"""The generator of the pix2pix colorization tutorial: one call, one colouring.

A UNet from L to ab at 256 x 256: eight halvings by 4 x 4 convolutions, 64 to 512 channels, batch
norms, and as many doublings by transposed convolutions (Isola et al. 2017), 54.4 M parameters.
"""

import torch
from torch import Tensor, nn

from .peer import Peer, count_gflop, count_parameters

SIZE = 256
_AB_SCALE = 110.0
_WIDTHS = (64, 128, 256, 512, 512, 512, 512, 512)
_WITH_DROPOUT = (4, 5, 6)  # levels; it does nothing when colourings are made


class _Level(nn.Module):
    """One halving and its doubling, with all coarser levels between them."""

    def __init__(self, level: int) -> None:
        super().__init__()
        width = _WIDTHS[level]
        outer = 1 if level == 0 else _WIDTHS[level - 1]
        is_first, is_last = level == 0, level == len(_WIDTHS) - 1
        down: list[nn.Module] = [nn.Conv2d(outer, width, 4, 2, 1, bias=False)]
        if not is_first:
            down.insert(0, nn.LeakyReLU(0.2))
        if not is_first and not is_last:
            down.append(nn.BatchNorm2d(width))
        channels = width if is_last else 2 * width
        up: list[nn.Module] = [nn.ReLU()]
        if is_first:
            up += [nn.ConvTranspose2d(channels, 2, 4, 2, 1), nn.Tanh()]
        else:
            up.append(nn.ConvTranspose2d(channels, outer, 4, 2, 1, bias=False))
            up.append(nn.BatchNorm2d(outer))
        if level in _WITH_DROPOUT:
            up.append(nn.Dropout(0.5))
        self.is_first = is_first
        self.down = nn.Sequential(*down)
        self.inner: nn.Module = nn.Identity() if is_last else _Level(level + 1)
        self.up = nn.Sequential(*up)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.up(self.inner(self.down(x)))
        return out if self.is_first else torch.cat([x, out], dim=1)


def pix2pix() -> Peer:
    """Make the generator and its single call."""
    network = _Level(0).eval()

    def draw(L: Tensor, steps: int = 1) -> Tensor:
        with torch.inference_mode():
            ab: Tensor = network(L / 50 - 1)
        return _AB_SCALE * ab

    L = torch.rand(1, 1, SIZE, SIZE) * 100
    return Peer(
        name="pix2pix",
        size=SIZE,
        steps=1,
        parameters=count_parameters(network),
        gflop=count_gflop(lambda: draw(L)),
        draw=draw,
    )
