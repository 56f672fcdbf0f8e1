#!/usr/bin/env python3
"""Fuzz the readers of ICC profiles: any bytes have an answer, and pixels of any profile stay so."""

import sys

import atheris

with atheris.instrument_imports(include=["colorize_cli.photos"]):
    from colorize_cli.photos.colour import icc
    from colorize_cli.photos.colour.transform import srgb_pixels

import warnings

import numpy as np

warnings.simplefilter("error")
_GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
_PIXELS = (_GREY, np.dstack([_GREY, _GREY[::-1], _GREY.T]), _GREY.astype(np.uint16) * 257)


def test_one_input(data: bytes) -> None:
    """Ask a profile for all that is asked of one, and bring pixels to sRGB by it."""
    icc.name_of(data)
    icc.misfit(data)
    for pixels in _PIXELS:
        changed = srgb_pixels(data, pixels)
        assert changed is None or (changed.shape, changed.dtype) == (pixels.shape, pixels.dtype)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
