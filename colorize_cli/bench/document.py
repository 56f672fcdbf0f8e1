"""The figures of a benchmark as JSON: made, and read again to compare with."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..system.figure_changes import Rate
from ..system.figures_file import read_document
from .compare import EarlierBench, RateChange, noise_of, verdict
from .configurations import Configuration, Model
from .figures import TARGET_CORE_MS, Figures, Measurement

_FORMAT = 2


def document(
    figures: Figures, best: Measurement | None, changes: Sequence[RateChange]
) -> dict[str, Any]:
    """Bring the figures into the form of JSON; milliseconds, megabytes and photos a second."""
    photos, sizes = figures.photos, figures.photos.megapixels
    return {
        "format": _FORMAT,
        "machine": figures.machine,
        "models": [_model(model) for model in figures.models],
        "photos": {
            "is_built_in": photos.is_built_in,
            "digest": photos.digest,
            "found": photos.found,
            "used": len(sizes),
            "megapixels_min": min(sizes),
            "megapixels_max": max(sizes),
            "formats": photos.formats,
        },
        "samples": photos.samples,
        "size": figures.size,
        "stages": {name: asdict(stage) for name, stage in figures.stages.items()},
        "after_network": {
            "core_ms_per_megapixel_and_sample": figures.after_network_core_ms,
            "target": TARGET_CORE_MS,
        },
        "waiting": figures.waiting,
        "configurations": [_measurement(one) for one in figures.measurements],
        "failures": [_of(one, reason=reason) for one, reason in figures.failures],
        "comparison": [_change(change) for change in changes],
        "recommendation": best and _of(best.configuration, options=best.configuration.options),
    }


def _model(model: Model) -> dict[str, Any]:
    bundle = model.bundle
    return {
        "name": bundle.name,
        "digest": bundle.digest,
        "family": bundle.family.name,
        "size": bundle.working_size,
        "views": {name: view.settings for name, view in bundle.views.items()},
        "steps": bundle.family.steps,
        "precision": bundle.precision,
        "megabytes": model.megabytes,
    }


def _change(change: RateChange) -> dict[str, Any]:
    ratio = change.after / change.before
    return _of(change.figure, ratio=ratio, noise=noise_of(change), verdict=verdict(change))


def _measurement(one: Measurement) -> dict[str, Any]:
    network = asdict(one.network) | {"photos_per_second": one.network.photos_per_second}
    pipeline = asdict(one.pipeline) | {"share_of_network": one.share_of_network}
    facts = {"description": one.description, "ciede2000": one.difference}
    return _of(one.configuration, **facts, network=network, pipeline=pipeline)


def _of(configuration: Configuration, **figures: Any) -> dict[str, Any]:
    return {
        "model": configuration.digest,
        "device": configuration.device,
        "precision": configuration.computes,
        "batch": configuration.batch,
        "is_default_batch": configuration.is_default_batch,
        **figures,
    }


def read_json(path: Path) -> EarlierBench:
    """Read what an earlier benchmark wrote; it raises UsageError as `read_document` does."""
    return read_document(path, "bench", _FORMAT, _earlier)


def _earlier(tree: dict[str, Any]) -> EarlierBench:
    rates = {
        (one["model"], one["device"], one["precision"], int(one["batch"])): Rate(
            float(one["pipeline"]["photos_per_second"]),
            tuple(map(float, one["pipeline"]["part_seconds"])),
        )
        for one in tree["configurations"]
    }
    return EarlierBench(
        machine=dict(tree["machine"]),
        photos=str(tree["photos"]["digest"]),
        samples=int(tree["samples"]),
        size=tree.get("size"),  # which earlier versions did not have
        models={model["digest"]: model["name"] for model in tree["models"]},
        waiting=float(tree["waiting"]),
        rates=rates,
    )
