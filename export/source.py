"""What is exported: a network, and all of `bundle.json` that does not depend on the precision."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from colorize_cli import __version__
from colorize_cli.diffusion.schedule import cosine, respace, tutorial_20
from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import Bundle
from training.bundle_state import network_from_bundle
from training.checkpoint import WEIGHTS_FILE, Checkpoint, load_checkpoint, load_weights
from training.networks.build import Network, build
from training.recipe import Recipe, override

from .public_checkpoint import check_file, load_public


def from_checkpoint(
    path: Path, family: str | None, overrides: Sequence[str], report: Callable[[str], None]
) -> tuple[Network, dict[str, Any]]:
    """Read a checkpoint of `colorize train`, of the tutorial or of the public Palette.

    Args:
        path: a `.safetensors` file, which says what it is, or a pickled state dict.
        family: of a pickled state dict, "palette".
        overrides: changes of the recipe.
        report: told of a schedule that ends too early.

    Raises:
        UsageError: the family is missing or not the checkpoint's, or an override is no key.
        ModelError: the checkpoint cannot be read.
    """
    checkpoint = _load(path, family)
    recipe = override(checkpoint.recipe, overrides)
    network = build(recipe.family, recipe.network)
    load_weights(network, checkpoint.state, path)
    with path.open("rb") as file:
        weights = hashlib.file_digest(file, "sha256").hexdigest()
    return network, _fields(recipe, checkpoint.progress | {"weights": weights}, report)


def from_bundle(bundle: Bundle) -> tuple[Network, dict[str, Any]]:
    """Take a bundle for the checkpoint that it is; all but its files goes on as it was.

    Raises:
        ModelError: it does not hold the weights themselves.
    """
    sampler = asdict(bundle.sampler)
    sampler["clamp"] = sampler["clamp"] or {"kind": "none"}
    schedule = {"name": bundle.schedule.name, "gammas": bundle.schedule.gammas.tolist()}
    kept = [
        *("name", "family", "working_size", "multiple", "grid", "ab_scale", "prediction"),
        *("network", "training", "license", "quality"),
    ]
    fields = {key: getattr(bundle, key) for key in kept}
    return network_from_bundle(bundle), fields | {"sampler": sampler, "schedule": schedule}


def _load(path: Path, family: str | None) -> Checkpoint:
    if path.suffix != ".safetensors":
        if family is None:
            check_file(path)
            raise UsageError(
                f"{path} does not say what it is: add --family palette for the tutorial's "
                f"checkpoint or the public Palette's; `colorize train` writes {WEIGHTS_FILE}."
            )
        return load_public(path)
    checkpoint = load_checkpoint(path)
    if family not in (None, checkpoint.recipe.family):
        raise UsageError(
            f"{path} is of the family {checkpoint.recipe.family!r} by its own account; leave "
            "--family out."
        )
    return checkpoint


def _fields(
    recipe: Recipe, progress: dict[str, Any], report: Callable[[str], None]
) -> dict[str, Any]:
    sampling, diffusion = recipe.sampling, recipe.diffusion
    full = cosine(1000) if diffusion.schedule == "cosine" else tutorial_20()
    schedule = respace(full, sampling.steps)
    if schedule.warning:
        report(f"warning: {schedule.warning}")
    clamp: dict[str, Any] = {"kind": sampling.clamp}
    if sampling.clamp != "none":
        clamp["limit"] = sampling.limit
    if sampling.clamp == "dynamic":
        clamp["percentile"] = sampling.percentile
    return {
        "name": recipe.name,
        "family": recipe.family,
        "working_size": sampling.working_size,
        "multiple": 32,
        "grid": recipe.data.grid,
        "ab_scale": diffusion.ab_scale,
        "prediction": diffusion.prediction,
        "schedule": {"name": schedule.name, "gammas": schedule.gammas.tolist()},
        "sampler": {
            "method": sampling.method,
            "eta": sampling.eta,
            "variance": sampling.variance,
            "clamp": clamp,
            "temperature": sampling.temperature,
            "gains": list(sampling.gains),
            "sharpness": sampling.sharpness,
        },
        "network": dict(recipe.network),
        "training": {
            **progress,
            "data": sorted(recipe.data.sets),
            "recipe": recipe.to_dict(),
            "colorize": __version__,
        },
        "license": recipe.license,
        "quality": {},
    }
