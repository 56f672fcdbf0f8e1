"""Count how often copies of a picture share its key, and with it the noise of their colourings.

    python -m benchmarks.picture_keys PATHS...

PATHS are folders or tar shards of photographs, which are made grey first. Each grey is the scan, a
PNG or TIFF, and its copies are JPEGs of four qualities, of half the size too, and a scan in 16 bits
beside its copy in 8. The key that is in use is marked.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.page import table
from colorize_cli.imaging.area_resample import to_working
from colorize_cli.imaging.frame import Frame, frame_for
from colorize_cli.imaging.lab import Float, Pixels
from colorize_cli.imaging.picture_key import picture_key
from colorize_cli.photos.read import read_photo
from training.data.shards import iter_photos

SIZE = 192
IN_USE = (4, 8)  # cells a side and step, `picture_key`'s own
KEYS = ((8, 4), (8, 8), (8, 16), (4, 4), IN_USE, (4, 16))

Working = tuple[Float, Frame]


def main() -> None:
    """Count and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", type=Path, nargs="+")
    greys = [grey_of(data) for _, data in iter_photos(parser.parse_args().paths)]
    copies = [copies_of(grey) for grey in greys]
    print(f"{len(greys)} pictures; share of copies with the key of their picture, in %.\n")
    print(table(["cells, step", *copies[0], "different pictures"], rows(copies)))


def grey_of(data: bytes) -> NDArray[np.uint8]:
    """Read a photograph as grey levels, (H, W)."""
    photo = read_photo(data).pixels.astype(np.uint8)
    return photo if photo.ndim == 2 else cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)


def copies_of(grey: NDArray[np.uint8]) -> dict[str, tuple[Working, Working]]:
    """Make copies of a picture: by name, the picture and the copy as the network sees them."""
    scan = working(grey)
    made = {f"JPEG {quality}": (scan, working(jpeg(grey, quality))) for quality in (95, 90, 75)}
    half = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    deep = (cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 0.6) * 257).astype(np.uint16)
    eight = working(np.rint(deep / 257).astype(np.uint8))
    return made | {
        "half size, JPEG 90": (scan, working(jpeg(half, 90))),
        "16 bits to 8": (working(deep), eight),
    }


def jpeg(grey: Pixels, quality: int) -> Pixels:
    """Write a picture as JPEG, and read it back."""
    data = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.uint8)


def working(pixels: Pixels) -> Working:
    """Take a picture to the working size."""
    frame = frame_for(*pixels.shape[:2], SIZE)
    return to_working(pixels, frame), frame


def rows(copies: Sequence[dict[str, tuple[Working, Working]]]) -> list[list[str]]:
    """Count for each kind of key; the last column is of the pictures' own keys."""
    lines = []
    for cells, step in KEYS:
        alike: dict[str, list[bool]] = {name: [] for name in copies[0]}
        own = set()
        for of_one in copies:
            for name, pair in of_one.items():
                scan, copy = (picture_key(*each, cells=cells, step=step) for each in pair)
                alike[name].append(scan == copy)
                if name == "JPEG 95":
                    own.add(scan)
        shares = [f"{100 * np.mean(each):.0f}" for each in alike.values()]
        name = f"{cells} x {cells}, {step}" + (" (in use)" if (cells, step) == IN_USE else "")
        lines.append([name, *shares, f"{len(own)}"])
    return lines


if __name__ == "__main__":
    main()
