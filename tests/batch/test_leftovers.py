"""What killed runs were writing is deleted by the next one, whatever that one has to do."""

from pathlib import Path

import pytest
from made.ledgered import OUT, colour, put

LEFTOVER = ".0123456789abcdef.part"


@pytest.fixture(autouse=True)
def folders(three_photos: None) -> list[Path]:
    """Folders of an output that is done, in each of which a run was writing."""
    put("scans/deep/x.jpg")
    colour()
    places = [OUT, OUT / "deep"]
    for place in places:
        (place / LEFTOVER).write_bytes(b"half a pict")
    return places


@pytest.mark.parametrize("has_work", [True, False])
def test_leftovers_go_even_where_nothing_is_to_be_done(folders: list[Path], has_work: bool) -> None:
    if has_work:
        put("scans/new.jpg", b"new")
    assert len(colour().became) == has_work
    assert not [place for place in folders if (place / LEFTOVER).exists()]


def test_leftovers_go_from_folders_whose_photos_are_not_named_any_more(
    folders: list[Path],
) -> None:
    colour("scans/a.jpg")
    assert not (OUT / "deep" / LEFTOVER).exists()


def test_what_has_another_name_stays(folders: list[Path]) -> None:
    theirs = OUT / ".download.part"
    theirs.write_bytes(b"half a film")
    colour()
    assert theirs.exists()
