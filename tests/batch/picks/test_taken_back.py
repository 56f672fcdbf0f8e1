"""Picks that are taken back: all of them, or those that a table has no more."""

import shutil
from pathlib import Path

import pytest
from made.ledgered import OUT, colour
from made.picked import CHOSEN, Pick, chosen, table

from colorize_cli.cli.app import main
from colorize_cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE


def test_a_pick_that_the_table_has_no_more_is_taken_back(pick: Pick) -> None:
    table(("a.jpg", 2), ("b.jpg", 1), ("sub/a.jpg", 1))
    pick()
    table(("a.jpg", 2))
    code, lines, said = pick()
    assert code == EXIT_OK
    assert "2 of earlier taken back" in said
    assert chosen() == {"a.jpg": "a.2.jpg"}
    assert len(lines) == 2
    assert not (CHOSEN / "sub").exists()


def test_an_earlier_pick_that_was_altered_or_is_nowhere_else_stays_and_is_named(
    pick: Pick,
) -> None:
    table(("a.jpg", 2), ("b.jpg", 1), ("sub/a.jpg", 1))
    pick("--copy")
    (CHOSEN / "a.jpg").write_bytes(b"retouched")
    (OUT / "b.1.jpg").unlink()
    table(("sub/a.jpg", 1))
    code, _, said = pick("--copy")
    assert code == EXIT_FAILED
    assert "a.jpg was altered since it was put there" in said
    assert "b.jpg, whose colouring is gone" in said
    assert sorted(path.name for path in CHOSEN.glob("*.jpg")) == ["a.jpg", "b.jpg"]


def test_another_folder_in_the_way_is_told_with_what_takes_its_picks_back(pick: Pick) -> None:
    colour(out="my other", samples=4, seed=8)
    table(("a.jpg", 2))
    main(["pick", "my other", "picks.csv", "--to", "chosen"])
    said = pick()[2]
    there = Path("my other").absolute()
    assert f"is a pick of {there}" in said
    assert f"colorize pick '{there}' --to chosen --undo" in said


def test_undo_is_of_one_folder_or_of_all(pick: Pick) -> None:
    colour(out="other", samples=4, seed=8)
    table(("a.jpg", 2))
    pick()
    table(("b.jpg", 1))
    main(["pick", "other", "picks.csv", "--to", "chosen"])
    code, _, said = pick("--undo")
    assert code == EXIT_OK
    assert "1 file taken back" in said
    assert [path.name for path in CHOSEN.glob("*.jpg")] == ["b.jpg"]
    code, _, said = pick("--undo")
    assert code == EXIT_USAGE
    assert "has put there from out" in said
    assert main(["pick", "--to", "chosen", "--undo"]) == EXIT_OK
    assert not CHOSEN.exists()


def test_a_table_has_no_say_in_what_is_taken_back_and_is_refused(pick: Pick) -> None:
    table(("a.jpg", 2))
    pick()
    assert main(["pick", "out", "picks.csv", "--to", "chosen", "--undo"]) == EXIT_USAGE
    assert chosen() == {"a.jpg": "a.2.jpg"}


def test_the_picks_of_a_folder_that_was_moved_are_still_its_own(pick: Pick) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick()
    OUT.rename("elsewhere")
    table(("a.jpg", 3))
    assert main(["pick", "elsewhere", "picks.csv", "--to", "chosen"]) == EXIT_OK
    assert [path.name for path in CHOSEN.glob("*.jpg")] == ["a.jpg"]
    assert (CHOSEN / "a.jpg").samefile(Path("elsewhere/a.3.jpg"))


def test_undo_takes_back_what_was_put_there_and_nothing_else(pick: Pick) -> None:
    CHOSEN.mkdir()
    (CHOSEN / "mine.jpg").write_bytes(b"mine")
    table(("a.jpg", 2), ("sub/a.jpg", 4))
    pick()
    colourings = {path: path.read_bytes() for path in OUT.rglob("*.jpg")}
    code, _, said = pick("--undo")
    assert code == EXIT_OK
    assert "2 files taken back" in said
    assert [path.name for path in CHOSEN.rglob("*")] == ["mine.jpg"]
    assert colourings == {path: path.read_bytes() for path in OUT.rglob("*.jpg")}
    assert pick("--undo")[0] == EXIT_USAGE


def test_undo_of_all_that_a_folder_holds_takes_the_folder_too(pick: Pick) -> None:
    table(("sub/a.jpg", 4))
    pick()
    pick("--undo")
    assert not CHOSEN.exists()


@pytest.mark.parametrize("how", [(), ("--copy",)])
def test_what_was_altered_stays_when_the_rest_is_taken_back(
    pick: Pick, how: tuple[str, ...]
) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick(*how)
    (CHOSEN / "a.jpg").write_bytes(b"retouched")
    code, _, said = pick("--undo")
    assert code == EXIT_FAILED
    assert "altered since" in said
    assert [path.name for path in CHOSEN.rglob("*.jpg")] == ["a.jpg"]
    assert (CHOSEN / "a.jpg").read_bytes() == b"retouched"


def test_somebody_elses_file_is_neither_replaced_nor_taken_back(pick: Pick) -> None:
    CHOSEN.mkdir()
    (CHOSEN / "a.jpg").write_bytes(b"mine")
    table(("a.jpg", 2), ("b.jpg", 1))
    code, _, said = pick()
    assert code == EXIT_FAILED
    assert "was not put there by a pick" in said
    pick("--undo")
    assert [path.name for path in CHOSEN.rglob("*")] == ["a.jpg"]


def test_a_file_of_the_same_content_that_was_there_is_not_taken_back(pick: Pick) -> None:
    CHOSEN.mkdir()
    (CHOSEN / "a.jpg").write_bytes((OUT / "a.2.jpg").read_bytes())
    table(("a.jpg", 2), ("b.jpg", 1))
    assert pick()[0] == EXIT_OK
    pick("--undo")
    assert (CHOSEN / "a.jpg").exists()
    assert not (CHOSEN / "b.jpg").exists()


def test_a_table_is_asked_for_unless_picks_are_taken_back(pick: Pick) -> None:
    code, _, said = pick(table=None)
    assert code == EXIT_USAGE
    assert "colorize pick OUT picks.csv --to DIR" in said.replace("\n", " ")


def test_a_pick_that_was_killed_is_undone_too(pick: Pick, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(self: object) -> None:
        raise KeyboardInterrupt

    table(("a.jpg", 2), ("sub/a.jpg", 1))
    with monkeypatch.context() as patch:
        patch.setattr("colorize_cli.batch.picks.putting.Putter._settle", killed)
        pick()
    assert len(chosen()) == 2
    pick("--undo")
    assert not CHOSEN.exists()


def test_what_is_nowhere_else_any_more_is_not_taken_back(pick: Pick) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick("--copy")
    colouring = OUT / "a.2.jpg"
    kept = colouring.read_bytes()
    colouring.unlink()
    code, _, said = pick("--undo")
    assert code == EXIT_FAILED
    assert "a.jpg, whose colouring is gone or was made again" in said
    assert [path.name for path in CHOSEN.rglob("*.jpg")] == ["a.jpg"]
    assert (CHOSEN / "a.jpg").read_bytes() == kept


@pytest.mark.parametrize("how", [(), ("--copy",)])
def test_nothing_is_taken_back_while_a_row_names_an_unknown_photograph(
    pick: Pick, how: tuple[str, ...]
) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick(*how)
    table(("a.jpg", 3), ("c.jpg", 1))
    code, _, said = pick(*how)
    assert code == EXIT_FAILED
    assert "the ledger has no such photograph" in said
    assert chosen() == {"a.jpg": "a.3.jpg", "b.jpg": "b.1.jpg"}


def test_the_chosen_file_is_no_copy_of_itself(pick: Pick) -> None:
    shutil.rmtree(OUT)
    colour(samples=1)  # so that a colouring has the name of what is chosen
    table(("b.jpg", 1))
    pick("--copy")
    (kept,) = (path.read_bytes() for path in CHOSEN.rglob("*.jpg"))
    shutil.rmtree(OUT)
    assert main(["pick", "chosen", "--to", "chosen", "--undo"]) == EXIT_USAGE
    CHOSEN.rename(OUT)
    assert main(["pick", "--to", "out", "--undo"]) == EXIT_FAILED
    assert [path.read_bytes() for path in OUT.rglob("*.jpg")] == [kept]


def test_a_folder_in_the_way_that_is_gone_is_not_asked_to_take_anything_back(pick: Pick) -> None:
    colour(out="other", samples=4, seed=8)
    table(("a.jpg", 2))
    main(["pick", "other", "picks.csv", "--to", "chosen"])
    shutil.rmtree("other")
    _, _, said = pick()
    assert "which is gone: name another --to, or move the file away" in said.replace("\n", " ")
