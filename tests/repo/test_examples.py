"""The example photographs are what their README says, and each has its licence there."""

from pathlib import Path

import numpy as np
import pytest

from colorize_cli.photos.read import Photo, read_photo

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.suffix not in {".md", ".py"})


def photo(name: str) -> Photo:
    return read_photo((EXAMPLES / name).read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_each_is_grey_and_has_its_licence_in_the_table(name: str) -> None:
    assert not photo(name).is_colour
    (row,) = (
        line
        for line in (EXAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{name}` |")
    )
    licence = row.split("|")[4]
    assert any(term in licence for term in ("CC0", "CC BY 2.0", "public domain"))


def test_they_are_small_and_show_what_is_met_in_archives() -> None:
    assert len(NAMES) >= 6
    assert sum((EXAMPLES / name).stat().st_size for name in NAMES) < 1.5e6
    assert photo("astronaut.tif").pixels.dtype == np.uint16
    assert photo("chelsea.png").alpha is not None
    assert photo("china.jpg").pixels.shape == (300, 640)
    assert photo("rocket.jpg").pixels.shape == (427, 320)  # stored as 320 x 427
    assert {photo(name).format for name in NAMES} == {"jpeg", "png", "tiff", "webp"}
