"""What is known of the photographs that files were made from."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import FileIO
from pathlib import Path

import pytest
from made.messages import Told
from made.settings import run_settings

from colorize_cli.batch.ledger import ORIGINS_NAME, SETTINGS_NAME, Ledger, Made, Origin
from colorize_cli.batch.settings import Options, settle, tell_differences
from colorize_cli.model.bundle import load_bundle

OUT = Path("out")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    OUT.mkdir()
    return tmp_path


def put(name: str, data: bytes = b"photo") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def made(source: Path, *names: str, folder: Path = OUT) -> Made:
    digest = sha256(source.read_bytes()).hexdigest()
    return Made(Origin(str(source.absolute()), digest), folder, names)


def note(*lot: Made) -> None:
    with Ledger(OUT) as ledger:
        for each in lot:
            ledger.note(each)


def noted_as_moved(ledger: Ledger) -> list[Made]:
    """Have it noted what was found to be elsewhere; return that."""
    before = len((OUT / ORIGINS_NAME).read_bytes())
    with ledger:
        ledger.note_moved()
    lines = (OUT / ORIGINS_NAME).read_bytes()[before:].splitlines()
    found = [json.loads(line) for line in lines if line]
    return [
        Made(Origin(line["path"], line["digest"]), OUT / line["folder"], tuple(line["names"]))
        for line in found
    ]


def test_files_of_another_photograph_are_found() -> None:
    first, second = put("1/x.jpg", b"first"), put("2/x.jpg", b"second")
    note(made(first, "x.1.jpg"), made(second, "x.2.jpg"))
    ledger = Ledger(OUT)
    found = ledger.find_other(first, OUT, ["x.1.jpg", "x.2.jpg"])
    assert found is not None
    assert (found.names, Path(found.origin.path)) == (("x.2.jpg",), second.absolute())
    assert ledger.find_other(first, OUT, ["x.1.jpg"]) is None
    assert noted_as_moved(ledger) == []


def test_the_same_name_in_another_folder_is_another_file() -> None:
    first, second = put("1/x.jpg", b"first"), put("2/x.jpg", b"second")
    note(made(first, "x.jpg", folder=OUT / "a"))
    assert Ledger(OUT).find_other(second, OUT, ["x.jpg"]) is None
    assert Ledger(OUT).find_other(second, OUT / "a", ["x.jpg"])


def test_a_photograph_is_known_by_its_path_without_being_read() -> None:
    note(made(source := put("x.jpg"), "x.jpg"))
    source.unlink()
    assert Ledger(OUT).find_other(source, OUT, ["x.jpg"]) is None
    assert Ledger(OUT).find_other(Path("out/../x.jpg"), OUT, ["x.jpg"]) is None


def test_a_photograph_that_was_moved_is_known_by_its_bytes_and_then_by_its_path() -> None:
    note(made(source := put("before/x.jpg"), "x.jpg"))
    Path("after").mkdir()
    moved = source.rename("after/x.jpg")
    ledger = Ledger(OUT)
    assert ledger.find_other(moved, OUT, ["x.jpg"]) is None
    assert noted_as_moved(ledger) == [made(moved, "x.jpg")]
    moved.unlink()
    assert Ledger(OUT).find_other(moved, OUT, ["x.jpg"]) is None


def test_what_was_noted_last_counts() -> None:
    first, second = put("1/x.jpg", b"first"), put("2/x.jpg", b"second")
    note(made(first, "x.jpg"))
    note(made(second, "x.jpg"))
    assert Ledger(OUT).find_other(first, OUT, ["x.jpg"])
    assert Ledger(OUT).find_other(second, OUT, ["x.jpg"]) is None


def test_of_folders_without_notes_nothing_is_known() -> None:
    assert Ledger(Path("nowhere")).find_other(put("x.jpg"), Path("nowhere"), ["x.jpg"]) is None
    assert Ledger(OUT).find_other(put("x.jpg"), OUT, ["x.jpg"]) is None


@pytest.mark.parametrize(
    "damage",
    [
        b'\n{"path": "cut',
        b"\n7",
        b"\n{}",
        b"\n\xff",
        b"\n[[]]",
        b'\n{"path": 7, "digest": "d", "folder": ".", "names": ["x.jpg"]}',
        b'\n{"path": "p", "digest": null, "folder": ".", "names": ["x.jpg"]}',
        b'\n{"path": "p", "digest": "d", "folder": ["."], "names": ["x.jpg"]}',
        b'\n{"path": "p", "digest": "d", "folder": ".", "names": [7, "x.jpg"]}',
        b'\n{"path": "p", "digest": "d", "folder": ".", "names": {"x.jpg": 7}}',
    ],
)
def test_a_damaged_line_spoils_no_other(damage: bytes) -> None:
    first, second = put("1/x.jpg", b"first"), put("2/x.jpg", b"second")
    note(made(first, "x.jpg"))
    with (OUT / ORIGINS_NAME).open("ab") as file:
        file.write(damage)
    note(made(first, "y.jpg"))
    assert Ledger(OUT).find_other(second, OUT, ["x.jpg"])
    assert Ledger(OUT).find_other(second, OUT, ["y.jpg"])
    first.unlink()
    assert Ledger(OUT).find_other(first, OUT, ["x.jpg"]) is None


def test_a_note_that_a_full_disk_cuts_off_is_an_error_and_spoils_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class FullDisk(FileIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            return super().write(data[:-9])

    first, second = put("1/x.jpg", b"first"), put("2/x.jpg", b"second")
    with (
        Ledger(OUT) as ledger,
        FullDisk(OUT / ORIGINS_NAME, "ab") as full,
        monkeypatch.context() as patched,
    ):
        patched.setattr(ledger, "_file", full)
        with pytest.raises(OSError, match="No space left"):
            ledger.note(made(first, "x.jpg"))
    note(made(first, "y.jpg"))
    assert Ledger(OUT).find_other(second, OUT, ["x.jpg"]) is None
    assert Ledger(OUT).find_other(second, OUT, ["y.jpg"])


def test_that_photographs_are_read_is_told_once_and_only_then() -> None:
    lot = [put(f"before/{k}.jpg", b"%d" % k) for k in range(3)]
    note(*(made(source, source.name) for source in lot))
    told: list[str] = []
    ledger = Ledger(OUT, told.append)
    for source in lot:
        ledger.find_other(source, OUT, [source.name])
    assert not told
    for source in lot:
        ledger.find_other(put(f"after/{source.name}", source.read_bytes()), OUT, [source.name])
    assert len(told) == 1
    assert "reading them" in told[0]
    assert len(noted_as_moved(ledger)) == 3


def test_names_are_whole_whatever_they_are() -> None:
    name = os.fsdecode(b"\xff\n.jpg") if os.name != "nt" else "x.jpg"
    note(made(put("1/x.jpg", b"first"), name, "\u0065\u0301.jpg"))
    second = put("2/x.jpg", b"second")
    assert Ledger(OUT).find_other(second, OUT, [name])
    assert Ledger(OUT).find_other(second, OUT, ["\u00e9.jpg"]), "another Unicode form"


def test_threads_write_whole_lines() -> None:
    source = put("x.jpg")
    with Ledger(OUT) as ledger, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: ledger.note(made(source, f"{k}.jpg")), range(200)))
    lines = (OUT / ORIGINS_NAME).read_text().split("\n")
    names = [name for line in lines if line for name in json.loads(line)["names"]]
    assert sorted(names) == sorted(f"{k}.jpg" for k in range(200))


def test_the_default_s_older_digest_is_that_of_the_same_model() -> None:
    older = "375c6c39f69054e308269d1bd10b5f4197009b0cde4f308923a645cb502f7738"
    with Ledger(OUT) as ledger:
        ledger.begin(run_settings(model_digest=older, size=96, steps=5))
    last = Ledger(OUT).last_settings()
    assert last is not None
    settings, messages = settle(Options((OUT,), OUT), last, load_bundle()), Told()
    assert (settings.size, settings.steps) == (96, 5)
    tell_differences(messages, OUT, last, settings)
    assert not messages.said


def test_a_record_s_settings_are_kept_as_earlier_ones_each_once() -> None:
    for seed in (0, 1, 0, 0):
        with Ledger(OUT) as ledger:
            ledger.begin(run_settings(seed=seed))
    record = json.loads((OUT / SETTINGS_NAME).read_text())
    assert [earlier["seed"] for earlier in record["earlier"]] == [0, 1]
    assert record["settings"]["seed"] == 0
