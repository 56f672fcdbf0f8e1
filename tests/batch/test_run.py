"""A run from the options to the observers, and what it opens on its way."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made.messages import Told
from made.pictures import encode, grey
from made.records import run_records

from colorize_cli.batch import model_and_device
from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.outcome import Observer, Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.photo_job import Put
from colorize_cli.batch.plan import Plan
from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.run import run
from colorize_cli.batch.settings import Options, RunSettings
from colorize_cli.errors import DeviceError, OutOfMemoryError
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.families.diffusion import Diffusion
from colorize_cli.runtimes.find_device import resolve

ROOT = Path(__file__).parents[2]
# Runs the command line some times in one process, and says of each run which files it opened for
# reading how often, and how often each device was proven by a computation.
COUNT = """
import json, sys
sys.path.insert(0, sys.argv[2])
from collections import Counter
from pathlib import Path
from colorize_cli.cli.app import main
from colorize_cli.model import fastest_device
from colorize_cli.runtimes import find_device

counts = Counter()
def hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[1] in ("r", "rb", None):
        counts[Path(arguments[0]).name] += 1
sys.addaudithook(hook)
problem = find_device.problem
def counted(name, *, is_proven=False):
    counts["proven " + name] += not is_proven
    return problem(name, is_proven=is_proven)
find_device.problem = fastest_device.problem = counted
found = []
for words in json.loads(sys.argv[1]):
    counts.clear()
    assert main(words) == 0
    found.append(dict(counts))
print(json.dumps(found))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    for number in range(3):
        data = encode(np.roll(grey(), number, axis=1), "PNG")
        Path(f"scans/{number}.png").write_bytes(data)
    return tmp_path


class Events(Observer):
    """Keep what one is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __enter__(self) -> "Events":
        self.told.append("enter")
        return self

    def __exit__(self, *exception: object) -> None:
        self.told.append("exit")

    def start(self, photos: int, settings: RunSettings) -> None:
        self.told.append(f"start {photos} seed {settings.seed} {settings.device}")

    def outcome(self, outcome: Outcome) -> None:
        self.told.append(f"{outcome.status} {outcome.source.name}")

    def end(self, plan: Plan) -> None:
        self.told.append(f"end {len(plan.jobs)}")


def elsewhere(error: BaseException | None = None) -> Callable[..., None]:
    """Make what carries out jobs somewhere else: nothing is written."""

    def execute(
        jobs: Iterable[Job],
        colorizer: Colorizer,
        treatment: Treatment,
        report: Callable[[Outcome], None],
        put: Put,
        is_stopping: Callable[[], bool],
    ) -> None:
        for job in jobs:
            report(Outcome(job.source, "done", job=job))
            if error:
                raise error

    return execute


def options(bundle: Path, **given: Any) -> Options:
    return Options((Path("scans"),), Path("out"), model=str(bundle), device="cpu", **given)


def test_observers_hear_of_everything_in_its_order(tiny_bundle: Path) -> None:
    Path("scans/bad.png").write_bytes(b"")
    run(replace(options(tiny_bundle, seed=5), paths=(Path("scans/1.png"),)), Told())
    events = Events()
    code = run(options(tiny_bundle), Told(), [events], elsewhere())
    assert code == 1
    assert events.told == [
        "enter",
        "failed bad.png",
        "there 1.png",
        "start 2 seed 5 cpu",
        "done 0.png",
        "done 2.png",
        "end 3",
        "exit",
    ]


def test_an_interrupted_run_is_told_its_end(tiny_bundle: Path) -> None:
    events = Events()
    code = run(options(tiny_bundle), Told(), [events], elsewhere(KeyboardInterrupt()))
    assert code == 130
    assert events.told[-3:] == ["done 0.png", "end 3", "exit"]


def test_observers_are_left_whatever_happens(tiny_bundle: Path) -> None:
    events = Events()
    with pytest.raises(DeviceError):
        run(options(tiny_bundle), Told(), [events], elsewhere(DeviceError("lost")))
    assert events.told[-1] == "exit"
    assert "end 3" not in events.told


def test_a_dry_run_starts_nothing_and_writes_nothing(
    tiny_bundle: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    events, messages = Events(), Told()
    assert run(options(tiny_bundle, dry_run=True), messages, [events], elsewhere()) == 0
    assert events.told == ["enter", "end 3", "exit"]
    assert not messages.said
    assert capfd.readouterr().out.count("\twrite\n") == 3
    assert not Path("out").exists()


def counted(runs: list[list[str]]) -> list[dict[str, int]]:
    """Count, for each run, what is opened and proven."""
    code = [sys.executable, "-c", COUNT, json.dumps(runs), str(ROOT)]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    found: list[dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nothing_is_opened_read_or_proven_twice(tiny_bundle: Path) -> None:
    words = ["scans", "--out", "out", "--model", str(tiny_bundle), "--size", "64"]
    runs = [
        [*words, "--device", "cpu"],
        [*words, "--device", "cpu", "--overwrite"],
        [*words[:-2], "--format", "webp"],  # the last run's device, and another name: all is made
        [*words, "--device", "cpu", "--format", "jpg", "--dry-run"],
        [*words, "--device", "cpu"],  # nothing left to do
    ]
    for counts in counted(runs):
        assert counts["bundle.json"] == 1
        assert counts["encoder.onnx"] == 1
        assert counts["denoiser.onnx"] == 1
        assert counts.get(LEDGER_NAME, 1) == 1
        assert counts["proven cpu"] == 1


def test_a_device_that_is_given_is_proven_once_whatever_else_is_chosen(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    words = ["scans", "--out", "out", "--model", str(tiny_bundle), "--device", "openvino"]
    # The first run measures which precision is faster, the second has the measurement.
    for counts in counted([words, [*words, "--overwrite"]]):
        assert counts["proven openvino"] == 1


@pytest.mark.parametrize("named", ["auto", "cuda"])
def test_a_gpu_without_room_for_the_model_is_left_for_the_cpu_unless_it_is_named(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    gpu = replace(resolve("cpu"), name="cuda", description="a GPU", photos_a_call=8)
    init = Colorizer.__init__

    def without_room(self: Colorizer, bundle: Any, device: Any, **options: Any) -> None:
        if device.is_gpu:
            raise OutOfMemoryError("a GPU cannot open the model: out of memory.")
        init(self, bundle, device, **options)

    monkeypatch.setattr(Colorizer, "__init__", without_room)
    monkeypatch.setattr(model_and_device, "choose_device", lambda *given: gpu)
    monkeypatch.setattr(
        model_and_device, "resolve", lambda name: gpu if name == "cuda" else resolve(name)
    )
    messages, given = Told(), replace(options(tiny_bundle), device=named)
    if named == "cuda":
        with pytest.raises(OutOfMemoryError):
            run(given, messages)
        return
    assert run(given, messages) == 0
    assert ("warn", "a GPU cannot open the model: out of memory. The CPU is used instead.") in (
        messages.said
    )
    assert run_records("out")[-1]["device"] == "cpu"


@pytest.mark.parametrize(
    ("given", "batch", "is_said"),
    [({"sample": 8}, 4, False), ({}, 1, True), ({"sample": 8, "candidates": 8}, 1, True)],
)
def test_what_is_drawn_of_a_photo_decides_what_goes_through_at_once_and_what_is_said(
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, int],
    batch: int,
    is_said: bool,
) -> None:
    for number in range(8):
        Path("scans", f"more {number}.png").write_bytes(encode(grey(), "PNG"))
    four = replace(resolve("cpu"), lanes=4, threads=1)
    monkeypatch.setattr(model_and_device, "resolve", lambda name, **how: four)
    monkeypatch.setattr(Diffusion, "alike", "samples of this family are all alike")
    messages = Told()
    asked = replace(options(tiny_bundle), samples=8, steps=1, **given)
    assert run(asked, messages, execute=elsewhere()) == 0
    assert run_records("out")[-1]["batch"] == batch
    assert any("are all alike" in text for _, text in messages.said) == is_said
