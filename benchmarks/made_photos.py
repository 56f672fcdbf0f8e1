"""Make photographs to measure with: variations of the built-in one, and a large scan."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import tifffile

from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.imaging.lab import Pixels

_QUALITY = 90
_GRAIN = 300  # standard deviation in levels of 65,536
_STRIP_ROWS = 256


def make_photos(folder: Path, count: int) -> list[Path]:
    """Write grey JPEG photographs of 2 megapixels, none like another.

    Each is the built-in photo shifted round, mirrored and with another contrast, so that all cost
    about as much to decode and to encode.
    """
    folder.mkdir(parents=True)
    data = np.frombuffer(synthetic_photo(), np.uint8)
    photo = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for path in paths:
        _, encoded = cv2.imencode(
            ".jpg", _variation(photo, rng), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        path.write_bytes(encoded.tobytes())
    return paths


def make_scan(path: Path, megapixels: float) -> None:
    """Write a square grey TIFF of 16 bits with grain, a strip at a time."""
    side = round((megapixels * 1e6) ** 0.5)
    data = np.frombuffer(synthetic_photo(), np.uint8)
    photo = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    large = cv2.resize(photo, (side, side), interpolation=cv2.INTER_CUBIC)
    rng = np.random.default_rng(0)

    def strips() -> Iterator[Pixels]:
        for top in range(0, side, _STRIP_ROWS):
            strip = large[top : top + _STRIP_ROWS].astype(np.float32) * 257
            strip += _GRAIN * rng.standard_normal(strip.shape, np.float32)
            yield np.clip(strip, 0, 65_535).astype(np.uint16)

    tifffile.imwrite(path, strips(), shape=(side, side), dtype=np.uint16, rowsperstrip=_STRIP_ROWS)


def _variation(photo: Pixels, rng: np.random.Generator) -> Pixels:
    shift = [int(rng.integers(side)) for side in photo.shape]
    shifted = np.roll(photo, shift, (0, 1))
    if rng.random() < 0.5:
        shifted = shifted[:, ::-1]
    level, contrast = rng.uniform(-10, 10), rng.uniform(0.85, 1.0)
    varied: Pixels = np.clip((shifted - 128.0) * contrast + 128 + level, 0, 255).astype(np.uint8)
    return varied
