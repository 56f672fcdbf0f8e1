"""A loss on x_0 as it is seen: features of a network that knows objects in colour.

Johnson et al. 2016 (perceptual losses); features are scaled to unit length as in Zhang et al. 2018
(LPIPS), which itself, being the yardstick of `colorize evaluate`, is never trained on.
"""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from colorize_cli.errors import ModelError

from ..data.lab import rgb_from_lab
from ..networks.backbone import EfficientNetLite3, load_pretrained


class PerceptualLoss:
    """The distance of two colourings of a photo in the features of EfficientNet-Lite3."""

    def __init__(self, path: Path, device: torch.device) -> None:
        """Load the network.

        Args:
            path: safetensors file of ImageNet weights under timm's names.
            device: that of the colourings.

        Raises:
            ModelError: the file cannot be read or holds another network.
        """
        network = EfficientNetLite3(channels=3)
        try:
            load_pretrained(network, path)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path} cannot serve the perceptual loss: {error}") from error
        network.requires_grad_(False)
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network

    def __call__(self, L: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
        """Compare colourings with the truth.

        Args:
            L: (N, 1, H, W), 0..100; H and W are multiples of 32.
            ab: (N, 2, h, w) in Lab units; the gradient goes there.
            truth: likewise.

        Returns:
            (N,) the squared distance of the features, averaged over places and maps.
        """
        with torch.no_grad():
            wanted = self._features(L, truth)
        distances = [
            (one - other).square().sum(dim=1).mean(dim=(1, 2))
            for one, other in zip(self._features(L, ab), wanted, strict=True)
        ]
        return torch.stack(distances).mean(dim=0)

    def _features(self, L: Tensor, ab: Tensor) -> list[Tensor]:
        size = (L.shape[2], L.shape[3])
        full = functional.interpolate(ab, size, mode="bilinear", align_corners=False)
        maps = self._network(100 * rgb_from_lab(L, full))
        return [functional.normalize(x.float(), dim=1, eps=1e-4) for x in maps]
