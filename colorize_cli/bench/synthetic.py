"""A photograph made by arithmetic, for timing where there is none.

What a JPEG decoder and encoder cost depends on what is in the picture, so it has the statistics of
one: things that hide each other, with sizes that follow a power law (the "dead leaves" model, Lee,
Mumford and Huang, "Occlusion models for natural images", 2001), texture on them, and grain.
"""

import cv2
import numpy as np

from ..imaging.lab import Float, Pixels

_LEAVES = 1500
_SMALLEST, _LARGEST = 0.006, 0.35  # radii over the longer side
_OCTAVES = 7
_GRAIN = 1.5  # standard deviation in levels
_QUALITY = 90


def synthetic_photo(width: int = 1632, height: int = 1224) -> bytes:
    """Make a grey JPEG, the same one each time; 2 megapixels by default."""
    rng = np.random.default_rng(0)
    levels, roughness = _leaves(rng, width, height)
    levels += roughness * _texture(rng, width, height)
    levels += rng.normal(0, _GRAIN, levels.shape)
    pixels: Pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    _, data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
    return data.tobytes()


def _leaves(rng: np.random.Generator, width: int, height: int) -> tuple[Float, Float]:
    """Lay discs on each other: (height, width) of their level, and of how rough they are."""
    levels = np.full((height, width), 128, np.float32)
    roughness = np.full((height, width), 8, np.float32)
    # Radii of density r^-3: the inverse of their distribution at random places of it.
    low, high = _SMALLEST**-2, _LARGEST**-2
    radii = max(width, height) / np.sqrt(low - rng.random(_LEAVES) * (low - high))
    for radius in radii:
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        level, rough = float(rng.uniform(15, 240)), float(rng.choice((1.0, 5.0, 18.0)))
        cv2.circle(levels, centre, round(radius), level, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(roughness, centre, round(radius), rough, cv2.FILLED)
    return levels, roughness


def _texture(rng: np.random.Generator, width: int, height: int) -> Float:
    """Noise whose amplitude falls with its frequency, of standard deviation 1."""
    texture = np.zeros((height, width), np.float32)
    for octave in range(_OCTAVES):
        cells = 8 << octave
        coarse = rng.standard_normal((cells, cells), np.float32) / (octave + 1)
        texture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(texture / texture.std(), np.float32)
