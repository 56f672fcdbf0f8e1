"""What is exported: a network, and all of `bundle.json` that does not depend on the precision."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from colorize_cli import __version__
from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.families import parse_family
from training.bundle_state import network_from_bundle
from training.checkpoint import (
    WEIGHTS_FILE,
    Checkpoint,
    load_checkpoint,
    load_weights,
    weights_digest,
)
from training.families import family_of
from training.lineage import with_total
from training.recipe import override
from training.recipe_tables import Recipe

from .public_checkpoint import check_file, load_public


def from_checkpoint(
    path: Path, family: str | None, overrides: Sequence[str], report: Callable[[str], None]
) -> tuple[nn.Module, dict[str, Any]]:
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
    family_module = family_of(recipe.family)
    network = family_module.build(recipe.network)
    load_weights(network, checkpoint.state, path)
    network, config = family_module.deployed(network.eval(), recipe.network)
    progress = checkpoint.progress | {"weights": weights_digest(path)}
    return network, {**_fields(recipe, progress, report), "network": config}


def from_bundle(bundle: Bundle) -> tuple[nn.Module, dict[str, Any]]:
    """Take a bundle for the checkpoint that it is; all but its files goes on as it was.

    Raises:
        ModelError: it does not hold the weights themselves.
    """
    kept = ("name", "working_size", "multiple", "grid", "network", "license", "quality")
    fields = {key: getattr(bundle, key) for key in kept}
    fields |= {"family": bundle.family.name, "sampling": bundle.family.sampling}
    if bundle.views:
        fields["views"] = {name: view.settings for name, view in bundle.views.items()}
    return network_from_bundle(bundle), fields | {"training": with_total(bundle.training)}


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


def _views(recipe: Recipe, sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Make the field of large photos: numbers of levels become the levels themselves."""
    views: dict[str, Any] = {}
    for name, table in recipe.sampling.views.items():
        view = {key: table[key] for key in ("from_side", "working_size") if key in table}
        if levels := table.get("levels"):
            gammas, title = sampling["schedule"]["gammas"], sampling["schedule"]["name"]
            if not set(levels) <= set(range(1, len(gammas))):
                raise UsageError(f"sampling.views.{name}.levels are of 1 to {len(gammas) - 1}.")
            visited = [gammas[number] for number in (0, *sorted(levels))]
            title = f"{title}, {len(levels)} of {len(gammas) - 1} levels"
            view["sampling"] = {"schedule": {"name": title, "gammas": visited}}
        views[name] = view
    return {"views": views} if views else {}


def _fields(
    recipe: Recipe, progress: Mapping[str, Any], report: Callable[[str], None]
) -> dict[str, Any]:
    family = family_of(recipe.family)
    sampling = family.sampling(recipe)
    warning = parse_family(recipe.family, family.GRID, sampling).warning
    if warning:
        report(f"warning: {warning}")
    return {
        "name": recipe.name,
        "family": recipe.family,
        "working_size": recipe.sampling.working_size,
        "multiple": family.multiple(recipe.network),
        "grid": family.GRID,
        "sampling": sampling,
        **_views(recipe, sampling),
        "training": {
            **with_total(progress),
            "data": sorted(recipe.data.sets),
            "recipe": recipe.to_dict(),
            "colorize": __version__,
        },
        "license": recipe.license,
        "quality": {},
    }
