"""Photographs of a folder that was begun: other settings, deleted files, more samples, places."""

import os
from pathlib import Path
from typing import Any

import pytest
from made.ledgered import OUT, EndedError, colour, edit, files, put, todo, words
from made.records import asked, run_records

from colorize_cli.batch.records import renaming
from colorize_cli.batch.records.photo_rows import PhotoRows

pytestmark = pytest.mark.usefixtures("three_photos")


# What was begun.


def test_a_sample_of_a_run_that_was_killed_stays_away_like_any_once_it_is_deleted() -> None:
    with pytest.raises(EndedError):
        colour("scans/a.jpg", samples=2, ends_before="a.2.jpg")
    colour("scans/a.jpg", samples=2)
    assert asked(OUT, "SELECT DISTINCT state FROM files") == [("placed",)]
    (OUT / "a.1.jpg").unlink()
    assert not colour("scans/a.jpg", samples=2).became
    assert files().keys() == {"a.2.jpg"}


# What was made otherwise.


def test_files_of_other_settings_are_made_again_once_those_are_named() -> None:
    colour(seed=0)
    put("scans/d.jpg", b"d")
    assert colour().became == {"d.jpg": "done"}, "nothing is named"
    again = colour(seed=1)
    assert set(todo(again)) == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}
    assert "4 of the photographs were coloured with other settings than are named" in again.said[0]
    assert files()["a.jpg"] == words(Path("scans/a.jpg"), 1, 0)
    assert not colour(seed=1).became
    assert not colour().became


def test_a_run_of_other_settings_that_ended_is_gone_on_with() -> None:
    colour(seed=0)
    with pytest.raises(EndedError):
        colour(seed=1, ends_before="b.jpg")
    assert todo(colour()) == {"b.jpg": (0,), "c.jpg": (0,)}
    assert {data.split(b" ", 1)[1] for data in files().values()} == {b"seed 1 sample 0"}


def test_what_a_person_altered_stays_when_settings_differ_and_fails_nothing() -> None:
    colour(seed=0)
    (OUT / "a.jpg").write_bytes(b"retouched by hand")
    again = colour(seed=1)
    assert again.became == {"b.jpg": "done", "c.jpg": "done"}
    assert any("altered since, which stay" in text for text in again.said)
    assert files()["a.jpg"] == b"retouched by hand"


def test_a_part_that_is_made_again_leaves_the_folder_its_settings() -> None:
    colour(seed=7)
    assert colour("scans/b.jpg", seed=1).became == {"b.jpg": "done"}
    put("scans/d.jpg", b"d")
    assert colour().became == {"d.jpg": "done"}
    seeds = {name: data.split()[2] for name, data in files().items()}
    assert seeds == {"a.jpg": b"7", "b.jpg": b"1", "c.jpg": b"7", "d.jpg": b"7"}
    colour(seed=2)
    assert [run["seed"] for run in run_records(OUT)] == [7, 1, 7, 2]
    put("scans/e.jpg", b"e")
    assert colour().became == {"e.jpg": "done"}
    assert files()["e.jpg"].split()[2] == b"2"


def test_one_sample_that_is_made_again_leaves_the_folder_its_settings() -> None:
    colour(seed=7, samples=2)
    assert set(colour(seed=1, samples=2, sample=2, overwrite=True).became) == {
        *("a.jpg", "b.jpg", "c.jpg")
    }
    colour(samples=3)
    seeds = {name: data.split()[2] for name, data in files().items() if name.startswith("a.")}
    assert seeds == {"a.1.jpg": b"7", "a.2.jpg": b"1", "a.3.jpg": b"7"}


def test_only_what_was_edited_is_taken_on_demand() -> None:
    colour()
    edit("scans/a.jpg")
    put("scans/d.jpg", b"d")
    assert colour(changed=True).became == {"a.jpg": "done"}
    assert not colour(changed=True).plan.jobs


# What somebody took away.


def test_what_was_deleted_or_renamed_stays_away_until_it_is_wanted() -> None:
    colour(samples=3)
    (OUT / "a.2.jpg").unlink()
    (OUT / "b.1.jpg").rename(OUT / "the best.jpg")
    for path in OUT.glob("c.*"):
        path.unlink()
    before = files()
    ran = colour(samples=3)
    assert not ran.became
    assert "colourings of 3 of the photographs were deleted or renamed" in ran.said[0]
    assert [job.there for job in ran.plan.jobs] == [(0, 2), (1, 2), ()]
    edit("scans/a.jpg")
    assert todo(colour(samples=3)) == {"a.jpg": (0, 2)}
    assert todo(colour(samples=4, overwrite=True))["b.jpg"] == (1, 2, 3)
    assert files().keys() == before.keys() | {"a.4.jpg", "b.4.jpg", "c.4.jpg"}
    assert todo(colour(samples=3, restore=True)) == {
        "a.jpg": (1,),
        "b.jpg": (0,),
        "c.jpg": (0, 1, 2),
    }


def test_what_was_moved_away_because_its_photo_failed_is_made_again() -> None:
    colour()
    (OUT / "a.jpg").write_bytes(b"retouched by hand")
    edit("scans/a.jpg")
    assert "move it away to keep it" in colour().became["a.jpg"]
    (OUT / "a.jpg").rename("kept.jpg")
    assert colour().became == {"a.jpg": "done"}


def test_the_photographs_of_what_was_deleted_may_have_moved() -> None:
    colour(samples=2)
    (OUT / "a.2.jpg").unlink()
    Path("scans").rename("moved")
    assert not colour("moved", samples=2).became
    assert not colour("moved", samples=2).became


# One sample, then several.


def test_the_first_of_several_is_the_single_one_under_its_new_name() -> None:
    colour()
    inode = (OUT / "a.jpg").stat().st_ino
    (OUT / "b.jpg").write_bytes(b"retouched by hand")
    (OUT / "c.jpg").unlink()
    ran = colour(samples=2)
    assert todo(ran) == {"a.jpg": (1,), "b.jpg": (1,), "c.jpg": (0, 1)}
    assert set(files()) == {f"{name}.{k}.jpg" for name in "abc" for k in (1, 2)}
    assert (OUT / "a.1.jpg").stat().st_ino == inode
    assert files()["b.1.jpg"] == b"retouched by hand"
    rows = asked(OUT, "SELECT name, sample, state FROM files ORDER BY name")
    assert rows[0] == ("a.1.jpg", 1, "placed")
    assert len([name for name, *_ in rows if name.startswith(("a", "b"))]) == 4
    edit("scans/a.jpg")
    assert colour(samples=2).became == {"a.jpg": "done"}, "it is still known as ours"


@pytest.mark.parametrize("step", ["copy", "take_name", "forget"])
def test_a_renaming_that_ends_half_way_is_finished(
    monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    colour()
    owner: Any = renaming if step == "take_name" else PhotoRows
    calls = iter((1, 2, 3, 4, 5, 6))
    real = getattr(owner, step)

    def ends(*given: Any) -> None:
        if next(calls) == 2:
            raise EndedError
        real(*given)

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, ends)
        with pytest.raises(EndedError):
            colour(samples=2)
    colour(samples=2)
    assert set(files()) == {f"{name}.{k}.jpg" for name in "abc" for k in (1, 2)}
    assert {name for (name,) in asked(OUT, "SELECT name FROM files")} == set(files())
    assert not colour(samples=2).became


def test_a_name_that_somebody_else_has_is_not_taken_for_the_first() -> None:
    colour()
    put("out/a.1.jpg", b"an original")
    ran = colour(samples=2)
    assert "out/a.1.jpg is there, and not known" in ran.became["a.jpg"]
    assert {"a.jpg", "a.1.jpg"} <= set(files())


def test_a_single_sample_of_several_is_not_made_twice() -> None:
    colour(samples=3)
    before = files()
    assert not colour().became
    assert files() == before


def test_a_name_that_another_sample_has_is_not_taken_for_done() -> None:
    colour("scans/a.jpg", samples=2)
    before = files()
    ran = colour("scans/a.jpg", name="{stem}.2{ext}")
    assert "a.2.jpg is sample 2 of" in ran.became["a.jpg"]
    assert "--overwrite to replace it" in ran.became["a.jpg"]
    colour("scans/a.jpg", name="{stem}.2{ext}", samples=2)
    assert before.items() <= files().items()
    assert files().keys() == before.keys() | {"a.2.1.jpg", "a.2.2.jpg"}
    assert colour("scans/a.jpg", name="{stem}.2{ext}", overwrite=True).became == {"a.jpg": "done"}
    assert files()["a.2.jpg"] == before["a.1.jpg"]


def test_a_name_that_another_photograph_has_is_told_as_that_whatever_its_sample() -> None:
    put("scans/a.2.jpg", b"another")
    colour("scans/a.2.jpg")
    before = files()
    why = colour("scans/a.jpg", samples=2).became["a.jpg"]
    assert "was made from another photograph" in why
    assert "name another --out" in why
    assert before.items() <= files().items()


def test_a_name_that_another_sample_had_is_free_once_it_is_deleted() -> None:
    colour("scans/a.jpg", samples=2)
    (OUT / "a.2.jpg").unlink()
    assert colour("scans/a.jpg", name="{stem}.2{ext}").became == {"a.jpg": "done"}
    assert files()["a.2.jpg"] == files()["a.1.jpg"]


# Photographs keep their place.


@pytest.mark.parametrize("samples", [1, 2])
def test_a_photograph_keeps_its_folder_under_another_name(samples: int) -> None:
    put("scans/1920/x.jpg", b"x")
    colour(samples=samples)
    before = files()
    colour("scans/1920/x.jpg", name="{stem}_colour{ext}", samples=samples)
    numbers = ("",) if samples == 1 else (".1", ".2")
    new = {f"1920/x_colour{number}.jpg" for number in numbers}
    assert files().keys() == before.keys() | new
    colour("scans/1920/x.jpg", name="the {stem}{ext}", format="png")
    assert "1920/the x.png" in files()


def test_a_photograph_is_known_whatever_leads_to_it() -> None:
    put("scans/1920/deep/x.jpg", b"x")
    put("scans/1920/y.jpg", b"y")
    colour()
    before = files()
    assert "1920/deep/x.jpg" in before
    for paths in (("scans/1920/deep/x.jpg",), ("scans/1920",), ("scans/1920", "scans/a.jpg")):
        assert not colour(*paths).became
        assert set(colour(*paths, overwrite=True).became.values()) == {"done"}
        assert files() == before
    put("others/z.jpg", b"z")
    assert set(colour("scans", "others").became) == {"z.jpg"}
    assert files().keys() == before.keys() | {"others/z.jpg"}


def test_one_photo_of_a_tree_that_was_moved_is_known_by_its_bytes() -> None:
    put("scans/1920/x.jpg", b"x")
    put("scans/1920/y.jpg", b"y")
    colour()
    before = files()
    Path("scans").rename("moved")
    assert not colour("moved/1920/x.jpg").became
    assert colour("moved/1920/x.jpg", overwrite=True).became == {"x.jpg": "done"}
    assert files() == before
    put("copy/x.jpg", b"x")
    assert colour("copy").became == {"x.jpg": "done"}, "a copy of a photo that is there"
    put("moved/1920/new.jpg", b"z")
    assert colour("moved").became == {"new.jpg": "done"}
    assert set(files()) == {*before, "x.jpg", "1920/new.jpg"}


def test_a_name_is_kept_when_another_photo_would_share_it_later() -> None:
    put("one/x.jpg", b"x")
    colour("one", format="png", samples=2)
    put("one/x.webp", b"another")
    ran = colour("one", format="png", samples=2)
    assert todo(ran) == {"x.webp": (0, 1)}
    assert set(files()) == {"x.1.png", "x.2.png", "x.webp.1.png", "x.webp.2.png"}
    assert not colour("one", format="png", samples=2).became
    assert colour("one/x.webp", format="png", samples=2, overwrite=True).became
    assert len(files()) == 4


def test_photographs_that_end_in_a_number_are_not_taken_for_samples() -> None:
    put("one/x.1.jpg", b"first")
    put("one/x.jpg", b"second")
    colour("one")
    assert not colour("one").became
    assert not colour("one/x.1.jpg").became
    assert set(files()) == {"x.1.jpg", "x.jpg"}
    ran = colour("one", samples=2)
    assert "made from another photograph" in ran.became["x.jpg"]
    assert ran.became["x.1.jpg"] == "done"
    assert set(files()) == {"x.1.1.jpg", "x.1.2.jpg", "x.jpg"}


# Times.


def test_colourings_have_the_time_of_their_photograph_on_demand() -> None:
    os.utime("scans/a.jpg", ns=(10**18, 10**18 + 7))
    assert colour("scans/a.jpg", keep_times=True).became == {"a.jpg": "done"}
    assert (OUT / "a.jpg").stat().st_mtime_ns == Path("scans/a.jpg").stat().st_mtime_ns
    colour("scans/b.jpg")
    assert (OUT / "b.jpg").stat().st_mtime_ns > Path("scans/b.jpg").stat().st_mtime_ns
    assert not colour("scans/a.jpg", "scans/b.jpg").became
    edit("scans/a.jpg")
    assert colour(keep_times=True).became.keys() == {"a.jpg", "c.jpg"}, "it is known as ours"


def test_a_photo_whose_time_cannot_be_had_is_done_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*given: Any, **more: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    assert set(colour(keep_times=True).became.values()) == {"done"}


def test_the_first_of_several_and_a_photo_of_that_name_never_share_a_file() -> None:
    colour("scans/a.jpg", samples=4)
    put("scans/a.1.jpg", b"another")
    ran = colour("scans/a.jpg", "scans/a.1.jpg")
    outputs = [path for job in ran.plan.jobs for path in job.outputs]
    assert len(outputs) == len(set(outputs)) == 2
    assert ran.became == {"a.1.jpg": "done"}
