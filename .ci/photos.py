"""Write a few made colour pictures: python photos.py FOLDER [COUNT]."""

import sys
from pathlib import Path

import cv2
import numpy as np


def picture(rng: np.random.Generator, side: int = 96) -> np.ndarray:
    """Draw coloured discs on a gradient: (side, side, 3) uint8."""
    y, x = np.mgrid[:side, :side] / side
    rgb = np.stack([x, y, 1 - x], axis=-1) * 200
    for _ in range(6):
        centre, radius = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.3)
        inside = np.hypot(x - centre[0], y - centre[1]) < radius
        rgb[inside] = rng.uniform(0, 255, 3)
    return rgb.astype(np.uint8)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(int(sys.argv[2]) if len(sys.argv) > 2 else 6):
        data = cv2.imencode(".png", picture(np.random.default_rng(i)))[1]
        (folder / f"{i}.png").write_bytes(data.tobytes())
