"""The networks of Color-diffusion (Millon 2023): a U-Net, and an encoder of the grey photograph.

The U-Net is that of the common PyTorch implementation of DDPM, with full attention in the middle.
The encoder is its way down without the time; its maps are laid beside the U-Net's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize_cli.diffusion.schedule import linear_350
from colorize_cli.errors import UsageError

from .blocks import beside
from .published_blocks import (
    Enlarged,
    FullAttention,
    Level,
    SpaceToDepth,
    StandardisedBlock,
    StandardisedConv,
)

_LONGEST = 10_000.0  # period of the time's embedding


@dataclass(frozen=True)
class PublishedConfig:
    """Shape of the networks; the default is the published one.

    Attributes:
        channels: of the finest level.
        multipliers: channels of what follows each level, as multiples of `channels`.
        groups: of the norms.
        head_dim: channels of each of four heads of attention.
        dropout: rate on the ways down; half of it on the way up.
        folded: weights are standardised already, as a bundle has them.
    """

    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 3, 3)
    groups: int = 8
    head_dim: int = 32
    dropout: float = 0.3
    folded: bool = False

    def __post_init__(self) -> None:
        if not self.multipliers or min(self.channels, self.groups, *self.multipliers) < 1:
            raise UsageError(
                "network.channels, network.groups and network.multipliers are at least 1."
            )
        if self.channels % self.groups:
            raise UsageError(
                f"network.channels={self.channels} is no multiple of network.groups={self.groups}."
            )

    @property
    def widths(self) -> list[int]:
        """Channels of each level, finest first, and of the middle."""
        return [self.channels, *(self.channels * m for m in self.multipliers)]

    @property
    def multiple(self) -> int:
        """What the sides of a picture are multiples of, in pixels."""
        return 1 << (len(self.multipliers) - 1)


class Published(nn.Module):
    """Encoder and U-Net."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = GreyEncoder(config)
        self.denoiser = PublishedUNet(config)

    def forward(self, noisy_ab: Tensor, L: Tensor, gamma: Tensor) -> Tensor:
        """Predict from x_t (B*S, 2, H, W), L (B, 1, H, W) in 0..100 and gamma (B*S,)."""
        return self.denoiser(noisy_ab, self.encoder(L), gamma)


class GreyEncoder(nn.Module):
    """What the U-Net is told of the photograph, computed once."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        widths = config.widths[:-1]
        self.conv_in = nn.Conv2d(1, widths[0], 7, padding=3)
        self.levels = nn.ModuleList(
            Level(w, w, config.groups, config.head_dim, folded=config.folded) for w in widths
        )
        self.down = nn.ModuleList(SpaceToDepth(a, b, config.dropout) for a, b in pairwise(widths))

    def forward(self, L: Tensor) -> list[Tensor]:
        """Compute the maps of L (B, 1, H, W), 0..100, sides multiples of `multiple`.

        Returns:
            Maps (B, widths[i], H / 2**i, W / 2**i), finest first; the first has L / 50 - 1 itself
            as one channel more, for the U-Net's first layer.
        """
        scaled = (L / 50 - 1).to(self.conv_in.weight.dtype)
        x = self.conv_in(scaled)
        maps: list[Tensor] = []
        for i, level in enumerate(_typed(self.levels)):
            if i:
                x = self.down[i - 1](x)
            x = level.attention(level.second(level.first(x)))
            maps.append(x)
        return [torch.cat([maps[0], scaled], dim=1), *maps[1:]]


class PublishedUNet(nn.Module):
    """Predict the noise of ab, told the maps of `GreyEncoder` and the noise level."""

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        widths = config.widths
        self.channels, emb_dim = config.channels, 4 * config.channels
        # In single precision whatever the weights are, and so no buffer.
        angles = np.arccos(np.sqrt(linear_350().gammas)).astype(np.float32)
        self.angles = torch.from_numpy(angles)
        self.emb1 = nn.Linear(config.channels, emb_dim)
        self.emb2 = nn.Linear(emb_dim, emb_dim)
        self.conv_in = nn.Conv2d(3, widths[0], 7, padding=3)
        shape = {"groups": config.groups, "head_dim": config.head_dim, "emb_dim": emb_dim}
        self.down_levels, self.down = nn.ModuleList(), nn.ModuleList()
        self.up_levels, self.up = nn.ModuleList(), nn.ModuleList()
        for i, (width, coarser) in enumerate(pairwise(widths)):
            self.down_levels.append(Level(width, width, **shape, folded=config.folded))
            self.down.append(
                SpaceToDepth(2 * width, coarser, config.dropout)
                if i < len(widths) - 2
                else nn.Conv2d(2 * width, coarser, 3, padding=1)
            )
            self.up_levels.append(Level(coarser + width, coarser, **shape, folded=config.folded))
            self.up.append(
                Enlarged(coarser, width, config.dropout / 2)
                if i
                else nn.Conv2d(coarser, width, 3, padding=1)
            )
        block = partial(
            StandardisedBlock, groups=config.groups, emb_dim=emb_dim, folded=config.folded
        )
        self.mid1 = block(widths[-1], widths[-1])
        self.mid_attention = FullAttention(widths[-1], config.head_dim)
        self.mid2 = block(widths[-1], widths[-1])
        self.last = block(2 * widths[0], widths[0])
        self.conv_out = nn.Conv2d(widths[0], 2, 1)

    def embed(self, gamma: Tensor) -> Tensor:
        """Embed the noise level: gamma (N,) float32 in 0..1 -> (N, 4 * channels).

        It is told as the step of the 350, from 0, which may lie between two, or behind the last as
        far as the angle goes on.
        """
        angles = self.angles.to(gamma.device)
        angle = torch.acos(gamma.clamp(0, 1).sqrt())[:, None]
        parts = ((angle - angles[:-1]) / (angles[1:] - angles[:-1])).clamp(min=0)
        t = parts[:, :-1].clamp(max=1).sum(dim=1) + parts[:, -1] - 1
        half = self.channels // 2
        exponents = torch.arange(half, dtype=torch.float32, device=gamma.device) / (half - 1)
        phases = t[:, None] * torch.exp(-np.log(_LONGEST) * exponents)
        waves = torch.cat([phases.sin(), phases.cos()], dim=1).to(self.emb1.weight.dtype)
        emb: Tensor = self.emb2(F.gelu(self.emb1(waves)))
        return emb

    def forward(self, noisy_ab: Tensor, cond: Sequence[Tensor], gamma: Tensor) -> Tensor:
        """Predict for S samples of each of B photos.

        Args:
            noisy_ab: (B*S, 2, H, W) x_t in scaled ab, the samples of a photo side by side.
            cond: maps of `GreyEncoder` for the B photos.
            gamma: (B*S,) alphas_cumprod of each row, 0..1.

        Returns:
            (B*S, 2, H, W) float32 prediction.
        """
        emb = self.embed(gamma)
        x_t, maps = noisy_ab.to(emb.dtype), [each.to(emb.dtype) for each in cond]
        x = stem = self.conv_in(beside(maps[0][:, -1:], x_t))
        maps[0] = maps[0][:, :-1]
        skips: list[Tensor] = []
        for i, level in enumerate(_typed(self.down_levels)):
            x = level.first(x, emb)
            skips.append(x)
            x = level.attention(level.second(x, emb))
            skips.append(x)
            x = self.down[i](beside(maps[i], x, after=True))
        x = self.mid2(self.mid_attention(self.mid1(x, emb)), emb)
        for i, level in reversed([*enumerate(_typed(self.up_levels))]):
            x = level.first(torch.cat([x, skips.pop()], dim=1), emb)
            x = level.second(torch.cat([x, skips.pop()], dim=1), emb)
            x = self.up[i](level.attention(x))
        x = self.last(torch.cat([x, stem], dim=1), emb)
        return self.conv_out(x).float()


@torch.no_grad()
def folded(network: Published) -> Published:
    """Write the weights that are really used in the place of those that are standardised."""
    made = Published(replace(network.config, folded=True))
    made.load_state_dict(network.state_dict())
    for mine, other in zip(made.modules(), network.modules(), strict=True):
        if isinstance(mine, StandardisedConv) and isinstance(other, StandardisedConv):
            mine.weight.copy_(other.standardised())
    return made.to(next(network.parameters()).device).train(network.training)


def _typed(levels: nn.ModuleList) -> list[Level]:
    return cast("list[Level]", list(levels))
