"""Color-diffusion: a UNet at 64 x 64 with an encoder of L, and 350 steps.

The UNet has the form of the public PyTorch implementation of DDPM (weight-standardised
convolutions, linear attention at every level), joined at each level by the map of an encoder of the
same form that sees L alone: 48.1 and 13.4 M parameters. Both run at every step of the loop, as
published, although the encoder's maps do not change.
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .peer import Peer, ancestral, count_gflop, count_parameters

SIZE = 64
STEPS = 350
_AB_SCALE = 110.0
_WIDTHS = (128, 128, 256, 384, 384)  # before the first level, and after each
_TIME = 512
_HEADS, _HEAD_DIM = 4, 32
_GROUPS = 8


class _StandardConv(nn.Conv2d):
    """A 3 x 3 convolution whose weights are standardised at each call (Qiao et al. 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        dims = (1, 2, 3)
        mean = self.weight.mean(dims, keepdim=True)
        variance = self.weight.var(dims, keepdim=True, unbiased=False)
        weight = (self.weight - mean) * (variance + 1e-5).rsqrt()
        return F.conv2d(x, weight, self.bias, padding=1)


class _LayerNorm(nn.Module):
    """Norm over the channels of each pixel, with a gain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        variance = x.var(1, keepdim=True, unbiased=False)
        return (x - x.mean(1, keepdim=True)) * (variance + 1e-5).rsqrt() * self.gain


class _ResBlock(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.SiLU(), nn.Linear(_TIME, 2 * out))
        self.conv1 = _StandardConv(channels, out, 3)
        self.norm1 = nn.GroupNorm(_GROUPS, out)
        self.conv2 = _StandardConv(out, out, 3)
        self.norm2 = nn.GroupNorm(_GROUPS, out)
        self.skip = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x: Tensor, time: Tensor | None) -> Tensor:
        h = self.norm1(self.conv1(x))
        if time is not None:
            scale, shift = self.time(time)[:, :, None, None].chunk(2, dim=1)
            h = h * (1 + scale) + shift
        h = F.silu(self.norm2(self.conv2(F.silu(h))))
        residual: Tensor = h + self.skip(x)
        return residual


class _Attention(nn.Module):
    """Attention with a residual, linear in the pixels (Shen et al. 2018) or full."""

    def __init__(self, channels: int, *, is_linear: bool) -> None:
        super().__init__()
        hidden = _HEADS * _HEAD_DIM
        self.is_linear = is_linear
        self.norm = _LayerNorm(channels)
        self.qkv = nn.Conv2d(channels, 3 * hidden, 1, bias=False)
        out = nn.Conv2d(hidden, channels, 1)
        self.out = nn.Sequential(out, _LayerNorm(channels)) if is_linear else out

    def forward(self, x: Tensor) -> Tensor:
        n, _, h, w = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, 3, _HEADS, _HEAD_DIM, h * w).unbind(1)
        scale = _HEAD_DIM**-0.5
        if self.is_linear:
            context = k.softmax(-1) @ (v / (h * w)).transpose(-1, -2)
            mixed = context.transpose(-1, -2) @ (q.softmax(-2) * scale)
        else:
            weight = ((q * scale).transpose(-1, -2) @ k).softmax(-1)
            mixed = (weight @ v.transpose(-1, -2)).transpose(-1, -2)
        attended: Tensor = self.out(mixed.reshape(n, _HEADS * _HEAD_DIM, h, w))
        return x + attended


class _Time(nn.Module):
    """The step, embedded."""

    def __init__(self) -> None:
        super().__init__()
        dim = _WIDTHS[0]
        self.mlp = nn.Sequential(nn.Linear(dim, _TIME), nn.GELU(), nn.Linear(_TIME, _TIME))

    def forward(self, t: Tensor) -> Tensor:
        half = _WIDTHS[0] // 2
        frequencies = torch.exp(torch.arange(half) * -(math.log(10_000) / (half - 1)))
        angles = t[:, None] * frequencies
        embedded: Tensor = self.mlp(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return embedded


class _Down(nn.Module):
    """A level of a way down: two blocks, attention, and a halving but at the last."""

    def __init__(self, level: int, *, is_joined: bool) -> None:
        super().__init__()
        width, out = _WIDTHS[level], _WIDTHS[level + 1]
        self.block1, self.block2 = _ResBlock(width, width), _ResBlock(width, width)
        self.attention = _Attention(width, is_linear=True)
        channels = 2 * width if is_joined else width
        self.shrink: nn.Module
        if level + 2 == len(_WIDTHS):
            self.shrink = nn.Conv2d(channels, out, 3, padding=1)
        else:
            self.shrink = nn.Sequential(
                nn.PixelUnshuffle(2), nn.Dropout(0.3), nn.Conv2d(4 * channels, out, 1)
            )

    def forward(
        self, x: Tensor, time: Tensor | None, joined: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Give what the two skips carry, and the input of the next level."""
        first = self.block1(x, time)
        second = self.attention(self.block2(first, time))
        h = second if joined is None else torch.cat([second, joined], dim=1)
        return first, second, self.shrink(h)


class _Up(nn.Module):
    """A level of the way up: two blocks, attention, and a doubling but at the last."""

    def __init__(self, level: int) -> None:
        super().__init__()
        width, out = _WIDTHS[level + 1], _WIDTHS[level]
        self.block1, self.block2 = (_ResBlock(width + out, width) for _ in range(2))
        self.attention = _Attention(width, is_linear=True)
        conv = nn.Conv2d(width, out, 3, padding=1)
        enlarge = nn.Identity() if level == 0 else nn.Upsample(scale_factor=2, mode="nearest")
        self.enlarge = nn.Sequential(enlarge, conv)

    def forward(self, x: Tensor, time: Tensor, skips: list[Tensor]) -> Tensor:
        x = self.block1(torch.cat([x, skips.pop()], dim=1), time)
        x = self.attention(self.block2(torch.cat([x, skips.pop()], dim=1), time))
        enlarged: Tensor = self.enlarge(x)
        return enlarged


class _Encoder(nn.Module):
    """L alone, down all levels; its embedding of time is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, _WIDTHS[0], 7, padding=3)
        self.time = _Time()
        self.down = nn.ModuleList(_Down(i, is_joined=False) for i in range(len(_WIDTHS) - 1))

    def forward(self, L: Tensor) -> list[Tensor]:
        x = self.stem(L)
        maps = []
        for level in self.down:
            _, found, x = level(x, None, None)
            maps.append(found)
        return maps


class _UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        levels = range(len(_WIDTHS) - 1)
        self.stem = nn.Conv2d(3, _WIDTHS[0], 7, padding=3)
        self.time = _Time()
        self.down = nn.ModuleList(_Down(i, is_joined=True) for i in levels)
        self.mid1, self.mid2 = (_ResBlock(_WIDTHS[-1], _WIDTHS[-1]) for _ in range(2))
        self.mid_attention = _Attention(_WIDTHS[-1], is_linear=False)
        self.up = nn.ModuleList(_Up(i) for i in reversed(levels))
        self.last = _ResBlock(2 * _WIDTHS[0], _WIDTHS[0])
        self.out = nn.Conv2d(_WIDTHS[0], 2, 1)

    def forward(self, x: Tensor, maps: list[Tensor], t: Tensor) -> Tensor:
        time = self.time(t)
        x = stem = self.stem(x)
        skips: list[Tensor] = []
        for level, joined in zip(self.down, maps, strict=True):
            first, second, x = level(x, time, joined)
            skips += [first, second]
        x = self.mid2(self.mid_attention(self.mid1(x, time)), time)
        for level in self.up:
            x = level(x, time, skips)
        predicted: Tensor = self.out(self.last(torch.cat([x, stem], dim=1), time))
        return predicted


def color_diffusion() -> Peer:
    """Make both networks and the loop of 350 steps."""
    encoder, unet = _Encoder().eval(), _UNet().eval()
    betas = np.linspace(1e-4, 0.02, STEPS)

    def draw(L: Tensor, steps: int = STEPS) -> Tensor:
        scaled = L / 50 - 1

        def predict(x: Tensor, t: Tensor) -> Tensor:
            predicted: Tensor = unet(torch.cat([scaled, x], dim=1), encoder(scaled), t)
            return predicted

        with torch.inference_mode():
            x = ancestral(predict, torch.randn(1, 2, *L.shape[2:]), betas, steps, clamp=None)
        return _AB_SCALE * x

    L = torch.rand(1, 1, SIZE, SIZE) * 100
    return Peer(
        name="Color-diffusion",
        size=SIZE,
        steps=STEPS,
        parameters=count_parameters(unet) + count_parameters(encoder),
        gflop=STEPS * count_gflop(lambda: draw(L, 1)),
        draw=draw,
    )
