"""What is no longer true of a colouring is not said of it."""

import struct

import pytest
from made import pictures
from made.carriers import recolored
from made.exif_blocks import block_of_adobe_rgb
from made.xmp_values import properties
from PIL import Image

from colorize_cli.photos.exif import EXIF_IFD, GPS_IFD, INTEROP_IFD, read_tags
from colorize_cli.photos.metadata import Metadata, settle
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.untrue import true_exif, true_iptc

CAMERA = "http://ns.google.com/photos/1.0/camera/"
CONTAINER = "http://ns.google.com/photos/1.0/container/"
GAIN = "http://ns.adobe.com/hdr-gain-map/1.0/"
ORDERS = pytest.mark.parametrize("order", [">", "<"], ids=["big-endian", "little-endian"])


@ORDERS
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff"])
def test_exif_of_adobe_rgb_and_of_grey_says_srgb(format: str, order: str) -> None:
    data = pictures.encode(pictures.grey(), "JPEG", exif=b"Exif\0\0" + block_of_adobe_rgb(order))
    tags = pictures.opened(recolored(data, format)).getexif()
    inner = tags.get_ifd(EXIF_IFD)
    assert inner[0xA001] == 1
    assert inner[0x9003] == "2004:05:06 07:08:09"
    assert not {0x9102, 0xA500} & inner.keys()
    assert tags[0x010F] == "Maker"
    assert not {0x013E, 0x013F} & tags.keys()
    assert tags.get_ifd(GPS_IFD)[1] == "N"  # its code is that of the interoperability index
    if format != "tiff":  # which has tags of that kind for its own pixels
        assert not {0x0102, 0x0106, 0x0115} & tags.keys()
    (found,) = [tag for tag in read_tags(tags_of(recolored(data, format))) if tag.code == EXIF_IFD]
    (interop,) = [tag for tag in found.children if tag.code == INTEROP_IFD]
    assert [tag.value for tag in interop.children] == [b"R98\0", b"0100"]


def tags_of(data: bytes) -> bytes:
    return read_photo(data).metadata.exif or b""


@ORDERS
def test_a_maker_note_stays_where_it_was(order: str) -> None:
    block = block_of_adobe_rgb(order)
    changed = true_exif(block)
    assert len(changed) == len(block)
    assert changed.index(b"NOTE1234") == block.index(b"NOTE1234")
    assert true_exif(changed) == changed


@ORDERS
def test_exif_that_is_true_is_not_touched(order: str) -> None:
    block = pictures.exif(1, order)
    assert true_exif(block) == block


def xmp_with(space: str, attributes: str, inner: str = "") -> bytes:
    head, tail = pictures.XMP.split(b'tiff:Orientation="6"')
    middle = f'xmlns:s="{space}" {attributes} tiff:Orientation="6"'.encode()
    tail = tail.replace(b"/></rdf:RDF", b">" + inner.encode() + b"</rdf:Description></rdf:RDF")
    return head + middle + tail


KEPT = {"{http://ns.adobe.com/tiff/1.0/}Orientation": "6"}
KEPT |= {"{http://purl.org/dc/elements/1.1/}format": "café"}


@pytest.mark.parametrize(
    ("packet", "warnings"),
    [
        (
            xmp_with(
                CAMERA,
                's:MotionPhoto="1" s:MotionPhotoVersion="1"',
                f'<c:Directory xmlns:c="{CONTAINER}"><rdf:Seq/></c:Directory>',
            ),
            ("the film of a motion photo is left out",),
        ),
        (xmp_with(CAMERA, 's:MicroVideo="1"'), ("the film of a motion photo is left out",)),
        (xmp_with(CAMERA, 's:MotionPhoto="0"'), ()),
        (
            xmp_with(GAIN, 's:Version="1.0"', "<s:GainMapMax>2</s:GainMapMax>"),
            ("the gain map of an HDR picture is left out",),
        ),
        (
            xmp_with(
                "http://ns.adobe.com/photoshop/1.0/",
                's:ColorMode="1"',
                "<s:ICCProfile>Dot Gain 20%</s:ICCProfile>",
            ),
            (),
        ),
        (xmp_with("http://ns.adobe.com/exif/1.0/", 's:ColorSpace="65535"'), ()),
        (xmp_with("http://ns.adobe.com/xap/1.0/", "", "<s:Thumbnails>aGk=</s:Thumbnails>"), ()),
    ],
)
def test_xmp_that_no_longer_holds_goes(packet: bytes, warnings: tuple[str, ...]) -> None:
    photo = read_photo(pictures.encode(pictures.grey(), "JPEG", xmp=packet))
    assert photo.metadata.xmp is not None
    assert properties(photo.metadata.xmp) == KEPT
    assert photo.warnings == warnings


def test_sides_in_xmp_go_when_they_change_places() -> None:
    packet = xmp_with("http://ns.adobe.com/exif/1.0/", 's:PixelXDimension="44"')
    for orientation in (1, 3, 6):
        metadata = Metadata(exif=pictures.exif(orientation), xmp=packet)
        settled, _, _ = settle(metadata)
        is_there = "{http://ns.adobe.com/exif/1.0/}PixelXDimension" in properties(
            settled.xmp or b""
        )
        assert is_there == (orientation < 5)


def test_xmp_that_cannot_be_read_is_kept_as_it_is_and_told() -> None:
    packet = b"<x:xmpmeta>" + "Köln".encode("latin-1")
    photo = read_photo(pictures.encode(pictures.grey(), "JPEG", xmp=packet))
    assert photo.metadata.xmp == packet
    assert photo.warnings[0].startswith("XMP kept unread: it is no well-formed XML")


def test_previews_in_iptc_go() -> None:
    preview = b"\x1c\x02\xc8\0\x02\0\x0b\x1c\x02\xca" + struct.pack(">HI", 0x8004, 70_000)
    preview += bytes(70_000)
    assert true_iptc(pictures.IPTC + preview) == pictures.IPTC
    assert true_iptc(preview + pictures.IPTC) == pictures.IPTC
    for odd in (b"", b"\x1c", b"none", pictures.IPTC + b"\0\0", pictures.IPTC[:-2]):
        assert true_iptc(odd) == odd


def test_a_thumbnail_of_the_grey_photo_is_not_shown() -> None:
    image = pictures.opened(
        recolored(pictures.encode(pictures.grey(), "JPEG", exif=pictures.exif()), "jpeg")
    )
    assert isinstance(image, Image.Image)
    assert not image.getexif().get_ifd(1)
