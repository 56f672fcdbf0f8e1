"""Colour photographs of two sets, and studies of them that are made in a moment."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize_cli.cli.app import main


def photo(number: int, height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: soft blobs of several hues, others for each number."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(40, 215, (5, 6, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def png(rgb: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


def photographs(folder: Path, count: int) -> Path:
    """Write so many photographs, by turns to the sets `faces` and `places ü`."""
    for number in range(count):
        path = folder / ("faces", "places ü")[number % 2] / f"<b>{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(photo(number)))
    return folder


def made_study(folder: Path, bundle: Path, *words: str, photos: int = 12) -> Path:
    """Make a study of photographs, with a tiny model."""
    truth, out = photographs(folder / "truth", photos), folder / "study"
    model = ("--model", str(bundle), "--device", "cpu", "--steps", "2")
    assert main(["study", "make", str(truth), str(out), *model, *words]) == 0
    return out
