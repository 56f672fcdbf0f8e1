"""What is known of models, for `colorize models` and `colorize info`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import ModelError, UsageError
from ..model.bundle import Bundle, figure, load_bundle
from ..model.bundle_files import MANIFEST
from ..model.fastest_device import fastest, kept_trials
from ..model.find_bundle import installed_names, own_bytes, shipped_names
from ..model.views import views_of
from ..system.paths import shown
from ..system.wording import column_lines

_HEAD = (
    *("model", "family", "parameters", "MB", "calls a photo", "LPIPS first, best of 4"),
    *("diversity", "s a sample here", "from"),
)
_SAMPLES = 4  # whose calls are counted


def collect_models(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Find all models, as --json prints them: those by name, then those in folders.

    Args:
        folders: of bundles, or bundles themselves.

    Raises:
        UsageError: there is no bundle in one of the folders.
    """
    named: list[tuple[str | Path, str]] = [(name, "package") for name in shipped_names()]
    named += [(name, "own models") for name in installed_names()]
    found = (path for folder in folders for path in _bundles_in(folder))
    return [facts_of(name, place) for name, place in (*named, *((path, "path") for path in found))]


def facts_of(name: str | Path, place: str = "") -> dict[str, Any]:
    """Say what a model is; `problem` alone where it cannot be used.

    Args:
        name: of the model, or its path.
        place: where it was found, for people.
    """
    known = {"name": str(name), "place": place}
    try:
        bundle = load_bundle(name)
    except ModelError as error:
        return {**known, "problem": str(error)}
    facts = bundle_facts(bundle)
    return {"problem": None, "place": place, **facts, "name": str(name), "own_name": facts["name"]}


def bundle_facts(bundle: Bundle) -> dict[str, Any]:
    """Say what there is to know of a bundle."""
    family = bundle.family
    once, each = family.calls
    trials = kept_trials(bundle)
    best = fastest(trials) if trials else None
    seconds = best.step_ms * family.steps / 1000 if best and best.step_ms else None
    return {
        "name": bundle.name,
        "path": str(bundle.path),
        "digest": bundle.digest,
        "family": family.name,
        "parameters": bundle.parameters,
        "megabytes": round(sum(file.bytes for file in bundle.files.values()) / 1e6, 1),
        "own_megabytes": round(own_bytes(bundle.path, bundle.files) / 1e6, 1),
        "working_size": bundle.working_size,
        "steps": family.steps,
        "calls": {"photo": once, "sample": each},
        "size": views_of(bundle).description,
        "views": {name: view.settings for name, view in bundle.views.items()},
        "schedule": family.sampling.get("schedule", {}).get("name"),
        "precision": dict(bundle.precision),
        "training": dict(bundle.training),
        "quality": dict(bundle.quality),
        "seconds_a_sample_here": seconds and round(seconds, 3),
        "license": bundle.license,
    }


def model_lines(models: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Say the facts in a table for people, and what the columns leave open."""
    sound = [model for model in models if not model["problem"]]
    yield from column_lines([_HEAD, *map(_row, sound)])
    for model in models:
        if model["problem"]:
            yield f"{shown(model['name'])} cannot be used: {model['problem']}"
    yield ""
    yield (
        f"Calls are of graphs, for {_SAMPLES} samples. LPIPS: by how much it is below the grey "
        "photo's, so more is better."
    )
    yield "The model is the word for --model; one in a folder is named by its path."
    if any(model["own_megabytes"] < model["megabytes"] for model in sound):
        yield "MB in brackets are shared with another model of the package."
    if any(model["seconds_a_sample_here"] is None for model in sound):
        yield "Times are known once --device auto has measured: `colorize info --model NAME`."


def _row(model: dict[str, Any]) -> tuple[str, ...]:
    count, calls, seconds = model["parameters"], model["calls"], model["seconds_a_sample_here"]
    own, shared = model["own_megabytes"], model["megabytes"] - model["own_megabytes"]
    diversity, at_path = figure(model["quality"], "diversity"), model["place"] == "path"
    return (
        shown(model["own_name"] if at_path else model["name"]),
        model["family"],
        "-" if count is None else f"{count / 1e6:.1f} M",
        f"{own:.1f}" + (f" (+{shared:.1f})" if shared > 0 else ""),
        str(calls["photo"] + _SAMPLES * calls["sample"]),
        _below(model["quality"]),
        "-" if diversity is None else f"{diversity:.3f}",
        "-" if seconds is None else f"{seconds:.2f}",
        shown(model["path"]) if at_path else model["place"],
    )


def _below(quality: dict[str, Any]) -> str:
    """Say by how much LPIPS is below the grey photo's."""
    first, best, grey = (figure(quality, f"lpips_{k}") for k in ("first", "best_of_4", "grey"))
    if first is None or best is None or not grey:
        return "-"
    return f"{100 * (1 - first / grey):.1f}%, {100 * (1 - best / grey):.1f}%"


def _bundles_in(folder: Path) -> list[Path]:
    """List a bundle itself, or those in a folder, one level below it or two; UsageError if none."""
    if not folder.exists():
        raise UsageError(f"there is no folder {shown(folder)}")
    if folder.is_file() or (folder / MANIFEST).is_file():
        return [folder]
    places = (f"{deep}/{MANIFEST}" for deep in ("*", "*/*"))
    if found := sorted({path.parent for place in places for path in folder.glob(place)}):
        return found
    raise UsageError(
        f"{shown(folder)} holds no bundle: `colorize export` makes one of a run's weights."
    )
