import pytest
from made import pictures
from made.carriers import (
    recolored,
)

from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import losses


def test_webp_has_the_resolution_in_its_exif() -> None:
    data = pictures.encode(pictures.grey(), "BMP", dpi=(300, 150))
    tags = pictures.opened(recolored(data, "webp")).getexif()
    assert (tags[0x011A], tags[0x011B], tags[0x0128]) == pytest.approx((300, 150, 2), abs=0.05)
    assert losses(read_photo(data), "webp") == ()
