"""Colour photographs and the grey that is made of them, which the runtime is given."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from colorize_cli.errors import ImageError
from colorize_cli.imaging.area_resample import to_working
from colorize_cli.imaging.bit_depth import eight_bits
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.lab import (
    Float,
    lightness,
    lightness_table,
)
from colorize_cli.imaging.photo_kind import kind_of
from colorize_cli.imaging.picture_key import picture_key
from colorize_cli.imaging.shrink import shrunk
from colorize_cli.model.colorizer import Colorizer, Prepared
from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import Photo, read_photo

from ..data.degrade import grey as greys
from ..data.lab import lab_from_linear, linear_from_levels
from ..data.row_draws import RowDraws
from ..data.shards import iter_photos
from .metrics import RGB
from .selection import Selection

# Share of the degraded photos, of those not on orthochromatic film, whose grey is luma.
_LUMA = 0.5


@dataclass(frozen=True, eq=False)
class ColourPhoto:
    """A colour photograph, and the grey one that is coloured to be compared with it.

    Attributes:
        index: position in the order of reading.
        name: SET/STEM.suffix.
        truth: (H, W, 3) the colour photo.
        grey: the input.
        prepared: the input as the network takes it.
    """

    index: int
    name: str
    truth: RGB
    grey: Photo
    prepared: Prepared

    def at(self, side: int | None) -> Self:
        """Give the photo, its input and its place on the grid as they are judged, see `shrunk`."""
        truth = shrunk(self.truth, side)
        if truth is self.truth:
            return self
        grey = replace(self.grey, pixels=shrunk(eight_bits(self.grey.pixels), side))
        height, width = grey.pixels.shape
        scale = self.prepared.frame.scale * self.truth.shape[0] / height
        frame = replace(self.prepared.frame, height=height, width=width, scale=scale)
        return replace(self, truth=truth, grey=grey, prepared=replace(self.prepared, frame=frame))


def read_inputs(
    paths: Sequence[Path],
    selection: Selection,
    colorizer: Colorizer,
    degraded: bool,
    leave_out: Callable[[str, str], None],
) -> Iterator[ColourPhoto]:
    """Read the photographs that were selected.

    Args:
        paths: folders, tar shards, files.
        selection: which of them.
        colorizer: prepares the inputs.
        degraded: whether the inputs are those of old prints.
        leave_out: called with the name of a photo that cannot be measured, and why.

    Raises:
        UsageError: the paths cannot be read.
    """
    for index, (name, data) in enumerate(iter_photos(paths)):
        if index not in selection.indices:
            continue
        try:
            photo = read_photo(data)
        except ImageError as error:
            leave_out(name, str(error))
            continue
        if not photo.is_colour:
            leave_out(name, "it is grey")
            continue
        if kind_of(photo.pixels, is_colour=True) == "toned":
            leave_out(name, "it is a toned print, as sepia is, and no truth")
            continue
        truth = eight_bits(photo.pixels)
        levels = old_print_of(truth, photo.digest) if degraded else grey_of(truth)
        grey = replace(photo, pixels=levels, alpha=None, is_colour=False)
        yield ColourPhoto(index, name, truth, grey, colorizer.prepare(grey))


def photo_of_crop(index: int, name: str, truth: RGB, digest: str, multiple: int) -> ColourPhoto:
    """Take a crop for a photo, seen at the square root of its own area, as a run in training does.

    Args:
        index: position among the crops.
        name: SET/NAME.
        truth: (H, W, 3) uint8 sRGB.
        digest: SHA-256 (hex) of the file that it is of.
        multiple: what the sides of the network's input are multiples of, in pixels.
    """
    height, width = truth.shape[:2]
    levels = grey_of(truth)
    frame = frame_for(height, width, math.isqrt(height * width), multiple)
    L = to_working(levels, frame)
    grey = Photo(levels, None, Metadata(), "png", bytes.fromhex(digest), is_colour=False)
    return ColourPhoto(index, name, truth, grey, Prepared(L, frame, picture_key(L, frame)))


def grey_of(truth: RGB) -> NDArray[np.uint8]:
    """Take the colour out: (H, W, 3) sRGB to the (H, W) neutral levels of the nearest L*."""
    return _nearest_levels(lightness(truth))


def old_print_of(truth: RGB, digest: bytes) -> NDArray[np.uint8]:
    """Make the grey of an old print: (H, W, 3) sRGB to (H, W) neutral levels.

    As in training, with `training.data.degrade`: a third is on orthochromatic film; then each of
    soft focus, fading, hard paper, vignetting, grain and JPEG is drawn with a strength of its own.

    Args:
        truth: the colour photo.
        digest: of its file, which seeds the choices.
    """
    draws = RowDraws.alone(np.random.default_rng(list(digest)), 1)
    rgb = torch.from_numpy(truth).permute(2, 0, 1)[None]
    linear = linear_from_levels(rgb)
    L = greys(rgb, linear, lab_from_linear(linear)[:, 0], _LUMA, 1.0, draws)
    return _nearest_levels(L[0].numpy())


def _nearest_levels(L: Float) -> NDArray[np.uint8]:
    levels = lightness_table(256)
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, L).astype(np.uint8)
