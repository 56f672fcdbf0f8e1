import base64
import hashlib
import io

import cv2
import numpy as np
import pytest
import simplejpeg
import tifffile
from made import pictures
from made.pictures import Picture
from PIL import Image, JpegImagePlugin

from colorize_cli.errors import ImageError
from colorize_cli.photos import containers
from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import Photo, read_photo, sniff
from colorize_cli.photos.write import encode_photo, losses, output_suffix

CORPUS = pictures.corpus()
# 32 x 24, 3 y + 2 x, of the lossless process (SOF3).
LOSSLESS = (
    "|JeWF01!$>Nk#wx0RR9200961|HA+a2mlxWAOQgp0RO}Q6#xMN0000000000000000006A|Jncu0RaF3005u"
    "TNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7"
    "!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNh"
    "Fd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al"
    "1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<B$7!al1U`eNhFd<"
    "B$7!al1U`eNhFd<B$7!al1U~1*#"
)
FORMATS = ("jpeg", "png", "tiff", "webp", "bmp")
PILLOW_NAMES = {"jpeg": "JPEG", "png": "PNG", "tiff": "TIFF", "webp": "WEBP", "bmp": "BMP"}
EVERY_ORIENTATION = range(1, 9)


def named(name: str) -> Picture:
    return next(picture for picture in CORPUS if picture.name == name)


def photo_of(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Photo:
    return Photo(pixels, alpha, Metadata(), "png", b"", is_colour=False)


def oriented(format: str, orientation: int) -> bytes:
    """A grey photo that has to be turned to become `pictures.grey()`."""
    stored = pictures.stored_as(pictures.grey(), orientation)
    if format == "tiff":
        return pictures.tiff(stored, extratags=[(274, 3, 1, orientation, True)])
    options = {"jpeg": {"quality": 100}, "webp": {"lossless": True}}.get(format, {})
    block = b"Exif\0\0" + pictures.exif(orientation)
    return pictures.encode(stored, PILLOW_NAMES[format], exif=block, **options)


def error_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(data)
    return str(caught.value)


# Reading


@pytest.mark.parametrize("picture", CORPUS, ids=str)
def test_every_kind_of_picture_is_read_at_its_depth_with_its_alpha(picture: Picture) -> None:
    photo = read_photo(picture.data)
    assert photo.format == picture.format
    assert photo.pixels.dtype == picture.pixels.dtype
    assert photo.pixels.shape == picture.pixels.shape
    off = np.abs(photo.pixels.astype(int) - picture.pixels.astype(int)).max()
    assert off <= picture.tolerance
    if picture.alpha is None:
        assert photo.alpha is None
    else:
        assert photo.alpha is not None
        assert photo.alpha.dtype == picture.pixels.dtype
        np.testing.assert_array_equal(photo.alpha, picture.alpha)
    assert photo.is_colour == (picture.pixels.ndim == 3)
    assert photo.digest == hashlib.sha256(picture.data).digest()
    assert photo.pixels.flags.c_contiguous


@pytest.mark.parametrize("orientation", EVERY_ORIENTATION)
@pytest.mark.parametrize("format", ["jpeg", "png", "tiff", "webp"])
def test_orientation_is_applied_once(format: str, orientation: int) -> None:
    photo = read_photo(oriented(format, orientation))
    off = np.abs(photo.pixels.astype(int) - pictures.grey()).max()
    assert off <= (2 if format == "jpeg" else 0)
    again = read_photo(encode_photo(np.dstack([photo.pixels] * 3), photo, format))
    assert again.pixels.shape == photo.pixels.shape
    assert np.abs(again.pixels.astype(int) - photo.pixels).max() <= (2 if format == "jpeg" else 0)


@pytest.mark.parametrize("orientation", EVERY_ORIENTATION)
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


@pytest.mark.parametrize("orientation", EVERY_ORIENTATION)
def test_alpha_is_turned_with_the_pixels(orientation: int) -> None:
    upright = np.dstack([pictures.grey(), pictures.alpha()])
    block = b"Exif\0\0" + pictures.exif(orientation)
    stored = pictures.stored_as(upright, orientation)
    photo = read_photo(pictures.encode(stored, "PNG", exif=block))
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    np.testing.assert_array_equal(photo.alpha, pictures.alpha())


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


def test_a_thumbnail_before_the_photo_is_passed_over() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(pictures.grey()[::4, ::4], metadata=None, subfiletype=1)
        writer.write(pictures.grey(), metadata=None)
    photo = read_photo(stream.getvalue())
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert photo.warnings == ()


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_the_first_picture_of_an_animation_is_taken_with_a_warning(kind: str) -> None:
    frames = [Image.fromarray(pixels) for pixels in (pictures.grey(), 255 - pictures.grey())]
    stream = io.BytesIO()
    lossless = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:], **lossless)
    photo = read_photo(stream.getvalue())
    np.testing.assert_array_equal(photo.pixels, pictures.grey())
    assert len(photo.warnings) == 1


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


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 2)])
@pytest.mark.parametrize("format", FORMATS)
def test_tiny_pictures_survive(format: str, shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 100, np.uint8)
    data = encode_photo(np.dstack([pixels] * 3), photo_of(pixels), format)
    photo = read_photo(data)
    assert photo.pixels.shape == shape
    assert photo.format == format


# Damage


def cuts(data: bytes) -> list[bytes]:
    steps = {*range(4, len(data), max(1, len(data) // 60)), *range(len(data) - 20, len(data))}
    return [data[:end] for end in sorted(steps)]


@pytest.mark.parametrize("picture", CORPUS, ids=str)
def test_truncated_files_are_errors(picture: Picture) -> None:
    read = []
    for piece in cuts(picture.data):
        try:
            photo = read_photo(piece)
        except ImageError:
            continue
        # A cut in the padding behind the pixels loses nothing.
        same = np.array_equal(photo.pixels, read_photo(picture.data).pixels)
        if not same or len(picture.data) - len(piece) > 4:
            read.append(len(picture.data) - len(piece))
    assert read == []


def test_a_jpeg_cut_in_its_pixels_is_an_error_though_its_thumbnail_is_whole() -> None:
    block = b"Exif\0\0" + pictures.exif(1)
    data = pictures.encode(pictures.grey(), "JPEG", exif=block)
    assert b"\xff\xd9" in data[:-40]
    for piece in (data[:-30], data[:-30] + bytes(500)):
        assert "truncated" in error_of(piece)


@pytest.mark.parametrize("kind", ["jpeg-grey", "jpeg-rgb", "jpeg-progressive", "jpeg-cmyk"])
@pytest.mark.parametrize("patch", [b"", b"\x55" * 50])
def test_damage_in_the_pixels_of_a_jpeg_is_a_warning(kind: str, patch: bytes) -> None:
    picture = named(kind)
    middle = (picture.data.rindex(b"\xff\xda") + len(picture.data)) // 2
    photo = read_photo(picture.data[:middle] + patch + b"\xff\xd9")
    assert photo.pixels.shape == picture.pixels.shape
    assert any("the JPEG may be damaged" in warning for warning in photo.warnings)


def test_whole_jpegs_are_not_called_damaged() -> None:
    whole = [picture for picture in CORPUS if picture.format == "jpeg"]
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


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(40), "not a JPEG"),
        (b"BM is how this text begins, and it is no picture", "not a JPEG"),
        (b"\xff\xd8\xff\xd9", "no picture"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"II*\0", "TIFF"),
        (b"RIFF\x04\0\0\0WEBP", "truncated"),
    ],
)
def test_what_is_no_photo_is_said(data: bytes, words: str) -> None:
    assert words in error_of(data)


def enlarged(format: str, side: int) -> bytes:
    """A small picture whose header claims to be `side` by `side`."""
    data = bytearray(encode_photo(pictures.color(), photo_of(pictures.grey()), format))
    if format == "png":
        header = side.to_bytes(4, "big") * 2 + bytes(data[24:29])
        return bytes(data[:8]) + pictures.chunk(b"IHDR", header) + bytes(data[33:])
    if format == "tiff":
        for code in (256, 257):
            tag = tifffile.TiffFile(io.BytesIO(data)).pages.first.tags[code]
            data[tag.valueoffset : tag.valueoffset + 4] = side.to_bytes(4, "little")
    elif format == "jpeg":
        start = data.index(b"\xff\xc0") + 5
        data[start : start + 4] = side.to_bytes(2, "big") * 2
    else:
        data[18:26] = side.to_bytes(4, "little") * 2
    return bytes(data)


@pytest.mark.parametrize("format", ["png", "jpeg", "tiff", "bmp"])
def test_absurd_sizes_are_refused_before_memory_is_taken(format: str) -> None:
    assert "megapixels" in error_of(enlarged(format, 65_000))
    assert "no pixels" in error_of(enlarged(format, 0))


def test_the_limit_on_size_is_not_in_the_way_of_large_scans() -> None:
    containers.check_size(16_384, 16_384)
    with pytest.raises(ImageError, match="megapixels"):
        containers.check_size(16_385, 16_384)


@pytest.mark.parametrize("kind", [np.float32, np.uint32, np.int16])
def test_other_numbers_than_8_and_16_bits_are_named(kind: type) -> None:
    assert "8 or 16 bits" in error_of(pictures.tiff(pictures.grey().astype(kind)))


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes_raise_nothing_but_image_errors(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "MAX_PIXELS", 1 << 20)
    rng = np.random.default_rng(seed)
    read = 0
    for _ in range(300):
        data = bytearray(CORPUS[rng.integers(len(CORPUS))].data)
        reach = len(data) if rng.random() < 0.5 else min(len(data), 200)
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(reach)] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        if rng.random() < 0.3:
            data = data[: rng.integers(len(data))]
        try:
            photo = read_photo(bytes(data))
        except ImageError:
            continue
        read += 1
        assert photo.pixels.dtype in (np.uint8, np.uint16)
    assert read > 10  # else the damage is too great to test anything


def test_reading_and_writing_print_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    grey_with_profile = pictures.encode(pictures.grey(), "PNG", icc_profile=pictures.SRGB)
    pieces = [picture.data for picture in CORPUS]
    halves = [data[: len(data) // 2] for data in pieces]
    for data in [grey_with_profile, *pieces, *halves]:
        try:
            photo = read_photo(data)
        except ImageError:
            continue
        shape = photo.pixels.shape[:2]
        for format in FORMATS:
            encode_photo(np.zeros((*shape, 3), photo.pixels.dtype), photo, format)
    assert capfd.readouterr() == ("", "")


# Writing


def colored(pixels: np.ndarray) -> np.ndarray:
    """Something in colour of the same size and depth."""
    return pictures.color(16 if pixels.dtype == np.uint16 else 8)


@pytest.mark.parametrize("has_alpha", [False, True], ids=["opaque", "alpha"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("format", FORMATS)
def test_every_format_holds_what_it_can_of_depth_and_alpha(
    format: str, bits: int, has_alpha: bool
) -> None:
    alpha = pictures.alpha(bits) if has_alpha else None
    photo = photo_of(pictures.grey(bits), alpha)
    rgb = pictures.color(bits)
    written = read_photo(encode_photo(rgb, photo, format))
    notes = losses(photo, format)
    keeps_depth = format in ("png", "tiff")
    expected, opacity = rgb, alpha
    if bits == 16 and not keeps_depth:
        expected = ((rgb.astype(np.uint32) + 128) // 257).astype(np.uint8)
        opacity = None if alpha is None else ((alpha.astype(np.uint32) + 128) // 257).astype("u1")
    assert written.format == format
    assert written.pixels.dtype == expected.dtype
    assert any("16 bits" in note for note in notes) == (bits == 16 and not keeps_depth)
    if format == "jpeg":
        assert written.alpha is None
        assert any("transparency" in note for note in notes) == has_alpha
        if opacity is not None:
            share = opacity[..., None] / 255
            expected = np.rint(expected * share + 255 * (1 - share))
            inner = np.s_[8:, 16:]  # away from the edge between paper and picture
            written_inner, expected_inner = written.pixels[inner], expected[inner]
            assert np.abs(written_inner.astype(int) - expected_inner).max() <= 8
            assert written.pixels[:2].min() >= 250
        else:
            assert np.abs(written.pixels.astype(int) - expected).max() <= 8
        return
    np.testing.assert_array_equal(written.pixels, expected)
    if opacity is None:
        assert written.alpha is None
    else:
        np.testing.assert_array_equal(written.alpha, opacity)


@pytest.mark.parametrize("has_alpha", [False, True], ids=["opaque", "alpha"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_second_library_reads_the_same_pixels(format: str, has_alpha: bool) -> None:
    photo = photo_of(pictures.grey(), pictures.alpha() if has_alpha else None)
    rgb = pictures.color()
    image = pictures.opened(encode_photo(rgb, photo, format))
    assert image.format == PILLOW_NAMES[format]
    assert image.mode == ("RGBA" if has_alpha and format != "jpeg" else "RGB")
    if format == "jpeg":
        return
    pixels = np.asarray(image)
    np.testing.assert_array_equal(pixels[..., :3], rgb)
    if has_alpha:
        np.testing.assert_array_equal(pixels[..., 3], pictures.alpha())


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


@pytest.mark.parametrize(("format", "side"), [("webp", 16_384), ("jpeg", 65_501)])
def test_a_side_that_is_too_long_names_a_format_that_holds_it(format: str, side: int) -> None:
    photo = photo_of(np.zeros((1, side), np.uint8))
    with pytest.raises(ImageError, match="--format png"):
        encode_photo(np.zeros((1, side, 3), np.uint8), photo, format)
    assert len(encode_photo(np.zeros((1, side, 3), np.uint8), photo, "png")) > 0


@pytest.mark.parametrize(("format", "side"), [("webp", 16_383), ("jpeg", 65_500)])
def test_the_longest_side_is_written(format: str, side: int) -> None:
    photo = photo_of(np.zeros((1, side), np.uint8))
    data = encode_photo(np.zeros((1, side, 3), np.uint8), photo, format)
    assert read_photo(data).pixels.shape == (1, side)


def test_rgb_of_another_size_or_depth_is_a_mistake() -> None:
    photo = photo_of(pictures.grey())
    for rgb in (pictures.color()[1:], pictures.color(16), pictures.grey()):
        with pytest.raises(ValueError, match="the photo"):
            encode_photo(rgb, photo, "png")


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


@pytest.mark.parametrize("picture", CORPUS, ids=str)
def test_the_first_bytes_tell_the_format(picture: Picture) -> None:
    assert sniff(picture.data[: containers.SNIFF_BYTES]) == picture.format
