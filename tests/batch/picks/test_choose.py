"""Picked colourings in a folder of their own."""

import os
from pathlib import Path

import pytest
from made.ledgered import OUT, colour, later, put
from made.picked import CHOSEN, Pick, chosen, hidden, table

from colorize_cli.batch.picks.named import Named
from colorize_cli.batch.records.inspect_folder import open_ledgers
from colorize_cli.batch.sheet.entries import entries_of
from colorize_cli.cli.app import main
from colorize_cli.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE


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


@pytest.mark.parametrize("name", ["sub/a.jpg", "./sub/a.jpg", "scans/sub/a.jpg"])
def test_a_photograph_may_be_named_as_on_the_sheet_or_from_here(pick: Pick, name: str) -> None:
    Path("picks.csv").write_text(f"photograph,sample\n{name},4\n")
    code, lines, _ = pick()
    assert code == EXIT_OK
    assert chosen() == {str(Path("sub/a.jpg")): str(Path("sub/a.4.jpg"))}
    assert len(lines) == 2


def test_whatever_a_photograph_is_called_its_last_row_counts(pick: Pick) -> None:
    path = Path("scans/a.jpg").absolute()
    Path("picks.csv").write_text(f"photograph,sample\n{path},1\na.jpg,9\n{path},4\n")
    assert pick()[0] == EXIT_OK
    assert chosen() == {"a.jpg": "a.4.jpg"}


def test_a_name_that_may_be_of_two_photographs_is_told_and_takes_nothing_back(
    pick: Pick, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    table(("b.jpg", 1))
    pick()
    Path("picks.csv").write_text("photograph,sample\na.jpg,4\n")
    monkeypatch.chdir("scans/sub")  # where a.jpg is another than the sheet's
    top = Path("../..")
    given = [str(top / "out"), str(top / "picks.csv"), "--to", str(top / "chosen")]
    assert main(["pick", *given]) == EXIT_FAILED
    assert "write its whole path" in capfd.readouterr().err.replace("\n", " ")
    monkeypatch.chdir(top)
    assert chosen() == {"b.jpg": "b.1.jpg"}
    photographs = [str(Path("scans", name).absolute()) for name in ("sub/a.jpg", "a.jpg")]
    with open_ledgers(OUT) as databases:
        named = Named(entries_of(databases, OUT))
    monkeypatch.chdir("scans/sub")
    assert [entry.photo for entry in named.meant("a.jpg")] == photographs


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
