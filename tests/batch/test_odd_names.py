"""File names as they are met: what is in them is data, and no two photographs share a file."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made.ledgered import JPEG, OUT, colour, edit, files, put
from made.records import states

from colorize_cli.batch.records.inspect_folder import check_files, open_ledgers
from colorize_cli.system.files import make_folders

LONG = "x" * 251
NAMES = [
    *(
        "two  words",
        " begins with one",
        "'single'",
        'double"quotes"',
        "[x] (y) {z}",
        "100%",
        "a&b;c",
    ),
    *("-rf", "--out", "~", "$HOME", "*", "back\\slash", "#1", "a:b", "1.2.3", "x" + ".jpg" * 3),
    *("👩‍👩‍👧‍👦 🎞", "صورة قديمة", "\u202egpj", "写真\u3000帖", "Größe", "e\u0301", "İstanbul", "ﬀ"),
    *("new\nline", "tab\t", "\x1b[31m", "\x7f", os.fsdecode(b"\xff\xfe"), LONG, "é" * 125),
]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # which takes most of the time
    yield tmp_path
    monkeypatch.undo()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # deep trees go here: they are too deep for pytest
    for path in tmp_path.iterdir():
        shutil.rmtree(path, ignore_errors=True)
    sys.setrecursionlimit(limit)


@pytest.mark.parametrize("samples", [1, 2])
def test_a_name_of_a_file_or_a_folder_stays_whole_and_is_known_again(samples: int) -> None:
    for k, name in enumerate(NAMES):
        put(f"scans/{name}.jpg", b"file %d" % k)
        put(f"scans/{name[:255]}/x.jpg", b"folder %d" % k)
    ran = colour(samples=samples)
    assert set(ran.became.values()) == {"done"}
    assert len(files()) == len(ran.plan.jobs) * samples == 2 * len(NAMES) * samples
    for job in ran.plan.jobs:
        assert job.folder.relative_to(OUT) == job.source.parent.relative_to("scans")
        is_short = len(os.fsencode(job.source.name)) < 250
        assert (job.stem == job.source.stem) == (is_short or samples == 1)
    again = colour(samples=samples)
    assert not again.plan.todo
    assert len(again.plan.jobs) == len(ran.plan.jobs)
    with open_ledgers(OUT) as (database,):
        found = list(check_files(database))
    assert {how for _, how in found} == {"as made"}
    assert {os.fsencode(path.relative_to(OUT.absolute())) for path, _ in found} == {
        os.fsencode(name) for name in files()
    }
    edit(f"scans/{LONG}.jpg")
    assert colour(samples=samples).became == {f"{LONG}.jpg": "done"}, "under its name of before"
    assert len(files()) == 2 * len(NAMES) * samples


def test_names_that_are_cut_are_told_apart_and_do_not_change() -> None:
    for end in ("a", "b"):
        put(f"scans/{LONG[1:]}{end}.jpg", end.encode())
        put(f"scans/{'写' * 83}{end}.jpg", end.encode())
    assert set(colour(samples=2).became.values()) == {"done"}
    before = files()
    assert len(before) == 8
    assert max(len(os.fsencode(name)) for name in before) <= 255
    assert set(colour(samples=12).became.values()) == {"done"}
    assert before.items() <= files().items()
    assert not colour(f"scans/{LONG[1:]}a.jpg", samples=12).became


def test_a_name_of_255_bytes_whose_format_needs_more_is_cut() -> None:
    put(f"scans/{LONG}.jpg")
    assert set(colour(format="webp").became.values()) == {"done"}
    ((name, _),) = files().items()
    assert len(os.fsencode(name)) <= 255
    assert name.endswith(".webp")


def test_names_that_look_alike_are_different_photographs() -> None:
    for k, name in enumerate(("x", "X", "\u00e9", "e\u0301", "ß", "SS", "ss", "ﬁ", "fi")):
        put(f"scans/{name}.jpg", b"%d" % k)
    assert set(colour().became.values()) == {"done"}
    assert len({name.casefold() for name in files()}) == 9
    assert not colour().plan.todo


def test_the_same_stem_with_other_extensions() -> None:
    for name in ("x.jpg", "x.jpeg", "x.JPG.jpg", "x", "x."):
        put(f"scans/{name}", name.encode())
    assert set(colour(format="png", samples=2).became.values()) == {"done"}
    assert len(files()) == 10
    assert not colour(format="png", samples=2).plan.todo


# File systems that ignore case.


@pytest.fixture
def caseless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have paths found whatever their case, as on macOS and Windows; names stay as written."""

    def as_it_is(path: Path) -> Path:
        try:
            with os.scandir(path.parent) as inside:
                names = [entry.name for entry in inside]
        except OSError:
            return path
        found = [name for name in names if name.casefold() == path.name.casefold()]
        return path.with_name(found[0]) if found else path

    def patch(name: str, *, target_too: bool = False) -> None:
        real = getattr(Path, name)

        def called(self: Path, *given: Any, **more: Any) -> Any:
            given = tuple(map(as_it_is, given)) if target_too else given
            return real(as_it_is(self), *given, **more)

        monkeypatch.setattr(Path, name, called)

    for name in ("lstat", "stat", "open", "hardlink_to"):
        patch(name)
    patch("replace", target_too=True)


def test_somebody_else_s_file_of_another_case_is_not_lost(caseless: None) -> None:
    put("scans/a.jpg")
    put("out/A.JPG", b"an original")
    assert "not known to be a colouring" in colour().became["a.jpg"]
    assert files() == {"A.JPG": JPEG + b"an original"}


def test_our_file_of_another_case_is_not_made_twice_nor_taken_from_its_photo(
    caseless: None,
) -> None:
    put("scans/a.jpg", b"first")
    colour()
    before = files()
    put("others/A.JPG", b"second")
    assert "A.JPG" in colour("others").became
    assert colour("others").became["A.JPG"] != "done"
    assert files() == before
    assert not colour().became


# Links and depth.


def test_links_lead_to_each_photograph_once() -> None:
    put("scans/a/x.jpg", b"1")
    put("elsewhere/y.jpg", b"2")
    Path("scans/a/up").symlink_to("..")
    Path("scans/self").symlink_to("self")
    Path("scans/round").symlink_to("a/up/round")
    Path("scans/out").symlink_to("../elsewhere")
    Path("elsewhere/back").symlink_to("../scans")
    Path("scans/link.jpg").symlink_to("a/x.jpg")
    assert set(colour().became) >= {"x.jpg", "y.jpg", "link.jpg"}
    assert set(files()) == {"a/x.jpg", "link.jpg", "out/y.jpg"}
    assert not colour().plan.todo


@pytest.mark.slow
def test_a_tree_of_a_thousand_folders_one_in_the_other() -> None:
    depth = 1010  # of which Python's own functions call themselves too often
    deep = Path("scans", *["d"] * depth)
    make_folders(deep)
    (deep / "x.jpg").write_bytes(JPEG)
    assert colour().became == {"x.jpg": "done"}
    assert (OUT.joinpath(*["d"] * depth) / "x.jpg").stat().st_size
    assert not colour().plan.todo


def test_what_lies_too_deep_for_the_system_is_named_and_the_rest_is_done(folder: Path) -> None:
    put("scans/x.jpg")
    for _ in range(20):  # of paths of more than 4,096 bytes
        Path("d" * 250).mkdir()
        os.chdir("d" * 250)
    Path("y.jpg").write_bytes(JPEG)
    os.chdir(folder)
    Path("d" * 250).rename("scans/deep")
    ran = colour()
    assert ran.became.pop("x.jpg") == "done"
    assert [reason for reason in ran.became.values() if "File name too long" in reason]
    assert "failed" in states(OUT).values()


def test_a_colouring_that_would_lie_too_deep_fails_its_photo_alone(folder: Path) -> None:
    room = 4000 - len(os.fsencode(folder))  # of the system's 4,096 bytes
    deep = Path("scans", *["d" * 200] * (room // 201))
    make_folders(deep)
    (deep / "y.jpg").write_bytes(JPEG)
    put("scans/x.jpg")
    out = str(folder / ("o" * 250))
    ran = colour(out=out)
    assert ran.became["x.jpg"] == "done"
    assert "File name too long" in ran.became["y.jpg"]
    assert states(Path(out)) == {"x.jpg": "done", "y.jpg": "failed"}
