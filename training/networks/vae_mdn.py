"""The networks of "Learning Diverse Image Colorization" (Deshpande et al. 2017), at 64 x 64.

A variational autoencoder of the ab field, whose decoder is told the grey photograph, and a mixture
density network that says from the photograph which codes are likely. The latter stands on the
condition encoder here, where the paper has a network of Caffe's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize_cli.errors import UsageError

from .blocks import rows_of
from .encoder import ConditionEncoder, EncoderConfig

SIDE = 64  # of the ab field, in cells
_EPS = 1e-4  # of the batch norms


@dataclass(frozen=True)
class VaeConfig:
    """Shape of the networks; the default is the published one.

    Attributes:
        channels: of the finest layer; the others have 2, 4 and 8 times as many.
        latent: length of a code.
        skip: the decoder has the maps of the grey photograph; without, its gradients alone.
        components: of the mixture.
        mdn: channels of the mixture's convolutions, the last but one of which has stride 2.
        hidden: width of its layer before the last.
        encoder: keyword arguments of `EncoderConfig`.
        deployed: without what only training needs.
    """

    channels: int = 128
    latent: int = 64
    skip: bool = True
    components: int = 8
    mdn: tuple[int, ...] = (384, 320, 288, 256, 128)
    hidden: int = 4096
    encoder: dict[str, Any] = field(default_factory=dict)
    deployed: bool = False

    def __post_init__(self) -> None:
        sizes = (self.channels, self.latent, self.components, self.hidden, *self.mdn)
        if len(self.mdn) < 2 or min(sizes) < 1:
            raise UsageError("network.mdn has two layers at least, and all sizes are at least 1.")

    @property
    def condition(self) -> EncoderConfig:
        """The configuration of the condition encoder."""
        table: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in self.encoder.items()
        }
        return EncoderConfig(**table)


class VaeMdn(nn.Module):
    """All networks of the family."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ConditionEncoder(config.condition)
        self.mdn = Mixture(config)
        self.decoder = CodeDecoder(config)
        self.vae = None if config.deployed else CodeEncoder(config)


class CodeEncoder(nn.Module):
    """From an ab field to the normal distribution of its code."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        widths = [config.channels << i for i in range(4)]
        self.layers = nn.Sequential(
            _layer(2, widths[0], 5, stride=2),
            _layer(widths[0], widths[1], 5, stride=2),
            _layer(widths[1], widths[2], 5, stride=2),
            _layer(widths[2], widths[3], 4, stride=2),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(16 * widths[3], 2 * config.latent),
        )

    def forward(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """Map ab (B, 2, 64, 64), -1..1, to mean and log-variance, (B, latent) each."""
        mean, log_variance = self.layers(ab).float().chunk(2, dim=1)
        return mean, log_variance


class CodeDecoder(nn.Module):
    """From a code and the grey photograph to an ab field."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        c, self.skip = config.channels, config.skip
        layer = partial(_layer, deployed=config.deployed)
        grey = [4 * c, 2 * c, c] if config.skip else [0, 2, 2]
        if config.skip:
            self.grey = nn.ModuleList(
                [
                    layer(1, c, 5, stride=2),
                    layer(c, 2 * c, 5, stride=2),
                    layer(2 * c, 4 * c, 5, stride=2),
                    layer(4 * c, config.latent, 4, stride=2),
                ]
            )
        self.layers = nn.ModuleList(
            [
                layer(config.latent, 8 * c, 4),
                layer(8 * c + grey[0], 4 * c, 5),
                layer(4 * c + grey[1], 2 * c, 5),
                layer(2 * c + grey[2], c, 5),
            ]
        )
        self.last = nn.Sequential(_Conv(c, 2, 5), _norm(2, deployed=config.deployed))

    def forward(self, z: Tensor, grey: Tensor) -> Tensor:
        """Decode S codes for each of B photographs.

        Args:
            z: (B*S, latent), those of a photograph side by side.
            grey: (B, 1, 64, 64), -1..1.

        Returns:
            (B*S, 2, 64, 64) float32, -1..1.
        """
        dtype = next(self.parameters()).dtype
        grey = grey.to(dtype)
        x = z.to(dtype)[:, :, None, None].expand(-1, -1, 4, 4)
        if self.skip:
            maps = [grey]
            for layer in self.grey:
                maps.append(layer(maps[-1]))
            x = x * rows_of(maps[4], x)
            beside: list[Tensor | None] = [None, maps[3], maps[2], maps[1]]
        else:
            beside = [None, None, _gradients(grey, 16), _gradients(grey, 32)]
        for i, (layer, cond) in enumerate(zip(self.layers, beside, strict=True)):
            if i:
                x = F.interpolate(x, (4 << i, 4 << i), mode="bilinear", align_corners=False)
            if cond is not None:
                x = torch.cat([x, rows_of(cond, x)], dim=1)
            x = layer(x)
        x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False)
        return torch.tanh(self.last(x).float())


class Mixture(nn.Module):
    """From the condition maps to a mixture of normal distributions of codes."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        self.components, self.latent = config.components, config.latent
        widths = config.mdn
        channels = config.condition.channels
        self.merge = nn.ModuleList(nn.Conv2d(c, widths[0], 1) for c in channels)
        pairs = list(zip((widths[0], *widths[:-1]), widths, strict=True))
        self.layers = nn.ModuleList(
            _layer(a, b, 5, stride=2 if i == len(pairs) - 2 else 1, deployed=config.deployed)
            for i, (a, b) in enumerate(pairs)
        )
        self.hidden = nn.Linear(64 * widths[-1], config.hidden)
        self.dropout = nn.Dropout(0.25)
        self.last = nn.Linear(config.hidden, config.components * (config.latent + 1))

    def forward(self, cond: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Map the condition maps of B photographs of 128 x 128 pixels to their mixtures.

        Returns:
            The means (B, components, latent) and the logits of their weights (B, components).
        """
        x: Tensor = torch.zeros(())
        for i, merge in enumerate(self.merge):
            told = merge(cond[i].to(self.hidden.weight.dtype))
            x = x + F.interpolate(told, (16, 16), mode="area" if not i else "nearest")
        for layer in self.layers:
            x = layer(x)
        told = self.last(self.dropout(torch.tanh(self.hidden(x.flatten(1))))).float()
        means = told[:, self.components :].reshape(-1, self.components, self.latent)
        return means, told[:, : self.components]


class _Conv(nn.Conv2d):
    """A convolution that keeps the size, or halves it, whatever its kernel."""

    def __init__(self, in_channels: int, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__(in_channels, channels, kernel, stride)
        spare = kernel - stride
        self.around = (spare // 2, spare - spare // 2) * 2
        nn.init.normal_(self.weight, std=(in_channels * kernel * kernel) ** -0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, channels, H / stride, W / stride)."""
        return super().forward(F.pad(x, self.around))


class _Affine(nn.Module):
    """What a batch norm is when it is used: a factor and a shift for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return x * self.weight[:, None, None] + self.bias[:, None, None]


def _norm(channels: int, *, deployed: bool) -> nn.Module:
    return _Affine(channels) if deployed else nn.BatchNorm2d(channels, eps=_EPS)


def _layer(
    in_channels: int, channels: int, kernel: int, stride: int = 1, *, deployed: bool = False
) -> nn.Sequential:
    conv = _Conv(in_channels, channels, kernel, stride)
    return nn.Sequential(conv, nn.ReLU(), _norm(channels, deployed=deployed))


@torch.no_grad()
def deployed_copy(network: VaeMdn) -> VaeMdn:
    """Copy a network for its use: without the autoencoder's first half, its norms as they are."""
    made = VaeMdn(replace(network.config, deployed=True))
    trained = dict(network.named_modules())
    state = {k: v for k, v in network.state_dict().items() if k in made.state_dict()}
    for name, norm in made.named_modules():
        source = trained.get(name)
        if isinstance(norm, _Affine) and isinstance(source, nn.BatchNorm2d):
            assert source.running_mean is not None
            assert source.running_var is not None
            factor = source.weight * torch.rsqrt(source.running_var + source.eps)
            state[f"{name}.weight"] = factor
            state[f"{name}.bias"] = source.bias - source.running_mean * factor
    made.load_state_dict(state)
    return made.to(next(network.parameters()).device).train(network.training)


def _gradients(grey: Tensor, side: int) -> Tensor:
    """Give the differences to the next cell, down and across: (B, 2, side, side)."""
    small = F.interpolate(grey, (side, side), mode="area")
    padded = F.pad(small, (0, 1, 0, 1), mode="replicate")
    down = padded[:, :, 1:, :-1] - small
    across = padded[:, :, :-1, 1:] - small
    return torch.cat([down, across], dim=1)
