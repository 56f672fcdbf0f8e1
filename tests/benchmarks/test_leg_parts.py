"""What comes back of a training leg: cut off, joined, refused, and written down."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from made.checkpoints import make_checkpoint

from benchmarks.gpu.leg.calls import MIB
from benchmarks.gpu.leg.parts import Publisher, halved, join, join_run, split
from benchmarks.gpu.leg.record import curve, leg_section, rehearsal_section
from benchmarks.gpu.leg.rehearsal import check_back
from colorize_cli.errors import CheckError, ModelError
from colorize_cli.system.files import write_atomic
from training.checkpoint import BEST_FILE, WEIGHTS_FILE, load_checkpoint, save_checkpoint


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("checkpoints")
    return {family: make_checkpoint(folder, family) for family in ("encoder", "palette")}


def log(run: Path, losses: list[float]) -> None:
    figures = [{"loss": loss, "low": loss - 0.1, "high": loss + 0.1} for loss in losses]
    entries = [{"step": i, "samples": 10 * i, "validation": f} for i, f in enumerate(figures, 1)]
    run.joinpath("log.jsonl").write_text("".join(f"{json.dumps(e)}\n" for e in entries))


def test_weights_are_halved_split_and_joined(
    checkpoints: dict[str, Path], tmp_path: Path, out: Path
) -> None:
    path = checkpoints["encoder"]
    data = halved(path, tmp_path / "half.safetensors")
    assert len(data) < 0.7 * path.stat().st_size
    split(data, "last", out, 50_000)
    assert len(list(out.iterdir())) == -(-len(data) // 50_000) > 2
    assert join_run(out, tmp_path / "run") == [tmp_path / "run" / WEIGHTS_FILE]
    joined, own = load_checkpoint(tmp_path / "run" / WEIGHTS_FILE), load_checkpoint(path)
    assert joined.recipe == own.recipe
    assert joined.progress == own.progress
    for name, tensor in own.state.items():
        assert joined.state[name].dtype == tensor.dtype
        torch.testing.assert_close(joined.state[name], tensor, rtol=1e-3, atol=1e-6)


def test_what_was_cut_off_leaves_the_version_before(out: Path) -> None:
    split(b"one" * 10, "last", out, 8)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    split(b"two" * 10, "last", out, 8)
    assert join(out, "last") == b"two" * 10
    second = sorted(out.iterdir())
    for name, data in first.items():
        (out / name).write_bytes(data)
    second[-1].write_bytes(second[-1].read_bytes()[:3])  # the second was still being written
    assert join(out, "last") == b"one" * 10
    second[-1].unlink()
    assert join(out, "last") == b"one" * 10


def test_mixed_and_damaged_parts_are_refused(out: Path) -> None:
    split(b"one" * 10, "last", out, 8)
    first = {path.name[:11]: path.read_bytes() for path in out.iterdir()}
    split(b"two" * 10, "last", out, 8)
    part = min(out.iterdir())
    part.write_bytes(first[part.name[:11].replace("002", "001")])  # under the other's name
    with pytest.raises(ModelError, match="no whole version of the last"):
        join(out, "last")
    with pytest.raises(ModelError, match="no whole version"):
        join_run(out, out / "run")
    assert join(out, "best") is None


def test_nothing_came_back(out: Path) -> None:
    with pytest.raises(ModelError, match="holds no weights"):
        join_run(out, out / "run")


def test_weights_are_sent_out_as_they_are_saved_and_the_best_at_the_end(
    checkpoints: dict[str, Path], tmp_path: Path, out: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    own, other = (path.read_bytes() for path in checkpoints.values())
    publisher = Publisher(run, out)
    publisher.publish()
    assert list(out.iterdir()) == []
    with publisher:
        for name, data in ((BEST_FILE, own), (WEIGHTS_FILE, own)):
            write_atomic(run / name, data)  # in place it would change under the reader
        log(run, [0.5])
        publisher.publish()
        log(run, [0.5, 0.6])
        write_atomic(run / WEIGHTS_FILE, other)
        os.utime(run / WEIGHTS_FILE, (1, 1))
    log_text = (run / "log.jsonl").read_text()
    assert (out / "log.jsonl").read_text() == log_text
    assert [path.name[:5] for path in sorted(out.iterdir())] == ["best-", "last-", "log.j"]
    assert join_run(out, tmp_path / "back") == [
        tmp_path / "back" / WEIGHTS_FILE,
        tmp_path / "back" / BEST_FILE,
    ]
    assert load_checkpoint(tmp_path / "back" / WEIGHTS_FILE).recipe.family == "palette"
    assert load_checkpoint(tmp_path / "back" / BEST_FILE).recipe.family == "encoder"
    check_back(out)


def test_best_weights_that_are_the_last_are_not_sent_twice(
    checkpoints: dict[str, Path], tmp_path: Path, out: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    last = load_checkpoint(checkpoints["encoder"])
    with Publisher(run, out):
        for name, more in ((BEST_FILE, {"validation": {}}), (WEIGHTS_FILE, {})):
            save_checkpoint(run / name, replace(last, progress=last.progress | more))
    assert [path.name[:5] for path in out.iterdir()] == ["last-"]


def test_a_log_that_was_begun_anew_is_copied_anew(tmp_path: Path, out: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    publisher = Publisher(run, out)
    for losses in ([0.5, 0.4], [0.3], [0.3, 0.2]):
        log(run, losses)
        publisher.publish()
        assert [entry["validation"]["loss"] for entry in curve(out)] == losses


def test_too_much_does_not_come_back(out: Path) -> None:
    for number in range(9):
        (out / str(number)).write_bytes(b"")
    with pytest.raises(CheckError, match="9 files"):
        check_back(out)


def test_the_sections_tell_the_curve(tmp_path: Path) -> None:
    log(tmp_path, [0.5, 0.4])
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 3, "val')  # cut off
    entries = curve(tmp_path)
    info = {
        "date": "2026-01-02",
        "commit": "abc",
        "command": "python -m x",
        "device": "NVIDIA H100",
        "versions": {"python": "3.12", "torch": "2.11"},
        "shards": ["a.tar"],
    }
    text = leg_section(info, entries)
    assert "a training leg on NVIDIA H100" in text
    assert "| 2 | 20 | 0.40000 | 0.3000 to 0.5000 |  |" in text
    assert "**0.40000 at best**" in text
    assert "before the first validation" in leg_section(info, [])
    call = {"name": "train", "bytes": 43 * MIB, "here_s": 70.0, "there_s": 540.0}
    more = {"calls": [call], "leg_s": 500.0, "files": 5, "back_mib": 31.9, "curve": entries}
    text = rehearsal_section(info | more | {"judged": 32, "validated": ["default: loss 0.4"]})
    assert "| train | 43.0 | 70.0 | 540 |" in text
    assert "**585 to 615 of 900 s**" in text
