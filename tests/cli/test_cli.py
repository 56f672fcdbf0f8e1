"""The command line from end to end, with a tiny bundle."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made.pictures import alpha, color, encode, grey, tiff
from made.records import asked, change_last_settings, run_records
from typer.main import get_command

from colorize_cli import __version__
from colorize_cli.batch import ledger, model_and_device, photo_job
from colorize_cli.batch.records.database import LEDGER_NAME, is_ledger
from colorize_cli.batch.records.old_records import SETTINGS_NAME
from colorize_cli.batch.records.photo_rows import PhotoRows
from colorize_cli.cli.app import app, main
from colorize_cli.errors import DeviceError
from colorize_cli.model import fastest_device as auto
from colorize_cli.runtimes.find_device import Device, Precision
from colorize_cli.runtimes.find_device import resolve as resolve_device

ROOT = Path(__file__).parents[2]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, number in (("a/1.jpg", 1), ("a/2.png", 2), ("b c/[x] é.jpg", 3)):
        path = Path("scans", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        kind = "PNG" if name.endswith("png") else "JPEG"
        path.write_bytes(encode(np.roll(grey(), number, axis=1), kind))
    return tmp_path


@pytest.fixture
def colorize(tiny_bundle: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line here; return its exit code, standard output and standard error."""

    def run(*words: str, model: bool = True) -> tuple[int, str, str]:
        code = main([*words, *(["--model", str(tiny_bundle)] if model else [])])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def process(*words: str) -> list[str]:
    """The words that run the command line in a process of its own, from any folder."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from colorize_cli.cli.app import main; "
    return [sys.executable, "-c", code + "sys.exit(main(sys.argv[1:]))", *words]


def files(out: str = "out") -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in Path(out).rglob("*")
        if path.is_file() and not is_ledger(path.name)
    }


def record(out: str = "out") -> dict[str, object]:
    return run_records(out)[-1]


# Words.


@pytest.mark.parametrize(
    "words",
    [
        ("scans/", "--out", "out"),
        ("--out", "out", "scans"),
        ("run", "scans", "--out", "out"),
        ("-q", "scans", "--out=out"),
        ("--out", "out", "--", "scans"),
    ],
)
def test_the_name_of_the_first_command_may_be_left_out(
    colorize: Run, words: tuple[str, ...]
) -> None:
    position = len(words) - 2 if "--" in words else len(words)
    code, out, _ = colorize(*words[:position], "--dry-run", *words[position:], model=False)
    assert code == 0
    assert out.count("\twrite\n") == 3


def test_a_folder_called_like_a_command_is_written_with_a_dot(colorize: Run) -> None:
    Path("scans").rename("export")
    code, out, _ = colorize("./export", "--out", "out", "--dry-run", model=False)
    assert (code, out.count("\n")) == (0, 3)
    code, _, err = colorize("export", "--dry-run", model=False)
    assert code == 2
    assert "--dry-run" in err
    # Only the first word is a command.
    assert colorize("--out", "out", "export", "--dry-run", model=False)[0] == 0


def test_a_word_that_is_nearly_a_command_is_no_path(colorize: Run) -> None:
    code, _, err = colorize("exprot", "--fp16", model=False)
    assert code == 2
    assert "did you mean export" in err


def test_the_version(colorize: Run) -> None:
    assert colorize("--version", model=False) == (0, f"colorize {__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Usage"),
        (("scans",), "--out"),
        (("scans", "--out", "out", "--samples", "0"), "--samples"),
        (("scans", "--out", "out", "--device", "tpu"), "--device"),
        (("scans", "--out", "scans"), "kept apart"),
        (("nowhere", "--out", "out"), "no such file"),
        (("empty", "--out", "out"), "no photographs in empty (1 other file)"),
        (("scans", "--out", "out", "--exclude", "*"), "in scans, but for what --exclude * leaves"),
        (("scans", "--out", "scans/a/1.jpg"), "is a file"),
        (("scans", "--out", "scans/a/1.jpg/deeper/still"), "1.jpg is a file"),
        (("scans", "--out", "o" * 300), "cannot be used: File name too long"),
        (("scans", "--out", ""), "empty word after '--out'"),
        (("scans", "--out="), "empty word after '--out='"),
        (("", "--out", "out"), "empty word after 'colorize'"),
        (("scans", "--out", "out", "--samples", "10000000"), "--samples"),
        (("scans", "--out", "out", "--steps", "1000000000"), "--steps"),
        (("scans", "--out", "out", "--candidates", "10000000"), "--candidates"),
        (("scans", "--out", "out", "--batch", "1000000000"), "--batch"),
        (("scans", "--out", "out", "--log", "nowhere/log"), "--log"),
        (("scans", "--out", "out", "--report", "scans/a/1.jpg"), "not a report: name"),
        (("scans", "--out", "out", "--log", "scans/a/1.jpg"), "not a log: name"),
        (("scans", "--out", "out", "--size", "8"), "size"),
    ],
)
def test_wrong_usage_ends_with_2_and_writes_nothing(
    colorize: Run, words: tuple[str, ...], said: str
) -> None:
    Path("empty").mkdir()
    Path("empty/notes.txt").write_text("none")
    before = {path: path.stat().st_mtime_ns for path in Path("scans").rglob("*")}
    code, out, err = colorize(*words, model="--out" in words)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert not out
    assert not Path("out").exists()
    assert {path: path.stat().st_mtime_ns for path in Path("scans").rglob("*")} == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--size", "4"), 2, "size must be at least"),
        (("--size", "huge"), 2, "fast, auto, fine or a number of pixels, not 'huge'"),
        (("--candidates", "2", "--samples", "4"), 2, "4 samples cannot be chosen"),
        (("--model", "nope"), 3, "nope"),
        (("--device", "cuda"), 3, "no GPU"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_wrong_options_are_said_before_photographs_are_looked_at(
    colorize: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    said: str,
    dry: tuple[str, ...],
) -> None:
    def refuse(requested: str) -> Device:
        raise DeviceError(f"--device {requested} cannot run here: no GPU.")

    monkeypatch.setattr(model_and_device, "resolve", refuse)
    Path("scans/empty.jpg").write_bytes(b"")
    found, out, err = colorize("scans", "--out", "out", *dry, *words, model="--model" not in words)
    assert (found, out) == (code, "")
    assert said in err
    assert "empty.jpg" not in err
    assert not Path("out").exists()


def test_every_command_and_every_option_says_what_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) == {
        *("run", "status", "verify", "sheet", "pick", "merge", "export", "bench", "compare"),
        *("models", "prepare", "train", "runs", "validate", "evaluate", "study", "ui", "info"),
    }
    parts = {f"study {name}": part for name, part in commands["study"].commands.items()}
    assert set(parts) == {"study make", "study run", "study report"}
    for name, command in (commands | parts).items():
        assert command.help
        assert all(parameter.help for parameter in command.params)
        assert main([*name.split(), "--help"]) == 0
        said = capfd.readouterr().out
        assert said.startswith("Usage: colorize")
        options = [one for one in command.params if one.param_type_name == "option"]
        assert all(max(option.opts, key=len) in said for option in options)
    assert main(["--help"]) == 0
    said = capfd.readouterr().out
    assert all(f"\n  {name} " in said for name in commands)
    assert all(parameter.opts[0] in said for parameter in commands["run"].params[1:])


# A run.


def test_a_folder_becomes_a_folder(colorize: Run) -> None:
    before = {path: path.read_bytes() for path in Path("scans").rglob("*") if path.is_file()}
    code, out, err = colorize("scans/", "--out", "out", "--samples", "2")
    assert code == 0
    assert not out
    assert set(files()) == {
        *("a/1.1.jpg", "a/1.2.jpg", "a/2.1.png", "a/2.2.png"),
        *("b c/[x] é.1.jpg", "b c/[x] é.2.jpg"),
    }
    assert {path: path.read_bytes() for path in before} == before
    assert err.count("device: CPU") == 1
    assert re.search(r"done +3", err)


def test_the_dry_run_is_data_on_standard_output(colorize: Run, folder: Path) -> None:
    colorize("scans/a/1.jpg", "--out", "out/a", "--samples", "2")
    Path("out/a/1.2.jpg").unlink()
    before = sorted(folder.rglob("*"))
    words = ("scans/a", "--out", "out/a", "--samples", "2", "--dry-run")
    assert colorize(*words, model=False) == (
        0,
        "scans/a/1.jpg\tout/a/1.1.jpg\tskip\n"
        "scans/a/1.jpg\tout/a/1.2.jpg\tskip\n"
        "scans/a/2.png\tout/a/2.1.png\twrite\n"
        "scans/a/2.png\tout/a/2.2.png\twrite\n",
        "colourings of 1 of the photographs were deleted or renamed, and stay away: "
        "--restore makes them again\n",
    )
    _, out, _ = colorize(*words, "--restore", model=False)
    assert "scans/a/1.jpg\tout/a/1.2.jpg\twrite\n" in out
    _, out, _ = colorize(*words, "--overwrite", model=False)
    assert "scans/a/1.jpg\tout/a/1.1.jpg\toverwrite\n" in out
    assert sorted(folder.rglob("*")) == before


def test_the_dry_run_says_of_the_settings_what_the_run_says(colorize: Run) -> None:
    colorize("scans/a", "--out", "out/a", "--seed", "7")
    words = ("scans/a", "--out", "out/a", "--format", "png", "--seed", "8", "--size", "96")
    before = record("out/a")
    _, _, said = colorize(*words, "--dry-run")
    assert record("out/a") == before
    warnings = [
        line
        for line in colorize(*words)[2].splitlines()
        if "other names" in line or "other settings" in line
    ]
    assert len(warnings) == 3
    assert said.splitlines() == warnings
    assert "seed 7, now 8, size 64, now 96" in said


@pytest.mark.parametrize("batch", [(), ("--batch", "3")])
def test_the_dry_run_counts_the_batch_where_a_gpu_is_left(
    colorize: Run, batch: tuple[str, ...]
) -> None:
    colorize("scans/a", "--out", "out")
    change_last_settings("out", device="cuda", batch=64)
    words = ("scans", "--out", "out", "--device", "cpu", *batch)
    said = colorize(*words, "--dry-run")[2].splitlines()
    assert len(said) == 1
    assert "device cuda, now cpu" in said[0]
    assert "batch 64, now " in said[0]
    assert said[0] in colorize(*words)[2].splitlines()


def test_a_bad_photo_ends_with_1_and_the_others_are_done(colorize: Run) -> None:
    Path("scans/cut.png").write_bytes(encode(grey(), "PNG")[:70])
    Path("scans/empty.jpg").write_bytes(b"")
    Path("scans/notes.txt").write_bytes(b"notes")
    code, _, err = colorize("scans", "--out", "out")
    assert code == 1
    assert len(files()) == 3
    assert re.search(r"done +3\b", err)
    assert re.search(r"failed +2\b", err)
    assert "failed scans/cut.png: " in err
    assert err.count("failed scans/empty.jpg: empty file") == 1
    assert re.search(r"other files +1 .*\.txt", err)


def test_the_first_failure_ends_the_run_on_demand(colorize: Run) -> None:
    Path("scans/a/0.jpg").write_bytes(b"")
    code, _, err = colorize("scans", "--out", "out", "--fail-fast")
    assert code == 1
    assert re.search(r"not reached +3 .* go on without --fail-fast", err)
    assert not Path("out").exists()


def test_colour_and_losses_are_counted(colorize: Run) -> None:
    Path("scans/color.png").write_bytes(encode(color(), "PNG"))
    Path("scans/alpha.png").write_bytes(encode(np.dstack([grey(), alpha()]), "PNG"))
    code, _, err = colorize("scans", "--out", "out", "--format", "jpg", "-v")
    assert code == 0
    assert re.search(r"in colour +1", err)
    assert re.search(r"warnings +1", err)
    assert "transparency" in err
    assert "done scans/color.png -> out/color.jpg" in err


@pytest.mark.parametrize(("policy", "said"), [("skip", "left out"), ("copy", "copied as they are")])
def test_photos_in_colour_are_treated_as_asked(colorize: Run, policy: str, said: str) -> None:
    Path("scans/color.png").write_bytes(data := encode(color(), "PNG"))
    code, _, err = colorize("scans", "--out", "out", "--on-colour", policy)
    assert code == 0
    assert re.search(rf"in colour +1 +{said}", err)
    assert re.search(r"done +3 ", err)
    assert files().get("color.png") == (data if policy == "copy" else None)


@pytest.mark.parametrize("policy", ["skip", "recolour", "copy"])
def test_toned_and_bilevel_photos_are_counted_and_coloured_whatever_is_done_with_colour(
    colorize: Run, policy: str
) -> None:
    tone = grey().astype(np.float32)
    sepia = np.stack([tone, 0.92 * tone, 0.78 * tone], axis=-1).round().astype(np.uint8)
    Path("scans/sepia.png").write_bytes(encode(sepia, "PNG"))
    Path("scans/fax.png").write_bytes(encode((grey() // 128 * 255).astype(np.uint8), "PNG"))
    code, _, err = colorize("scans", "--out", "out", "--on-colour", policy)
    assert code == 0
    assert re.search(r"toned +1 +their tone is taken out", err)
    assert re.search(r"bilevel +1 ", err)
    assert re.search(r"done +5 ", err)
    assert {"sepia.png", "fax.png"} < set(files())


def test_samples_are_chosen_from_candidates_in_the_same_way_after_a_resume(colorize: Run) -> None:
    colorize("scans", "--out", "plain", "--samples", "4", "--no-mark")  # of the sample's number
    colorize("scans", "--out", "bare", "--samples", "2", "--candidates", "4", "--no-mark")
    assert set(files("bare").values()) < set(files("plain").values())
    colorize("scans", "--out", "whole", "--samples", "2", "--candidates", "4")
    colorize("scans", "--out", "out", "--samples", "2", "--candidates", "4")
    Path("out/a/1.1.jpg").unlink()
    code, _, err = colorize("scans", "--out", "out", "--samples", "2", "--restore")
    assert code == 0
    assert "chosen from 4 candidates" in err
    assert files() == files("whole")
    _, _, err = colorize("scans", "--out", "out", "--samples", "2", "--candidates", "0")
    assert "candidates 4, now 0" in err
    code, _, err = colorize("scans", "--out", "new", "--samples", "2", "--candidates", "1")
    assert code == 2
    assert "more --candidates" in err


def test_recorded_candidates_are_not_stretched_to_more_samples(colorize: Run) -> None:
    colorize("scans", "--out", "out", "--samples", "2", "--candidates", "3")
    before = files()
    code, _, err = colorize("scans", "--out", "out", "--samples", "4")
    assert code == 2
    assert "4 samples cannot be chosen from 3 candidates" in err
    assert files() == before


def test_the_same_command_finds_nothing_left_to_do(colorize: Run) -> None:
    colorize("scans", "--out", "out")
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")}
    code, _, err = colorize("scans", "--out", "out")
    assert code == 0
    assert re.search(r"skipped +3", err)
    assert "device" not in err
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*")} == before


def test_files_do_not_depend_on_what_was_there_before(colorize: Run) -> None:
    colorize("scans", "--out", "whole", "--samples", "4")
    colorize("scans", "--out", "out", "--samples", "2")
    Path("out/a/1.2.jpg").unlink()
    code, _, err = colorize("scans", "--out", "out", "--samples", "4", "--restore")
    assert code == 0
    assert files() == files("whole")
    assert "other settings" not in err


def test_quiet_says_only_what_failed(colorize: Run) -> None:
    assert colorize("scans", "--out", "out", "-q") == (0, "", "")
    Path("scans/a/0.jpg").write_bytes(b"")
    code, out, err = colorize("scans", "--out", "out", "-q")
    assert (code, out, err) == (1, "", "failed scans/a/0.jpg: empty file\n")


def test_file_names_are_neither_markup_nor_wrapped(colorize: Run) -> None:
    name = "[/etc] [red]x :smile: " + "long " * 30 + ".jpg"
    Path("scans/[").mkdir()
    Path("scans", name).write_bytes(b"")
    Path("scans/new\nline\x1b[31m.jpg").write_bytes(b"")
    _, _, err = colorize("scans", "--out", "out")
    assert f"failed scans/{name}: empty file\n" in err
    assert "failed scans/new\\nline\\x1b[31m.jpg: empty file\n" in err
    assert "\x1b" not in err


def test_a_name_that_begins_with_a_dash(colorize: Run) -> None:
    Path("-x.jpg").write_bytes(encode(grey(), "JPEG"))
    assert colorize("--out", "out", "--dry-run", "--", "-x.jpg", model=False)[0] == 0
    assert colorize("./-x.jpg", "--out", "out")[0] == 0
    assert set(files()) == {"-x.jpg"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text(colorize: Run) -> None:
    name = os.fsdecode(b"\xff.jpg")
    Path(name).write_bytes(encode(grey(), "JPEG"))
    Path("b.jpg").write_bytes(b"")
    code, out, _ = colorize(name, "--out", "out", "--log", "-")
    assert code == 0
    assert json.loads(out)["input"] == name
    found = subprocess.run(process(name, "--out", "o", "--dry-run"), capture_output=True)
    assert found.stdout == b"\xff.jpg\to/\xff.jpg\twrite\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize(
    "surroundings",
    [
        {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"},  # names are ASCII there
        {"PYTHONIOENCODING": "cp1252"},  # output is redirected on Windows
    ],
)
def test_names_that_the_locale_does_not_know_stop_nothing(surroundings: dict[str, str]) -> None:
    for name in ("odd/写真.jpg".encode(), b"odd/\xff.jpg"):
        Path(os.fsdecode(name)).parent.mkdir(exist_ok=True)
        Path(os.fsdecode(name)).write_bytes(encode(grey(), "JPEG"))
    for name in ("odd/写.jpg".encode(), b"odd/\xfe.jpg"):
        Path(os.fsdecode(name)).write_bytes(b"")
    found = subprocess.run(
        process("odd", "--out", "o", "--dry-run"),
        env=os.environ | surroundings,
        capture_output=True,
    )
    assert found.returncode == 1
    assert set(found.stdout.splitlines()) == {
        "odd/写真.jpg\to/写真.jpg\twrite".encode(),
        b"odd/\xff.jpg\to/\xff.jpg\twrite",
    }
    assert set(found.stderr.splitlines()) == {
        b"failed odd/\\u5199.jpg: empty file",
        b"failed odd/\\xfe.jpg: empty file",
    }


# The log.


def test_the_log_has_a_line_for_every_file(colorize: Run, tiny_bundle: Path) -> None:
    Path("scans/bad.jpg").write_bytes(b"")
    colorize("scans/a", "--out", "out")
    colorize("scans", "--out", "out2", "--samples", "2", "--seed", "5", "--log", "run.jsonl")
    lines = {
        line["input"]: line for line in map(json.loads, Path("run.jsonl").read_text().splitlines())
    }
    assert {name: line["status"] for name, line in lines.items()} == {
        "scans/a/1.jpg": "done",
        "scans/a/2.png": "done",
        "scans/b c/[x] é.jpg": "done",
        "scans/bad.jpg": "failed",
    }
    line = lines["scans/a/1.jpg"]
    assert line["outputs"] == [
        {"sample": 1, "path": "out2/a/1.1.jpg", "is_kept": False},
        {"sample": 2, "path": "out2/a/1.2.jpg", "is_kept": False},
    ]
    assert (line["seed"], line["device"], line["reason"]) == (5, "cpu", None)
    assert line["model"] == record("out2")["model_digest"]
    colorize("scans/a", "--out", "out", "--log", "run.jsonl")
    assert [json.loads(x)["status"] for x in Path("run.jsonl").read_text().splitlines()[4:]] == [
        "skipped",
        "skipped",
    ]


# Photographs of the same names.


def test_a_photo_whose_place_another_photo_has_fails_and_is_not_written_over(colorize: Run) -> None:
    Path("scans/a/1.tif").write_bytes(tiff(grey()))
    colorize("scans/a/1.jpg", "--out", "out", "--format", "png")
    before = files()
    for words in ((), ("--dry-run",), ("-q",)):
        code, out, err = colorize("scans/a/1.tif", "--out", "out", "--format", "png", *words)
        assert (code, out) == (1, "")
        assert "failed scans/a/1.tif: out/1.png was made from another photograph, " in err
        assert f"{Path('scans/a/1.jpg').absolute()}: name another --out, or --overwrite" in err
        assert files() == before
    code, _, _ = colorize("scans/a/1.tif", "--out", "out", "--format", "png", "--overwrite")
    assert code == 0
    assert files().keys() == before.keys()
    code, _, err = colorize("scans/a/1.tif", "--out", "out", "--format", "png")
    assert code == 0
    assert re.search(r"skipped +1", err)
    assert colorize("scans/a/1.jpg", "--out", "out", "--format", "png")[0] == 1


def full(*_: object) -> None:
    """Take the place of something that writes, on a full disk."""
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["encode", "write"])
def test_what_was_not_overwritten_does_not_pass_for_a_colouring_of_the_photo(
    colorize: Run, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    Path("scans/a/1.tif").write_bytes(tiff(grey()))
    colorize("scans/a/1.jpg", "--out", "out", "--format", "png")
    before = files()

    with monkeypatch.context() as patched:
        if step == "encode":
            patched.setattr(photo_job, "encode_photo", full)
        else:
            patched.setattr(ledger, "written_beside", full)
        words = ("scans/a/1.tif", "--out", "out", "--format", "png")
        assert colorize(*words, "--overwrite")[0] == 1
    assert files() == before
    code, _, err = colorize(*words)
    assert code == 1
    assert "out/1.png was made from another photograph" in err
    assert re.search(r"skipped +0", err)


def test_where_the_ledger_cannot_be_kept_nothing_is_replaced(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("scans/a/1.tif").write_bytes(tiff(grey()))
    colorize("scans/a/1.jpg", "--out", "out", "--format", "png")
    before = files()

    words = ("scans/a/1.tif", "--out", "out", "--format", "png")
    with monkeypatch.context() as patched:
        patched.setattr(PhotoRows, "intend", full)
        assert colorize(*words, "--overwrite")[0] == 1
    assert files() == before
    code, _, err = colorize(*words)
    assert code == 1
    assert "out/1.png was made from another photograph" in err


def test_a_second_folder_with_the_same_names_fails_but_for_what_is_new(colorize: Run) -> None:
    colorize("scans/a", "--out", "out", "--samples", "2")
    before = files()
    for name, number in (("1.jpg", 5), ("3.png", 6)):
        path = Path("others", name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode(np.roll(grey(), number, axis=1), "PNG" if number == 6 else "JPEG"))
    Path("out/1.2.jpg").unlink()
    code, _, err = colorize("others", "--out", "out", "--samples", "2", "--log", "run.jsonl")
    assert code == 1
    assert re.search(r"done +1\b", err)
    assert re.search(r"failed +1\b", err)
    failed = next(map(json.loads, Path("run.jsonl").read_text().splitlines()))
    assert (failed["input"], failed["status"]) == ("others/1.jpg", "failed")
    assert files().keys() == before.keys() - {"1.2.jpg"} | {"3.1.png", "3.2.png"}
    assert files()["1.1.jpg"] == before["1.1.jpg"]


@pytest.mark.parametrize("policy", ["recolour", "copy"])
def test_photos_that_were_moved_are_known_again(colorize: Run, policy: str) -> None:
    Path("scans/color.png").write_bytes(encode(color(), "PNG"))
    words = ("--out", "out", "--on-colour", policy, "--restore")
    colorize("scans", *words)
    Path("out/a/1.jpg").unlink()
    Path("scans").rename("moved")
    code, _, err = colorize("moved", *words)
    assert code == 0
    assert re.search(r"done +1\b", err)
    assert re.search(r"skipped +3\b", err)
    assert err.count("reading them to know them again") == 1
    code, _, err = colorize("moved", *words)
    assert code == 0
    assert "reading them" not in err
    assert asked("out", "SELECT count(*) FROM photos") == [(4,)]


def test_files_that_no_ledger_knows_are_not_taken_for_colourings(colorize: Run) -> None:
    colorize("scans/a", "--out", "out")
    before = files()
    Path("out", LEDGER_NAME).unlink()
    code, _, err = colorize("scans/a", "--out", "out")
    assert code == 1
    assert "out/1.jpg is there, and not known to be a colouring of this photograph" in err
    assert files() == before


# The record and what a resume keeps.


def test_a_resume_keeps_what_is_not_given(colorize: Run, tiny_bundle: Path) -> None:
    options = ("--seed", "7", "--size", "96", "--steps", "5")
    colorize("scans", "--out", "whole", *options)
    code, _, err = colorize("scans", "--out", "out", *options)
    assert code == 0
    Path("out/b c/[x] é.jpg").unlink()
    code, _, err = colorize("scans", "--out", "out", "--restore", model=False)
    assert code == 0
    assert "size 96, 5 steps, seed 7" in err
    assert "other settings" not in err
    assert files()["b c/[x] é.jpg"] == files("whole")["b c/[x] é.jpg"]
    assert record()["model"] == str(tiny_bundle)


def test_other_settings_are_said_first_and_what_was_made_otherwise_is_made_again(
    colorize: Run,
) -> None:
    colorize("scans", "--out", "out")
    colorize("scans", "--out", "whole", "--seed", "1", "--size", "96")
    Path("out/a/2.png").write_bytes(b"retouched by hand")
    code, _, err = colorize("scans", "--out", "out", "--seed", "1", "--size", "96", "-v")
    assert code == 0
    assert "other settings (seed 0, now 1, size 64, now 96)" in err
    assert err.index("seed 0, now 1") < err.index("done scans")
    assert "2 of the photographs were coloured with other settings than are named now" in err
    assert "1 of the photographs have colourings that were made with other settings and al" in err
    assert files() == files("whole") | {"a/2.png": b"retouched by hand"}
    assert [settings["seed"] for settings in run_records("out")] == [0, 1]
    code, _, err = colorize("scans", "--out", "out")
    assert re.search(r"skipped +3\b", err)


def test_what_is_white_is_kept_to_and_makes_nothing_again_by_itself(colorize: Run) -> None:
    grey_floats = np.linspace(0, 100, 32 * 48, dtype=np.float32).reshape(32, 48)
    Path("float").mkdir()
    Path("float/1.tiff").write_bytes(tiff(grey_floats, photometric="minisblack"))
    assert colorize("float", "--out", "out")[0] == 1
    assert colorize("float", "--out", "out", "--white", "100")[0] == 0
    before = files()
    Path("out/1.tiff").unlink()
    code, _, err = colorize("float", "--out", "out", "--restore")
    assert (code, files()) == (0, before)
    assert "other settings" not in err
    code, _, err = colorize("float", "--out", "out", "--white", "150")
    assert (code, files()) == (0, before)
    assert "other settings (white 100, now 150)" in err
    assert "--overwrite makes them anew" in err
    assert colorize("float", "--out", "out", "--white", "150", "--overwrite")[0] == 0
    assert files().keys() == before.keys()
    assert files() != before


def test_one_photo_of_a_finished_tree_is_made_again_in_its_place(colorize: Run) -> None:
    colorize("scans", "--out", "out", "--seed", "7", "--samples", "2")
    colorize("scans", "--out", "eight", "--seed", "8", "--samples", "2")
    before = files()
    words = ("scans/a/1.jpg", "--out", "out", "--samples", "2")
    code, _, err = colorize(*words, "--overwrite")
    assert (code, files()) == (0, before)
    assert "seed 7" in err
    assert "other settings" not in err
    code, _, err = colorize(*words, "--seed", "8")
    assert code == 0
    assert "seed 7, now 8" in err
    again = {name: data for name, data in files("eight").items() if name.startswith("a/1.")}
    assert len(again) == 2
    assert files() == before | again
    Path("scans/a/3.png").write_bytes(encode(grey(), "PNG"))
    _, _, err = colorize("scans", "--out", "out", "--samples", "2")
    assert "seed 7" in err
    assert files().items() >= again.items()


def test_a_format_that_changes_names_is_said(colorize: Run) -> None:
    colorize("scans/a", "--out", "out")
    before = files()
    code, _, err = colorize("scans/a", "--out", "out", "--format", "png")
    assert code == 0
    assert "other names (format keep, now png)" in err
    assert before.items() <= files().items()


def test_from_one_sample_to_several_the_first_is_renamed_and_stays_named(colorize: Run) -> None:
    colorize("scans", "--out", "out")
    colorize("scans", "--out", "two", "--samples", "2")
    code, _, err = colorize("scans", "--out", "out", "--samples", "2")
    assert code == 0
    assert "the single colourings of 3 of the photographs are renamed" in err
    assert files() == files("two")
    code, _, err = colorize("scans", "--out", "out")
    assert re.search(r"skipped +3\b", err)
    assert files() == files("two")


def test_what_is_taken_and_the_times_are_as_asked(colorize: Run) -> None:
    os.utime("scans/a/1.jpg", ns=(10**18, 10**18))
    words = ("scans", "--out", "out", "--keep-times")
    code, _, err = colorize(*words, "--exclude", "*.png", "--exclude", "b c")
    assert code == 0
    assert set(files()) == {"a/1.jpg"}
    assert re.search(r"excluded +2 ", err)
    assert Path("out/a/1.jpg").stat().st_mtime_ns == 10**18
    Path("scans/a/1.jpg").write_bytes(encode(np.roll(grey(), 3, axis=1), "JPEG"))
    code, _, err = colorize(*words, "--changed")
    assert code == 0
    assert re.search(r"done +1\b", err)
    assert set(files()) == {"a/1.jpg"}
    assert "of these photographs, none changed since" in colorize(*words, "--changed")[2]


def test_shards_of_a_folder_are_seen_as_one_and_become_one(colorize: Run) -> None:
    colorize("scans", "--out", "whole", "--samples", "2")
    words = ("scans", "--out", "out", "--samples", "2")
    assert {colorize(*words, "--shard", f"{number}/2")[0] for number in (1, 2)} == {0}
    assert files() == files("whole")
    code, _, err = colorize(*words)
    assert code == 2
    assert "colorize merge out" in err
    assert main(["status", "out"]) == 0
    assert main(["verify", "out"]) == 0
    assert main(["merge", "out"]) == 0
    code, _, err = colorize(*words)
    assert code == 0
    assert "2 ledgers joined, 0 files copied; it has 6 colourings of 3 photographs now" in err
    assert re.search(r"skipped +3\b", err)
    assert files() == files("whole")
    assert colorize(*words, "--shard", "3/2")[0] == 2
    assert colorize("scans/a/1.jpg", "--out", "new", "--shard", "1/9", model=False)[0] == 0


def test_a_setting_that_is_left_out_is_that_of_the_last_run(colorize: Run) -> None:
    colorize("scans", "--out", "five", "--seed", "5")
    colorize("scans/a", "--out", "out")
    colorize("scans", "--out", "out", "--seed", "5", "--format", "webp")
    _, _, err = colorize("scans", "--out", "out")
    assert "the last run into out gave other names (format webp, now keep)" in err
    assert "seed 5" in err
    assert "other settings" not in err
    assert files()["b c/[x] é.jpg"] == files("five")["b c/[x] é.jpg"]


def test_the_ledger_keeps_every_run_s_settings(colorize: Run) -> None:
    for seed, format in (("0", "keep"), ("0", "webp"), ("5", "webp"), ("0", "keep"), ("0", "keep")):
        words = ("--seed", seed, "--format", format, "--batch", "1", "--overwrite")
        colorize("scans", "--out", "out", *words)
    found = [(settings["seed"], settings["format"]) for settings in run_records("out")]
    assert found == [(0, "keep"), (0, "webp"), (5, "webp"), (0, "keep"), (0, "keep")]


def test_overwriting_keeps_the_settings_of_the_folder(colorize: Run) -> None:
    colorize("scans", "--out", "out", "--seed", "1")
    before = files()
    Path("out/a/1.jpg").write_bytes(b"retouched by hand")
    code, _, err = colorize("scans", "--out", "out", "--overwrite")
    assert code == 0
    assert "other settings" not in err
    assert record()["seed"] == 1
    assert files() == before


def test_auto_keeps_to_the_device_that_it_chose(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def remember(requested: str, **options: Precision) -> Device:
        asked.append(requested)
        if requested == "cuda":
            raise DeviceError("--device cuda cannot run here: no GPU.")
        return resolve_device("cpu")

    for module in (auto, model_and_device):
        monkeypatch.setattr(module, "resolve", remember)
    colorize("scans/a", "--out", "out")
    colorize("scans", "--out", "out")
    assert asked == ["auto", "cpu"]
    change_last_settings("out", device="cuda")
    Path("out/a/1.jpg").unlink(missing_ok=True)
    Path("out/1.jpg").unlink()
    code, _, err = colorize("scans/a", "--out", "out", "--restore")
    assert code == 3
    assert "the last run into out was on cuda" in err
    code, _, err = colorize("scans/a", "--out", "out", "--device", "cpu", "--restore")
    assert code == 0
    assert "device cuda, now cpu" in err


@pytest.mark.parametrize("text", ["{", '{"format": 1}', '{"format": 99, "settings": {}}'])
def test_a_record_that_cannot_be_read_is_said(colorize: Run, text: str) -> None:
    Path("out").mkdir()
    Path("out", SETTINGS_NAME).write_text(text)
    code, _, err = colorize("scans", "--out", "out")
    assert code == 2
    assert SETTINGS_NAME in err
    assert files() == {SETTINGS_NAME: text.encode()}


def test_a_device_or_model_that_cannot_be_used_ends_with_3(colorize: Run, folder: Path) -> None:
    code, _, err = colorize("scans", "--out", "out", "--model", "nowhere.zip", model=False)
    assert (code, Path("out").exists()) == (3, False)
    assert "nowhere.zip" in err
    assert "Traceback" not in err


def test_a_named_device_has_to_run_even_where_nothing_is_to_be_done(
    colorize: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(requested: str) -> Device:
        raise DeviceError(f"--device {requested} cannot run here: no GPU.")

    colorize("scans", "--out", "out")
    monkeypatch.setattr(model_and_device, "resolve", refuse)
    assert colorize("scans", "--out", "out", "--device", "cuda")[0] == 3
    assert colorize("scans", "--out", "out")[0] == 0


# Processes.


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    for number in range(200):
        Path(f"scans/{number}.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    words = process("scans", "--out", "out", "--dry-run", "--samples", "99")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(100)
        running.stdout.close()
        err = running.stderr.read()
    assert running.returncode == 1
    assert not err


def test_the_second_signal_ends_at_once() -> None:
    code = (
        f"import signal, sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
        # In tests that run in the background it is ignored, and that is inherited.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from colorize_cli.system.interrupts import Interrupts\n"
        "with Interrupts().heeded():\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        print('stopping', flush=True)\n"
        "        time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        for word in (b"ready\n", b"stopping\n"):
            assert running.stdout.readline() == word
            running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 130


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_that_comes_when_all_is_done_changes_no_exit_code(name: str) -> None:
    """The last of a process is Python's own: what still exists is destroyed, as `late` here."""
    code = (
        f"import os, signal, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        # In tests that run in the background it is ignored, and that is inherited.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Late:\n"
        f"    def __del__(self, write=os.write, send=signal.raise_signal, it=signal.{name}):\n"
        "        write(1, b'late')\n"
        "        send(it)\n"
        "from colorize_cli.__main__ import main\n"
        "sys.argv = ['colorize', '--version']\n"
        "sys.late = Late()\n"
        "sys.exit(main())\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert run.stdout.endswith(b"late")
    assert (run.returncode, run.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are of Unix")
def test_a_terminal_shows_a_bar(tiny_bundle: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    words = process("scans", "--out", "out", "--model", str(tiny_bundle))
    with subprocess.Popen(words, stderr=follower, stdout=subprocess.PIPE, env=environment) as run:
        os.close(follower)
        shown = b""
        while select.select([leader], [], [], 30)[0]:
            try:
                shown += os.read(leader, 65_536)
            except OSError:  # the other end is closed
                break
        assert run.wait() == 0
        assert run.stdout is not None
        assert run.stdout.read() == b""
    os.close(leader)
    text = shown.decode()
    assert "3/3" in text
    assert "\x1b[?25l" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h"), "the cursor stays hidden"
