#!/usr/bin/env python3
"""Fuzz the photo reader: any bytes are a photo that can be written again, or an ImageError."""

import sys

import atheris

with atheris.instrument_imports(include=["colorize_cli", "tifffile"]):
    import tifffile  # noqa: F401

    from colorize_cli.errors import ImageError
    from colorize_cli.photos.limits import Limits, limited_to
    from colorize_cli.photos.read import read_pages, read_photo
    from colorize_cli.photos.write import encode_photo

import warnings

import cv2

warnings.simplefilter("error")


def test_one_input(data: bytes) -> None:
    """Read all pages, whole or not, and write the first in its own format."""
    try:
        with limited_to(Limits(pixels=1 << 24, memory=1 << 30)):
            for page in read_pages(data, salvages=True):
                assert page.pixels.size
            photo = read_photo(data)
        pixels = photo.pixels
        rgb = pixels if pixels.ndim == 3 else cv2.merge([pixels] * 3)
        written = encode_photo(rgb, photo, photo.format)
    except ImageError:
        return
    assert read_photo(written).pixels.shape[:2] == pixels.shape[:2]


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
