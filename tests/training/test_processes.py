"""Two processes train as one does with all their photos; one that dies costs next to nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from made.launched import Ended, die_before_the_fifth_step, train_together
from made.tiny_runs import write_photos
from torch import Tensor

from training import run as command
from training.checkpoint import RUN_FILE, WEIGHTS_FILE, load_checkpoint

pytestmark = pytest.mark.slow

STEPS = 6
# The default's recipe, at the size of a toy. The backbone is trained from the fourth step on.
TOY = [
    "network.encoder.channels=[8, 8, 8, 8]",
    "network.encoder.groups=2",
    "network.denoiser.channels=[8, 8, 8, 8]",
    "network.denoiser.groups=2",
    "network.denoiser.head_dim=4",
    "data.sets={}",
    "data.size=32",
    f"optim.steps={STEPS}",
    "optim.photos=4",
    "optim.frozen_steps=3",
    "optim.warmup=2",
    "optim.precision=fp32",
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_photos(tmp_path_factory.mktemp("photos"), 9)
    (folder / "set" / "broken.png").write_bytes(b"no picture")
    return folder


def options(photos: Path, out: Path) -> dict[str, Any]:
    return {"recipe": None, "data": [photos], "out": out, "overrides": TOY}


@pytest.fixture(scope="module")
def two(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Ended]]:
    """The run of two processes, and what became of each."""
    folder = tmp_path_factory.mktemp("two")
    ended = train_together(folder, **options(photos, folder / "run"))
    assert [process.code for process in ended] == [0, 0], ended
    return folder / "run", ended


def weights(out: Path) -> dict[str, Tensor]:
    return load_checkpoint(out / WEIGHTS_FILE).state


def test_two_processes_give_what_one_gives_with_the_double_batch(
    two: tuple[Path, list[Ended]], photos: Path, tmp_path: Path
) -> None:
    whole = options(photos, tmp_path / "one") | {"overrides": [*TOY, "optim.photos=8"]}
    command.run(device="cpu", report=lambda line: None, **whole)
    one = load_checkpoint(tmp_path / "one" / WEIGHTS_FILE)
    both = load_checkpoint(two[0] / WEIGHTS_FILE)
    assert both.progress["samples_seen"] == one.progress["samples_seen"] == STEPS * 16
    for name, tensor in one.state.items():
        # A bias that was zero is as small as its steps, whose signs rounding may decide.
        torch.testing.assert_close(both.state[name], tensor, rtol=1e-5, atol=1e-6)
    off = torch.cat([(both.state[name] - x).ravel() for name, x in one.state.items()]).norm()
    assert off <= 1e-6 * torch.cat([x.ravel() for x in one.state.values()]).norm()


def test_only_the_first_process_speaks(two: tuple[Path, list[Ended]]) -> None:
    first, second = (process.told for process in two[1])
    assert sum("2 processes, 8 photos a step in all" in line for line in first) == 1
    assert first.count("left out as damaged: 1 of 10 photos, set/broken.png") == 1
    assert any(f"step {STEPS} (100%)  samples {STEPS * 16}" in line for line in first)
    assert second == []


def test_a_run_whose_process_was_killed_loses_but_the_steps_since_the_last_save(
    two: tuple[Path, list[Ended]], photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    saved = options(photos, out) | {"overrides": [*TOY, "checkpoints.every_minutes=0.0"]}
    left, _ = ended = train_together(tmp_path, before=die_before_the_fifth_step, **saved)
    assert [process.code for process in ended] == [3, -9]
    assert "The processes of this run lost each other" in left.told[-1]
    assert load_checkpoint(out / RUN_FILE).progress["step"] == 4
    again = {"recipe": None, "data": [photos], "out": out, "resume_run": True}
    again["overrides"] = ["checkpoints.every_minutes=5.0"]
    ended = train_together(tmp_path, **again)
    assert [process.code for process in ended] == [0, 0], ended
    assert ended[0].told[0] == f"resumed {out} at step 4 of {STEPS}"
    for name, tensor in weights(two[0]).items():
        assert torch.equal(weights(out)[name], tensor), name
