import base64
import io
import struct
import sys
from contextlib import suppress

import cv2
import imagecodecs
import numpy as np
import pytest
import simplejpeg
from made import pictures
from made.carriers import (
    error_of,
    named,
    photo_of,
)
from PIL import Image, JpegImagePlugin

from colorize_cli.errors import ImageError
from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import Photo, read_photo
from colorize_cli.photos.write import encode_photo, losses

# 32 x 24, 3 y + 2 x, of the lossless process (SOF3).
LOSSLESS = (
    "|JeWF01!$>Nk#wx0RR9200961|HA+a2mlxWAOQgp0RO}Q6#xMN0000000000000000006A|Jncu0RaF3005u"
    "TNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7"
    "!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNh"
    "Fd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al"
    "1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<"
    "B$7!al1U`eNhFd<B$7!al1U~1*#"
)


def test_a_jpeg_cut_in_its_pixels_is_an_error_though_its_thumbnail_is_whole() -> None:
    block = b"Exif\0\0" + pictures.exif(1)
    data = pictures.encode(pictures.grey(), "JPEG", exif=block)
    assert b"\xff\xd9" in data[:-40]
    for piece in (data[:-30], data[:-30] + bytes(500)):
        assert "truncated" in error_of(piece)


@pytest.mark.parametrize("kind", ["jpeg-grey", "jpeg-rgb", "jpeg-progressive"])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_read_with_a_warning(
    kind: str, missing: int
) -> None:
    picture = named(kind)
    photo = read_photo(picture.data[:-missing])
    np.testing.assert_array_equal(photo.pixels, read_photo(picture.data).pixels)
    (warning,) = photo.warnings
    assert "may be damaged" in warning
    assert "end marker" in warning


def with_lines_behind_the_scan(data: bytes) -> bytes:
    """Move a JPEG's height from its frame to a DNL segment."""
    frame = max(data.rfind(b"\xff\xc0"), data.rfind(b"\xff\xc2"))
    height = data[frame + 5 : frame + 7]
    head = data[: frame + 5] + b"\0\0" + data[frame + 7 :]
    return head[:-2] + b"\xff\xdc\0\4" + height + head[-2:]


def test_a_height_that_stands_behind_the_scan_is_found() -> None:
    picture = named("jpeg-rgb")
    photo = read_photo(with_lines_behind_the_scan(picture.data))
    np.testing.assert_array_equal(photo.pixels, read_photo(picture.data).pixels)
    assert photo.warnings == ()


def test_a_jpeg_without_a_height_says_so() -> None:
    data = with_lines_behind_the_scan(named("jpeg-rgb").data)
    without = data.replace(b"\xff\xdc\0\4", b"\xff\xfe\0\4")
    assert "states no height" in error_of(without)


@pytest.mark.parametrize("kind", ["jpeg-grey", "jpeg-rgb", "jpeg-progressive", "jpeg-cmyk"])
@pytest.mark.parametrize("patch", [b"", b"\x55" * 50])
def test_damage_in_the_pixels_of_a_jpeg_is_an_error_unless_salvaged(
    kind: str, patch: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = named(kind)
    middle = (picture.data.rindex(b"\xff\xda") + len(picture.data)) // 2
    damaged = picture.data[:middle] + patch + b"\xff\xd9"
    assert "the JPEG is damaged" in error_of(damaged)
    photo = read_photo(damaged, salvages=True)
    assert photo.pixels.shape == picture.pixels.shape
    assert any("salvaged: the JPEG is damaged" in warning for warning in photo.warnings)
    top = np.abs(photo.pixels[:8].astype(int) - picture.pixels[:8])
    assert np.median(top) <= picture.tolerance
    assert capfd.readouterr().err == ""


def test_what_is_there_of_a_cut_jpeg_is_salvaged_with_its_metadata() -> None:
    block = b"Exif\0\0" + pictures.exif(6)
    data = pictures.encode(pictures.grey(), "JPEG", quality=100, exif=block, xmp=pictures.XMP)
    whole, photo = read_photo(data), read_photo(data[:-200], salvages=True)
    assert photo.metadata == whole.metadata
    assert photo.pixels.shape == whole.pixels.shape
    np.testing.assert_array_equal(photo.pixels[:, -8:], whole.pixels[:, -8:])
    assert photo.warnings[0].startswith("salvaged: the file is truncated")


@pytest.mark.parametrize("kind", ["jpeg-grey", "jpeg-rgb", "jpeg-progressive"])
def test_stray_bytes_around_the_pixels_are_no_damage(kind: str) -> None:
    data = named(kind).data
    tables = data.index(b"\xff\xdb")
    for strayed in (data[:tables] + b"\1\2\3" + data[tables:], data[:-2] + bytes(9) + data[-2:]):
        photo = read_photo(strayed)
        np.testing.assert_array_equal(photo.pixels, read_photo(data).pixels)
        assert photo.warnings == ()


@pytest.mark.parametrize("ends", [True, False], ids=["whole", "cut"])
@pytest.mark.parametrize("kept", range(7))
def test_segments_that_are_cut_short_are_an_error_of_the_picture_at_most(
    kept: int, ends: bool
) -> None:
    block = b"Exif\0\0" + pictures.exif(1)
    whole = pictures.encode(
        pictures.grey(), "JPEG", progressive=True, exif=block, xmp=pictures.XMP, dpi=(300, 300)
    )
    data = whole if ends else whole[:-2]
    position, markers = 2, set()
    while 0xDA not in markers:
        length = struct.unpack_from(">H", data, position + 2)[0]
        markers.add(data[position + 1])
        end = position + 2 + length
        content = data[position + 4 : end][:kept]
        segment = data[position : position + 2] + struct.pack(">H", len(content) + 2) + content
        with suppress(ImageError):
            read_photo(data[:position] + segment + data[end:], salvages=True)
        position = end
    assert {0xE0, 0xE1, 0xC2, 0xC4, 0xDA, 0xDB} <= markers


def test_whole_jpegs_are_not_called_damaged() -> None:
    whole = [picture for picture in pictures.corpus() if picture.format == "jpeg"]
    assert whole
    for picture in whole:
        for rest in (b"", b"\0" * 100):
            warnings = read_photo(picture.data + rest).warnings
            assert not any("damaged" in warning for warning in warnings), picture.name


def test_a_jpeg_of_four_to_one_rows_is_read_though_turbojpeg_does_not_know_it() -> None:
    factors = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411]
    data = bytearray(cv2.imencode(".jpg", np.full((8, 32, 3), (40, 90, 200), np.uint8), factors)[1])
    # One unit of four blocks of Y and one of each chroma, turned: 8 wide, 32 high, factors 1 x 4.
    frame = data.index(b"\xff\xc0") + 5
    assert data[frame : frame + 7] == b"\x00\x08\x00\x20\x03\x01\x41"
    data[frame : frame + 7] = b"\x00\x20\x00\x08\x03\x01\x14"
    photo = read_photo(bytes(data))
    assert photo.pixels.shape == (32, 8, 3)
    assert np.abs(photo.pixels.astype(int) - (200, 90, 40)).max() <= 4
    assert photo.warnings == ()


def test_a_lossless_jpeg_is_read_and_never_given_to_turbojpeg(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # At a scale TurboJPEG writes it behind the end of its buffer.
    monkeypatch.setattr(simplejpeg, "decode_jpeg", lambda *_, **__: pytest.fail("decoded"))
    photo = read_photo(base64.b85decode(LOSSLESS))
    expected = np.add.outer(np.arange(24) * 3, np.arange(32) * 2)
    assert np.array_equal(photo.pixels, expected)
    assert photo.warnings == ()


def test_the_profile_of_a_jpeg_of_several_pictures_is_its_own() -> None:
    second = pictures.opened(pictures.encode(pictures.color(), "PNG"))
    options = {"save_all": True, "append_images": [second]}
    for profile in (None, pictures.SRGB):
        data = pictures.encode(pictures.color(), "MPO", icc_profile=profile, **options)
        assert b"MPF\0" in data
        photo = read_photo(data)
        assert photo.metadata.icc == profile
        assert photo.warnings == ()


@pytest.mark.parametrize("rest", [b"\0" * 100, b"\xff\xd8\xff\xe0 another", b"\n"])
def test_bytes_behind_the_end_of_a_jpeg_are_ignored(rest: bytes) -> None:
    picture = named("jpeg-grey")
    assert read_photo(picture.data + rest).pixels.shape == picture.pixels.shape


@pytest.mark.parametrize(("unit", "scale"), [(1, 1.0), (2, 2.54)])
def test_the_density_of_a_jpeg_may_be_in_centimetres(unit: int, scale: float) -> None:
    data = bytearray(pictures.encode(pictures.grey(), "JPEG", dpi=(100, 100)))
    struct.pack_into(">BHH", data, 13, unit, 100, 50)
    assert read_photo(bytes(data)).metadata.dpi == pytest.approx((100 * scale, 50 * scale))


def test_jpeg_is_written_without_subsampling_at_quality_95() -> None:
    image = pictures.opened(encode_photo(pictures.color(), photo_of(pictures.grey()), "jpeg"))
    assert isinstance(image, JpegImagePlugin.JpegImageFile)
    assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4
    stream = io.BytesIO()
    Image.fromarray(pictures.color()).save(stream, "JPEG", quality=95)
    assert image.quantization == pictures.opened(stream.getvalue()).quantization


def test_an_opaque_alpha_is_no_loss_in_a_jpeg() -> None:
    photo = photo_of(pictures.grey(), np.full_like(pictures.grey(), 255))
    assert losses(photo, "jpeg") == ()


def test_what_is_too_large_for_a_jpeg_is_left_out_and_said() -> None:
    packet = pictures.XMP.replace(b"<rdf:RDF", b"<!--" + b" " * 70_000 + b"--><rdf:RDF")
    metadata = Metadata(xmp=packet, icc=bytes(70_000), exif=bytes(70_000))
    photo = Photo(pictures.grey(), None, metadata, "png", b"", is_colour=False)
    assert losses(photo, "jpeg") == ("jpeg cannot hold EXIF, XMP, the ICC profile: dropped",)
    assert "xmp" not in pictures.opened(encode_photo(pictures.color(), photo, "jpeg")).info


def test_what_just_fits_a_jpeg_is_kept() -> None:
    packet = pictures.XMP.ljust(65_533 - 29)
    block = pictures.exif().ljust(65_533 - 6, b"\0")
    metadata = Metadata(xmp=packet, exif=block, icc=pictures.SRGB.ljust(65_519, b"\0"))
    photo = Photo(pictures.grey(), None, metadata, "png", b"", is_colour=False)
    assert losses(photo, "jpeg") == ()
    again = read_photo(encode_photo(pictures.color(), photo, "jpeg")).metadata
    assert again.xmp == packet
    assert again.exif is not None
    assert len(again.exif) == len(block)
    assert again.icc == metadata.icc


def test_a_jpeg_of_12_bits_is_read_in_16_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(imagecodecs.jpeg8_encode(pictures.grey(12), level=98, bitspersample=12))
    photo = read_photo(data)
    assert photo.pixels.dtype == np.uint16
    expected = pictures.grey(12).astype(int) * 65_535 // 4095
    assert np.abs(photo.pixels.astype(int) - expected).max() < 500
    assert "16 bits rounded to 8" in losses(photo, "jpeg")[0]
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    assert "install colorize-cli[jxl]" in error_of(data)
