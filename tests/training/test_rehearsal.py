"""What fits in memory is found by trying, and a dry run tells what a run will take."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from made.tiny_runs import TOY_TOML, toy_recipe, write_photos
from torch import Tensor

from colorize_cli.errors import OutOfMemoryError, UsageError
from training import run as command
from training.checkpoint import RUN_FILE, WEIGHTS_FILE, load_checkpoint
from training.families.diffusion import DiffusionObjective
from training.rehearsal.fit import is_out_of_memory, photos_at_once
from training.run_state import RunState

Limit = Callable[[int], None]


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Let the network take so many photos at once and no more, as a GPU with little memory."""
    predict = DiffusionObjective._predict

    def limited(most: int) -> None:
        def predicts(self: Any, network: Any, x_t: Tensor, L: Tensor, gamma: Tensor) -> Tensor:
            if len(L) > most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return predict(self, network, x_t, L, gamma)

        monkeypatch.setattr(DiffusionObjective, "_predict", predicts)

    return limited


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    monkeypatch.setattr("training.rehearsal.dry_run._MEASURED", 1)
    recipe = tmp_path / "toy.toml"
    recipe.write_text(TOY_TOML, encoding="utf-8")
    photos = write_photos(tmp_path / "photos")

    def run(*changes: str, out: str = "run", **options: Any) -> list[str]:
        lines: list[str] = []
        named = {} if options.get("resume_run") else {"recipe": str(recipe)}
        command.run(
            **{"recipe": None, **named},
            data=[photos],
            out=tmp_path / out,
            overrides=list(changes),
            device="cpu",
            report=lines.append,
            **options,
        )
        return lines

    return run


@pytest.mark.parametrize(("most", "found"), [(100, 6), (5, 3), (1, 1), (0, 0)])
def test_halves_of_a_step_are_tried_until_one_fits(limit: Limit, most: int, found: int) -> None:
    limit(most)
    assert photos_at_once(toy_recipe(optim={"photos": 6, "views": 1}), "cpu") == found


def test_auto_batch_takes_the_same_step_in_as_many_parts_as_memory_asks_for(
    limit: Limit, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    train("optim.photos=4", "optim.steps=2", out="whole")
    limit(3)
    lines = train("optim.photos=4", "optim.steps=2", auto_batch=True)
    assert "2 photos fit in memory at once, so the 4 of a step are worked through in 2" in lines[0]
    whole, cut = (load_checkpoint(tmp_path / x / WEIGHTS_FILE) for x in ("whole", "run"))
    assert cut.recipe.optim.photos == 4
    assert cut.recipe.optim.accumulate == 2
    assert cut.progress["samples_seen"] == whole.progress["samples_seen"]
    one = torch.cat([tensor.ravel() for tensor in whole.state.values()])
    other = torch.cat([cut.state[name].ravel() for name in whole.state])
    # Where a gradient is next to nothing, rounding decides which way a weight goes.
    assert ((other - one).abs() > 1e-5 + 1e-4 * one.abs()).float().mean() < 1e-3


def test_where_all_fits_auto_batch_changes_nothing(
    train: Callable[..., list[str]], tmp_path: Path
) -> None:
    lines = train("optim.steps=1", auto_batch=True)
    assert lines[0] == "--auto-batch: 2 photos fit in memory at once, as the recipe has it"
    assert load_checkpoint(tmp_path / "run" / WEIGHTS_FILE).recipe.optim.accumulate == 1


def test_out_of_memory_says_which_batch_fits_and_the_run_goes_on_with_it(
    limit: Limit, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    train("optim.photos=4", "optim.steps=1")
    limit(2)
    with pytest.raises(OutOfMemoryError) as told:
        train("optim.steps=2", resume_run=True)
    message = str(told.value)
    assert "does not suffice for 4 photos at once (CUDA out of memory." in message
    assert "but for 2: go on with --resume and --set optim.accumulate=2" in message
    assert "--auto-batch" in message
    assert load_checkpoint(tmp_path / "run" / RUN_FILE).progress["step"] == 1
    train("optim.steps=2", "optim.accumulate=2", resume_run=True)
    assert load_checkpoint(tmp_path / "run" / RUN_FILE).progress["step"] == 2


@pytest.mark.parametrize("how", [{"auto_batch": True}, {"is_dry": True}])
def test_where_not_even_one_photo_fits_that_is_said(
    limit: Limit, train: Callable[..., list[str]], how: dict[str, bool]
) -> None:
    limit(0)
    with pytest.raises(OutOfMemoryError, match=r"Not even one photo of 32 pixels fits"):
        train(**how)


def test_memory_that_something_else_took_is_not_blamed_on_the_batch(
    train: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(RunState, "save", fails)
    with pytest.raises(OutOfMemoryError, match="though a step's photos fit by themselves"):
        train("optim.steps=1")


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: out of memory",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried",
    ],
)
def test_whoever_says_that_memory_ran_out_is_understood(said: str) -> None:
    assert is_out_of_memory(RuntimeError(said))


def test_other_errors_stay_what_they_are(
    train: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: Any) -> None:
        raise RuntimeError("shapes differ")

    assert not is_out_of_memory(ValueError("not enough memory"))
    monkeypatch.setattr(RunState, "train_step", fails)
    with pytest.raises(RuntimeError, match="shapes differ"):
        train("optim.steps=1")


def test_a_dry_run_tells_what_the_run_takes_and_writes_nothing(
    train: Callable[..., list[str]], tmp_path: Path
) -> None:
    lines = train("optim.steps=500", is_dry=True)
    found = {line.partition(":")[0]: line for line in lines}
    whole = sum(p.numel() for p in RunState(toy_recipe(), "cpu").model.parameters()) / 1e6
    assert found["parameters"] == f"parameters: {whole:.2f} M, {whole:.2f} M of them trained"
    assert f"{whole:.2f}" != "0.00"
    assert "a step: 4 samples, " in found["a step"]
    assert "GFLOP" in found["a step"]
    taken = re.fullmatch(r"memory: (\S+) GB at most so far, in each process", found["memory"])
    assert taken
    assert 0.05 < float(taken[1]) < 1000  # PyTorch alone takes more
    assert "500 steps, about " in found["the run"]
    assert lines[-1] == "nothing was written"
    assert not (tmp_path / "run").exists()


def test_a_dry_run_may_name_the_folder_of_a_run(
    train: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / RUN_FILE).write_bytes(b"of a run")
    assert train(is_dry=True)[-1] == "nothing was written"
    assert [path.name for path in (tmp_path / "run").iterdir()] == [RUN_FILE]


def test_a_network_of_another_family_is_named_whatever_tries_it_first(
    train: Callable[..., list[str]],
) -> None:
    with pytest.raises(UsageError, match=r"\[network\] does not fit its family"):
        train("network.foo=1", auto_batch=True)


@pytest.mark.parametrize("begun", [False, True])
def test_a_network_that_does_not_fit_in_memory_at_all_is_an_error_that_says_so(
    train: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    if begun:
        train("optim.steps=1")

    def fails(*arguments: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")

    monkeypatch.setattr(RunState, "__init__", fails)
    with pytest.raises(OutOfMemoryError, match="width of the network"):
        train("optim.steps=2", resume_run=begun)


def test_a_dry_run_counts_twice_the_operations_for_twice_the_photos(
    train: Callable[..., list[str]],
) -> None:
    def operations(*changes: str) -> float:
        line = next(x for x in train(*changes, is_dry=True) if x.startswith("a step"))
        return float(line.split(" GFLOP")[0].split()[-1])

    assert operations("optim.photos=2") == pytest.approx(2 * operations("optim.photos=1"), rel=0.01)


def test_a_dry_run_by_the_clock_tells_how_many_steps_there_will_be(
    train: Callable[..., list[str]],
) -> None:
    told = next(x for x in train(is_dry=True, minutes=2.0) if x.startswith("the run"))
    assert told.startswith("the run: 2 min 00 s, about ")
