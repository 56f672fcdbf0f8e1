"""A classifier of colours on the condition maps: a second, steadier signal for the encoder.

The diffusion loss tells the encoder little at a time, since most of it is noise. Which colours are
likely where, which is what the denoiser needs to know, can be asked of the maps directly. The head
lives in training alone and is never exported.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STEP = 10.0  # Lab units between the centres of two classes along a or b
_LARGEST = 110.0
_SIDE = round(2 * _LARGEST / _STEP) + 1
_LEVELS = 3  # condition maps, from the finest, that are classified


class ColourHead(nn.Module):
    """Linear classifiers of ab on the finest condition maps (cf. Zhang et al. 2016)."""

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.classifiers = nn.ModuleList(nn.Conv2d(c, _SIDE**2, 1) for c in channels[:_LEVELS])

    def forward(self, cond: Sequence[Tensor], ab: Tensor) -> Tensor:
        """Measure how well the maps tell the colours.

        Args:
            cond: (B, channels[i], h / 2**i, w / 2**i), finest first.
            ab: (B, 2, h, w) Lab units, the truth on the finest grid.

        Returns:
            (B,) cross entropy in nats, the mean over levels and cells.
        """
        losses = [
            _cross_entropy(classify(features), _reduced(ab, features))
            for classify, features in zip(self.classifiers, cond, strict=False)
        ]
        return torch.stack(losses).mean(dim=0)


def _reduced(ab: Tensor, features: Tensor) -> Tensor:
    height, width = features.shape[-2:]
    return F.adaptive_avg_pool2d(ab, (height, width))


def _cross_entropy(logits: Tensor, ab: Tensor) -> Tensor:
    """Compare with the four classes around each colour, weighted so that their mean is it."""
    place = ((ab + _LARGEST) / _STEP).clamp(0, _SIDE - 1 - 1e-4)
    low = place.floor()
    share = place - low
    a, b = low.long().unbind(dim=1)
    share_a, share_b = share.unbind(dim=1)
    log_p = logits.float().log_softmax(dim=1)
    loss = torch.zeros_like(share_a)
    for i, of_a in enumerate((1 - share_a, share_a)):
        for j, of_b in enumerate((1 - share_b, share_b)):
            index = (a + i) * _SIDE + b + j
            loss = loss - of_a * of_b * log_p.gather(1, index[:, None])[:, 0]
    return loss.mean(dim=(1, 2))
