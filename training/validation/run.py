"""The body of `colorize validate`: networks compared by their loss, photo by photo."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.bundle import load_bundle
from colorize_cli.system.figure_changes import Change, Interval
from colorize_cli.system.wording import count_text

from ..bundle_state import trained_weights
from ..checkpoint import load_checkpoint, load_weights
from ..evaluation.bootstrap import Draws
from ..recipe import override, recipe_from_dict
from ..recipe_tables import Recipe, ValidationTable
from ..run_state import RunState
from ..torch_device import torch_device
from .losses import (
    ValidationPhotos,
    loss_change,
    mean_loss,
    read_validation,
    validation_losses,
    yardstick,
)


def run(
    models: Sequence[str], photos: ValidationTable, device: str, report: Callable[[str], None]
) -> None:
    """Judge networks on the same photos with the same noise, each against the first.

    Args:
        models: files of weights or bundles, of one family.
        photos: what they are judged on.
        device: "auto", "cpu" or "cuda".
        report: takes a line for each network.

    Raises:
        UsageError: the photos cannot be read, or the networks have no loss in common.
        ModelError: a network cannot be read.
    """
    opened = [_opened(model) for model in models]
    first = opened[0][0]
    for model, (recipe, _) in zip(models, opened, strict=True):
        if yardstick(recipe) != yardstick(first):
            raise UsageError(
                f"{model} and {models[0]} learnt by different losses, which cannot be compared; "
                "use colorize evaluate."
            )
    held_out = read_validation(photos, first.data.size, first.data.smallest)
    report(f"{len(held_out.crops)} photos of {count_text(len(set(held_out.sets)), 'set')}")
    reference: Draws | None = None
    for model, (recipe, weights) in zip(models, opened, strict=True):
        losses = _losses(model, recipe, weights, held_out, torch_device(device))
        report(f"{model}: {_told(losses, reference, held_out, models[0])}")
        reference = losses if reference is None else reference


def _opened(model: str) -> tuple[Recipe, dict[str, Tensor]]:
    if model.endswith(".safetensors"):
        checkpoint = load_checkpoint(Path(model))
        return checkpoint.recipe, checkpoint.state
    bundle = load_bundle(model)
    if "recipe" not in bundle.training:
        raise ModelError(f"Bundle {bundle.name!r} does not say by which recipe it was trained.")
    return recipe_from_dict(bundle.training["recipe"]), trained_weights(bundle)


def _losses(
    model: str, recipe: Recipe, weights: dict[str, Tensor], photos: ValidationPhotos, device: str
) -> Draws:
    state = RunState(override(recipe, ["optim.compile=false"]), device)
    load_weights(state.model, weights, Path(model))
    return validation_losses(state.objective, photos, recipe.data, state.device)


def _told(losses: Draws, reference: Draws | None, photos: ValidationPhotos, first: str) -> str:
    loss = mean_loss(losses, photos.sets)
    line = f"loss {loss.value:.5f} ({loss.low:.5f} to {loss.high:.5f})"
    if reference is None:
        return line
    change = loss_change(reference, losses, photos.sets)
    verdict = Change(first, reference.mean(), losses.mean(), change).verdict(
        higher="worse", lower="better", neither="no different"
    )
    return f"{line}, {_percent(change)} on {first}: {verdict}"


def _percent(change: Interval) -> str:
    return f"{change.value:+.2%} ({change.low:+.2%} to {change.high:+.2%})"
