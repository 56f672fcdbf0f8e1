"""The network of the `palette` family: one UNet on L and noisy ab, told the noise level.

The UNet of guided diffusion (Dhariwal and Nichol 2021) as the public implementation of Palette
(Saharia et al. 2022) has it, with L for the condition and ab for the target. Modules carry that
implementation's names, so that its checkpoints fit.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .blocks import GroupNorm, sinusoidal, zero_init


@dataclass(frozen=True)
class PaletteConfig:
    """Shape of the network; the defaults are the tutorial's.

    Attributes:
        channels: channels of the finest level, and length of the sinusoidal embedding.
        multipliers: channels of each level, finest first, as multiples of `channels`.
        blocks: residual blocks at each level of the down path; the up path has one more.
        head_dim: channels of an attention head; only the coarsest map has attention.
        groups: groups of the norms.
        dropout: rate inside the residual blocks.
    """

    channels: int = 64
    multipliers: tuple[int, ...] = (1, 2, 4, 8)
    blocks: int = 2
    head_dim: int = 32
    groups: int = 32
    dropout: float = 0.2


class Palette(nn.Module):
    """Predict eps (or v, or x_0) from noisy ab, L at the same resolution and the noise level."""

    def __init__(self, config: PaletteConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.channels * m for m in config.multipliers]
        emb_dim = 4 * config.channels
        self.cond_embed = nn.Sequential(
            nn.Linear(config.channels, emb_dim), nn.SiLU(), nn.Linear(emb_dim, emb_dim)
        )

        def block(channels: int, out: int, resample: nn.Module | None = None) -> _ResBlock:
            return _ResBlock(channels, out, emb_dim, config.groups, config.dropout, resample)

        ch = widths[0]
        self.input_blocks = nn.ModuleList([_Stage([nn.Conv2d(3, ch, 3, padding=1)])])
        skips = [ch]
        for level, width in enumerate(widths):
            if level:
                self.input_blocks.append(_Stage([block(ch, ch, nn.AvgPool2d(2))]))
                skips.append(ch)
            for _ in range(config.blocks):
                self.input_blocks.append(_Stage([block(ch, width)]))
                ch = width
                skips.append(ch)
        self.middle_block = _Stage(
            [block(ch, ch), _Attention(ch, config.head_dim, config.groups), block(ch, ch)]
        )
        self.output_blocks = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for i in range(config.blocks + 1):
                stage = [block(ch + skips.pop(), width)]
                ch = width
                if level and i == config.blocks:
                    stage.append(block(ch, ch, nn.Upsample(scale_factor=2.0, mode="nearest")))
                self.output_blocks.append(_Stage(stage))
        self.out = nn.Sequential(
            GroupNorm(config.groups, ch), nn.SiLU(), zero_init(nn.Conv2d(ch, 2, 3, padding=1))
        )

    def forward(self, noisy_ab: Tensor, L: Tensor, gamma: Tensor) -> Tensor:
        """Predict for S samples of each of B photos.

        Args:
            noisy_ab: (B*S, 2, h, w) x_t in scaled ab, the samples of a photo side by side; h and w
                multiples of 8 (2 to the number of levels less one).
            L: (B, 1, h, w), 0..100.
            gamma: (B*S,) alphas_cumprod of each row, 0..1. Embedded as it is, as published,
                although most of the embedding's frequencies then hardly move.

        Returns:
            (B*S, 2, h, w) float32 prediction.
        """
        dtype = next(self.parameters()).dtype
        emb = self.cond_embed(sinusoidal(gamma, self.config.channels).to(dtype))
        # Not repeat_interleave: the exporter gives it the wrong shape for several photos.
        x_t = noisy_ab.reshape(L.shape[0], -1, *noisy_ab.shape[1:])
        cond = (L / 50 - 1)[:, None].expand(-1, x_t.shape[1], -1, -1, -1)
        h = torch.cat([cond, x_t], dim=2).flatten(0, 1).to(dtype)
        skips = []
        for stage in self.input_blocks:
            h = stage(h, emb)
            skips.append(h)
        h = self.middle_block(h, emb)
        for stage in self.output_blocks:
            h = stage(torch.cat([h, skips.pop()], dim=1), emb)
        prediction: Tensor = self.out(h)
        return prediction.float()


class _Stage(nn.ModuleList):
    """Layers in a row, of which the residual blocks also take the embedding."""

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        for layer in self:
            x = layer(x, emb) if isinstance(layer, _ResBlock) else layer(x)
        return x


class _ResBlock(nn.Module):
    """`blocks.ResBlock` under the public names, optionally resampling before its first conv."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        emb_dim: int,
        groups: int,
        dropout: float,
        resample: nn.Module | None,
    ) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            GroupNorm(groups, channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.resample = resample or nn.Identity()
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_dim, 2 * out_channels))
        self.out_layers = nn.Sequential(
            GroupNorm(groups, out_channels),
            nn.SiLU(),
            nn.Dropout(dropout),
            zero_init(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        same = channels == out_channels
        self.skip_connection = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        norm, activation, conv = self.in_layers
        h = conv(self.resample(activation(norm(x))))
        scale, shift = self.emb_layers(emb)[:, :, None, None].chunk(2, dim=1)
        h = self.out_layers[0](h) * (1 + scale) + shift
        residual: Tensor = self.out_layers[1:](h)
        return residual + self.skip_connection(self.resample(x))


class _Attention(nn.Module):
    """`blocks.Attention` with the public names and channel order: heads outside q, k, v."""

    def __init__(self, channels: int, head_dim: int, groups: int) -> None:
        super().__init__()
        self.heads = channels // head_dim
        self.norm = GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        for parameter in self.proj_out.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        n, c, height, width = x.shape
        flat = self.norm(x).reshape(n, c, height * width)
        qkv = self.qkv(flat).reshape(n, self.heads, 3, c // self.heads, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(2)  # each (N, heads, H*W, head_dim)
        scale = (c // self.heads) ** -0.25
        weight = torch.softmax(((q * scale) @ (k * scale).transpose(-1, -2)).float(), dim=-1)
        out = (weight.to(v.dtype) @ v).transpose(-1, -2).reshape(n, c, height * width)
        projected: Tensor = self.proj_out(out)
        return x + projected.reshape(n, c, height, width)
