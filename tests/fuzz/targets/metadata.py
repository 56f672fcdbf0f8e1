#!/usr/bin/env python3
"""Fuzz what is done with XMP, IPTC and comments: any bytes settle, and go into a JPEG and a PNG."""

import sys

import atheris

with atheris.instrument_imports(include=["colorize_cli.photos"]):
    from colorize_cli.photos.metadata import Metadata, iptc_of, settle
    from colorize_cli.photos.read import Photo, read_photo
    from colorize_cli.photos.write import encode_photo

import warnings

import numpy as np

warnings.simplefilter("error")
_RGB = np.zeros((2, 3, 3), np.uint8)


def test_one_input(data: bytes) -> None:
    """Split the input into parts of the metadata, settle them, write them and read them again."""
    parts = data.split(b"\xff\0\xff", 4)
    parts += [b""] * (5 - len(parts))
    exif, xmp, resources, icc, comment = parts
    text = comment.decode("utf-8", "replace").replace("\0", "")
    found = Metadata(
        exif or None, xmp or None, icc or None, iptc_of(resources), comments=(("Comment", text),)
    )
    settled, orientation, _ = settle(found)
    assert 1 <= orientation <= 8
    photo = Photo(_RGB, None, settled, "png", b"", is_colour=True)
    for format in ("jpeg", "png", "tiff", "webp"):
        assert read_photo(encode_photo(_RGB, photo, format)).pixels.shape[:2] == (2, 3)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
