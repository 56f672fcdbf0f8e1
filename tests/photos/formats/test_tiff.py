import io

import numpy as np
import pytest
import tifffile
from made import pictures
from made.carriers import (
    error_of,
    recolored,
    source,
)
from PIL import Image

from colorize_cli.photos.formats import FORMATS
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import encode_photo


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "raw"])
def test_orientation_of_a_tiff_does_not_depend_on_who_decompresses(
    compression: str, orientation: int
) -> None:
    stored = pictures.stored_as(pictures.grey(), orientation)
    options = {"quality": 100} if compression == "jpeg" else {}
    data = pictures.encode(
        stored, "TIFF", compression=compression, tiffinfo={274: orientation}, **options
    )
    photo = read_photo(data)
    assert np.abs(photo.pixels.astype(int) - pictures.grey()).max() <= 2


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_without_meaning_turns_nothing(orientation: int) -> None:
    data = pictures.tiff(pictures.grey(), extratags=[(274, 3, 1, orientation, True)])
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())


def test_the_first_page_is_taken_with_a_warning() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for pixels in (pictures.grey(), 255 - pictures.grey()):
            writer.write(pixels, metadata=None)
    photo = read_photo(stream.getvalue())
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert photo.warnings == ("only the first page is used",)


def test_every_page_is_given_in_order_and_a_thumbnail_is_none() -> None:
    pages = [pictures.grey(), 255 - pictures.grey(), pictures.grey()[::-1]]
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(pictures.grey()[::4, ::4], metadata=None, subfiletype=1)
        for pixels in pages:
            writer.write(pixels, metadata=None, compression="zlib")
    found = list(FORMATS["tiff"].read_pages(stream.getvalue()))
    assert [page.pages for page in found] == [3, 3, 3]
    for page, pixels in zip(found, pages, strict=True):
        np.testing.assert_array_equal(page.pixels, pixels)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits"])
def test_every_page_is_unpacked_from_its_own_bytes(compression: str) -> None:
    pages = [pictures.grey(), 255 - pictures.grey()]
    frames = [Image.fromarray(pixels) for pixels in pages]
    stream = io.BytesIO()
    options = {"compression": compression, "save_all": True, "append_images": frames[1:]}
    frames[0].save(stream, "TIFF", **options)
    found = [page.pixels for page in FORMATS["tiff"].read_pages(stream.getvalue())]
    np.testing.assert_array_equal(found, pages)


def test_a_thumbnail_before_the_photo_is_passed_over() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(pictures.grey()[::4, ::4], metadata=None, subfiletype=1)
        writer.write(pictures.grey(), metadata=None)
    photo = read_photo(stream.getvalue())
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert photo.warnings == ()


def test_alpha_that_was_multiplied_into_the_colours_is_divided_out() -> None:
    opacity = np.full_like(pictures.grey(), 128)
    opacity[:5] = 0
    multiplied = np.rint(pictures.color() * (opacity[..., None] / 255)).astype(np.uint8)
    data = pictures.tiff(
        np.dstack([multiplied, opacity]), photometric="rgb", extrasamples=["assocalpha"]
    )
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.alpha, opacity)
    assert np.abs(photo.pixels[5:].astype(int) - pictures.color()[5:]).max() <= 2
    assert not photo.pixels[:5].any()


def test_channels_beyond_colour_and_alpha_are_dropped_with_a_warning() -> None:
    data = pictures.tiff(
        np.dstack([pictures.color(), pictures.grey()]),
        photometric="rgb",
        extrasamples=["unspecified"],
    )
    photo = read_photo(data)
    assert photo.alpha is None
    np.testing.assert_array_equal(photo.pixels, pictures.color())
    assert photo.warnings == ("1 extra channels dropped",)


@pytest.mark.parametrize("kind", [np.int16, np.int32, np.uint64])
def test_other_numbers_than_8_and_16_bits_are_named(kind: type) -> None:
    assert "8 or 16 bits" in error_of(pictures.tiff(pictures.grey().astype(kind)))


def test_a_16_bit_grey_tiff_becomes_a_16_bit_colour_tiff() -> None:
    photo = read_photo(pictures.tiff(pictures.grey(16), compression="zlib"))
    data = encode_photo(pictures.color(16), photo, photo.format)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(data)), pictures.color(16))


@pytest.mark.parametrize("options", [{"compression": "raw"}, {"compression": "tiff_lzw"}, {}])
def test_a_tiff_is_compressed_where_the_source_was(options: dict[str, str]) -> None:
    photo = read_photo(pictures.encode(pictures.grey(), "TIFF", **options))
    data = encode_photo(pictures.color(), photo, "tiff")
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        page = tif.pages.first
        was_packed = options.get("compression") == "tiff_lzw"
        assert page.compression == (8 if was_packed else 1)
        assert page.predictor == (2 if was_packed else 1)


def test_a_tiff_keeps_description_date_and_iptc() -> None:
    data = recolored(source("tiff"), "tiff")
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        tags = tif.pages.first.tags
        assert tags[270].value == "A market"
        assert tags[306].value == "1931:12:15 10:20:30"
        assert tags[33723].value == pictures.IPTC
        assert tags[282].value == (200, 1)
        assert tags[296].value == 2
        assert 305 not in tags  # nobody claims to be the scanner's software
        np.testing.assert_array_equal(tif.pages.first.asarray(), pictures.color())


@pytest.mark.parametrize(
    "note", ['{"shape": [30, 44]}', "ImageJ=1.53t\nimages=1\n", '<?xml version="1.0"?><OME/>']
)
def test_a_note_of_the_arrays_shape_does_not_outlive_the_shape(note: str) -> None:
    data = pictures.tiff(pictures.grey(), description=note)
    written = recolored(data, "tiff")
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(written)), pictures.color())


def test_a_bigtiff_keeps_its_plain_tags_and_says_what_it_loses() -> None:
    data = pictures.tiff(
        pictures.grey(), bigtiff=True, extratags=[(315, 2, 0, b"Anna\0", True)], resolution=(96, 96)
    )
    photo = read_photo(data)
    assert photo.warnings == ()
    image = pictures.opened(encode_photo(pictures.color(), photo, "tiff"))
    assert image.tag_v2[315] == "Anna"
