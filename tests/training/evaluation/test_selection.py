"""Which photographs are measured, and which are left out by choice."""

from pathlib import Path

import pytest

from colorize_cli.errors import UsageError
from training.data.shards import half_of, iter_photos
from training.evaluation.selection import Selection, Split, select


def test_the_halves_make_up_the_whole(photos: Path) -> None:
    tune, report, whole = (select([photos], half).indices for half in ("tune", "report", "all"))
    assert select([photos], "tune").found == 8
    assert tune | report == whole == frozenset(range(8))
    assert not tune & report
    halves = [half_of(data) for _, data in iter_photos([photos])]
    assert tune == {i for i, half in enumerate(halves) if half == "tune"}


def test_a_limit_takes_the_first_photos_of_each_set(photos: Path) -> None:
    assert select([photos], "all", limit=3).indices == {0, 1, 2, 4, 5, 6}


def test_nothing_to_measure_is_an_error(photos: Path) -> None:
    name, half = next((n, half_of(data)) for n, data in iter_photos([photos]))
    other: Split = "tune" if half == "report" else "report"
    with pytest.raises(UsageError, match="--split all takes all"):
        select([photos / name], other)


@pytest.mark.parametrize("limit", [None, 1, 3])
@pytest.mark.parametrize("split", ["all", "tune", "report"])
def test_every_photo_is_chosen_or_named_with_the_reason(
    photos: Path, split: Split, limit: int | None
) -> None:
    selection = select([photos], split, limit)
    names = [name for name, _ in iter_photos([photos])]
    chosen = {names[index] for index in selection.indices}
    assert sorted([*chosen, *selection.other_half, *selection.beyond_limit]) == sorted(names)
    assert selection.found == len(names)
    halves = {name: half_of(data) for name, data in iter_photos([photos])}
    assert {halves[name] for name in chosen} <= ({split} if split != "all" else {"tune", "report"})
    assert bool(selection.other_half) == (split != "all")
    text = selection.left_out(unusable=0)
    assert ("of the other half" in text) == bool(selection.other_half)
    assert ("beyond --limit" in text) == bool(selection.beyond_limit)


def test_what_is_left_out_is_told_in_words() -> None:
    selection = Selection("tune", frozenset(range(4)), frozenset(), ("a", "b"), ("c",))
    assert selection.left_out(3) == "2 of the other half, 1 beyond --limit, 3 grey or damaged"
    assert Selection("all", frozenset(range(4)), frozenset()).left_out(0) == ""
