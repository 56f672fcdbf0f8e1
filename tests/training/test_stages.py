"""Runs that learn in stages, with two optimizers or batch norms, stop, resume and share work."""

from functools import partial
from itertools import product
from pathlib import Path

import pytest
import torch
from made.checkpoints import tiny_network_recipe
from made.launched import keep_what_each_has, train_together
from made.tiny_runs import write_photos

from training.data.photos import Photos
from training.loop import LoopSettings, train
from training.recipe import recipe_from_dict
from training.recipe_tables import Recipe
from training.run_state import RunState, resume

# Of the families whose networks have batch norms or whose stages have an optimizer each.
NEW: dict[str, dict[str, dict[str, object]]] = {
    "gan": {"adversarial": {"channels": 4}},
    "gan-encoder": {"adversarial": {"channels": 4, "pretrain_steps": 3}},
    "vae-mdn": {"codes": {"steps": 3}},
}
_STEPS = 6


def recipe_of(family: str, **optim: object) -> Recipe:
    """Make a recipe of six steps of two photos, whose second stage begins after three."""
    made = tiny_network_recipe(family).to_dict()
    small = {"steps": _STEPS, "photos": 2, "warmup": 2, "precision": "fp32", **optim}
    tables: dict[str, dict[str, object]] = {**NEW[family], "optim": small, "data": {"size": 128}}
    return recipe_from_dict(made | {name: made[name] | table for name, table in tables.items()})


def state_of(recipe: Recipe) -> RunState:
    run = RunState(recipe, "cpu")
    statistics = run.objective.parts.get("statistics")
    if statistics is not None:
        statistics.histogram.fill_(1 / statistics.histogram.numel())  # type: ignore[operator]
    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("photos"), size=(144, 144))


@pytest.fixture(scope="module")
def photos(folder: Path) -> Photos:
    return Photos([folder], {}, 128)


def quiet(line: str) -> None: ...


@pytest.mark.parametrize("family", NEW)
@pytest.mark.parametrize("stop", [2, 5])
def test_a_run_that_was_stopped_in_any_stage_ends_with_the_weights_of_one_that_was_not(
    photos: Photos, tmp_path: Path, family: str, stop: int
) -> None:
    whole, first = state_of(recipe_of(family)), state_of(recipe_of(family))
    train(whole, photos, LoopSettings(tmp_path / "whole"), quiet)
    train(first, photos, LoopSettings(tmp_path / "parts"), quiet, lambda: first.step == stop)
    assert first.step == stop
    second = resume(tmp_path / "parts", None, "cpu")
    train(second, photos, LoopSettings(tmp_path / "parts"), quiet)
    assert second.step == whole.step == _STEPS
    for name, part in whole.objective.parts.items():
        other = second.objective.parts[name].state_dict()
        for key, tensor in part.state_dict().items():
            assert torch.equal(other[key], tensor), (name, key)


@pytest.mark.parametrize(
    ("family", "precision"), [*product(NEW, ["bf16"]), ("gan", "fp16"), ("vae-mdn", "fp16")]
)
def test_both_stages_compute_in_half_precision_with_single_weights(
    photos: Photos, tmp_path: Path, family: str, precision: str
) -> None:
    half = state_of(recipe_of(family, lr=1e-4, precision=precision))
    kinds: dict[int, set[torch.dtype]] = {}
    for layer in half.model.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.register_forward_hook(
                lambda _l, _i, output: kinds.setdefault(half.step, set()).add(output.dtype)
            )
    train(half, photos, LoopSettings(tmp_path / "half"), quiet)
    wanted = torch.bfloat16 if precision == "bf16" else torch.half
    assert kinds == {step: {wanted} for step in range(_STEPS)}
    state = state_of(recipe_of(family)).model.state_dict()
    for name, tensor in half.model.state_dict().items():
        assert tensor.isfinite().all(), name
        assert tensor.dtype == state[name].dtype


@pytest.mark.slow
def test_all_processes_have_the_same_statistics_of_batch_norms(
    folder: Path, tmp_path: Path
) -> None:
    changes = [
        "network.channels=4",
        "network.halvings=7",
        "adversarial.channels=4",
        "data.size=128",
        f"optim.steps={_STEPS}",
        "optim.photos=1",
        "optim.precision=fp32",
        "sampling.working_size=128",
    ]
    options = {"recipe": "gan", "data": [folder], "out": tmp_path / "run", "overrides": changes}
    ended = train_together(tmp_path, before=partial(keep_what_each_has, tmp_path), **options)
    assert [process.code for process in ended] == [0, 0], ended
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert any("running_mean" in name for name in one)
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=0, atol=0, msg=name)
