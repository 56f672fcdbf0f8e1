"""The networks of image-to-image translation (Isola et al. 2017) on L and ab.

A U-Net, and a discriminator that judges patches of 70 x 70 pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from colorize_cli.errors import UsageError

from .blocks import beside, rows_of

_SLOPE = 0.2  # of the leaky rectifiers
_DEVIATION = 0.02  # of the first weights
_Convolution = (nn.Conv2d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class UNetConfig:
    """Shape of the generator; the default is the published one, of 54.4 million parameters.

    Attributes:
        channels: of the finest level; the others have 2, 4 and from there on 8 times as many.
        halvings: levels, down to one cell of the smallest square.
        folded: batch norms are folded into the convolutions, as a bundle has them.
    """

    channels: int = 64
    halvings: int = 8
    folded: bool = False

    def __post_init__(self) -> None:
        if self.channels < 1 or not 6 <= self.halvings <= 10:
            raise UsageError("network.channels is at least 1, and network.halvings 6 to 10.")

    @property
    def multiple(self) -> int:
        """What the sides of a picture are multiples of, in pixels."""
        return 1 << self.halvings

    @property
    def widths(self) -> list[int]:
        """Channels of each level, finest first."""
        return [self.channels * min(1 << i, 8) for i in range(self.halvings)]

    @property
    def dropped(self) -> list[tuple[int, int]]:
        """Channels and stride in pixels of each layer with dropout, innermost first.

        These are the layers with eight times the channels, but for the innermost.
        """
        return [(self.widths[i - 1], 1 << i) for i in range(self.halvings - 2, 3, -1)]


class UNetEncoder(nn.Module):
    """The way down: convolutions of stride 2."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        widths, levels = [1, *config.widths], range(config.halvings)
        normed = levels[1:-1]
        self.conv = nn.ModuleList(
            nn.Conv2d(widths[i], widths[i + 1], 4, 2, 1, bias=config.folded and i in normed)
            for i in levels
        )
        self.norm = nn.ModuleList(
            _norm(widths[i + 1], config) if i in normed else nn.Identity() for i in levels
        )

    def forward(self, L: Tensor) -> list[Tensor]:
        """Compute the maps of L (B, 1, H, W), 0..100, sides multiples of `multiple`.

        Returns:
            Maps (B, widths[i], H / 2**(i+1), W / 2**(i+1)), finest first.
        """
        x = (L / 50 - 1).to(next(self.parameters()).dtype)
        maps: list[Tensor] = []
        for conv, norm in zip(self.conv, self.norm, strict=True):
            x = norm(conv(F.leaky_relu(x, _SLOPE) if maps else x))
            maps.append(x)
        return maps


class UNetDecoder(nn.Module):
    """The way up, with the encoder's maps beside its own."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        widths, levels = [2, *config.widths], range(config.halvings)
        sources = [2 * w for w in config.widths[:-1]] + [config.widths[-1]]
        self.dropped = [stride.bit_length() - 1 for _, stride in config.dropped]
        self.conv = nn.ModuleList(
            nn.ConvTranspose2d(sources[i], widths[i], 4, 2, 1, bias=config.folded or not i)
            for i in levels
        )
        self.norm = nn.ModuleList(_norm(widths[i], config) if i else nn.Identity() for i in levels)

    def forward(self, maps: Sequence[Tensor], masks: Sequence[Tensor] | None = None) -> Tensor:
        """Compute ab.

        Args:
            maps: of `UNetEncoder`, for B photos.
            masks: for each layer of `UNetConfig.dropped` (B*S, channels, H / stride, W / stride),
                0 or 2, the samples of a photo side by side; None for dropout as in training, and
                none outside of it.

        Returns:
            (B, 2, H, W), or (B*S, 2, H, W), float32, -1..1.
        """
        x = maps[-1].to(next(self.parameters()).dtype)
        innermost = len(self.conv) - 1
        for i in range(innermost, -1, -1):
            if i < innermost:
                x = beside(maps[i].to(x.dtype), x)
            x = self.norm[i](self.conv[i](F.relu(x)))
            if i in self.dropped:
                mask = None if masks is None else masks[self.dropped.index(i)]
                x = self._dropped_out(x, mask)
        return torch.tanh(x.float())

    def _dropped_out(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if mask is None:
            return F.dropout(x, training=self.training)
        return rows_of(x, mask) * mask.to(x.dtype)


class Generator(nn.Module):
    """U-Net from L to ab."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = UNetEncoder(config)
        self.decoder = UNetDecoder(config)
        self.apply(initialize)

    def forward(self, L: Tensor) -> Tensor:
        """Map L (B, 1, H, W), 0..100, to ab (B, 2, H, W), -1..1; with dropout in training."""
        return self.decoder(self.encoder(L))


class PatchDiscriminator(nn.Module):
    """Judge patches of L and ab: is this a photograph's colour?

    Args:
        channels: of the first layer; the published 64 make 2.77 million parameters.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        widths = [channels << i for i in range(4)]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, 2, 1), nn.LeakyReLU(_SLOPE)]
        for i, (width, wider) in enumerate(pairwise(widths)):
            stride = 2 if i < 2 else 1
            layers += [
                nn.Conv2d(width, wider, 4, stride, 1, bias=False),
                nn.BatchNorm2d(wider),
                nn.LeakyReLU(_SLOPE),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.apply(initialize)

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        """Map L (B, 1, H, W), 0..100, and ab (B, 2, H, W), -1..1, to logits of their patches.

        Returns:
            (B, 1, H/8 - 2, W/8 - 2): (B, 1, 30, 30) for 256 pixels.
        """
        logits: Tensor = self.layers(torch.cat([L / 50 - 1, ab], dim=1))
        return logits


def initialize(module: nn.Module) -> None:
    """Draw the first weights of a layer from N(0, 0.02), those of batch norms around 1."""
    if isinstance(module, _Convolution):
        nn.init.normal_(module.weight, 0.0, _DEVIATION)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, _DEVIATION)
    if getattr(module, "bias", None) is not None:
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]


@torch.no_grad()
def folded(network: Generator) -> Generator:
    """Fold the batch norms of a generator, as they are in use, into its convolutions."""
    made = Generator(replace(network.config, folded=True))
    for mine, other in ((made.encoder, network.encoder), (made.decoder, network.decoder)):
        for conv, source, norm in zip(mine.conv, other.conv, other.norm, strict=True):
            assert isinstance(source, _Convolution)
            state = dict(source.named_parameters())
            if isinstance(norm, nn.BatchNorm2d):
                assert norm.running_mean is not None
                assert norm.running_var is not None
                state["weight"], state["bias"] = fuse_conv_bn_weights(
                    source.weight,
                    source.bias,
                    norm.running_mean,
                    norm.running_var,
                    norm.eps,
                    norm.weight,
                    norm.bias,
                    transpose=isinstance(source, nn.ConvTranspose2d),
                )
            conv.load_state_dict(state)
    return made.to(next(network.parameters()).device).train(network.training)


def _norm(channels: int, config: UNetConfig) -> nn.Module:
    return nn.Identity() if config.folded else nn.BatchNorm2d(channels)
