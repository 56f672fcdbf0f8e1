"""Make a tree of small photographs of many sizes and formats, some of them damaged."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from colorize_cli.imaging.lab import Pixels

DAMAGED_EVERY = 50  # 2%
_OF_FOLDER = 200
_LIST = "damaged.json"

Encoder = Callable[[NDArray[np.float64]], bytes]


def make_mixed(folder: Path, count: int) -> list[str]:
    """Write photographs into `folder/in`, unless they are there, and return who is damaged.

    Photograph n depends on n alone. The names are paths from `folder/in`, sorted.
    """
    table = folder / _LIST
    if table.exists():
        known = json.loads(table.read_text(encoding="utf-8"))
        if known["count"] == count:
            return list(known["damaged"])
        raise ValueError(f"{folder} has {known['count']} photographs: name another folder")
    names = list(_ENCODERS)
    damaged = []
    for number in range(count):
        rng = np.random.default_rng(number)
        suffix = names[int(rng.integers(len(names)))]
        data = _ENCODERS[suffix](_picture(rng))
        path = folder / "in" / f"{number // _OF_FOLDER:03}" / f"{number:05}.{suffix.split()[0]}"
        if number % DAMAGED_EVERY == DAMAGED_EVERY - 1:
            data = _DAMAGE[number // DAMAGED_EVERY % len(_DAMAGE)](data)
            damaged.append(path.relative_to(folder / "in").as_posix())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    table.write_text(json.dumps({"count": count, "damaged": damaged}), encoding="utf-8")
    return damaged


def _picture(rng: np.random.Generator) -> NDArray[np.float64]:
    """Make soft shapes and grain, (H, W) in 0..1; most are small, one in fifty is large."""
    longest = 1500 if rng.random() < 0.02 else 300
    height, width = (int(side) for side in rng.integers(40, longest, 2))
    coarse = rng.random((6, 6), np.float32)
    soft = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + rng.normal(0, 0.02, soft.shape), 0, 1)


def _eight(picture: NDArray[np.float64]) -> Pixels:
    return np.rint(picture * 255).astype(np.uint8)


def _sixteen(picture: NDArray[np.float64]) -> Pixels:
    return np.rint(picture * 65_535).astype(np.uint16)


def _rgb(picture: NDArray[np.float64]) -> Pixels:
    return np.dstack([_eight(picture)] * 3)


def _opencv(suffix: str, pixels: Pixels, *options: int) -> bytes:
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def _tiff(pixels: Pixels, **options: object) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **options)  # type: ignore[arg-type]
    return file.getvalue()


# By suffix, and what else tells two of them apart.
_ENCODERS: dict[str, Encoder] = {
    "jpg": lambda p: _opencv(".jpg", _eight(p)),
    "jpg rgb": lambda p: _opencv(".jpg", _rgb(p)),
    "jpg progressive": lambda p: _opencv(".jpg", _eight(p), cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "png": lambda p: _opencv(".png", _eight(p)),
    "png 16": lambda p: _opencv(".png", _sixteen(p)),
    "png alpha": lambda p: _opencv(".png", np.dstack([_rgb(p), _eight(1 - p)])),
    "tif": lambda p: _tiff(_eight(p)),
    "tif 16": lambda p: _tiff(_sixteen(p), rowsperstrip=16),
    "tif deflate": lambda p: _tiff(_sixteen(p), compression="zlib", predictor=True),
    "tif tiled": lambda p: _tiff(_eight(p), tile=(64, 64), compression="zlib"),
    "webp": lambda p: _opencv(".webp", _rgb(p)),
    "bmp": lambda p: _opencv(".bmp", _eight(p)),
    "pgm": lambda p: _opencv(".pgm", _sixteen(p)),
}


def _zeroed(data: bytes) -> bytes:
    """Blank the first bytes, by which a format is known."""
    return bytes(16) + data[16:]


# What befalls a file on a failing disk; each is known for damage in every one of the formats.
_DAMAGE: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data[: len(data) // 2],
    lambda data: b"",
    _zeroed,
    lambda data: data[:20],
    lambda data: b"<html>not found</html>",
)
