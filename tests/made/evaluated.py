"""Small photographs in colour, and what measures them in little time."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.runtimes.find_device import resolve

# Sizes of two shapes for the network, one of them too small for AlexNet's second pooling.
SIZES = ((40, 48), (48, 40), (24, 30), (40, 48))


def made_photo(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Smooth colour with some noise: (height, width, 3) RGB."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (3, 4, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)


def write_png(path: Path, pixels: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    order = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(order))[1].tobytes())


class Patches(nn.Module):
    """Stands in for Inception: the mean colours of 3 x 3 patches."""

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(images, 3).flatten(1)


def open_tiny(bundle: Path, batch: int = 1) -> Colorizer:
    return Colorizer(load_bundle(bundle), resolve("cpu"), steps=2, batch=batch)
