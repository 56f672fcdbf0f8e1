import zlib

from made import pictures
from made.carriers import (
    recolored,
    source,
)

from colorize_cli.photos.metadata import Metadata
from colorize_cli.photos.read import read_photo


def test_texts_of_a_png_are_kept() -> None:
    image = pictures.opened(recolored(source("png"), "png"))
    assert image.info["Title"] == "café"
    assert image.info["Author"] == "Ωμέγα"
    assert image.info["Comment"] == "long " * 500


def test_a_bomb_of_a_text_is_dropped() -> None:
    bomb = pictures.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(40_000_000)))
    rows = [row.tobytes() for row in pictures.grey()]
    photo = read_photo(pictures.png(rows, 8, 0, pictures.WIDTH, bomb))
    assert photo.metadata == Metadata()
