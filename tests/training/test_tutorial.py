"""The tutorial's recipes: its network and numbers to the letter, and what is put right in them.

That they are exported and colour photographs is the test of docs/tutorial.md.
"""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from made.tiny_runs import write_photos

from colorize_cli.cli.app import main
from colorize_cli.diffusion.schedule import MAX_TERMINAL_GAMMA
from training.checkpoint import WEIGHTS_FILE, load_checkpoint
from training.families import family_of
from training.families.diffusion_recipe import DiffusionRecipe, DiffusionTable, sampling
from training.networks.palette import Palette
from training.recipe import load_recipe

TUTORIALS = ("tutorial", "tutorial-fixed")
# The same network and loop, so small that a step takes milliseconds.
TOY = (
    "network.channels=4",
    "network.multipliers=[1,1]",
    "network.blocks=1",
    "network.groups=2",
    "network.head_dim=4",
    "data.size=32",
    "sampling.working_size=32",
    "optim.photos=2",
    "optim.steps=4",
)
LONGER = ("--resume", "--set", "optim.steps=6")


def tutorial(name: str) -> DiffusionRecipe:
    recipe = load_recipe(name)
    assert isinstance(recipe, DiffusionRecipe)
    return recipe


def trained(name: str, photos: Path, run: Path) -> Path:
    """Train a toy of a recipe for four steps; its folder comes back."""
    settings = [text for change in TOY for text in ("--set", change)]
    command = ["train", "--recipe", name, "--data", str(photos), "--out", str(run), *settings]
    assert main(command) == 0
    return run


def network(recipe: DiffusionRecipe) -> Palette:
    """Build the network of a recipe at full size, without memory for its weights."""
    with torch.device("meta"):
        built = family_of(recipe.family).build(recipe.network)
    assert isinstance(built, Palette)
    return built


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_network_has_the_tutorials_parameters_and_shapes(name: str) -> None:
    built = network(tutorial(name))
    assert sum(p.numel() for p in built.parameters()) == 62_639_042
    prediction = built(
        torch.empty(2, 2, 128, 128, device="meta"),
        torch.empty(1, 1, 128, 128, device="meta"),
        torch.empty(2, device="meta"),
    )
    assert prediction.shape == (2, 2, 128, 128)


def test_the_parts_of_the_network_are_the_tutorials() -> None:
    built = network(tutorial("tutorial"))
    kinds = [type(module).__name__ for module in built.modules()]
    assert kinds.count("_Attention") == 1  # in the middle, at an eighth of the photo's sides
    assert kinds.count("AvgPool2d") == kinds.count("Upsample") == 3  # inside residual blocks
    assert {m.p for m in built.modules() if isinstance(m, torch.nn.Dropout)} == {0.2}
    widths = [stage[0].out_layers[0].num_channels for stage in list(built.input_blocks)[1:]]
    assert widths == [64, 64, 64, 128, 128, 128, 256, 256, 256, 512, 512]
    scale_and_shift = built.middle_block[0].emb_layers[1]
    assert (scale_and_shift.in_features, scale_and_shift.out_features) == (256, 2 * 512)


def test_the_tutorial_learns_and_samples_by_its_own_numbers() -> None:
    recipe = tutorial("tutorial")
    assert recipe.diffusion == DiffusionTable("tutorial-20", "eps", 127.5)
    assert (recipe.data.size, recipe.data.luma, recipe.data.old) == (128, 0, 0)
    assert (recipe.optim.lr, recipe.optim.weight_decay, recipe.optim.beta2) == (5e-5, 0, 0.999)
    bundle = sampling(recipe)
    betas = [1 - after / before for before, after in pairwise(bundle["schedule"]["gammas"])]
    assert len(betas) == 20
    assert betas[0] == pytest.approx(1e-4)
    assert betas[-1] == pytest.approx(0.09)
    assert betas[10] - betas[9] == pytest.approx((0.09 - 1e-4) / 19)
    assert (bundle["method"], bundle["variance"]) == ("ddpm", "posterior")
    assert bundle["clamp"] == {"kind": "static", "limit": 1.0}


def test_the_fixed_recipe_differs_in_schedule_scale_and_prediction_alone() -> None:
    theirs, ours = tutorial("tutorial"), tutorial("tutorial-fixed")
    assert ours.diffusion == DiffusionTable("cosine", "v", 26.0)
    # The bound on x_0 is in its own units, so that it is the same one in Lab.
    limit = theirs.sampling.limit * theirs.diffusion.ab_scale
    assert ours.sampling.limit * ours.diffusion.ab_scale == pytest.approx(limit, rel=0.01)
    assert ours.sampling.spacing == "log-snr"  # how the schedule is walked
    same = replace(ours.sampling, limit=theirs.sampling.limit, spacing=theirs.sampling.spacing)
    assert replace(ours, name="tutorial", diffusion=theirs.diffusion, sampling=same) == theirs
    assert sampling(theirs)["schedule"]["gammas"][-1] > MAX_TERMINAL_GAMMA
    assert sampling(ours)["schedule"]["gammas"][-1] < MAX_TERMINAL_GAMMA


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_recipe_trains_and_resumes(name: str, tmp_path: Path) -> None:
    run = trained(name, write_photos(tmp_path / "photos"), tmp_path / "run")
    assert main(["train", "--data", str(tmp_path / "photos"), "--out", str(run), *LONGER]) == 0
    progress = load_checkpoint(run / WEIGHTS_FILE).progress
    assert (progress["step"], progress["samples_seen"]) == (6, 12)
