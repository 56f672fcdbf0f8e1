"""What a century does to a photograph: the greys that training sees beside the clean ones.

All functions take and give L* or light as float32; the ab target is never touched. Strengths are
drawn so that most photographs stay readable: the aim is scans of old prints, not ruins.
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from colorize_cli.imaging.lab import lightness_of_luma, lightness_of_luminance, linear_table

Float = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def orthochromatic_lightness(rgb: Bytes, rng: Generator) -> Float:
    """L* as film of before about 1930 saw it: blind to red, keen on blue.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        rng: draws the film's response.

    Returns:
        (H, W) float32, 0..100.
    """
    red = rng.uniform(0.0, 0.12)
    blue = rng.uniform(0.3, 0.6)
    response = np.array([red, 1 - red - blue, blue], np.float32)
    Y = np.take(linear_table(256), rgb) @ response
    return lightness_of_luminance(Y).astype(np.float32)


def blur(L: Float, rng: Generator) -> Float:
    """Soft focus: a Gaussian of 0.4 to 1.6 pixels."""
    return np.asarray(cv2.GaussianBlur(L, (0, 0), rng.uniform(0.4, 1.6)), np.float32)


def grain(L: Float, rng: Generator) -> Float:
    """Film grain: Gaussian noise of 1 to 7 L*, in single pixels, or a fifth weaker in clumps."""
    noise = rng.standard_normal(L.shape, np.float32)
    clumps = rng.random() < 0.5
    # The blur leaves 0.4 of the deviation.
    grains = cv2.GaussianBlur(noise, (0, 0), 0.7) * 2 if clumps else noise
    return np.asarray(L + rng.uniform(1, 7) * grains, np.float32)


def fade(L: Float, rng: Generator) -> Float:
    """Faded print: blacks lifted, whites greyed, mid-tones shifted by a gamma of 0.75 to 1.35."""
    black, white = rng.uniform(0, 25), rng.uniform(80, 100)
    tone = (np.clip(L, 0, 100) / 100) ** rng.uniform(0.75, 1.35)
    return (black + (white - black) * tone).astype(np.float32)


def harden(L: Float, rng: Generator) -> Float:
    """Hard paper: contrast raised by 1.1 to 1.6 about the mean, highlights and shadows lost."""
    mean = L.mean()
    return (mean + rng.uniform(1.1, 1.6) * (L - mean)).astype(np.float32)


def vignette(L: Float, rng: Generator) -> Float:
    """Corners darker by up to 35 percent."""
    height, width = L.shape
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    return L * (1 - np.float32(rng.uniform(0.05, 0.35) / 2) * (y * y + x * x))


def compress(L: Float, rng: Generator) -> Float:
    """JPEG at quality 25 to 80."""
    levels = np.clip(np.rint(L * 2.55), 0, 255).astype(np.uint8)
    quality = int(rng.integers(25, 81))
    _, data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32) / 2.55


# In the order in which light, film, print and scan do it.
_STEPS = ((blur, 0.4), (fade, 0.5), (harden, 0.2), (vignette, 0.25), (grain, 0.5), (compress, 0.4))


def old_photo(L: Float, rng: Generator) -> Float:
    """Apply a random choice of the degradations to (H, W) L*, 0..100; same shape and range."""
    for step, probability in _STEPS:
        if rng.random() < probability:
            L = step(L, rng)
    return np.clip(L, 0, 100, dtype=np.float32)


def grey(rgb: Bytes, lab_L: Float, luma: float, old: float, rng: Generator) -> Float:
    """Make the grey that the network sees of a colour photo.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        lab_L: (H, W) its L*, 0..100.
        luma: share of photos whose grey is Rec. 601 luma read as L*, the other grey there is.
        old: share of photos that are degraded; a third of those on orthochromatic film.
        rng: makes the choices.

    Returns:
        (H, W) float32, 0..100.
    """
    is_old = rng.random() < old
    if is_old and rng.random() < 1 / 3:
        L = orthochromatic_lightness(rgb, rng)
    elif rng.random() < luma:
        L = lightness_of_luma(rgb)
    else:
        L = lab_L
    return old_photo(L, rng) if is_old else L
