#!/usr/bin/env python3
"""Fuzz the reader of EXIF blocks: any bytes can be turned upright and built anew, or ExifError."""

import sys

import atheris

with atheris.instrument_imports(include=["colorize_cli.photos"]):
    from colorize_cli.photos import exif, metadata


def test_one_input(data: bytes) -> None:
    """Read a block, turn it upright, and build it anew."""
    try:
        upright, orientation = exif.made_upright(data)
        assert len(upright) == len(data)
        assert orientation is None or 1 <= orientation <= 8
        metadata.exif_dpi(data)
        tags = exif.read_tags(upright)
        built = exif.build(tags, exif.byte_order(upright))
        assert len(exif.read_tags(built)) <= len(tags)  # empty sub-directories go
    except exif.ExifError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
