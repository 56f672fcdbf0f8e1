"""The perceptual loss: none at the truth, a gradient towards it, and only on rows early in time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made.tiny_runs import tiny_recipe, write_photos
from safetensors.torch import save_file

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.imaging import lab as runtime
from training.data.batches import make_batch
from training.data.lab import lab_from_linear, linear_from_levels, rgb_from_lab
from training.data.photos import Photos
from training.families.perceptual import PerceptualLoss
from training.networks.backbone import EfficientNetLite3
from training.recipe import override
from training.run_state import RunState

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights under timm's names, with batch norms that do nothing."""
    torch.manual_seed(0)
    tensors = {}
    for name, weight in EfficientNetLite3(channels=3).state_dict().items():
        if name.endswith(".bias"):
            continue
        tensors[name] = weight.contiguous()
        block, conv = name.removesuffix(".weight").rsplit(".", 1) if "blocks" in name else ("", "")
        order = (
            ["conv_dw", "conv_pw"] if "blocks.0." in name else ["conv_pw", "conv_dw", "conv_pwl"]
        )
        norm = f"{block}.bn{order.index(conv) + 1}" if conv else "bn1"
        for key, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0)):
            tensors[f"{norm}.{key}"] = torch.full((len(weight),), value)
        tensors[f"{norm}.running_var"] = torch.full((len(weight),), 1 - 1e-3)
    path = tmp_path_factory.mktemp("backbone") / "lite3.safetensors"
    save_file(tensors, path)
    return path


def test_colours_are_rendered_as_by_the_runtime_and_back() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)
    levels = torch.from_numpy(rgb).permute(0, 3, 1, 2)
    lab = lab_from_linear(linear_from_levels(levels))
    back = rgb_from_lab(lab[:, :1], lab[:, 1:])
    torch.testing.assert_close(back, levels / 255, atol=2e-3, rtol=0)
    dull = lab[:, 1:] / 2
    a, b = dull[0].numpy()
    linear = runtime.linear_planes(lab[0, 0].numpy(), a, b).clip(0, 1)
    np.testing.assert_allclose(
        rgb_from_lab(lab[:, :1], dull)[0], runtime.srgb_from_linear(linear), atol=2e-3
    )


def test_the_truth_has_no_loss_and_the_gradient_leads_to_it(backbone: Path) -> None:
    torch.manual_seed(1)
    loss = PerceptualLoss(backbone, CPU)
    L, truth = torch.full((2, 1, 64, 64), 60.0), 30 * torch.randn(2, 2, 16, 16)
    assert loss(L, truth, truth).abs().max() < 1e-6
    ab = (truth / 2).requires_grad_()
    before = loss(L, ab, truth)
    (gradient,) = torch.autograd.grad(before.sum(), ab)
    step = 0.2 * gradient / gradient.norm() * truth.norm()
    assert (loss(L, ab - step, truth) < before).all()


def test_a_run_learns_by_it_on_rows_early_in_time_alone(backbone: Path, tmp_path: Path) -> None:
    changes = [f"perceptual.backbone={backbone}", "perceptual.weight=0.5", "data.old=0.0"]
    run = RunState(override(tiny_recipe(photos=4), changes), "cpu")
    plain = RunState(tiny_recipe(photos=4), "cpu")
    photos = Photos([write_photos(tmp_path / "photos")], {}, 32)
    batch = make_batch(photos, run.recipe.data, 4, 0, 0, CPU)
    values = run.train_step(batch, 1.0)
    plain.train_step(batch, 1.0)
    early = values["gamma"] > 0.5  # time below one half
    assert torch.isfinite(values["perceptual"])[early].all()
    assert torch.isnan(values["perceptual"])[~early].all()
    assert 0 < early.sum() < 8
    figures = run.objective.figures(values)
    assert figures["perceptual"] == pytest.approx(values["perceptual"][early].mean().item(), 1e-3)
    moved, other = run.model.state_dict(), plain.model.state_dict()
    assert any(not torch.equal(moved[name], other[name]) for name in moved)


def test_it_needs_a_file_of_its_network(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"perceptual\.backbone"):
        override(tiny_recipe(), ["perceptual.weight=1.0"])
    path = tmp_path / "other.safetensors"
    save_file({"w": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="perceptual loss"):
        PerceptualLoss(path, CPU)
