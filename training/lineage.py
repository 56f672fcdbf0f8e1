"""Where weights come from: the runs that led to them, kept in checkpoints and bundles.

A run's progress has its own `samples_seen`, and in `begun_from` the runs before it, the oldest
first, each with the SHA-256 of the weights that it left.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from colorize_cli.model.bundle import load_bundle

from .bundle_state import trained_weights
from .checkpoint import WEIGHTS_FILE, load_checkpoint, weights_digest

# What is known of an earlier run; not all is, of one that another program made.
_KEPT = ("step", "samples_seen", "seconds")


def read_origin(init: str) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Read what a run starts from.

    Args:
        init: a `.safetensors` file of weights, or a bundle by name or path.

    Returns:
        The weights by name, and the runs that led to them, for the new run's `begun_from`.

    Raises:
        ModelError: it cannot be read, or the bundle does not hold the weights themselves.
    """
    path = Path(init)
    if init.endswith(".safetensors"):
        checkpoint = load_checkpoint(path)
        own = {
            "name": path.absolute().parent.name if path.name == WEIGHTS_FILE else path.stem,
            "recipe": checkpoint.recipe.name,
            "weights": weights_digest(path),
        }
        return checkpoint.state, _runs(own, checkpoint.progress)
    bundle = load_bundle(init)
    own = {
        "name": bundle.name,
        "recipe": bundle.training.get("recipe", {}).get("name", bundle.name),
        "weights": bundle.training.get("weights", bundle.digest),
    }
    return trained_weights(bundle), _runs(own, bundle.training)


def with_total(progress: Mapping[str, Any]) -> dict[str, Any]:
    """Add `samples_seen_in_all`, over the run and those that it was begun from.

    Args:
        progress: of a checkpoint, or a bundle's `training`; without samples it stays as it is.
    """
    if "samples_seen" not in progress:
        return dict(progress)
    runs = [progress, *progress.get("begun_from", [])]
    return {**progress, "samples_seen_in_all": sum(run.get("samples_seen", 0) for run in runs)}


def _runs(own: Mapping[str, str], progress: Mapping[str, Any]) -> list[dict[str, Any]]:
    known = {key: progress[key] for key in _KEPT if key in progress}
    return [*progress.get("begun_from", []), {**own, **known}]
