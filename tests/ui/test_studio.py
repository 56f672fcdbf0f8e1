"""What whoever serves the page is told when the networks are opened."""

import zipfile
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from colorize_cli.batch.outcome import Outcome
from colorize_cli.cli.app import main
from colorize_cli.model import colorizer
from colorize_cli.runtimes import find_device
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.ui import unpack
from colorize_cli.ui.studio import Studio, Wish


def test_it_is_told_why_no_gpu_is_used(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = replace(resolve("cpu"), note="no NVIDIA GPU was found")
    monkeypatch.setattr(colorizer, "choose_device", lambda *_: device)
    told: list[str] = []
    Studio([str(tiny_bundle)], note=told.append)
    assert told[0].startswith("device: CPU")
    assert told[1] == "no GPU is used: no NVIDIA GPU was found"


def test_a_request_that_is_cancelled_while_a_zip_is_unpacked_ends_without_a_word_of_its_files(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_cancelled, told = Event(), list[Outcome]()
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a.jpg", "b.jpg"):
            archive.writestr(name, b"no picture")
    copied = unpack._copy

    def copy(*given: Any) -> int:
        is_cancelled.set()
        return copied(*given)

    monkeypatch.setattr(unpack, "_copy", copy)
    studio = Studio([str(tiny_bundle)], device="cpu")
    notes = studio.colour(Wish([path]), tmp_path / "to", is_cancelled, told.append, lambda *_: None)
    assert (notes, told) == ([], [])
    assert [p.name for p in (tmp_path / "to").rglob("*.jpg")] == ["a.jpg"]


def test_a_device_by_name_that_is_missing_is_no_other(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gradio")
    monkeypatch.setattr(find_device, "problem", lambda *_, **__: "no NVIDIA GPU was found")
    words = ["ui", "--port", "0", "--model", str(tiny_bundle), "--device", "cuda"]
    assert main(words) == 3
    told = capsys.readouterr().err
    assert "--device cuda cannot run here (--device cpu always can): no NVIDIA GPU" in told
    assert "http://" not in told
