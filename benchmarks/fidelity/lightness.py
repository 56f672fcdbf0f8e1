"""Compare the L of a grey photo with that of its picture, as pixels and as files."""

from collections import defaultdict
from collections.abc import Sequence
from unittest.mock import patch

import cv2
import numpy as np

from colorize_cli.imaging import render as render_module
from colorize_cli.imaging.frame import Frame, frame_for
from colorize_cli.imaging.lab import Float, Pixels, lightness
from colorize_cli.imaging.render import render
from colorize_cli.photos.formats.jpeg import JPEG_QUALITY

from ..page import table
from .ab_fields import SIZE, field_of, grey_of, random_field

BIN, BINS = 0.001, 100_001  # of the histogram of |dL|
JPEG_444 = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
JPEG = (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *JPEG_444)
WEBP = (cv2.IMWRITE_WEBP_QUALITY, 95)
FIELDS = {f"{kind}, sigma {s}": (kind, s) for kind in ("smooth", "rough") for s in (15, 40, 120)}


class Changes:
    """A histogram of |dL| over the pixels of many pictures."""

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.total = 0.0
        self.largest = 0.0

    def add(self, before: Float, rgb: Pixels) -> None:
        """Compare a picture with the L that it should have."""
        change = np.abs(lightness(np.ascontiguousarray(rgb)) - before)
        index = np.minimum((change / BIN).astype(np.intp), BINS - 1)
        self.counts += np.bincount(index.ravel(), minlength=BINS)
        self.total += float(change.sum(dtype=np.float64))
        self.largest = max(self.largest, float(change.max()))

    def figures(self) -> dict[str, float]:
        """Return the mean, the 99.9th percentile and the largest change."""
        share = np.cumsum(self.counts) / self.counts.sum()
        return {
            "mean": self.total / float(self.counts.sum()),
            "p99.9": float(np.searchsorted(share, 0.999) + 1) * BIN,
            "max": self.largest,
        }


def lightness_changes(photos: Sequence[Pixels]) -> dict[str, dict[str, dict[str, float]]]:
    """Compare L of grey photo and picture; figures are by kind of field and by what is written."""
    changes: dict[str, dict[str, Changes]] = defaultdict(lambda: defaultdict(Changes))
    for seed, rgb in enumerate(photos):
        frame = frame_for(*rgb.shape[:2], SIZE)
        fields = {name: random_field(*which, frame, seed) for name, which in FIELDS.items()}
        for name, field in {"the photo's own": field_of(rgb, frame), **fields}.items():
            of = changes[name]
            for dtype in (np.uint8, np.uint16):
                grey = grey_of(rgb, dtype)
                before, picture = lightness(grey), render(grey, field, frame)
                of[f"pixels, {8 * grey.itemsize} bit"].add(before, picture)
                if dtype is np.uint8:
                    of["JPEG"].add(before, through(".jpg", picture, JPEG))
                    of["lossy WebP"].add(before, through(".webp", picture, WEBP))
                    of["RGB clipped instead"].add(before, clipped(grey, field, frame))
    return {
        field: {what: change.figures() for what, change in of.items()}
        for field, of in changes.items()
    }


def through(suffix: str, rgb: Pixels, settings: Sequence[int]) -> Pixels:
    """Encode a picture and decode it again."""
    _, data = cv2.imencode(suffix, rgb[..., ::-1], settings)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1]


def clipped(grey: Pixels, field: Float, frame: Frame) -> Pixels:
    """Render without a gamut, so that colours outside sRGB are clipped channel by channel."""
    with patch.object(render_module, "outside_gamut", lambda linear, _: np.zeros(1, bool)):
        return render(grey, field, frame)


def lightness_table_of(lightness: dict[str, dict[str, dict[str, float]]]) -> str:
    """Write a row for each field: mean / 99.9th percentile / largest change."""
    columns = next(iter(lightness.values()))
    rows = [
        [field, *(" / ".join(f"{value:.3f}" for value in of[what].values()) for what in columns)]
        for field, of in lightness.items()
    ]
    return table(["ab field", *columns], rows)
