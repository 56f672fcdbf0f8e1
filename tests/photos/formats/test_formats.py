import subprocess
import sys
from typing import get_args

import pytest
from made import pictures
from made.carriers import (
    enlarged,
    error_of,
)
from made.pictures import Picture

from colorize_cli.cli.commands.colorize import SAME_FORMAT, FormatName
from colorize_cli.errors import ImageError
from colorize_cli.photos.formats import CHOICES, FORMATS, SUFFIXES, listed, sniff
from colorize_cli.photos.formats import format as limits
from colorize_cli.photos.write import output_suffix

CORPUS = pictures.corpus()


@pytest.mark.parametrize("picture", CORPUS, ids=str)
def test_the_first_bytes_tell_the_format(picture: Picture) -> None:
    assert sniff(picture.data[: limits.SNIFF_BYTES]) == picture.format


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a\4\0\4\0" + bytes(36), "truncated"),
        (b"GIF89a" + bytes(40), "no pixels"),
        (b"GIF87 is no picture", "not a JPEG"),
        (b"BM is how this text begins, and it is no picture", "not a JPEG"),
        (b"\xff\xd8\xff\xd9", "no picture"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"II*\0", "TIFF"),
        (b"RIFF\x04\0\0\0WEBP", "truncated"),
    ],
)
def test_what_is_no_photo_is_said(data: bytes, words: str) -> None:
    assert words in error_of(data)


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "bmp"])
def test_absurd_sizes_are_refused_before_memory_is_taken(format: str) -> None:
    assert "megapixels" in error_of(enlarged(format, 65_000))
    assert "no pixels" in error_of(enlarged(format, 0))


def test_the_limit_on_size_is_not_in_the_way_of_large_scans() -> None:
    limits.check_size(16_384, 16_384)
    with pytest.raises(ImageError, match="megapixels"):
        limits.check_size(16_385, 16_384)


@pytest.mark.parametrize(
    ("format", "suffix", "expected"),
    [
        ("jpeg", ".JPG", ".JPG"),
        ("jpeg", ".jpeg", ".jpeg"),
        ("jpeg", ".tif", ".jpg"),
        ("tiff", ".TIFF", ".TIFF"),
        ("tiff", ".png", ".tif"),
        ("png", ".jpg", ".png"),  # a PNG under another's name
        ("webp", "", ".webp"),
        ("bmp", ".dib", ".dib"),
    ],
)
def test_the_suffix_keeps_the_sources_spelling(format: str, suffix: str, expected: str) -> None:
    assert output_suffix(format, suffix) == expected


def test_the_command_line_offers_the_choices_of_the_table() -> None:
    meant = {SAME_FORMAT.get(name, name) for name in get_args(FormatName)}
    assert meant == {"keep", *CHOICES}


def test_no_two_formats_share_a_suffix() -> None:
    assert len(SUFFIXES) == sum(len(format.suffixes) for format in FORMATS.values())


def test_all_formats_are_listed_for_people() -> None:
    assert listed("or").startswith("JPEG, PNG, TIFF, WebP")
    assert " and " in listed("and")
    assert all(format.title in listed("or") for format in FORMATS.values())


def test_looking_for_photographs_loads_no_tifffile() -> None:
    code = "import sys, colorize_cli.batch.scan; sys.exit('tifffile' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
