"""Errors that are to be expected end with their code and a message, never with a traceback."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from made.pictures import encode, grey

from colorize_cli.cli.app import main
from colorize_cli.system import installed

Say = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    Path("scans/x.jpg").write_bytes(encode(grey(), "JPEG"))


@pytest.fixture
def say(tiny_bundle: Path, capfd: pytest.CaptureFixture[str]) -> Say:
    """Colour `scans` into `out`; give the exit code and what was said."""

    def run(*more: str) -> tuple[int, str]:
        model = () if "--model" in more else ("--model", str(tiny_bundle))
        code = main(["scans", "--out", "out", "--device", "cpu", "--steps", "1", *model, *more])
        return code, capfd.readouterr().err

    return run


def damaged(tiny_bundle: Path) -> str:
    """Pack a bundle with LZMA, and damage what is packed."""
    with zipfile.ZipFile("damaged.zip", "w", zipfile.ZIP_LZMA) as archive:
        for name in ("bundle.json", "denoiser.onnx", "encoder.onnx"):
            archive.write(tiny_bundle / name, name)
    data = bytearray(Path("damaged.zip").read_bytes())
    data[60:400] = bytes(byte ^ 0x5A for byte in data[60:400])
    Path("damaged.zip").write_bytes(data)
    return "damaged.zip"


def test_a_model_that_cannot_be_read(say: Say, tiny_bundle: Path) -> None:
    for model, said in (
        ("m" * 300, "--model cannot be read: File name too long"),
        (damaged(tiny_bundle), "cannot read bundle.json"),
    ):
        code, err = say("--model", model)
        assert (code, Path("out").exists()) == (3, False)
        assert said in err


@pytest.mark.parametrize("text", ['{"a": 1}\n', "{", "[1]\n", '{"status": 1}\n', "\n\n{}\n"])
def test_a_file_that_merely_begins_as_a_log_does_is_no_log(say: Say, text: str) -> None:
    Path("run.jsonl").write_text(text)
    code, err = say("--log", "run.jsonl")
    assert code == 2
    assert "--log run.jsonl is another file, not a log" in err
    assert Path("run.jsonl").read_text() == text


def test_log_and_report_may_lie_in_an_output_folder_that_is_still_to_be_made(say: Say) -> None:
    assert say("--log", "out/notes/run.jsonl", "--report", "out/notes/run.csv")[0] == 0
    assert json.loads(Path("out/notes/run.jsonl").read_text())["status"] == "done"
    assert Path("out/notes/run.csv").stat().st_size
    assert say("--log", "out/notes/run.jsonl")[0] == 0
    assert len(Path("out/notes/run.jsonl").read_text().splitlines()) == 2


def test_a_package_that_is_missing_is_named(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "_is_missing", lambda module: module == "simplejpeg")
    code, err = say()
    assert code == 3
    assert "simplejpeg cannot be imported" in err


def test_a_folder_in_the_place_of_a_colouring_fails_the_photo(say: Say) -> None:
    Path("out/x.png").mkdir(parents=True)
    code, err = say("--format", "png")
    assert code == 1
    assert "failed scans/x.jpg: out/x.png is no file: move it away" in err


def test_standard_output_that_is_full_is_said(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(lines: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("colorize_cli.batch.run.write_stdout", full)
    code, err = say("--dry-run")
    assert code == 1
    assert "colorize: No space left on device" in err
