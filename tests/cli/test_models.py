"""`colorize models`: which there are, what is known of them, and which cannot be used."""

import json
import shutil
from pathlib import Path

import pytest

from colorize_cli.cli.app import main


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLORIZE_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


def test_models_of_the_package_the_users_own_and_those_in_folders_are_listed(
    own: Path, tiny_bundle: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_bundle, own / "mine")
    shutil.copytree(tiny_bundle, tmp_path / "runs" / "a" / "bundle")
    assert main(["models", str(tmp_path / "runs"), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    places = {model["path"]: model["place"] for model in found}
    assert places[str(own / "mine")] == "own models"
    assert places[str(tmp_path / "runs" / "a" / "bundle")] == "path"
    assert {m["name"] for m in found if m["place"] == "own models"} == {"mine"}
    default = next(model for model in found if model["name"] == "default")
    assert (default["place"], default["problem"]) == ("package", None)
    assert default["calls"] == {"photo": 1, "sample": 20}


def test_for_people_there_is_a_table(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    head, *lines = capfd.readouterr().out.splitlines()
    default = next(line for line in lines if line.startswith("default"))
    start = head.index("calls a photo")
    assert default[start:].split()[0] == "81"  # the encoder once, 20 steps of four samples
    assert "16.6 M" in default
    assert "package" in default


def test_one_that_cannot_be_used_is_named_with_its_reason(
    own: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_bundle, own / "mine")
    (own / "mine" / "encoder.onnx").write_bytes(b"no")
    assert main(["models"]) == 0
    out = capfd.readouterr().out
    assert "mine cannot be used: " in out
    assert "encoder.onnx" in out


def test_a_folder_without_any_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["models", str(tmp_path)]) == 2
    assert "holds no bundle" in capfd.readouterr().err
    assert main(["models", str(tmp_path / "gone")]) == 2
    assert "there is no folder" in capfd.readouterr().err


@pytest.mark.parametrize("value", [10**400, True, "much", [1], None])
def test_odd_figures_of_a_stranger_are_no_figures(
    value: object, own: Path, tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(tiny_bundle, own / "mine")
    fields = json.loads((own / "mine" / "bundle.json").read_text())
    odd = dict.fromkeys(("diversity", "lpips_first", "lpips_best_of_4", "lpips_grey"), value)
    (own / "mine" / "bundle.json").write_text(json.dumps(fields | {"quality": odd}))
    assert main(["models"]) == 0
    head, *lines = capfd.readouterr().out.splitlines()
    line = next(line for line in lines if line.startswith("mine"))
    start, stop = head.index("LPIPS"), head.index("s a sample")
    assert line[start:stop].split() == ["-", "-"]
