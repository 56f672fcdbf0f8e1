import numpy as np
import pytest
from made import pictures
from made.carriers import (
    FORMATS,
    PILLOW_NAMES,
    photo_of,
)

from colorize_cli.errors import ImageError, UsageError
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import encode_photo, losses, output_suffix


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


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 2)])
@pytest.mark.parametrize("format", FORMATS)
def test_tiny_pictures_survive(format: str, shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 100, np.uint8)
    data = encode_photo(np.dstack([pixels] * 3), photo_of(pixels), format)
    photo = read_photo(data)
    assert photo.pixels.shape == shape
    assert photo.format == format


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


def test_a_format_has_the_name_of_the_command_line_too_and_an_unknown_one_is_told() -> None:
    photo, rgb = photo_of(pictures.grey()), pictures.color()
    assert encode_photo(rgb, photo, "jpg") == encode_photo(rgb, photo, "jpeg")
    with pytest.raises(UsageError, match="unknown format 'pcx': choose jpeg, png"):
        encode_photo(rgb, photo, "pcx")


def test_rgb_of_another_size_or_depth_is_a_mistake() -> None:
    photo = photo_of(pictures.grey())
    for rgb in (pictures.color()[1:], pictures.color(16), pictures.grey()):
        with pytest.raises(ValueError, match="the photo"):
            encode_photo(rgb, photo, "png")


def test_losses_and_suffixes_know_the_names_of_the_option() -> None:
    photo = photo_of(pictures.grey(16))
    assert losses(photo, "jpg") == losses(photo, "jpeg") != ()
    assert output_suffix("jpg", ".jpeg") == ".jpeg"
