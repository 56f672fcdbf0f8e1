"""JPEG 2000, AVIF, GIF, and with an extra each HEIC, JPEG XL and raw files."""

import io
import struct
import sys
from contextlib import suppress
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pillow_heif
import pytest
import rawpy
import tifffile
from made import pictures
from made.carriers import error_of
from made.kinds import Kind, kinds, picture
from PIL import Image

from colorize_cli.errors import ImageError
from colorize_cli.photos.exif import read_tags
from colorize_cli.photos.formats import FORMATS as FORMATS_BY_NAME
from colorize_cli.photos.formats.boxed.boxes import box
from colorize_cli.photos.formats.boxed.properties import largest_size, properties
from colorize_cli.photos.formats.format import Page
from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo, losses

FORMATS = ("jp2", "avif", "gif", "heic", "jxl")


def kind_of(format: str) -> Kind:
    return next(kind for kind in kinds() if kind.format == format)


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_ends_early_is_an_error(format: str) -> None:
    data = picture(kind_of(format)).data
    whole = read_photo(data).pixels
    for end in {*range(12, len(data), max(len(data) // 25, 1)), len(data) - 9}:
        with suppress(ImageError):
            np.testing.assert_array_equal(read_photo(data[:end]).pixels, whole)


@pytest.mark.parametrize("format", ["jp2", "avif", "heic", "jxl"])
@pytest.mark.parametrize("size", [17, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_a_box_that_is_longer_than_a_file_can_be_is_damage(format: str, size: int) -> None:
    signature = b"\0\0\0\x0cJXL \r\n\x87\n"
    if format != "jxl":  # which is without boxes as it is made here
        data = picture(kind_of(format)).data
        signature = data[: int.from_bytes(data[:4], "big")]
    box_of_that_size = (1).to_bytes(4, "big") + b"free" + size.to_bytes(8, "big")
    assert error_of(signature + box_of_that_size)
    assert error_of(signature + box_of_that_size + bytes(100))


@pytest.mark.parametrize("format", ["jp2", "avif", "jxl"])
@pytest.mark.parametrize("bits", [8, 16])
def test_what_is_written_loses_nothing_and_keeps_its_metadata(format: str, bits: int) -> None:
    metadata = Metadata(pictures.exif(1), pictures.XMP if format != "avif" else None)
    colours, opacity = (
        np.tile(pictures.color(bits), (2, 1, 1)),
        np.tile(pictures.alpha(bits), (2, 1)),
    )
    photo = Photo(colours[..., 0], opacity, metadata, format, b"", is_colour=False)
    assert losses(photo, format) == ()
    again = read_photo(encode_photo(colours, photo, format))
    off = 16 if (format, bits) == ("avif", 16) else 0  # it has 12 bits
    assert np.abs(again.pixels.astype(int) - colours).max() <= off
    assert again.alpha is not None
    assert np.abs(again.alpha.astype(int) - opacity).max() <= off
    assert again.metadata.xmp == metadata.xmp
    assert again.metadata.exif is not None
    kept, stored = (read_tags(block or b"") for block in (again.metadata.exif, metadata.exif))
    assert kept == stored
    assert again.warnings == ()


@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_of_more_than_8_bits_is_stretched_to_16(bits: int) -> None:
    levels = pictures.grey(bits)
    settings = [cv2.IMWRITE_AVIF_QUALITY, 100, cv2.IMWRITE_AVIF_DEPTH, bits]
    data = cv2.imencode(".avif", np.dstack([levels] * 3), settings)[1].tobytes()
    photo = read_photo(data)
    expected = (levels.astype(np.uint32) * 65_535 // ((1 << bits) - 1)).astype(np.uint16)
    assert np.abs(photo.pixels.astype(int) - expected).max() <= 2 * (65_535 >> bits)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["avif", "heic"])
def test_heif_is_turned_once_by_its_own_word(format: str, orientation: int) -> None:
    stored = pictures.stored_as(pictures.color(), orientation)
    block = b"Exif\0\0" + pictures.exif(orientation)
    stream = io.BytesIO()
    if format == "heic":
        pillow_heif.from_pillow(Image.fromarray(stored)).save(stream, quality=-1)
    pillow_heif.register_heif_opener()
    name = {"avif": "AVIF", "heic": "HEIF"}[format]
    data = pictures.encode(stored, name, exif=block, quality=100, subsampling="4:4:4")
    photo = read_photo(data)
    assert photo.pixels.shape == pictures.color().shape
    assert np.median(np.abs(photo.pixels.astype(int) - pictures.color())) <= 4
    turned = [tag.value for tag in read_tags(photo.metadata.exif or b"") if tag.code == 274]
    assert turned in ([], [b"\0\1"], [b"\1\0"])


def test_a_gif_keeps_its_transparency_and_comment_and_becomes_a_png() -> None:
    frames = [Image.fromarray(pictures.grey()), Image.fromarray(pictures.grey()[::-1])]
    stream = io.BytesIO()
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    frames[0].save(stream, "GIF", comment=b"A market", **options)
    photo = read_photo(stream.getvalue())
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert photo.metadata.comments == (("Comment", "A market"),)
    assert photo.warnings == ("only the first picture of the animation is used",)
    written = encode_photo(pictures.color(), photo, photo.format)
    assert written.startswith(b"\x89PNG")
    np.testing.assert_array_equal(np.asarray(pictures.opened(written)), pictures.color())
    rest = read_photo(stream.getvalue()[:-30])
    np.testing.assert_array_equal(rest.pixels, pictures.grey())
    assert "first picture" in rest.warnings[0]
    see_through = pictures.encode(np.dstack([pictures.color(), pictures.alpha()]), "GIF")
    found = read_photo(see_through).alpha
    assert found is not None
    np.testing.assert_array_equal(found == 0, pictures.alpha() == 0)


@pytest.mark.parametrize(
    ("format", "module", "extra"),
    [("heic", "pillow_heif", "heic"), ("jxl", "imagecodecs", "jxl"), ("raw", "rawpy", "raw")],
)
def test_a_format_whose_extra_is_missing_names_it(
    format: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    data = raw_file() if format == "raw" else picture(kind_of(format)).data
    assert f"install colorize-cli[{extra}]" in error_of(data)


def raw_file() -> bytes:
    """A DNG of a grey ramp, as a sensor behind red, green and blue filters sees it."""
    ramp = np.repeat(np.linspace(0, 60_000, 64, dtype=np.uint16)[None], 48, axis=0)
    identity = [n for i in range(3) for j in range(3) for n in (int(i == j), 1)]
    tags = [
        (50706, 1, 4, b"\1\4\0\0", True),
        (50708, 2, 0, "A camera", True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, b"\0\1\1\2", True),
        (50721, 10, 9, identity, True),
        (50728, 5, 3, (1, 1, 1, 1, 1, 1), True),
        (315, 2, 0, "Anna", True),
    ]
    return pictures.tiff(ramp, photometric=32803, extratags=tags)


def test_a_raw_file_is_developed_and_becomes_a_tiff() -> None:
    photo = read_photo(raw_file())
    assert photo.pixels.dtype == np.uint16
    assert photo.pixels.shape[:2] == (48, 64)
    row = photo.pixels[24] if photo.pixels.ndim == 2 else photo.pixels[24, :, 1]
    assert np.all(np.diff(row[4:-4].astype(int)) >= 0)
    with rawpy.imread(io.BytesIO(raw_file())) as raw:
        even = raw.postprocess(use_camera_wb=True, output_bps=16, no_auto_bright=True, gamma=(1, 1))
    light = even[24, 8:-8, 1] / 65_535
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(row[8:-8] / 65_535 - expected).max() < 0.003
    assert "developed" in photo.warnings[0]
    assert next(iter(FORMATS_BY_NAME["tiff"].read_pages(raw_file()))).is_srgb
    rgb = np.dstack([row[None].repeat(48, 0)] * 3)
    written = encode_photo(rgb, photo, photo.format)
    with tifffile.TiffFile(io.BytesIO(written)) as tif:
        assert tif.pages.first.tags[315].value == "Anna"


def test_a_jpeg_xl_of_floating_point_is_read_by_its_white() -> None:
    data = bytes(imagecodecs.jpegxl_encode(pictures.grey(16) / np.float32(65_535), lossless=True))
    photo = read_photo(data)
    assert photo.pixels.dtype == np.uint16
    assert np.abs(photo.pixels.astype(int) - pictures.grey(16)).max() <= 1


@pytest.mark.parametrize("format", ["jp2", "avif", "jxl", "gif"])
def test_absurd_sizes_are_refused_before_memory_is_taken(format: str) -> None:
    data = bytearray(picture(kind_of(format)).data)
    if format == "jp2":
        place = data.index(b"\xff\x4f\xff\x51") + 8
        data[place : place + 8] = b"\0\1\0\0" * 2
    elif format == "avif":
        place = data.index(b"ispe") + 8
        data[place : place + 8] = b"\0\1\0\0" * 2
    elif format == "gif":
        data[6:10] = b"\xff\xff" * 2
    else:  # no small size, height of 30 bits
        data = bytearray(b"\xff\x0a" + (0b110 | 65_000 << 3 | 1 << 33).to_bytes(10, "little"))
    assert "megapixels" in error_of(bytes(data))


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind.format in FORMATS], ids=str)
def test_the_size_is_known_before_the_file_is_read(kind: Kind) -> None:
    made = picture(kind)
    header = FORMATS_BY_NAME[kind.format].measure(io.BytesIO(made.data))
    assert header is not None
    sides = header.height, header.width
    assert sides == ((64, 64) if kind.format == "heic" else made.pixels.shape[:2])  # as coded
    assert FORMATS_BY_NAME[kind.format].measure(io.BytesIO(made.data[:9])) is None


@pytest.mark.parametrize("title", ["Vladimir", "Whispering pines", "Spirotechnique", "av1C"])
@pytest.mark.parametrize("format", ["avif", "heic"])
def test_no_text_in_a_heif_file_is_taken_for_a_word_on_the_picture(format: str, title: str) -> None:
    block = Image.Exif()
    block[270] = f"{title}, summer of 1931"
    stream = io.BytesIO()
    image = Image.fromarray(pictures.grey())
    if format == "heic":
        pillow_heif.from_pillow(image).save(stream, quality=-1, exif=block.tobytes())
    else:
        image.save(stream, "AVIF", quality=100, exif=block.tobytes())
    for data in (stream.getvalue(), stream.getvalue() + b"\0\0\0\x0cfreeirot"):
        photo = read_photo(data)
        assert title.encode() in (photo.metadata.exif or b"")
        assert photo.pixels.shape == pictures.grey().shape
        assert np.abs(photo.pixels.astype(int) - pictures.grey()).max() <= 4
        header = FORMATS_BY_NAME[format].measure(io.BytesIO(data))
        assert header is not None
        assert max(header.width, header.height) < 1000


def test_only_the_turn_of_the_picture_that_is_shown_counts() -> None:
    def full(content: bytes, version: int = 0) -> bytes:
        return bytes([version, 0, 0, 0]) + content

    held = b"".join(
        box(kind, content)
        for kind, content in (
            (b"ispe", full(struct.pack(">II", 6, 4))),
            (b"irot", b"\1"),
            (b"ispe", full(struct.pack(">II", 60, 2))),
        )
    )
    of_items = b"\0\0\0\2" + b"\0\1\2\x01\x82" + b"\0\2\1\x03"
    for shown, kinds_of_it in (
        (1, [b"ispe", b"irot"]),
        (2, [b"ispe"]),
        (3, [b"ispe", b"irot", b"ispe"]),
    ):
        parts = box(b"ipco", held) + box(b"ipma", full(of_items))
        meta = full(box(b"pitm", full(bytes([0, shown]))) + box(b"iprp", parts))
        data = box(b"ftyp", b"avif" * 3) + box(b"mdat", b"irotispe" * 4) + box(b"meta", meta)
        every, own = properties(io.BytesIO(data))
        assert largest_size(every) == (60, 4)
        assert [kind for kind, _ in own] == kinds_of_it


@pytest.mark.parametrize("sides", [(40, 1), (1, 40), (1, 1)])
def test_a_picture_of_a_pixels_width_is_read(sides: tuple[int, int]) -> None:
    levels = np.random.default_rng(0).integers(0, 256, sides, dtype=np.uint8)
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(levels)).save(stream, quality=-1)
    for data in (stream.getvalue(), bytes(imagecodecs.jpegxl_encode(levels, lossless=True))):
        assert read_photo(data).pixels.shape == sides
    noise = np.random.default_rng(0).integers(0, 256, (sides[0] * 50, sides[1]), dtype=np.uint8)
    whole = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    assert read_photo(whole[:-6], salvages=True).pixels.shape == noise.shape


def test_a_raw_file_that_is_no_tiff_says_that_its_exif_is_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = Page(pictures.color(16), None, Metadata())
    monkeypatch.setattr("colorize_cli.photos.formats.tiff.raw.developed", lambda *_: page)
    assert "EXIF" in read_photo(b"IIRO" + bytes(40)).warnings[0]


def test_of_several_pictures_the_first_is_used_and_that_is_said() -> None:
    frames = np.stack([pictures.color(), pictures.color()[::-1]])
    image = pillow_heif.from_pillow(Image.fromarray(frames[0]))
    image.add_from_pillow(Image.fromarray(frames[1]))
    stream = io.BytesIO()
    image.save(stream, quality=-1)
    animation = bytes(imagecodecs.jpegxl_encode(frames, lossless=True))
    for data, words in ((stream.getvalue(), "main picture"), (animation, "first picture")):
        photo = read_photo(data)
        assert np.abs(photo.pixels.astype(int) - frames[0]).max() <= 8
        assert words in photo.warnings[0]


@pytest.mark.parametrize("format", ["jp2", "jxl"])
def test_the_size_is_not_taken_from_other_boxes(format: str) -> None:
    made = picture(kind_of(format))
    head = b"\0\0\0\x0cJXL \r\n\x87\n" + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    whole = made.data if format == "jp2" else head + box(b"jxlc", made.data)
    other = box(b"uuid", bytes(80_000) + b"ihdr" + b"\1" * 80 + b"jxlc\xff\x0a" + b"\xff" * 80)
    for spoiled in (other, box(b"uuid", b"ihdr" + b"\1" * 80 + b"jxlc\xff\x0a" + b"\xff" * 80)):
        data = whole[:32] + spoiled + whole[32:]  # behind the box `ftyp`
        header = FORMATS_BY_NAME[format].measure(io.BytesIO(data))
        assert header is not None
        assert (header.height, header.width) == made.pixels.shape[:2]
