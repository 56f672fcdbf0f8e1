import os
import sys
from pathlib import Path
from typing import Any

import pytest
from made.pictures import encode, grey, tiff

from colorize_cli.batch.plan import Plan, make_plan
from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.records.old_records import ORIGINS_NAME, SETTINGS_NAME
from colorize_cli.batch.settings import Options
from colorize_cli.errors import UsageError
from colorize_cli.photos.formats import listed, sniff
from colorize_cli.system.paths import natural_key, one_line, shown

JPEG = encode(grey(), "JPEG")
PNG = encode(grey(), "PNG")
TIFF = tiff(grey())


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, data: bytes = JPEG) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return target


def plan(*paths: str, out: str = "out", **options: Any) -> Plan:
    return make_plan(Options(tuple(map(Path, paths)), Path(out), **options))


def outputs(found: Plan) -> dict[str, list[str]]:
    """Outputs below `out`, by source."""
    return {
        job.source.as_posix(): [path.relative_to("out").as_posix() for path in job.outputs]
        for job in found.jobs
    }


def sources(found: Plan) -> list[str]:
    return [job.source.as_posix() for job in found.jobs]


# The mirrored tree.


def test_one_folder_is_mirrored_directly_below_the_output_folder() -> None:
    put("scans/a/b.jpg")
    put("scans/c.JPG")
    assert outputs(plan("scans")) == {"scans/a/b.jpg": ["a/b.jpg"], "scans/c.JPG": ["c.JPG"]}


def test_several_samples_are_numbered_from_one_before_the_suffix() -> None:
    put("scans/a.b.tif", TIFF)
    assert outputs(plan("scans", samples=3)) == {
        "scans/a.b.tif": ["a.b.1.tif", "a.b.2.tif", "a.b.3.tif"]
    }


def test_several_folders_go_below_their_own_names_whatever_they_hold() -> None:
    put("1950/x.jpg")
    put("1951/x.jpg")
    put("1951/only.jpg")
    Path("1952").mkdir()
    found = plan("1950", "1951", "1952")
    assert outputs(found) == {
        "1950/x.jpg": ["1950/x.jpg"],
        "1951/only.jpg": ["1951/only.jpg"],
        "1951/x.jpg": ["1951/x.jpg"],
    }
    assert not found.notes


def test_folders_of_the_same_name_are_told_apart_by_what_is_above_them() -> None:
    put("1950/scans/x.jpg")
    put("1951/scans/x.jpg")
    assert outputs(plan("1950/scans", "1951/scans")) == {
        "1950/scans/x.jpg": ["1950/scans/x.jpg"],
        "1951/scans/x.jpg": ["1951/scans/x.jpg"],
    }


def test_a_named_file_goes_to_the_top() -> None:
    put("scans/deep/x.jpg")
    put("y.jpg")
    assert outputs(plan("scans/deep/x.jpg", "y.jpg")) == {
        "scans/deep/x.jpg": ["x.jpg"],
        "y.jpg": ["y.jpg"],
    }


@pytest.mark.parametrize(
    "paths",
    [
        ("scans", "scans/a/x.jpg", "scans/a"),
        ("scans/a", "scans", "scans/a/x.jpg"),
        ("scans/../scans/a/x.jpg", "scans", "./scans"),
    ],
)
def test_a_file_named_more_than_once_is_done_once_in_its_place_in_the_tree(
    paths: tuple[str, ...],
) -> None:
    put("scans/a/x.jpg")
    put("scans/y.jpg")
    found = plan(*paths)
    assert sorted(path for each in outputs(found).values() for path in each) == ["a/x.jpg", "y.jpg"]
    assert not found.notes


def test_the_order_is_natural_and_the_named_paths_keep_theirs() -> None:
    for name in ("b/10.jpg", "b/9.jpg", "b/1/x.jpg", "a/z.jpg", "b/Scan2.jpg", "b/scan11.jpg"):
        put(name)
    assert sources(plan("b", "a")) == [
        "b/1/x.jpg",
        "b/9.jpg",
        "b/10.jpg",
        "b/Scan2.jpg",
        "b/scan11.jpg",
        "a/z.jpg",
    ]


def test_without_recursion_only_the_folder_itself_is_read() -> None:
    put("scans/a/b.jpg")
    put("scans/c.jpg")
    assert sources(plan("scans", recursive=False)) == ["scans/c.jpg"]


# What is a photograph.


def test_content_decides_what_is_a_photograph() -> None:
    put("scans/jpeg-without-suffix")
    put("scans/letter.1925", PNG)
    put("scans/misnamed.jpg", PNG)
    assert outputs(plan("scans")) == {
        "scans/jpeg-without-suffix": ["jpeg-without-suffix.jpg"],
        "scans/letter.1925": ["letter.1925.png"],
        "scans/misnamed.jpg": ["misnamed.png"],
    }


def test_other_files_are_counted_by_suffix_and_hidden_ones_left_out() -> None:
    put("scans/x.jpg")
    put("scans/notes.txt", b"notes")
    put("scans/more.TXT", b"")
    put("scans/README", b"#")
    put("scans/.DS_Store", b"\0")
    put("scans/.trash/y.jpg")
    found = plan("scans")
    assert sources(found) == ["scans/x.jpg"]
    assert found.others == {".txt": 2, "": 1}
    assert found.hidden == 2
    assert not found.problems


@pytest.mark.parametrize(
    "kept",
    [
        *("@eaDir", "#recycle", "$RECYCLE.BIN", "$Recycle.Bin", "Catalog Previews.lrdata"),
        *("CaptureOne/Cache", "My.photoslibrary/resources", "deep/@Recycle/1910"),
    ],
)
def test_what_programs_keep_is_left_out_unless_it_is_named(kept: str) -> None:
    put("scans/x.jpg")
    put(f"scans/{kept}/y.jpg/thumb.jpg")
    found = plan("scans")
    assert sources(found) == ["scans/x.jpg"]
    assert (found.excluded, found.others.total(), found.problems) == (1, 0, ())
    assert len(plan("scans", f"scans/{kept}").jobs) == 2


def test_what_only_looks_like_a_program_s_folder_is_taken() -> None:
    for name in ("recycle/x.jpg", "Cache/x.jpg", "resources/x.jpg", "lrdata/x.jpg", "@eaDir.jpg"):
        put(f"scans/{name}")
    assert len(plan("scans").jobs) == 5


@pytest.mark.parametrize(
    ("globs", "left"),
    [
        (["*.png"], {"a.jpg", "1920/b.jpg", "1920/Proofs/a.jpg"}),
        (["proofs"], {"a.jpg", "c.PNG", "1920/b.jpg"}),
        (["./1920/"], {"a.jpg", "c.PNG"}),
        (["1920/*.jpg"], {"a.jpg", "c.PNG"}),
        (["1920/proofs", "c.*"], {"a.jpg", "1920/b.jpg"}),
        (["[ab].jpg", "caf\u00e9"], {"c.PNG"}),
        (["", "/", "no/such"], {"a.jpg", "c.PNG", "1920/b.jpg", "1920/Proofs/a.jpg"}),
    ],
)
def test_what_the_user_excludes_is_left_out(globs: list[str], left: set[str]) -> None:
    for name in ("a.jpg", "1920/b.jpg", "1920/Proofs/a.jpg", "Cafe\u0301/x.jpg"):
        put(f"scans/{name}")
    put("scans/c.PNG", PNG)
    found = plan("scans", exclude=(*globs, "Cafe\u0301"))
    assert {source.removeprefix("scans/") for source in sources(found)} == left
    assert len(plan("scans/1920", "scans/a.jpg", exclude=("1920", "a.jpg")).jobs) == 2


@pytest.mark.parametrize(
    ("head", "title"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x20ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n\0\0", "JPEG 2000"),
        (b"\xff\x4f\xff\x51\0\x29", "JPEG 2000"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"GIF89a\x01\0", "GIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01", "a camera's raw file"),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw file"),
        (b"%PDF-1.7\n", "PDF"),
        (b"AT&TFORM\0\0", "DjVu"),
        (b"8BPS\0\x01", "Photoshop's PSD"),
    ],
)
def test_each_kind_of_picture_that_is_not_read_is_named_with_what_to_do(
    head: bytes, title: str
) -> None:
    if sniff(head):
        pytest.skip(f"{title} is read by now")
    put("scans/x.jpg")
    put("scans/one.bin", head)
    put("scans/two.bin", head)
    put("scans/misnamed.jpg", head)
    found = plan("scans")
    assert found.others == {".bin": 2}
    (note,) = (note for note in found.notes if title in note)
    assert note.startswith(f"left out 2 files: {title} is not read: ")
    (problem,) = found.problems
    assert problem.reason in note
    assert len(note.rpartition(": ")[2]) > 10


@pytest.mark.parametrize("data", [b"", b"<html>gone</html>"])
def test_a_file_called_like_a_photograph_that_is_none_is_a_problem(data: bytes) -> None:
    put("scans/good.jpg")
    put("scans/bad.jpg", data)
    found = plan("scans")
    assert sources(found) == ["scans/good.jpg"]
    assert [problem.source.name for problem in found.problems] == ["bad.jpg"]


def test_a_named_file_that_is_no_photograph_is_a_problem() -> None:
    put("notes.txt", b"notes")
    found = plan("notes.txt", "gone.jpg")
    assert not found.jobs
    reasons = {
        problem.source.name: (problem.reason, problem.is_missing) for problem in found.problems
    }
    assert reasons == {
        "notes.txt": (f"not a {listed('or')}", False),
        "gone.jpg": ("no such file", True),
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_opened() -> None:
    put("scans/x.jpg")
    os.mkfifo("scans/pipe.jpg")
    found = plan("scans")
    assert sources(found) == ["scans/x.jpg"]
    assert [problem.reason for problem in found.problems] == ["not a regular file"]


def test_a_folder_that_cannot_be_opened_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    put("scans/x.jpg")
    put("scans/closed/y.jpg")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = plan("scans")
    assert sources(found) == ["scans/x.jpg"]
    assert [problem.source.as_posix() for problem in found.problems] == ["scans/closed"]
    assert "Permission denied" in found.problems[0].reason


# Links.


def test_loops_of_links_end() -> None:
    put("scans/a/x.jpg")
    Path("scans/a/up").symlink_to("..")
    Path("scans/self").symlink_to("self")
    Path("scans/gone.jpg").symlink_to("nowhere.jpg")
    found = plan("scans")
    assert outputs(found) == {"scans/a/x.jpg": ["a/x.jpg"]}
    reasons = {problem.source.name: problem.reason for problem in found.problems}
    assert reasons["gone.jpg"] == "broken link"
    assert found.unfollowed == 1


def test_a_photo_keeps_its_own_place_when_a_link_leads_there_too() -> None:
    put("scans/real/x.jpg")
    Path("scans/another").symlink_to("real")
    found = plan("scans")
    assert outputs(found) == {"scans/real/x.jpg": ["real/x.jpg"]}
    assert found.unfollowed == 1


def test_links_that_lead_out_of_the_tree_are_followed() -> None:
    put("elsewhere/x.jpg")
    put("scans/y.jpg")
    Path("scans/linked").symlink_to("../elsewhere")
    Path("scans/z.jpg").symlink_to("../elsewhere/x.jpg")
    found = plan("scans")
    assert sorted(path for each in outputs(found).values() for path in each) == [
        "linked/x.jpg",
        "y.jpg",
        "z.jpg",
    ]
    assert found.unfollowed == 0


# Names that clash.


def test_photos_that_would_share_a_file_keep_their_extension_and_it_is_said() -> None:
    put("scans/x.jpg")
    put("scans/x.tif", TIFF)
    put("scans/y.tif", TIFF)
    found = plan("scans", format="png")
    assert outputs(found) == {
        "scans/x.jpg": ["x.jpg.png"],
        "scans/x.tif": ["x.tif.png"],
        "scans/y.tif": ["y.png"],
    }
    assert found.notes == (
        "scans/x.jpg and scans/x.tif would share the name x.png and become x.jpg.png and x.tif.png",
    )


def test_equal_formats_do_not_clash() -> None:
    put("scans/x.jpg")
    put("scans/x.tif", TIFF)
    found = plan("scans")
    assert outputs(found) == {"scans/x.jpg": ["x.jpg"], "scans/x.tif": ["x.tif"]}
    assert not found.notes


def test_files_of_the_same_name_go_below_the_names_of_their_folders() -> None:
    put("a/x.jpg")
    put("b/x.jpg")
    put("b/y.jpg")
    found = plan("a/x.jpg", "b/x.jpg", "b/y.jpg")
    assert outputs(found) == {"a/x.jpg": ["a/x.jpg"], "b/x.jpg": ["b/x.jpg"], "b/y.jpg": ["y.jpg"]}
    assert len(found.notes) == 1


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the file system ignores case")
def test_names_that_differ_in_case_alone_never_share_a_file() -> None:
    put("scans/x.jpg")
    put("scans/X.JPG")
    put("scans/Stra\u00dfe.jpg")
    put("scans/STRASSE.jpg")
    found = plan("scans", samples=2)
    names = [path.casefold() for each in outputs(found).values() for path in each]
    assert len(set(names)) == 8
    assert len(found.notes) == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="the file system unifies the forms")
def test_names_that_differ_in_unicode_form_alone_never_share_a_file() -> None:
    put("scans/Caf\u00e9.jpg")
    put("scans/Cafe\u0301.jpg")
    assert len({each[0] for each in outputs(plan("scans")).values()}) == 2
    assert len(plan("scans").notes) == 1


def test_a_name_that_the_settling_of_a_clash_takes_is_settled_too() -> None:
    put("scans/x.jpg")
    put("scans/x.png", PNG)
    put("scans/x.png.webp", JPEG)
    found = plan("scans", format="png")
    names = [each[0] for each in outputs(found).values()]
    assert len(set(names)) == 3
    assert "x.png.png" not in {outputs(found)["scans/x.png.webp"][0]} & {
        outputs(found)["scans/x.png"][0]
    }


def test_names_do_not_depend_on_the_order_of_the_paths() -> None:
    for name in ("a/x.jpg", "b/x.jpg", "b/x.png", "c/y.jpg"):
        put(name, PNG if name.endswith("png") else JPEG)
    paths = ["a/x.jpg", "b/x.jpg", "b/x.png", "c"]
    one, other = plan(*paths, format="tiff"), plan(*reversed(paths), format="tiff")
    assert outputs(one) == outputs(other)


def test_many_clashes_are_announced_in_few_lines() -> None:
    for number in range(20):
        put(f"scans/{number}.jpg")
        put(f"scans/{number}.png", PNG)
    notes = plan("scans", format="webp").notes
    assert len(notes) == 6
    assert "15 more" in notes[-1]


# The output folder and the input.


def test_the_output_folder_inside_the_input_is_left_out() -> None:
    put("scans/x.jpg")
    put("scans/colored/x.jpg")
    found = plan("scans", out="scans/colored")
    assert sources(found) == ["scans/x.jpg"]
    assert "scans/colored" in found.notes[0]


@pytest.mark.parametrize("records", [(SETTINGS_NAME, ORIGINS_NAME), (LEDGER_NAME,)])
def test_a_folder_of_colourings_is_left_out_unless_it_is_named(records: tuple[str, ...]) -> None:
    put("scans/x.jpg")
    put("scans/old/x.jpg")
    for name in records:
        put(f"scans/old/{name}", b"{}")
    found = plan("scans")
    assert sources(found) == ["scans/x.jpg"]
    assert "name it" in found.notes[0]
    named = plan("scans/old")
    assert sources(named) == ["scans/old/x.jpg"]
    assert (named.hidden, named.others.total()) == (0, 0)
    assert sources(plan("scans", "scans/old")) == ["scans/old/x.jpg", "scans/x.jpg"]


@pytest.mark.parametrize("out", ["scans", "./scans/../scans", "link"])
@pytest.mark.parametrize("path", ["scans", "scans/x.jpg"])
def test_an_output_folder_that_holds_the_input_is_refused(path: str, out: str) -> None:
    put("scans/x.jpg")
    Path("link").symlink_to("scans")
    with pytest.raises(UsageError, match="kept apart"):
        plan(path, out=out)


def test_an_output_never_lies_on_a_photograph_of_the_run() -> None:
    put("scans/x.jpg")
    put("scans/sub/y.jpg")
    Path("out").mkdir()
    Path("out/sub").symlink_to("../scans/sub")
    found = plan("scans", overwrite=True)
    assert sources(found) == ["scans/x.jpg"]
    assert [problem.source.as_posix() for problem in found.problems] == ["scans/sub/y.jpg"]


# What planning takes.


def test_planning_writes_nothing(folder: Path) -> None:
    put("scans/x.jpg")
    before = sorted(folder.rglob("*"))
    plan("scans", samples=2)
    assert sorted(folder.rglob("*")) == before


def test_the_plan_of_many_files_is_small() -> None:
    for number in range(300):
        put(f"scans/{number}.jpg")
    jobs = plan("scans", samples=8).jobs
    assert len({id(job.folder) for job in jobs}) == 1
    assert len({id(job.missing) for job in jobs}) == 1
    assert not hasattr(jobs[0], "__dict__")


# Names as text.


def test_natural_order_counts() -> None:
    names = ["a10", "a9", "A1", "a", "9", "10", "a2b10", "a2b9"]
    ordered = sorted(names, key=lambda name: natural_key(Path(name)))
    assert ordered == ["9", "10", "a", "A1", "a2b9", "a2b10", "a9", "a10"]


def test_what_is_shown_once_is_shown_so_again() -> None:
    for name in ("写\nx.jpg", "\udcff", "\udce5\udc86\udc99", "\ud800", "a\u202e"):
        assert shown(shown(name)) == shown(name)


def test_names_are_shown_on_one_line() -> None:
    assert shown("a\nb\x1b[31m.jpg") == "a\\nb\\x1b[31m.jpg"
    assert shown("Größe [x] :smile:.jpg") == "Größe [x] :smile:.jpg"
    assert shown("写真\u3000帖\u200c.jpg") == "写真\u3000帖\u200c.jpg"
    assert shown("a\u202egpj.exe") == "a\\u202egpj.exe"
    assert shown("\udcff.jpg") == "\\xff.jpg"
    assert shown("\udce5\udc86\udc99.jpg") == "写.jpg", "UTF-8 in a locale without it"
    assert shown("\ud800.jpg") == "\\ud800.jpg"
    assert one_line(Path("a\tb\n\x7f")) == "a\\tb\\n\\x7f"
    assert one_line(Path("a\\tb")) == "a\\tb"
