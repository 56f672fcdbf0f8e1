import json
from pathlib import Path

import pytest

from colorize_cli import __version__
from colorize_cli.cli import installation_facts
from colorize_cli.cli.app import main
from colorize_cli.model.bundle import load_bundle


def test_the_model_and_what_works_are_told(
    tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--model", str(tiny_bundle)]) == 0
    out, err = capfd.readouterr()
    assert not err
    assert f"colorize {__version__}" in out
    assert "cpu        works" in out
    for words in ("tiny-encoder (encoder)", "working size 64", "20 steps (cosine)", "not counted"):
        assert words in out
    assert load_bundle(tiny_bundle).license in out


def test_as_json_it_is_for_programs(tiny_bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json", "--model", str(tiny_bundle)]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert facts["devices"]["cpu"] is None
    assert set(facts["devices"]) == {"cpu", "cuda", "tensorrt", "openvino"}
    assert facts["machine"]["packages"]["numpy"]
    assert facts["machine"]["usable_cpus"] >= 1
    model = facts["model"]
    assert (model["family"], model["steps"], model["problem"]) == ("encoder", 20, None)
    assert model["license"] == "none: random weights"
    assert model["parameters"] is None  # what was not counted is not guessed


def test_the_defaults_parameters_were_counted(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--json"]) == 0
    model = json.loads(capfd.readouterr().out)["model"]
    # Weights in half precision make up nearly all of the files.
    assert model["parameters"] * 2 == pytest.approx(model["megabytes"] * 1e6, rel=0.05)


def test_a_model_that_cannot_be_used_is_told_and_ends_with_3(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--model", str(tmp_path / "gone.zip")]) == 3
    out, _ = capfd.readouterr()
    assert "gone.zip" in out
    assert "cpu        works" in out


def test_a_device_works_only_when_it_has_run(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def problem(name: str, **_: object) -> str | None:
        return None if name == "cpu" else "libcublasLt.so.13 is missing"

    monkeypatch.setattr(installation_facts, "problem", problem)
    assert main(["info", "--model", str(tiny_bundle)]) == 0
    assert "cuda       libcublasLt.so.13 is missing" in capfd.readouterr().out


def test_two_onnxruntimes_are_told_with_the_repair(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    both = ["onnxruntime", "onnxruntime-gpu"]
    monkeypatch.setattr(installation_facts, "rival_wheels", lambda: both)
    main(["info", "--model", str(tiny_bundle)])
    out = capfd.readouterr().out
    assert "both installed" in out
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in out


def test_missing_extras_are_told_with_their_commands(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = {"train": ["torch"], "wandb": ["wandb"]}
    monkeypatch.setattr(installation_facts, "missing_modules", lambda extra: missing.get(extra, []))
    main(["info", "--model", str(tiny_bundle)])
    out = capfd.readouterr().out
    assert "for the command train:" in out
    assert "[train]" in out
    assert "for the command train --track wandb:" in out
    assert "[export]" not in out
