"""The condition encoder: what the denoiser has to know of the photo, computed once a photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorize_cli.errors import UsageError

from .backbone import MAP_CHANNELS, EfficientNetLite3
from .blocks import ResBlock


@dataclass(frozen=True)
class EncoderConfig:
    """Shape of the condition encoder.

    Attributes:
        channels: channels of the condition maps at strides 4, 8, 16, 32; the denoiser's own.
        groups: groups of the norms in the neck.
        enlarge: how much larger than L the backbone sees the photo, at least 1, in steps of 1/32,
            rounded up to whole cells of 32 pixels. Its ImageNet weights know things at 280 pixels,
            which the small pictures that a denoiser can afford do not have; once a photo, more of
            them cost little.
    """

    channels: tuple[int, ...] = (64, 128, 192, 192)
    groups: int = 16
    enlarge: float = 1.0

    def __post_init__(self) -> None:
        if self.enlarge < 1:
            raise UsageError(f"network.encoder.enlarge must be at least 1, not {self.enlarge}.")


class ConditionEncoder(nn.Module):
    """ImageNet backbone and a top-down neck (Lin et al. 2017, feature pyramids).

    The neck carries what the coarse maps know (this is a meadow, that is a face) down to the
    fine ones; done here it costs once a photo what it would cost at every denoising step.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.enlarge = config.enlarge
        self.backbone = EfficientNetLite3()
        # The finest level also sees the pixels themselves: 4 x 4 of them a grid cell.
        sources = (MAP_CHANNELS[0] + 16, *MAP_CHANNELS[1:])
        pairs = list(zip(sources, config.channels, strict=True))
        self.lateral = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in pairs)
        self.down_from = nn.ModuleList(
            nn.Conv2d(coarse, fine, 1)
            for fine, coarse in zip(config.channels[:-1], config.channels[1:], strict=True)
        )
        self.merge = nn.ModuleList(ResBlock(c, c, 0, config.groups) for c in config.channels)

    def forward(self, L: Tensor) -> list[Tensor]:
        """Compute the condition maps.

        Args:
            L: (B, 1, H, W) float, 0..100; H and W multiples of 32.

        Returns:
            Maps (B, channels[i], H / 4 / 2**i, W / 4 / 2**i), finest first.
        """
        if self.enlarge == 1:
            return self.neck(L, self.backbone(L))
        rows, columns = (_cells(side, self.enlarge) for side in L.shape[2:])
        maps = self.backbone(_resized(L, 32 * rows, 32 * columns))
        height, width = L.shape[2:]
        strides = (4, 8, 16, 32)
        return self.neck(
            L, [_resized(m, height // s, width // s) for m, s in zip(maps, strides, strict=True)]
        )

    def neck(self, L: Tensor, maps: Sequence[Tensor]) -> list[Tensor]:
        """Turn the backbone's maps into condition maps; shapes as in `forward`."""
        pixels = F.pixel_unshuffle(L / 25 - 2, 4)
        sources = [torch.cat([_rms_normalise(maps[0]), pixels.to(maps[0].dtype)], dim=1)]
        sources += [_rms_normalise(m) for m in maps[1:]]
        cond: list[Tensor] = []
        for i in reversed(range(len(sources))):
            x = self.lateral[i](sources[i])
            if cond:
                x = x + F.interpolate(self.down_from[i](cond[0]), scale_factor=2.0, mode="nearest")
            cond.insert(0, self.merge[i](x))
        return cond


def _cells(side: int, enlarge: float) -> int:
    """Count the cells of 32 pixels in an enlarged side, rounded up so that maps stay aligned."""
    # In whole numbers, which an export with sides of any length can follow.
    return (side // 32 * round(32 * enlarge) + 31) // 32


def _resized(x: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)


def _rms_normalise(x: Tensor) -> Tensor:
    """Divide by the root mean square over channels: the backbone's maps differ in scale."""
    h = x.float()
    return (h * torch.rsqrt(h.square().mean(dim=1, keepdim=True) + 1e-6)).to(x.dtype)
