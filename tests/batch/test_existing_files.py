"""What a run makes of the files that it finds under the names of its colourings."""

import os
import sqlite3
from pathlib import Path

import pytest
from made.ledgered import JPEG, OUT, EndedError, colour, edit, files, later, put, todo, words
from made.records import (
    asked,
    states,
)
from made.settings import run_settings

from colorize_cli.batch.ledger import Beginning, Ledger
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.settings import Options
from colorize_cli.errors import ImageError

pytestmark = pytest.mark.usefixtures("three_photos")


# What is done stays.


def test_the_same_command_does_nothing_twice_and_writes_nothing() -> None:
    assert set(colour().became.values()) == {"done"}
    before = {path: path.stat().st_mtime_ns for path in OUT.rglob("*")}
    again = colour()
    assert not again.became
    assert not again.said
    assert {path: path.stat().st_mtime_ns for path in OUT.rglob("*")} == before


def test_one_file_is_left_in_which_every_photograph_has_a_row() -> None:
    colour(seed=3, samples=2)
    assert {path.name for path in OUT.iterdir() if path.name.startswith(".")} == {LEDGER_NAME}
    rows = asked(OUT, "SELECT size, sha256, bundle, seed, state, reason FROM photos ORDER BY path")
    assert [row[3:] for row in rows] == [(3, "done", None)] * 3
    assert {row[0] for row in rows} == {len(JPEG) + 5}
    assert {row[2] for row in rows} == {run_settings().model_digest}
    placed = asked(OUT, "SELECT place, sample, state FROM files ORDER BY place")
    assert placed[:2] == [("a.1.jpg", 1, "placed"), ("a.2.jpg", 2, "placed")]


def test_a_photo_is_done_only_when_all_its_samples_are() -> None:
    colour(samples=2)
    (OUT / "b.1.jpg").unlink()
    assert todo(colour(samples=2, restore=True)) == {"b.jpg": (0,)}
    assert todo(colour(samples=4)) == dict.fromkeys(("a.jpg", "b.jpg", "c.jpg"), (2, 3))


def test_all_is_made_again_on_demand() -> None:
    colour()
    (OUT / "a.jpg").write_bytes(b"edited")
    assert set(colour(overwrite=True, seed=1).became.values()) == {"done"}
    assert files()["a.jpg"] == words(Path("scans/a.jpg"), 1, 0)


# What changed is made again.


def test_a_photo_that_was_edited_in_place_is_coloured_again_and_it_is_said() -> None:
    colour(samples=2)
    edit("scans/a.jpg")
    again = colour(samples=2)
    assert todo(again) == {"a.jpg": (0, 1)}
    assert again.became == {"a.jpg": "done"}
    assert any("1 of the photographs changed since they were coloured" in x for x in again.said)
    assert files()["a.2.jpg"] == words(Path("scans/a.jpg"), 0, 1)
    assert not colour(samples=2).became


def test_a_photo_that_was_only_touched_is_read_once_and_stays() -> None:
    colour()
    later("scans/a.jpg")
    first = colour()
    assert not first.became
    assert len(first.said) == 1
    assert "reading them" in first.said[0]
    assert not colour().said


def test_another_photograph_at_the_same_path_does_not_pass_for_the_first() -> None:
    colour()
    put("scans/a.jpg", b"of another card, and longer")
    assert todo(colour()) == {"a.jpg": (0,)}
    assert files()["a.jpg"] == words(Path("scans/a.jpg"), 0, 0)


def test_what_a_person_edited_is_kept_and_the_photo_fails_with_what_to_do() -> None:
    colour()
    (OUT / "a.jpg").write_bytes(b"retouched by hand")
    assert not colour().became, "as long as the photograph is the same"
    edit("scans/a.jpg")
    (reason,) = colour().became.values()
    assert "out/a.jpg was altered since it was made" in reason
    assert "--overwrite" in reason
    assert files()["a.jpg"] == b"retouched by hand"
    assert colour(overwrite=True).became["a.jpg"] == "done"


def test_an_edit_within_the_size_and_time_of_a_file_is_seen_before_it_is_replaced() -> None:
    colour()
    status = (OUT / "a.jpg").stat()
    (OUT / "a.jpg").write_bytes(edited := b"x" * status.st_size)
    os.utime(OUT / "a.jpg", ns=(status.st_atime_ns, status.st_mtime_ns))
    edit("scans/a.jpg")
    assert "was altered" in colour().became["a.jpg"]
    assert files()["a.jpg"] == edited


def test_an_overwriting_run_that_ended_is_gone_on_with() -> None:
    colour(seed=0, samples=2)
    with pytest.raises(EndedError):
        colour(seed=7, samples=2, overwrite=True, ends_before="b.2.jpg")
    again = colour(seed=7, samples=2)
    assert todo(again) == {"b.jpg": (1,), "c.jpg": (0, 1)}
    assert "2 of the photographs were to be coloured again" in again.said[0]
    assert len({data.split(b" ", 1)[1] for data in files().values()}) == 2, "one seed, two samples"
    assert set(states(OUT).values()) == {"done"}


# What is not ours.


def test_a_file_that_nobody_knows_is_neither_taken_for_done_nor_written_over() -> None:
    put("out/a.jpg", b"an original")
    before = files()
    ran = colour()
    assert "out/a.jpg is there, and not known to be a colouring" in ran.became["a.jpg"]
    assert (ran.became["b.jpg"], ran.became["c.jpg"]) == ("done", "done")
    assert before.items() <= files().items()
    assert colour(overwrite=True).became["a.jpg"] == "done"


def test_a_file_that_appears_meanwhile_is_not_lost() -> None:
    with Ledger(OUT) as ledger:
        plan = make_plan(Options((Path("scans"),), OUT), ledger)
        ledger.begin(Beginning(run_settings(), plan.todo, overwrites=False))
        (OUT / "a.jpg").write_bytes(b"appeared")
        with pytest.raises(Exception, match="not known to be a colouring"):
            ledger.put(plan.jobs[0], 0, b"colouring", "d" * 64)
        ledger.put(plan.jobs[1], 0, b"colouring", "d" * 64)
    assert files() == {"a.jpg": b"appeared", "b.jpg": b"colouring"}


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_is_taken_at_the_last_moment_is_kept(
    monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """The moment between the look at a name and its taking, with and without hard links."""
    real = Path.hardlink_to

    def late(self: Path, target: Path) -> None:
        if self.name == "a.jpg":
            self.write_bytes(b"appeared")
        if not links:
            raise PermissionError(1, "Operation not permitted")
        real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "hardlink_to", late)
        became = colour().became
    assert "not known to be a colouring" in became.pop("a.jpg")
    assert set(became.values()) == {"done"}
    assert files()["a.jpg"] == b"appeared"
    assert not [name for name in files() if name.endswith(".part")]
    assert "not known to be a colouring" in colour().became["a.jpg"], "nor is it taken for ours"


def test_an_empty_file_a_folder_and_a_dead_link_are_not_done() -> None:
    OUT.mkdir()
    (OUT / "a.jpg").touch()
    (OUT / "b.jpg").mkdir()
    (OUT / "c.jpg").symlink_to("nowhere.jpg")
    ran = colour()
    assert ran.became["a.jpg"] == "done"
    assert "out/b.jpg is no file" in ran.became["b.jpg"]
    assert "out/c.jpg is a link that leads nowhere" in ran.became["c.jpg"]
    assert not Path("out/nowhere.jpg").exists()
    (OUT / "a.jpg").write_bytes(b"")
    assert colour().became["a.jpg"] == "done"


def test_a_link_is_replaced_and_never_written_through() -> None:
    colour()
    precious = put("elsewhere/precious.jpg")
    for overwrite in (False, True):
        (OUT / "a.jpg").unlink()
        (OUT / "a.jpg").symlink_to(precious.absolute())
        edit("scans/a.jpg")
        became = colour(overwrite=overwrite).became
        assert (became["a.jpg"] == "done") == overwrite
        assert precious.read_bytes() == JPEG


@pytest.mark.parametrize(
    ("paths", "out"), [(("scans/1910",), "scans"), (("scans",), "scans/1910"), (("scans",), "link")]
)
def test_originals_beside_the_outputs_are_not_overwritten_even_on_demand(
    paths: tuple[str, ...], out: str
) -> None:
    put("scans/x.jpg", b"one")
    put("scans/1910/x.jpg", b"another")
    Path("link").symlink_to("scans/1910")
    before = {path: path.read_bytes() for path in Path("scans").rglob("*.jpg")}
    assert "not known to be a colouring" in colour(*paths, out=out).became["x.jpg"]
    assert "may be an original" in colour(*paths, out=out, overwrite=True).became["x.jpg"]
    assert before.items() <= {p: p.read_bytes() for p in Path("scans").rglob("*.jpg")}.items()


def test_what_was_made_beside_originals_is_overwritten_on_demand() -> None:
    put("scans/1910/x.jpg")
    assert colour("scans/1910", out="scans").became == {"x.jpg": "done"}
    assert colour("scans/1910", out="scans", overwrite=True, seed=1).became == {"x.jpg": "done"}


def test_an_original_that_took_the_name_of_a_colouring_is_not_overwritten() -> None:
    put("scans/1910/x.jpg")
    colour("scans/1910", out="scans")
    made = Path("scans/x.jpg").read_bytes()
    original = put("elsewhere/x.jpg", b"an original").replace("scans/x.jpg")
    before = original.read_bytes()
    again = colour("scans/1910", out="scans", overwrite=True)
    assert "may be an original" in again.became["x.jpg"]
    assert original.read_bytes() == before != made
    with Ledger(Path("scans")) as ledger:  # nor where it comes after planning
        original.write_bytes(made)
        os.utime(original, ns=(0, 0))
        options = Options((Path("scans/1910"),), Path("scans"), overwrite=True)
        plan = make_plan(options, ledger)
        ledger.begin(Beginning(run_settings(), plan.todo, overwrites=True, spares_unknown=True))
        original.write_bytes(before)
        with pytest.raises(ImageError):
            ledger.put(plan.todo[0], 0, b"new", "digest")
    assert original.read_bytes() == before


def test_an_output_does_not_lie_on_a_photograph_that_a_link_leads_to() -> None:
    real = put("photographs/x.jpg")
    Path("named").mkdir()
    Path("named/x.jpg").symlink_to(real.absolute())
    ran = colour("named", out="photographs", overwrite=True)
    assert "would be written over a photograph" in ran.became["x.jpg"]
    assert real.read_bytes() == JPEG


def test_files_of_another_photograph_are_found() -> None:
    put("1/x.jpg", b"first")
    put("2/x.jpg", b"second")
    colour("1/x.jpg")
    (reason,) = colour("2/x.jpg").became.values()
    assert f"was made from another photograph, {Path('1/x.jpg').absolute()}" in reason
    assert colour("2/x.jpg", overwrite=True).became == {"x.jpg": "done"}
    assert "made from another" in colour("1/x.jpg").became["x.jpg"], "what was made last counts"


def test_a_path_that_leads_back_from_a_link_is_no_other_s() -> None:
    put("x.jpg", b"first")
    put("elsewhere/deep/y.jpg")
    put("elsewhere/x.jpg", b"second")
    Path("link").symlink_to("elsewhere/deep")
    colour("x.jpg")
    assert "another photograph" in colour("link/../x.jpg").became["x.jpg"]


# Photographs that moved.


def test_photographs_that_were_moved_are_known_by_their_bytes_and_then_by_their_path() -> None:
    colour()
    Path("scans").rename("moved")
    first = colour("moved")
    assert not first.became
    assert len(first.said) == 1
    assert not colour("moved").said
    paths = {Path(path).parent.name for (path,) in asked(OUT, "SELECT path FROM photos")}
    assert paths == {"moved"}


def test_the_same_name_in_another_folder_is_another_file() -> None:
    put("1/a/x.jpg", b"first")
    put("2/x.jpg", b"second")
    colour("1")
    assert colour("2").became == {"x.jpg": "done"}


def test_names_are_whole_whatever_they_are() -> None:
    name = os.fsdecode(b"\xff\n.jpg") if os.name != "nt" else "x.jpg"
    put(f"odd/{name}")
    put("odd/\u0065\u0301.jpg", b"2")
    colour("odd")
    assert not colour("odd").became
    with sqlite3.connect(OUT / LEDGER_NAME) as connection:
        connection.text_factory = bytes
        found = {path for (path,) in connection.execute("SELECT path FROM photos")}
    assert os.fsencode(Path("odd", name).absolute()) in found
    (OUT / "\u0065\u0301.jpg").rename(OUT / "\u00e9.jpg")
    assert not colour("odd").became, "another Unicode form"
