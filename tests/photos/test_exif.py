import struct

import numpy as np
import pytest
from made import pictures
from made.carriers import (
    EXIF,
    SIDES,
    recolored,
    source,
)

from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import encode_photo


def test_exif_is_patched_in_place() -> None:
    block = pictures.exif(6)
    data = pictures.encode(pictures.grey(), "PNG", exif=b"Exif\0\0" + block)
    patched = read_photo(data).metadata.exif
    assert patched is not None
    assert len(patched) == len(block)
    changed = [i for i, (a, b) in enumerate(zip(block, patched, strict=True)) if a != b]
    # One byte of the orientation, four entries' values, the link to the thumbnail.
    assert len(changed) <= 1 + 4 * 4 + 4


def second_directory(data: bytes) -> int:
    """Offset of the directory that describes the thumbnail; 0 where there is none."""
    block = pictures.opened(data).info["exif"].removeprefix(b"Exif\0\0")
    first = struct.unpack_from(">I", block, 4)[0]
    count = struct.unpack_from(">H", block, first)[0]
    return int(struct.unpack_from(">I", block, first + 2 + 12 * count)[0])


def test_the_thumbnail_which_shows_the_grey_photo_is_gone() -> None:
    data = source("jpeg")
    assert second_directory(data) > 0
    assert second_directory(recolored(data, "jpeg")) == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_sides_change_places_only_where_the_photo_lay_on_its_side(orientation: int) -> None:
    image = pictures.opened(recolored(source("jpeg", orientation), "jpeg"))
    inner = image.getexif().get_ifd(EXIF)
    assert (inner[SIDES[0]], inner[SIDES[1]]) == (pictures.WIDTH, pictures.HEIGHT)
    assert image.info["dpi"] == ((200, 300) if orientation >= 5 else (300, 200))


@pytest.mark.parametrize("block", [b"", b"junk", b"MM\0*\0\0\xff\xff", b"II*\0\x08\0\0\0\xff\xff"])
def test_damaged_exif_is_dropped_with_a_warning(block: bytes) -> None:
    rows = [row.tobytes() for row in pictures.grey()]
    data = pictures.png(rows, 8, 0, pictures.WIDTH, pictures.chunk(b"eXIf", block))
    photo = read_photo(data)
    assert photo.metadata.exif is None
    assert len(photo.warnings) == 1
    np.testing.assert_array_equal(photo.pixels, pictures.grey())


def test_exif_with_a_directory_cut_off_still_turns_the_photo() -> None:
    stored = pictures.stored_as(pictures.grey(), 6)
    block = pictures.exif(6)[:180]
    rows = [row.tobytes() for row in stored]
    data = pictures.png(rows, 8, 0, stored.shape[1], pictures.chunk(b"eXIf", block))
    np.testing.assert_array_equal(read_photo(data).pixels, pictures.grey())


@pytest.mark.parametrize("seed", range(3))
def test_no_damage_to_a_block_escapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        block = bytearray(pictures.exif(6))
        for _ in range(rng.integers(1, 8)):
            block[rng.integers(min(len(block), 300))] = rng.integers(256)
        rows = [row.tobytes() for row in pictures.grey()]
        chunk = pictures.chunk(b"eXIf", bytes(block))
        photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, chunk))
        rgb = np.zeros((*photo.pixels.shape, 3), np.uint8)
        for format in ("jpeg", "tiff"):  # one takes the block as it is, one takes it apart
            encode_photo(rgb, photo, format)
