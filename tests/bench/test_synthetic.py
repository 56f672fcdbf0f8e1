"""The photograph that is made by arithmetic."""

from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.photos.read import read_photo


def test_the_built_in_photograph_is_like_one() -> None:
    data = synthetic_photo()
    photo = read_photo(data)
    assert photo.pixels.shape == (1224, 1632)  # 2 megapixels, grey
    assert not photo.is_colour
    # Old photographs of 0.4 to 1.1 megapixels take 0.10 to 0.44 bytes a pixel at this quality.
    assert 0.1 < len(data) / photo.pixels.size < 0.44
    assert photo.pixels.std() > 40
    assert synthetic_photo(320, 240) == synthetic_photo(320, 240)
