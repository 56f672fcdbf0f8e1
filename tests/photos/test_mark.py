"""Colourings say what made them, in the words of IPTC, and their pixels do not change by it."""

import dataclasses

import numpy as np
import pytest
from made import pictures
from made.carriers import photo_of, source
from made.xmp_values import properties

from colorize_cli import __version__
from colorize_cli.photos.mark import IPTC, OWN, SOURCE_TYPE, Mark
from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo, losses

MARK = Mark("b1" * 32, 7, 3)
SAID = {
    f"{{{IPTC}}}DigitalSourceType": SOURCE_TYPE,
    f"{{{IPTC}}}AISystemUsed": "colorize",
    f"{{{IPTC}}}AISystemVersionUsed": __version__,
    f"{{{OWN}}}Bundle": "b1" * 32,
    f"{{{OWN}}}Seed": "7",
    f"{{{OWN}}}Sample": "3",
}
HOLDERS = ("jpeg", "png", "tiff", "webp", "avif", "jxl")


def xmp_of(data: bytes) -> bytes:
    return read_photo(data).metadata.xmp or b""


@pytest.mark.parametrize("format", HOLDERS)
@pytest.mark.parametrize("carrier", [None, "jpeg"])
def test_a_mark_is_added_to_what_the_photo_carries(format: str, carrier: str | None) -> None:
    photo = read_photo(source(carrier, 1)) if carrier else photo_of(pictures.grey())
    with_mark = encode_photo(pictures.color(), photo, format, MARK)
    without = encode_photo(pictures.color(), photo, format)
    assert properties(xmp_of(with_mark)) == SAID | (properties(xmp_of(without)) if carrier else {})
    before, after = read_photo(without), read_photo(with_mark)
    np.testing.assert_array_equal(after.pixels, before.pixels)
    assert dataclasses.replace(after.metadata, xmp=None) == dataclasses.replace(
        before.metadata, xmp=None
    )
    assert encode_photo(pictures.color(), photo, format, MARK) == with_mark


def test_another_library_reads_the_mark() -> None:
    data = encode_photo(pictures.color(), photo_of(pictures.grey()), "jpeg", MARK)
    assert properties(pictures.opened(data).info["xmp"]) == SAID
    data = encode_photo(pictures.color(), photo_of(pictures.grey()), "png", MARK)
    assert properties(pictures.opened(data).info["XML:com.adobe.xmp"].encode()) == SAID
    data = encode_photo(pictures.color(), photo_of(pictures.grey()), "avif", MARK)
    assert properties(pictures.opened(data).info["xmp"]) == SAID


def test_a_format_without_xmp_has_the_mark_in_a_comment() -> None:
    data = encode_photo(pictures.color(), photo_of(pictures.grey()), "pnm", MARK)
    assert read_photo(data).metadata.comments == (("Comment", str(MARK)),)
    assert SOURCE_TYPE in str(MARK)
    assert f"bundle {'b1' * 32}, seed 7, sample 3" in str(MARK)
    plain = encode_photo(pictures.color(), photo_of(pictures.grey()), "bmp")
    assert encode_photo(pictures.color(), photo_of(pictures.grey()), "bmp", MARK) == plain


def test_what_the_photo_said_of_its_source_is_kept() -> None:
    prior = "http://cv.iptc.org/newscodes/digitalsourcetype/print"
    said = f'xmlns:e="{IPTC}" e:DigitalSourceType="{prior}" tiff:Or'
    packet = pictures.XMP.replace(b"tiff:Or", said.encode(), 1)
    photo = read_photo(pictures.encode(pictures.grey(), "JPEG", xmp=packet))
    once = encode_photo(pictures.color(), photo, "jpeg", MARK)
    expected = {**SAID, f"{{{OWN}}}PriorSourceType": prior}
    assert expected.items() <= properties(xmp_of(once)).items()
    again = dataclasses.replace(photo, metadata=read_photo(once).metadata)
    twice = encode_photo(pictures.color(), again, "jpeg", Mark("c2" * 32, 7, 3))
    expected[f"{{{OWN}}}Bundle"] = "c2" * 32
    assert expected.items() <= properties(xmp_of(twice)).items()


def with_xmp(packet: bytes) -> Photo:
    return dataclasses.replace(photo_of(pictures.grey()), metadata=Metadata(xmp=packet))


def test_xmp_that_cannot_be_read_stays_and_the_mark_is_a_comment() -> None:
    again = read_photo(encode_photo(pictures.color(), with_xmp(b"<odd"), "png", MARK)).metadata
    assert again.xmp == b"<odd"
    assert again.comments == (("Comment", str(MARK)),)


def test_the_mark_takes_the_place_of_xmp_that_a_jpeg_has_no_room_for() -> None:
    remark = b"<!--" + b" " * 70_000 + b"-->"  # no property that could be moved
    packet = pictures.XMP.replace(b"<rdf:RDF", remark + b"<rdf:RDF")
    data = encode_photo(pictures.color(), with_xmp(packet), "jpeg", MARK)
    assert properties(xmp_of(data)) == SAID


def test_xmp_that_just_fits_a_jpeg_is_extended_for_the_mark() -> None:
    packet = pictures.XMP.replace(b"caf\xc3\xa9", b"e" * 65_100)
    data = encode_photo(pictures.color(), with_xmp(packet), "jpeg", MARK)
    assert properties(xmp_of(data)) == SAID | properties(packet)


@pytest.mark.parametrize("format", ["webp", "avif", "png"])
def test_a_mark_that_has_no_place_is_told(format: str) -> None:
    photo = with_xmp(b"<odd")
    is_there = b"b1" * 32 in encode_photo(pictures.color(), photo, format, MARK)
    assert is_there or format != "png"
    told = any("no place for a mark" in loss for loss in losses(photo, format))
    assert told == (format != "png")
    assert losses(with_xmp(pictures.XMP), format) == ()


def test_a_mark_has_the_saturation_where_the_colours_were_given_one() -> None:
    photo = photo_of(pictures.grey())
    mark = dataclasses.replace(MARK, saturation=1.25)
    data = encode_photo(pictures.color(), photo, "jpeg", mark)
    assert properties(xmp_of(data)) == SAID | {f"{{{OWN}}}Saturation": "1.25"}
    comment = read_photo(encode_photo(pictures.color(), photo, "pnm", mark)).metadata.comments
    assert "sample 3, saturation 1.25)" in comment[0][1]
    assert "saturation" not in str(MARK)
