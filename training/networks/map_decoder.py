"""A decoder from condition maps to ab at full resolution, for generators with a pretrained body."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from .blocks import GroupNorm, ResBlock, zero_init


@dataclass(frozen=True)
class MapDecoderConfig:
    """Shape of the decoder.

    Attributes:
        channels: of the levels at strides 2 and 1.
        depth: residual blocks at stride 4.
        groups: groups of the norms.
    """

    channels: tuple[int, ...] = (32, 16)
    depth: int = 2
    groups: int = 8


class MapDecoder(nn.Module):
    """The finest condition map, in which all coarser ones are (see `ConditionEncoder`), enlarged.

    Args:
        sources: channels of the condition maps, finest first.
        config: of the decoder.
    """

    def __init__(self, sources: Sequence[int], config: MapDecoderConfig) -> None:
        super().__init__()
        widths = [sources[0], *config.channels]
        self.merge = nn.ModuleList(nn.Conv2d(c, sources[0], 1) for c in sources[1:])
        self.blocks = nn.ModuleList(
            ResBlock(sources[0], sources[0], 0, config.groups) for _ in range(config.depth)
        )
        self.enlarge = nn.ModuleList(
            nn.Conv2d(coarse, 4 * fine, 3, padding=1) for coarse, fine in pairwise(widths)
        )
        self.refine = nn.ModuleList(ResBlock(c, c, 0, config.groups) for c in widths[1:])
        self.norm_out = GroupNorm(config.groups, widths[-1])
        self.conv_out = zero_init(nn.Conv2d(widths[-1], 2, 3, padding=1))

    def forward(self, cond: Sequence[Tensor]) -> Tensor:
        """Map (B, sources[i], H / 4 / 2**i, W / 4 / 2**i) to (B, 2, H, W) float32."""
        dtype = self.conv_out.weight.dtype
        x = cond[0].to(dtype)
        for i, merge in enumerate(self.merge, 1):
            told = merge(cond[i].to(dtype))
            x = x + F.interpolate(told, scale_factor=float(1 << i), mode="nearest")
        for block in self.blocks:
            x = block(x)
        for enlarge, refine in zip(self.enlarge, self.refine, strict=True):
            x = refine(F.pixel_shuffle(enlarge(x), 2))
        ab: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return ab.float()
