import io
import re
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from made import pictures
from made.carriers import error_of, photo_of
from PIL import Image

from colorize_cli.cli.app import main
from colorize_cli.errors import ImageError
from colorize_cli.photos.formats import FORMATS, sniff
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import encode_photo, losses, output_suffix


def encoded(pixels: np.ndarray, *, plain: bool = False, top: int = 0, notes: str = "") -> bytes:
    """A PGM or PPM of grey or RGB, written without the package."""
    top = top or int(np.iinfo(pixels.dtype).max)
    kind = (2 if plain else 5) + (pixels.ndim == 3)
    head = f"P{kind}\n{notes}{pixels.shape[1]} {pixels.shape[0]}\n{top}\n".encode()
    if not plain:
        return head + pixels.astype("u1" if top < 256 else ">u2").tobytes()
    return head + "\n".join(map(str, pixels.ravel())).encode() + b"\n"


def by_opencv(data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return pixels[..., ::-1] if pixels.ndim == 3 else pixels


@pytest.mark.parametrize("plain", [False, True], ids=["binary", "plain"])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("make", [pictures.grey, pictures.color])
def test_every_kind_is_read_as_opencv_reads_it(make: object, bits: int, plain: bool) -> None:
    assert callable(make)
    pixels = make(bits)
    data = encoded(pixels, plain=plain)
    photo = read_photo(data)
    assert photo.format == "pnm"
    assert photo.is_colour == (pixels.ndim == 3)
    assert photo.warnings == ()
    assert photo.pixels.dtype == pixels.dtype
    np.testing.assert_array_equal(photo.pixels, pixels)
    np.testing.assert_array_equal(by_opencv(data), pixels)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_what_pillow_writes_is_read(mode: str) -> None:
    pixels = np.asarray(Image.fromarray(pictures.color()).convert(mode))
    np.testing.assert_array_equal(read_photo(pictures.encode(pixels, "PPM")).pixels, pixels)


def test_grey_in_three_channels_is_grey() -> None:
    photo = read_photo(encoded(np.dstack([pictures.grey(16)] * 3)))
    assert not photo.is_colour
    np.testing.assert_array_equal(photo.pixels, pictures.grey(16))


@pytest.mark.parametrize("plain", [False, True], ids=["binary", "plain"])
@pytest.mark.parametrize("top", [1, 7, 100, 254, 256, 1023, 4095, 65_534])
def test_another_white_is_stretched_to_the_whole_range(top: int, plain: bool) -> None:
    levels = np.arange(top + 1, dtype=np.uint16)[None]
    data = encoded(levels, plain=plain, top=top)
    pixels = read_photo(data).pixels
    most = np.iinfo(pixels.dtype).max
    assert most == (255 if top < 256 else 65_535)
    assert (pixels.min(), pixels.max()) == (0, most)
    theirs = np.asarray(pictures.opened(data).convert("I" if top > 255 else "L"))
    assert np.abs(pixels.astype(int) - theirs).max() <= 1


def test_levels_above_white_are_white() -> None:
    pixels = np.array([[0, 100, 101, 200]], np.uint8)
    assert read_photo(encoded(pixels, top=100)).pixels.tolist() == [[0, 255, 255, 255]]
    huge = b"P2 3 1 65535 70000 99999999999 99999999999999999999999999"
    assert read_photo(huge).pixels.tolist() == [[65_535] * 3]


@pytest.mark.parametrize(
    "head",
    [
        b"P5 44 30 255\n",
        b"P5\n# CREATOR: GIMP PNM Filter Version 1.1\n44 30\n255\n",
        b"P5 # one\n#\n\t44 # two 9 9 9\n# 7 7\n30\r\n255 ",
        b"P5#none\n44\n30\n255\n",
    ],
)
def test_comments_and_any_space_may_stand_in_the_header(head: bytes) -> None:
    data = head + pictures.grey().tobytes()
    assert sniff(data[:32]) == "pnm"
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())


def test_comments_are_kept_also_in_other_formats() -> None:
    data = encoded(pictures.grey(), notes="# café\n#\n#Anna, 1931\n")
    photo = read_photo(data)
    assert photo.metadata.comments == (("Comment", "café"), ("Comment", "Anna, 1931"))
    written = encode_photo(pictures.color(), photo, "pnm")
    assert written.startswith("P6\n# café\n# Anna, 1931\n44 30\n255\n".encode())
    assert read_photo(written).metadata == photo.metadata
    assert read_photo(encode_photo(pictures.color(), photo, "png")).metadata == photo.metadata


def test_comments_may_stand_among_plain_samples() -> None:
    data = b"P2 2 2 9\n0 9 # 4 4 4\n9 0\n"
    assert read_photo(data).pixels.tolist() == [[0, 255], [255, 0]]


def test_further_pictures_are_pages_and_the_first_is_taken_with_a_warning() -> None:
    pages = [pictures.grey(16), pictures.color(), 255 - pictures.grey()]
    data = b"".join(map(encoded, pages))
    photo = read_photo(data)
    np.testing.assert_array_equal(photo.pixels, pages[0])
    assert photo.warnings == ("only the first page is used",)
    for page, pixels in zip(FORMATS["pnm"].read_pages(data), pages, strict=True):
        np.testing.assert_array_equal(page.pixels, pixels)
    assert read_photo(encoded(pages[0]) + b"\n\n").warnings == ()


# Damage


@pytest.mark.parametrize("plain", [False, True], ids=["binary", "plain"])
@pytest.mark.parametrize("bits", [8, 16])
def test_truncated_files_are_errors(bits: int, plain: bool) -> None:
    data = encoded(pictures.color(bits), plain=plain).rstrip(b"\n" if plain else b"")
    last = len(data) - len(re.split(rb"\s", data)[-1]) if plain else len(data) - 1
    for end in (*range(12, last, max(1, len(data) // 40)), last):
        assert re.search("truncated|cut off", error_of(data[:end])), end


@pytest.mark.parametrize("kind", [2, 3, 5, 6])
def test_absurd_sizes_are_refused_from_the_header(kind: int) -> None:
    rest = b"\0" * 100
    tracemalloc.start()
    try:
        assert "megapixels" in error_of(f"P{kind}\n65000 65000\n255\n".encode() + rest)
        assert "truncated" in error_of(f"P{kind}\n16000 16000\n65535\n".encode() + rest)
        assert "no pixels" in error_of(f"P{kind}\n0 40\n255\n".encode() + rest)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("top", [0, 65_536, 9_999_999_999])
def test_a_white_that_cannot_be_is_named(top: int) -> None:
    assert f"a maxval of {top}" in error_of(f"P5\n2 2\n{top}\n".encode() + bytes(8))


def test_words_among_plain_samples_end_them() -> None:
    assert "truncated" in error_of(b"P2 2 2 255\n1 2 x 3 4 5 6")


@pytest.mark.parametrize(
    "text", [b"P5 is how this text begins", b"P3 10 apples", b"P6", b"P4 1 1 "]
)
def test_what_is_no_picture_is_not_taken_for_one(text: bytes) -> None:
    assert sniff(text) is None


@pytest.mark.parametrize("seed", range(3))
def test_damaged_bytes_raise_nothing_but_image_errors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    read = 0
    for _ in range(300):
        pixels = pictures.color(8 if rng.random() < 0.5 else 16)
        data = bytearray(encoded(pixels, plain=rng.random() < 0.5, notes="# a note\n"))
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data) if rng.random() < 0.5 else 30)] = rng.integers(256)
        try:
            photo = read_photo(bytes(data))
        except ImageError:
            continue
        read += 1
        assert photo.pixels.dtype in (np.uint8, np.uint16)
    assert read > 10


# Writing


@pytest.mark.parametrize("bits", [8, 16])
def test_it_is_written_at_the_photos_depth(bits: int) -> None:
    photo = read_photo(encoded(pictures.grey(bits)))
    rgb = pictures.color(bits)
    data = encode_photo(rgb, photo, "pnm")
    assert losses(photo, "pnm") == ()
    assert data.startswith(b"P6\n")
    np.testing.assert_array_equal(read_photo(data).pixels, rgb)
    np.testing.assert_array_equal(by_opencv(data), rgb)
    theirs = np.asarray(Image.open(io.BytesIO(data)))
    np.testing.assert_array_equal(theirs, rgb if bits == 8 else np.rint(rgb / 257))


@pytest.mark.parametrize("bits", [8, 16])
def test_transparency_is_laid_on_white_at_full_depth(bits: int) -> None:
    alpha, rgb = pictures.alpha(bits), pictures.color(bits)
    photo = photo_of(pictures.grey(bits), alpha)
    top = np.iinfo(rgb.dtype).max
    share = alpha[..., None] / top
    expected = np.rint(rgb * share + top * (1 - share))
    written = read_photo(encode_photo(rgb, photo, "pnm"))
    assert np.abs(written.pixels - expected).max() <= 1
    assert written.alpha is None
    assert losses(photo, "pnm") == ("transparency laid on white: PGM/PPM has none",)


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [(".pgm", ".ppm"), (".PGM", ".ppm"), (".PPM", ".PPM"), (".pnm", ".pnm"), (".tif", ".ppm")],
)
def test_a_colouring_never_has_the_suffix_of_grey(suffix: str, expected: str) -> None:
    assert output_suffix("pnm", suffix) == expected


def test_a_batch_makes_a_16_bit_ppm_of_a_16_bit_pgm(
    tmp_path: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    (scans / "market.pgm").write_bytes(encoded(pictures.grey(16), notes="# A market\n"))
    (scans / "text.pgm").write_bytes(b"no picture")
    code = main([str(scans), "--out", str(out), "--model", str(tiny_bundle)])
    assert code == 1
    assert "text.pgm: not a JPEG, PNG, TIFF, WebP, BMP" in capfd.readouterr().err
    assert [path.name for path in out.glob("[!.]*")] == ["market.ppm"]
    photo = read_photo((out / "market.ppm").read_bytes())
    assert photo.pixels.dtype == np.uint16
    assert photo.is_colour
    assert photo.metadata.comments[0] == ("Comment", "A market")  # before the mark
