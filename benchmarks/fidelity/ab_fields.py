"""Make grey photos, and the ab fields to colour them with: their own, or random ones."""

from collections.abc import Callable

import cv2
import numpy as np

from colorize_cli.imaging.area_resample import resample, to_grid
from colorize_cli.imaging.frame import Frame
from colorize_cli.imaging.lab import Float, Pixels, lab_from_rgb, lightness, lightness_table

SIZE, GRID = 192, 4


def grey_of(rgb: Pixels, dtype: type[np.unsignedinteger]) -> Pixels:
    """Make the neutral picture with the L of `rgb`, to the nearest level."""
    table = lightness_table(np.iinfo(dtype).max + 1)
    return np.interp(lightness(rgb), table, np.arange(len(table))).round().astype(dtype)


def field_of(rgb: Pixels, frame: Frame) -> Float:
    """Average the true ab over the cells of the grid; the result is (2, h, w)."""
    planes = np.moveaxis(lab_from_rgb(rgb), -1, 0)[1:]
    return np.stack([to_grid(resample(reader(p), frame), GRID) for p in planes])


def reader(plane: Float) -> Callable[[int, int], Float]:
    """Make the function that reads rows of a plane."""
    return lambda top, bottom: plane[top:bottom]


def random_field(kind: str, sigma: float, frame: Frame, seed: int) -> Float:
    """Draw a random ab field: noise in each cell, or blurred over 3 cells."""
    shape = (2, frame.padded_height // GRID, frame.padded_width // GRID)
    field = np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)
    if kind == "smooth":
        field = np.stack([cv2.GaussianBlur(channel, (0, 0), 3) for channel in field])
    return field * np.float32(sigma / field.std())
