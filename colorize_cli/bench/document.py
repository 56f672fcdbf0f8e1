"""The figures of a benchmark as JSON: written, and read again to compare with."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..system.figures_json import rounded
from ..system.files import write_atomic
from ..system.messages import write_stdout
from ..system.paths import shown
from .compare import Change, Saved
from .configurations import Configuration
from .figures import TARGET_CORE_MS, Figures, Outcome, Rate, options_for

_FORMAT = 2


def write_json(
    path: Path, figures: Figures, recommended: Outcome | None, changes: Sequence[Change]
) -> None:
    """Write the figures, with what they were measured on; `-` is standard output.

    Raises:
        UsageError: The file cannot be written.
    """
    text = json.dumps(document(figures, recommended, changes), indent=2) + "\n"
    if path == Path("-"):
        write_stdout(text)
        return
    try:
        write_atomic(path, text.encode())
    except OSError as error:
        raise UsageError(f"--json {shown(path)} cannot be written: {error.strerror}") from error


def read_json(path: Path) -> Saved:
    """Read what an earlier benchmark wrote.

    Raises:
        UsageError: It cannot be read, is no such file, or is of another version.
    """
    option = f"--compare {shown(path)}"
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{option} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{option} is no JSON ({error}).") from error
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise UsageError(
            f"{option} is no file that this version of `colorize bench --json` writes: measure "
            "again."
        )
    try:
        return _saved(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{option} is damaged ({error!r}): measure again.") from error


def document(
    figures: Figures, recommended: Outcome | None, changes: Sequence[Change]
) -> dict[str, Any]:
    """Bring the figures into the form of JSON; milliseconds, megabytes and photos a second."""
    tree = {
        "format": _FORMAT,
        "machine": dict(figures.machine),
        "models": [
            {
                "name": model.bundle.name,
                "digest": model.bundle.digest,
                "family": model.bundle.family,
                "size": model.bundle.working_size,
                "steps": model.bundle.schedule.steps,
                "precision": dict(model.bundle.precision),
                "megabytes": model.megabytes,
            }
            for model in figures.models
        ],
        "photos": asdict(figures.photos),
        "samples": figures.samples,
        "stages": {name: asdict(stage) for name, stage in figures.stages.items()},
        "after_network": {
            "core_ms_per_megapixel_and_sample": figures.after_network_core_ms,
            "target": TARGET_CORE_MS,
        },
        "waiting": figures.waiting,
        "configurations": [_outcome(outcome) for outcome in figures.outcomes],
        "failures": [
            {**_configuration(configuration), "reason": reason}
            for configuration, reason in figures.failures
        ],
        "comparison": [
            {
                **_configuration(change.configuration),
                "ratio": change.ratio,
                "noise": change.noise,
                "verdict": change.verdict,
            }
            for change in changes
        ],
        "recommendation": recommended
        and {
            **_configuration(recommended.configuration),
            "options": options_for(recommended.configuration),
        },
    }
    return dict(rounded(tree))


def _configuration(configuration: Configuration) -> dict[str, Any]:
    return {
        "model": configuration.digest,
        "device": configuration.device,
        "precision": configuration.computes,
        "batch": configuration.batch,
        "is_default_batch": configuration.is_default_batch,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        **_configuration(outcome.configuration),
        "description": outcome.description,
        "ciede2000": outcome.difference,
        "network": {
            **asdict(outcome.network),
            "photos_per_second": outcome.network.photos_per_second,
        },
        "pipeline": {**asdict(outcome.pipeline), "share_of_network": outcome.share_of_network},
    }


def _saved(found: dict[str, Any]) -> Saved:
    return Saved(
        machine=dict(found["machine"]),
        photos=str(found["photos"]["digest"]),
        samples=int(found["samples"]),
        models={model["digest"]: model["name"] for model in found["models"]},
        waiting=float(found["waiting"]),
        rates={
            (one["model"], one["device"], one["precision"], int(one["batch"])): Rate(
                float(one["pipeline"]["photos_per_second"]),
                tuple(map(float, one["pipeline"]["part_seconds"])),
            )
            for one in found["configurations"]
        },
    )
