"""The denoiser of the `encoder` family: a UNet on the ab grid, joined by the encoder's maps."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import Attention, GroupNorm, ResBlock, diffusion_time, sinusoidal, zero_init


@dataclass(frozen=True)
class DenoiserConfig:
    """Shape of the denoiser.

    Attributes:
        channels: channels at each level, finest first; level i has the stride of the encoder's
            map i.
        blocks: residual blocks at each level of the down path, and as many of the up path.
        attention: levels (0 is the finest) with self-attention after each residual block.
        head_dim: channels of an attention head.
        groups: groups of the norms.
        emb_dim: length of the noise-level embedding.
        dropout: rate inside the residual blocks.
    """

    channels: tuple[int, ...] = (64, 128, 192, 192)
    blocks: tuple[int, ...] = (1, 1, 1, 1)
    attention: tuple[int, ...] = (1, 2, 3)
    head_dim: int = 32
    groups: int = 16
    emb_dim: int = 256
    dropout: float = 0.0


class _Block(nn.Module):
    """A residual block, followed by attention at the levels that have it."""

    def __init__(self, in_channels: int, level: int, config: DenoiserConfig) -> None:
        super().__init__()
        width = config.channels[level]
        self.res = ResBlock(in_channels, width, config.emb_dim, config.groups, config.dropout)
        self.attention: nn.Module = nn.Identity()
        if level in config.attention:
            self.attention = Attention(width, config.head_dim, config.groups)

    def forward(self, h: Tensor, emb: Tensor) -> Tensor:
        return self.attention(self.res(h, emb))


class Denoiser(nn.Module):
    """Predict v (or eps, or x_0) from noisy ab, the condition maps and the noise level."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.emb1 = nn.Linear(64, config.emb_dim)
        self.emb2 = nn.Linear(config.emb_dim, config.emb_dim)
        self.conv_in = nn.Conv2d(2, channels[0], 3, padding=1)

        self.down = nn.ModuleList()
        self.downsample = nn.ModuleList()
        self.up = nn.ModuleList()
        self.upsample = nn.ModuleList()
        for level, (width, depth) in enumerate(zip(channels, config.blocks, strict=True)):
            self.down.append(nn.ModuleList(_Block(width, level, config) for _ in range(depth)))
            # Each block of the up path takes the output of its twin of the down path.
            self.up.append(nn.ModuleList(_Block(2 * width, level, config) for _ in range(depth)))
            if level + 1 < len(channels):
                coarser = channels[level + 1]
                self.downsample.append(nn.Conv2d(width, coarser, 3, stride=2, padding=1))
                self.upsample.append(nn.Conv2d(coarser, width, 1))
        last = len(channels) - 1
        self.mid = nn.ModuleList(_Block(channels[last], last, config) for _ in range(2))
        self.norm_out = GroupNorm(config.groups, channels[0])
        self.conv_out = zero_init(nn.Conv2d(channels[0], 2, 3, padding=1))

    def embed(self, gamma: Tensor) -> Tensor:
        """Embed the noise level: gamma (N,) float32 in 0..1 -> (N, emb_dim).

        Fed as the time, which spreads the levels evenly.
        """
        emb = sinusoidal(1000 * diffusion_time(gamma), 64).to(self.emb1.weight.dtype)
        return F.silu(self.emb2(F.silu(self.emb1(emb))))

    def forward(self, noisy_ab: Tensor, cond: Sequence[Tensor], gamma: Tensor) -> Tensor:
        """Predict for S samples of each of B photos.

        Args:
            noisy_ab: (B*S, 2, h, w) x_t in scaled ab, the samples of a photo side by side.
            cond: maps (B, channels[i], h / 2**i, w / 2**i).
            gamma: (B*S,) alphas_cumprod of each row, 0..1.

        Returns:
            (B*S, 2, h, w) float32 prediction.
        """
        emb = self.embed(gamma)
        h = self.conv_in(noisy_ab.to(self.conv_in.weight.dtype))
        skips = []
        for level in range(len(self.down)):
            if level:
                h = self.downsample[level - 1](h)
            h = _add_to_samples(h, cond[level])
            for block in self.down[level].children():
                h = block(h, emb)
                skips.append(h)
        for block in self.mid:
            h = block(h, emb)
        for level in reversed(range(len(self.up))):
            for block in self.up[level].children():
                h = block(torch.cat([h, skips.pop()], dim=1), emb)
            if level:
                # 1 x 1 before enlarging: a fifth of the cost of a 3 x 3 after it.
                h = F.interpolate(self.upsample[level - 1](h), scale_factor=2.0, mode="nearest")
        return self.conv_out(F.silu(self.norm_out(h))).float()


def _add_to_samples(h: Tensor, cond: Tensor) -> Tensor:
    """Add each photo's map (B, C, h, w) to all of its samples (B*S, C, h, w)."""
    by_photo = h.reshape(cond.shape[0], -1, *h.shape[1:])
    return (by_photo + cond[:, None].to(h.dtype)).reshape(h.shape)
