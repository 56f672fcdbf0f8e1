"""Building blocks of the denoisers: residual blocks with FiLM, attention, noise-level embeddings.

Everything that must not run in half precision (norm statistics, softmax, embeddings) is computed
in float32 here, so that `module.half()` is all that an fp16 export needs.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GroupNorm(nn.GroupNorm):
    """Group normalisation with float32 statistics for half-precision inputs.

    bfloat16 is left to the kernel, which accumulates in float32 by itself.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, H, W), returned in the input's type."""
        if x.dtype != torch.float16:
            return super().forward(x)
        assert self.weight is not None
        assert self.bias is not None
        y = F.group_norm(
            x.float(), self.num_groups, self.weight.float(), self.bias.float(), self.eps
        )
        return y.to(x.dtype)


def zero_init(module: nn.Conv2d) -> nn.Conv2d:
    """Set weight and bias to zero, so that a residual branch starts as the identity."""
    nn.init.zeros_(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


def diffusion_time(gamma: Tensor) -> Tensor:
    """Turn noise levels 1..0 into the time t in 0..1 with gamma = cos^2(pi t / 2)."""
    return torch.acos(gamma.clamp(0, 1).sqrt()) * (2 / torch.pi)


def sinusoidal(x: Tensor, dim: int, max_period: float = 10_000.0) -> Tensor:
    """Embed scalars: (N,) float32 -> (N, dim), cosines first (Vaswani et al. 2017, 3.5)."""
    half = dim // 2
    exponent = torch.arange(half, dtype=torch.float32, device=x.device) / half
    angles = x[:, None] * torch.exp(-math.log(max_period) * exponent)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class ResBlock(nn.Module):
    """GN - SiLU - conv, FiLM, GN - SiLU - conv, added to the input (Dhariwal and Nichol 2021).

    Args:
        in_channels: channels of the input.
        channels: channels of the output.
        emb_dim: length of the noise-level embedding that scales and shifts the second norm;
            0 for a block without.
        groups: groups of the norms.
        dropout: rate before the last convolution.
    """

    def __init__(
        self, in_channels: int, channels: int, emb_dim: int, groups: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, in_channels)
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.film = nn.Linear(emb_dim, 2 * channels) if emb_dim else None
        self.norm2 = GroupNorm(groups, channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = zero_init(nn.Conv2d(channels, channels, 3, padding=1))
        same = in_channels == channels
        self.skip = nn.Identity() if same else nn.Conv2d(in_channels, channels, 1)

    def forward(self, x: Tensor, emb: Tensor | None = None) -> Tensor:
        """Map (N, in_channels, H, W) and emb (N, emb_dim) to (N, channels, H, W)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h)
        if self.film is not None:
            scale, shift = self.film(emb)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        return self.skip(x) + self.conv2(self.dropout(F.silu(h)))


class Attention(nn.Module):
    """Self-attention over the positions of a map, heads of `head_dim`, with a residual."""

    def __init__(self, channels: int, head_dim: int, groups: int) -> None:
        super().__init__()
        self.heads = channels // head_dim
        self.norm = GroupNorm(groups, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.proj = zero_init(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        n, c, height, width = x.shape
        qkv = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, height * width)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # each (N, heads, H*W, head_dim)
        # Written out: the fused kernel's backward pass is slower on a CPU. Both factors are scaled
        # before the product, which keeps it in the range of float16.
        scale = (c // self.heads) ** -0.25
        weight = torch.softmax(((q * scale) @ (k * scale).transpose(-1, -2)).float(), dim=-1)
        out = weight.to(v.dtype) @ v
        return x + self.proj(out.transpose(-1, -2).reshape(n, c, height, width))


def rows_of(cond: Tensor, x: Tensor) -> Tensor:
    """Repeat the maps of photos for the rows of their samples, which lie side by side.

    Args:
        cond: (B, C, h, w).
        x: (B*S, ...).

    Returns:
        (B*S, C, h, w).
    """
    # `len` would be a number of the example's while a graph is traced.
    samples = x.shape[0] // cond.shape[0]
    return cond[:, None].expand(-1, samples, -1, -1, -1).flatten(0, 1)


def beside(cond: Tensor, x: Tensor, *, after: bool = False) -> Tensor:
    """Lay the maps of photos beside those of their samples, which are side by side among the rows.

    Args:
        cond: (B, C, h, w).
        x: (B*S, D, h, w).
        after: the channels of `cond` come after those of `x`.

    Returns:
        (B*S, C + D, h, w).
    """
    pair = [x, rows_of(cond, x)] if after else [rows_of(cond, x), x]
    return torch.cat(pair, dim=1)
