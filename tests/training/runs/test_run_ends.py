"""How a run that is started by the command ends, what it says meanwhile, and what it notes."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made.tiny_runs import TOY_TOML, write_photos

from colorize_cli.errors import UsageError
from training import loop
from training import run as command
from training.checkpoint import RUN_FILE, WEIGHTS_FILE, load_checkpoint
from training.runs.record import read_record

pytestmark = pytest.mark.usefixtures("one_thread")


class Heard:
    """What is said, shown and warned of."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.warnings: list[str] = []
        self.shown: list[tuple[float, str]] = []

    def show(self, done: float, text: str) -> None:
        self.shown.append((done, text))


@pytest.fixture
def begin(tmp_path: Path) -> Any:
    (tmp_path / "toy.toml").write_text(f"{TOY_TOML}[sampling]\nsteps = 2\n")
    photos, held_out = (
        write_photos(tmp_path / name, count=6, seed=i) for i, name in enumerate(("p", "h"))
    )

    def run(heard: Heard, *changes: str, **more: Any) -> Path:
        given = {
            "recipe": str(tmp_path / "toy.toml"),
            "data": [photos],
            "report": heard.lines.append,
        }
        given |= {"out": tmp_path / "run", "device": "cpu", "warn": heard.warnings.append}
        overrides = [f"validation.data={held_out}", "optim.steps=6", "optim.warmup=1", *changes]
        command.run(overrides=overrides, course=heard, **(given | more))
        return tmp_path / "run"

    return run


@pytest.fixture(params=["SIGINT", "SIGHUP"])
def wish(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that is not ignored, whatever these tests were started by."""
    number = getattr(signal, request.param, signal.SIGINT)  # Windows has no SIGHUP
    usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    inherited = signal.signal(number, usual)
    yield number
    signal.signal(number, inherited)


def test_the_first_signal_saves_and_leaves_and_the_run_goes_on_from_there(
    begin: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    wish: signal.Signals,
) -> None:
    monkeypatch.setattr(loop, "_LOG_EVERY_S", -1.0)  # a line for every step
    heard, out = Heard(), tmp_path / "run"

    def interrupt(line: str) -> None:
        heard.lines.append(line)
        if line.startswith("step 2 "):
            signal.raise_signal(wish)

    before = signal.getsignal(wish)
    with pytest.raises(KeyboardInterrupt):
        begin(heard, report=interrupt)
    assert signal.getsignal(wish) is before
    assert "finishing the step in hand; once more leaves at once" in capfd.readouterr().err
    stopped = load_checkpoint(out / RUN_FILE).progress["step"]
    assert 2 <= stopped <= 3
    assert f"step {stopped}; saved in {out}; --resume goes on from there" in heard.lines
    assert read_record(out)["state"] == "stopped"
    begin(heard, recipe=None, resume_run=True)
    assert load_checkpoint(out / WEIGHTS_FILE).progress["step"] == 6
    assert read_record(out)["state"] == "finished"
    steps = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_a_run_shows_how_far_it_is_with_its_rate_and_what_is_left(begin: Any) -> None:
    heard = Heard()
    begin(heard)
    assert [done for done, _ in heard.shown] == [pytest.approx(i / 6) for i in range(1, 7)]
    assert heard.shown[-1][1].startswith("step 6  ")
    assert all("samples/s" in text and text.endswith(" left") for _, text in heard.shown)
    assert heard.shown[-1][1].endswith("  0 s left")
    assert any(line.startswith("samples after step 6: ab_mae_first ") for line in heard.lines)


def test_a_schedule_that_does_not_end_in_noise_is_warned_of_at_the_start(begin: Any) -> None:
    heard = Heard()
    begin(heard, "diffusion.schedule=tutorial-20", "samples.every_steps=0", "optim.warmup=6")
    assert [line.split(" ends at")[0] for line in heard.warnings] == [
        "warning: schedule 'tutorial-20'"
    ]


def test_another_run_is_warned_of_nothing_at_the_start(begin: Any) -> None:
    heard = Heard()
    begin(heard, "samples.every_steps=0", "optim.warmup=6")
    assert heard.warnings == []
    assert not any(line.startswith("no validation.data") for line in heard.lines)


def test_a_run_without_photos_to_judge_by_says_what_it_will_lack(begin: Any) -> None:
    heard = Heard()
    out = begin(heard, "validation.data=")
    assert sum(line.startswith("no validation.data, and no prepared") for line in heard.lines) == 1
    assert not (out / "samples").exists()


def test_samples_without_colour_are_warned_of_in_the_run_and_in_no_other(
    begin: Any, tmp_path: Path
) -> None:
    for gain, collapses in ((0.01, True), (5.0, False)):
        heard = Heard()
        begin(heard, f"sampling.gains=[{gain}]", out=tmp_path / f"{gain}")
        assert any("colour collapses" in line for line in heard.warnings) is collapses
        assert any("colour collapses" in line for line in heard.lines) is False


def test_a_network_that_learns_nothing_is_warned_of_once_it_is_warm(
    begin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for samples, warmup, warns in ((0, 1, True), (0, 6, False), (1000, 1, False)):
        monkeypatch.setattr("training.log._LEAST_SAMPLES", samples)
        heard = Heard()
        changes = ["optim.lr=0.0", f"optim.warmup={warmup}", "samples.every_steps=0"]
        begin(heard, *changes, out=tmp_path / f"{samples}-{warmup}")
        assert any("mean whatever the photo is" in line for line in heard.warnings) is warns


def test_why_a_run_failed_is_noted(begin: Any, tmp_path: Path) -> None:
    heard = Heard()
    with pytest.raises(UsageError, match="gradient of step 1 was not finite"):
        begin(heard, "optim.lr=1e30", "optim.clip=1e30", "diffusion.ab_scale=1e-30")
    record = read_record(tmp_path / "run")
    assert record["state"] == "failed"
    assert "gradient of step 1" in record["reason"]
    assert record["recipe"] == "toy"
    assert (tmp_path / "run" / "lost-step.json").exists()
    assert not (tmp_path / "run" / RUN_FILE).exists()


def test_a_folder_takes_one_run_at_a_time(begin: Any, tmp_path: Path) -> None:
    out = tmp_path / "run"
    refused = []

    def begin_another(line: str) -> None:
        if line.startswith("step") and not refused:
            kept = (out / "log.jsonl").read_bytes()
            for more in ({}, {"recipe": None, "resume_run": True}):
                with pytest.raises(UsageError, match="another run") as error:
                    begin(Heard(), **more)
                refused.append(error)
            assert (out / "log.jsonl").read_bytes() == kept

    begin(Heard(), "samples.every_steps=0", report=begin_another)
    assert len(refused) == 2
    assert read_record(out)["state"] == "finished"


def test_a_run_that_is_refused_leaves_no_folder(begin: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not fit its family"):
        begin(Heard(), "network.foo=1")
    assert not (tmp_path / "run").exists()


def test_a_file_in_the_place_of_the_folder_is_named(begin: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a list of my own")
    with pytest.raises(UsageError, match="file is a file; name a folder"):
        begin(Heard(), out=tmp_path / "file" / "run")
