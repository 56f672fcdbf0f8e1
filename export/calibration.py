"""The photographs that int8 is calibrated on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from colorize_cli.errors import ImageError, UsageError
from colorize_cli.photos.formats import SUFFIXES
from colorize_cli.photos.read import Photo, read_photo

# Of a folder of one's own: beyond some tens, the ranges of activations hardly move.
MOST = 32
_FOLDER = Path(__file__).parent / "calibration_photos"


def calibration_photos(folder: Path | None, report: Callable[[str], None]) -> list[Photo]:
    """Read photographs to calibrate with; none of them is among `reference_photos`.

    Args:
        folder: of photographs of one's own, walked down to the last level; at most `MOST`, spread
            evenly over it, are taken. None for those that come with the package.
        report: told of photographs that cannot be read.

    Raises:
        UsageError: there is no such folder, or nothing to read in it.
    """
    if folder is None:
        return [_read(path) for path in sorted(_FOLDER.glob("*.jpg"))]
    if not folder.is_dir():
        raise UsageError(f"--calibrate {folder}: there is no such folder; give one of photographs.")
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    places = np.linspace(0, len(found) - 1, min(len(found), MOST)).round().astype(int)
    photos = []
    for path in (found[place] for place in places):
        try:
            photos.append(_read(path))
        except (ImageError, OSError) as error:
            report(f"not calibrated on {path}: {error}")
    if not photos:
        suffixes = " ".join(sorted(SUFFIXES))
        raise UsageError(f"--calibrate {folder}: no photograph ({suffixes}) in it can be read.")
    return photos


def _read(path: Path) -> Photo:
    return read_photo(path.read_bytes())
