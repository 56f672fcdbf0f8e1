"""Picked colourings in a folder of their own, and that folder taken back."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from made.ledgered import OUT, colour, later, put

from colorize_cli.batch.records.inspect_folder import open_ledgers
from colorize_cli.batch.sheet.entries import entries_of
from colorize_cli.cli.app import main
from colorize_cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE

Pick = Callable[..., tuple[int, list[str], str]]
CHOSEN = Path("chosen")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three photographs, of four samples each, and one that failed."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "sub/a.jpg"):
        put(f"scans/{name}", name.encode())
    colour(samples=4)


@pytest.fixture
def pick(capfd: pytest.CaptureFixture[str]) -> Pick:
    """Run the command; return its exit code, lines of standard output, and standard error."""

    def run(*more: str, table: str | None = "picks.csv") -> tuple[int, list[str], str]:
        given = [table] if table and "--undo" not in more else []
        code = main(["pick", "out", *given, "--to", "chosen", *more])
        said = capfd.readouterr()
        return code, said.out.splitlines(), said.err

    return run


def table(*rows: tuple[str, object], separator: str = ",", head: str = "") -> None:
    """Write picks, by the names of the photographs, as a person would, of two columns."""
    lines = [head or separator.join(("photograph", "sample"))]
    lines += [separator.join((str(Path("scans", name).absolute()), str(k))) for name, k in rows]
    Path("picks.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n", "utf-8")


def chosen() -> dict[str, str]:
    """The files of the folder, each with the name of the colouring that has its content."""
    made = {path.read_bytes(): str(path.relative_to(OUT)) for path in OUT.rglob("*.jpg")}
    return {str(p.relative_to(CHOSEN)): made[p.read_bytes()] for p in CHOSEN.rglob("*.jpg")}


def hidden() -> list[Path]:
    return [path for path in CHOSEN.rglob(".*") if path.name != ".colorize.picks.json"]


def test_the_chosen_ones_are_linked_in_the_same_tree_under_their_photographs_names(
    pick: Pick,
) -> None:
    table(("a.jpg", 2), ("sub/a.jpg", 4))
    code, lines, said = pick()
    assert code == EXIT_OK
    assert chosen() == {"a.jpg": "a.2.jpg", str(Path("sub/a.jpg")): str(Path("sub/a.4.jpg"))}
    assert (CHOSEN / "a.jpg").samefile(OUT / "a.2.jpg")
    assert lines == [f"no pick\t{Path('scans/b.jpg').absolute()}"]
    assert "2 picks: 2 linked" in said
    assert "1 photo without a pick" in said


def test_where_there_are_no_links_they_are_copied(
    pick: Pick, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: Path, target: Path) -> None:
        if target.parent != self.parent:  # a link within the folder is how a file takes its name
            raise OSError(18, "Invalid cross-device link")
        os.link(target, self)

    monkeypatch.setattr(Path, "hardlink_to", fails)
    table(("a.jpg", 2))
    assert "1 copied" in pick()[2]
    assert chosen() == {"a.jpg": "a.2.jpg"}
    assert not (CHOSEN / "a.jpg").samefile(OUT / "a.2.jpg")
    assert not hidden()


def test_copies_may_be_asked_for_and_take_the_place_of_links(pick: Pick) -> None:
    table(("a.jpg", 2))
    pick()
    assert "1 copied" in pick("--copy")[2]
    (CHOSEN / "a.jpg").write_bytes(b"retouched")
    assert (OUT / "a.2.jpg").read_bytes() != b"retouched"


def test_picking_again_does_nothing_and_another_sample_takes_the_place(pick: Pick) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick()
    assert "2 there already" in pick()[2]
    table(("a.jpg", 3), ("b.jpg", 1))
    code, lines, said = pick()
    assert code == EXIT_OK
    assert "1 linked, 1 there already; chosen" in said
    assert chosen() == {"a.jpg": "a.3.jpg", "b.jpg": "b.1.jpg"}
    assert len(lines) == 1
    assert not hidden()


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


@pytest.mark.parametrize("how", [{"format": "png"}, {"name": "{stem}_colour{ext}"}])
def test_a_photograph_has_one_pick_whatever_its_files_are_called_since(
    pick: Pick, how: dict[str, str]
) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick()
    later("scans/a.jpg")
    colour("scans/a.jpg", samples=4, seed=8, **how)
    later("scans/a.jpg")
    code, *_ = pick()
    assert code == EXIT_OK
    new = "a.png" if "format" in how else "a_colour.jpg"
    assert sorted(path.name for path in CHOSEN.glob("*.*g")) == [new, "b.jpg"]


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


def test_an_earlier_pick_stays_while_nothing_can_take_its_place(pick: Pick) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick()
    table(("a.jpg", 9), ("b.jpg", 1))
    assert pick()[0] == EXIT_FAILED
    assert chosen() == {"a.jpg": "a.2.jpg", "b.jpg": "b.1.jpg"}


def test_picks_of_another_folder_are_in_the_way_and_stay(pick: Pick) -> None:
    colour(out="other", samples=4, seed=8)
    table(("a.jpg", 2), ("b.jpg", 1))
    pick()
    table(("a.jpg", 2), ("sub/a.jpg", 3))
    assert main(["pick", "other", "picks.csv", "--to", "chosen"]) == EXIT_FAILED
    assert {path.name for path in CHOSEN.glob("*.jpg")} == {"a.jpg", "b.jpg"}
    assert (CHOSEN / "a.jpg").samefile(OUT / "a.2.jpg")
    assert (CHOSEN / "sub/a.jpg").samefile(Path("other/sub/a.3.jpg"))
    table(("a.jpg", 3), ("b.jpg", 1))
    assert pick()[0] == EXIT_OK
    assert (CHOSEN / "sub/a.jpg").samefile(Path("other/sub/a.3.jpg"))


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


def test_what_was_altered_is_not_replaced_by_another_pick(pick: Pick) -> None:
    table(("a.jpg", 2), ("b.jpg", 1))
    pick("--copy")
    (CHOSEN / "a.jpg").write_bytes(b"retouched")
    table(("a.jpg", 3), ("b.jpg", 2))
    code, _, said = pick("--copy")
    assert code == EXIT_FAILED
    assert "altered since it was put there" in said
    assert (CHOSEN / "a.jpg").read_bytes() == b"retouched"
    assert (CHOSEN / "b.jpg").read_bytes() == (OUT / "b.2.jpg").read_bytes()


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


def test_what_was_coloured_again_since_it_was_picked_is_not_taken(pick: Pick) -> None:
    with open_ledgers(OUT) as databases:
        entries = entries_of(databases, OUT)
    rows = [f"{e.photo},2,,s{e.samples[1].made[:20]}" for e in entries[:2]]
    Path("picks.csv").write_text("\n".join(["photograph,sample,colouring,key", *rows]))
    colour("scans/a.jpg", "scans/b.jpg", samples=4, seed=7, overwrite=True)
    code, _, said = pick()
    assert code == EXIT_FAILED
    assert said.count("coloured again since it was picked") == 2
    assert not chosen()


def test_a_colouring_that_somebody_altered_is_taken_as_it_is_and_that_is_said(pick: Pick) -> None:
    (OUT / "a.2.jpg").write_bytes(b"retouched before it was picked")
    table(("a.jpg", 2))
    code, _, said = pick()
    assert code == EXIT_OK
    assert "1 colouring taken as altered since" in said
    assert (CHOSEN / "a.jpg").read_bytes() == b"retouched before it was picked"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_spreadsheet_may_have_saved_the_table(pick: Pick, separator: str) -> None:
    table(("b.jpg", 3), separator=separator)
    assert pick()[0] == EXIT_OK
    assert chosen() == {"b.jpg": "b.3.jpg"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no table of picks"),
        ("a,b\n1,2\n", "first line has to name"),
        ("photograph,sample\nscans/a.jpg,two\n", "line 2"),
        ("photograph,sample\nscans/a.jpg,0\n", "line 2"),
        ("photograph,sample\n,1\n", "line 2"),
        ("photograph,sample\nscans/a.jpg\n", "line 2"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_and_nothing_is_put(
    pick: Pick, text: str, said: str
) -> None:
    Path("picks.csv").write_text(text)
    code, _, told = pick()
    assert code == EXIT_USAGE
    assert said in told.replace("\n", " ")
    assert not CHOSEN.exists()


def test_a_table_is_asked_for_unless_picks_are_taken_back(pick: Pick) -> None:
    code, _, said = pick(table=None)
    assert code == EXIT_USAGE
    assert "colorize pick OUT picks.csv --to DIR" in said.replace("\n", " ")


def test_rows_of_no_photograph_or_no_sample_are_named_and_the_rest_is_taken(pick: Pick) -> None:
    table(("none.jpg", 1), ("a.jpg", 9), ("b.jpg", 1))
    code, _, said = pick()
    assert code == EXIT_FAILED
    assert "the ledger has no such photograph" in said
    assert "there is no sample 9 of it, but 1, 2, 3, 4" in said
    assert chosen() == {"b.jpg": "b.1.jpg"}


def test_a_path_may_be_written_as_from_here_and_the_last_row_of_a_photo_counts(pick: Pick) -> None:
    Path("picks.csv").write_text("photograph,sample\nscans/a.jpg,1\nscans/a.jpg,4\n")
    assert pick()[0] == EXIT_OK
    assert chosen() == {"a.jpg": "a.4.jpg"}


def test_two_whose_names_would_be_one_keep_their_numbers(pick: Pick) -> None:
    put("scans/a.1.jpg", b"one")
    colour(samples=4)
    table(("a.jpg", 1), ("a.1.jpg", 1))
    assert pick()[0] == EXIT_OK
    assert chosen() == {"a.jpg": "a.1.jpg", "a.1.jpg": "a.1.1.jpg"}


def test_a_colouring_that_is_the_only_one_keeps_its_name(pick: Pick) -> None:
    put("one/x.1.jpg", b"x")
    put("one/x.jpg", b"y")
    colour("one", out="single")
    rows = "".join(f"{Path('one', name).absolute()},1\n" for name in ("x.1.jpg", "x.jpg"))
    Path("picks.csv").write_text(f"photograph,sample\n{rows}")
    assert main(["pick", "single", "picks.csv", "--to", "chosen"]) == EXIT_OK
    assert sorted(path.name for path in CHOSEN.rglob("*.jpg")) == ["x.1.jpg", "x.jpg"]


@pytest.mark.parametrize("to", ["out", "picks.csv"])
def test_a_place_that_cannot_take_them_is_refused(pick: Pick, to: str) -> None:
    table(("a.jpg", 2))
    before = Path("picks.csv").read_bytes()
    assert main(["pick", "out", "picks.csv", "--to", to]) == EXIT_USAGE
    assert Path("picks.csv").read_bytes() == before


def test_the_chosen_ones_are_no_photographs_of_another_run(pick: Pick) -> None:
    table(("a.jpg", 2))
    main(["pick", "out", "picks.csv", "--to", "scans/chosen"])
    ran = colour(samples=4)
    assert not [job for job in ran.plan.jobs if "chosen" in job.source.parts]
    assert not ran.plan.problems
    assert any("it holds colourings" in text for text in ran.said)


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


def test_a_damaged_record_and_a_number_without_end_are_told(pick: Pick) -> None:
    table(("a.jpg", "9" * 5000))
    code, _, said = pick()
    assert code == EXIT_USAGE
    assert "number of a sample" in said
    CHOSEN.mkdir()
    (CHOSEN / ".colorize.picks.json").write_text('{"format": 2, "files": [], "made": []}')
    code, _, said = pick("--undo")
    assert code == EXIT_USAGE
    assert "is damaged" in said
    (CHOSEN / ".colorize.picks.json").write_text('{"format": 1, "files": {}, "made": []}')
    code, _, said = pick("--undo")
    assert code == EXIT_USAGE
    assert "of another version of colorize" in said
