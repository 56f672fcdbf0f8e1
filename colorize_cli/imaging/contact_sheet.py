"""A contact sheet: pictures side by side, a row for each photo, with headings and names."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .thumbnail import RGB, thumbnail

_GAP = 6  # pixels of white around a picture
_LINE = 26  # pixels that a line of text takes
_TEXT, _WEIGHT, _BOLD = 15, 400, 700  # size in pixels, and how heavy
_INK, _FAINT, _PAPER = (34, 34, 34), (120, 120, 120), 255


@dataclass(frozen=True)
class Group:
    """Columns that have a heading in common.

    Attributes:
        heading: above them.
        labels: of each column.
    """

    heading: str
    labels: Sequence[str]


@dataclass(frozen=True, eq=False)
class Row:
    """A row of pictures.

    Attributes:
        name: above it.
        pictures: (H, W, 3) sRGB of any size, one for each column; None for an empty place.
    """

    name: str
    pictures: Sequence[RGB | None]


def contact_sheet(groups: Sequence[Group], rows: Sequence[Row], side: int) -> RGB:
    """Lay pictures out.

    Args:
        groups: the columns, from left to right.
        rows: with as many pictures as there are columns.
        side: of the square that a picture is fitted into, in pixels.

    Returns:
        (H, W, 3) sRGB. Text that is too long for its place is cut.
    """
    step = side + _GAP
    columns = sum(len(group.labels) for group in groups)
    shrunk = [[None if p is None else thumbnail(p, side) for p in row.pictures] for row in rows]
    heights = [max((len(p) for p in row if p is not None), default=_LINE) for row in shrunk]
    tall = 2 * _LINE + sum(_LINE + height + _GAP for height in heights) + _GAP
    sheet = np.full((tall, columns * step + _GAP, 3), _PAPER, np.uint8)
    x = _GAP
    for group in groups:
        _write(sheet, group.heading, x, 0, step * len(group.labels) - _GAP, _INK, _BOLD)
        for label in group.labels:
            _write(sheet, label, x, _LINE, side, _FAINT)
            x += step
    top = 2 * _LINE
    for row, pictures, height in zip(rows, shrunk, heights, strict=True):
        _write(sheet, row.name, _GAP, top, sheet.shape[1] - 2 * _GAP, _INK)
        for column, picture in enumerate(pictures):
            if picture is not None:
                h, w = picture.shape[:2]
                y = top + _LINE + (height - h) // 2
                x = _GAP + column * step + (side - w) // 2
                sheet[y : y + h, x : x + w] = picture
        top += _LINE + height + _GAP
    return sheet


def _write(
    sheet: RGB,
    text: str,
    x: int,
    top: int,
    width: int,
    ink: tuple[int, int, int],
    weight: int = _WEIGHT,
) -> None:
    """Write a line of text into a box of the sheet, in a typeface that has most scripts."""
    box = np.ascontiguousarray(sheet[top : top + _LINE, x : x + width])
    place = (0, _LINE - _TEXT // 2)
    cv2.putText(box, text, place, ink, cv2.FontFace("sans"), _TEXT, weight)
    sheet[top : top + _LINE, x : x + width] = box
