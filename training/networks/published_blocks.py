"""Building blocks of the U-Net of DDPM's common PyTorch implementation.

Convolutions with standardised weights (Qiao et al. 2019), linear attention (Shen et al. 2021).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import GroupNorm

_EPS = 1e-5


class StandardisedConv(nn.Conv2d):
    """A convolution whose weights have mean 0 and deviation 1 for each output channel."""

    def __init__(self, in_channels: int, channels: int, *, folded: bool) -> None:
        super().__init__(in_channels, channels, 3, padding=1)
        self.folded = folded

    def standardised(self) -> Tensor:
        """Give the weights that are really used."""
        if self.folded:
            return self.weight
        var, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        return (self.weight - mean) * torch.rsqrt(var + _EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, channels, H, W)."""
        return self._conv_forward(x, self.standardised(), self.bias)


class StandardisedBlock(nn.Module):
    """Conv - GN - FiLM - SiLU, conv - GN - SiLU, added to the input."""

    def __init__(
        self, in_channels: int, channels: int, groups: int, emb_dim: int = 0, *, folded: bool
    ) -> None:
        super().__init__()
        self.film = nn.Linear(emb_dim, 2 * channels) if emb_dim else None
        self.conv1 = StandardisedConv(in_channels, channels, folded=folded)
        self.norm1 = GroupNorm(groups, channels)
        self.conv2 = StandardisedConv(channels, channels, folded=folded)
        self.norm2 = GroupNorm(groups, channels)
        same = in_channels == channels
        self.skip = nn.Identity() if same else nn.Conv2d(in_channels, channels, 1)

    def forward(self, x: Tensor, emb: Tensor | None = None) -> Tensor:
        """Map (N, in_channels, H, W) and emb (N, emb_dim) to (N, channels, H, W)."""
        h = self.norm1(self.conv1(x))
        if self.film is not None and emb is not None:
            scale, shift = self.film(F.silu(emb))[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        return self.skip(x) + F.silu(self.norm2(self.conv2(F.silu(h))))


class _ChannelNorm(nn.Module):
    """Layer normalisation over the channels of each cell, without a shift, in float32."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        var, mean = torch.var_mean(x.float(), dim=1, keepdim=True, unbiased=False)
        y = (x.float() - mean) * torch.rsqrt(var + _EPS) * self.weight.float()[:, None, None]
        return y.to(x.dtype)


class _Attention(nn.Module):
    """Four heads of attention over the cells of a map, with a norm ahead and a residual."""

    heads = 4

    def __init__(self, channels: int, head_dim: int) -> None:
        super().__init__()
        self.norm = _ChannelNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * self.heads * head_dim, 1, bias=False)
        self.proj = nn.Conv2d(self.heads * head_dim, channels, 1)

    def _q_k_v(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give each as (N, heads, head_dim, H*W), in float32: products fall below float16."""
        n, _, height, width = x.shape
        qkv = self.qkv(self.norm(x)).float().reshape(n, 3, self.heads, -1, height * width)
        q, k, v = qkv.unbind(1)
        return q, k, v


class LinearAttention(_Attention):
    """Attention whose cost grows with the cells, not with their square."""

    def __init__(self, channels: int, head_dim: int) -> None:
        super().__init__(channels, head_dim)
        self.norm_out = _ChannelNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        q, k, v = self._q_k_v(x)
        cells = x.shape[2] * x.shape[3]
        q = torch.softmax(q, dim=-2) * q.shape[-2] ** -0.5
        k = torch.softmax(k, dim=-1)
        context = k @ (v / cells).transpose(-1, -2)  # (N, heads, head_dim, head_dim)
        out = context.transpose(-1, -2) @ q
        # The norm brings it back to a size of 1, from less than float16 has.
        out = out.reshape(x.shape[0], -1, *x.shape[2:])
        weight, bias = self.proj.weight.float(), self.proj.bias
        told = F.conv2d(out, weight, None if bias is None else bias.float())
        return x + self.norm_out(told).to(x.dtype)


class FullAttention(_Attention):
    """Attention between all cells."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        q, k, v = self._q_k_v(x)
        weight = torch.softmax((q.transpose(-1, -2) @ k) * q.shape[-2] ** -0.5, dim=-1)
        out = v @ weight.transpose(-1, -2)
        return x + self.proj(out.to(x.dtype).reshape(x.shape[0], -1, *x.shape[2:]))


class Level(nn.Module):
    """Two blocks and linear attention, at one resolution; both blocks take the same channels."""

    def __init__(
        self,
        in_channels: int,
        channels: int,
        groups: int,
        head_dim: int,
        emb_dim: int = 0,
        *,
        folded: bool,
    ) -> None:
        super().__init__()
        self.first = StandardisedBlock(in_channels, channels, groups, emb_dim, folded=folded)
        self.second = StandardisedBlock(in_channels, channels, groups, emb_dim, folded=folded)
        self.attention = LinearAttention(channels, head_dim)


class SpaceToDepth(nn.Sequential):
    """Four cells become one of four times the channels, then a convolution."""

    def __init__(self, channels: int, coarser: int, dropout: float) -> None:
        super().__init__(
            nn.PixelUnshuffle(2), nn.Dropout(dropout), nn.Conv2d(4 * channels, coarser, 1)
        )


class Enlarged(nn.Sequential):
    """Each cell becomes four alike, then a convolution."""

    def __init__(self, channels: int, finer: int, dropout: float) -> None:
        super().__init__(
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Dropout(dropout),
            nn.Conv2d(channels, finer, 3, padding=1),
        )
