"""How the figures of a benchmark are shown to people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from ..model.fastest_device import MAX_DIFFERENCE
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text, rate_text
from .compare import Change
from .configurations import Configuration, Model
from .figures import TARGET_CORE_MS, Figures, Outcome, options_for
from .photos import PhotoFacts

# Part of the time for which others may hold the cores before it is worth a word.
NOTED_WAITING = 0.15
_LEGEND = (
    f"p50, p95: ms of work on a photo. Colours off: mean CIEDE2000 from fp32 on the CPU, "
    f"at most {MAX_DIFFERENCE}."
)
_STAGES = {
    "decode": "read and decode a photo",
    "prepare": "take it to the working size",
    "render": "render a sample",
    "encode": "encode a sample",
    "write": "write a sample",
}


def introduction(machine: Mapping[str, Any], models: Sequence[Model]) -> str:
    """Say where what is going to be measured."""
    flags = f", {' '.join(machine['flags'])}" if machine["flags"] else ""
    lines = [
        f"machine: {machine['cpu']}, {machine['usable_cpus']} of {machine['cpus']} CPUs{flags}",
        *(
            f"model: {model.title}, {model.bundle.digest[:12]}, {model.megabytes:.1f} MB on disk, "
            f"size {model.bundle.working_size}, {count_text(model.bundle.schedule.steps, 'step')}"
            for model in models
        ),
    ]
    return "\n".join(lines)


def outcome_text(outcome: Outcome) -> str:
    """Say in a line what came of a configuration."""
    colours = "" if outcome.difference is None else f", colours off by {outcome.difference:.2f}"
    return (
        f"{rate_text(outcome.pipeline.photos_per_second)}, "
        f"{_megabytes(outcome.pipeline.peak_memory_mb)} MB{colours}"
    )


def print_tables(figures: Figures, recommended: Outcome | None, messages: Messages) -> None:
    """Show the figures on standard error."""
    samples = count_text(figures.samples, "sample")
    messages.note(f"photos: {_photos_text(figures.photos)}; {samples} each")
    messages.table(_stage_table(figures))
    for model in figures.models:
        outcomes = [o for o in figures.outcomes if o.configuration.digest == model.bundle.digest]
        if outcomes:
            messages.table(_network_table(model, outcomes))
            messages.table(_whole_table(model, outcomes, recommended))
    messages.note(_LEGEND)
    for configuration, reason in figures.failures:
        messages.error(f"{_named(configuration, figures)} does not run: {reason}")
    if figures.waiting > NOTED_WAITING:
        messages.warn(
            f"other programs held the cores for up to {figures.waiting:.0%} of the time: only the "
            "core times are what they would be without them"
        )


def print_comparison(
    changes: Sequence[Change], figures: Figures, path: Path, messages: Messages
) -> None:
    """Show what changed since an earlier benchmark, on standard error."""
    name = shown(path.name)
    table = _table(f"Since {name}, photos/s", "then", "now", "change", "noise", "verdict")
    for change in changes:
        style = {"faster": "green", "slower": "red"}.get(change.verdict, "")
        table.add_row(
            Text(_named(change.configuration, figures)),
            f"{change.before.photos_per_second:.2f}",
            f"{change.after.photos_per_second:.2f}",
            f"{change.ratio - 1:+.0%}",
            f"{change.noise:.0%}" if change.noise < 1 else "> 100%",
            change.verdict,
            style=style,
        )
    messages.table(table)
    messages.note("")
    left = len(figures.outcomes) - len(changes)
    if left:
        messages.note(f"{count_text(left, 'configuration')} not in {name}: no verdict")


def print_recommendation(recommended: Outcome | None, figures: Figures, messages: Messages) -> None:
    """Show as the last line what to put on the command line."""
    if recommended is None:
        messages.warn(
            f"nothing to recommend: no configuration is known to keep the colours within "
            f"{MAX_DIFFERENCE} CIEDE2000 of single precision"
        )
        return
    samples = count_text(figures.samples, "sample")
    messages.note(
        f"fastest with the right colours, {samples} a photo: "
        f"{_named(recommended.configuration, figures)}, "
        f"{rate_text(recommended.pipeline.photos_per_second)} from file to file, "
        f"{recommended.share_of_network:.0%} of the network's own rate\n"
        f"use {options_for(recommended.configuration)}"
    )


def _named(configuration: Configuration, figures: Figures) -> str:
    """The title of a configuration, with its model where there are several."""
    if len(figures.models) == 1:
        return configuration.title
    return f"{shown(configuration.model)} on {configuration.title}"


def _photos_text(photos: PhotoFacts) -> str:
    low, high = photos.megapixels_min, photos.megapixels_max
    size = f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"
    kinds = ", ".join(photos.formats)
    if photos.is_built_in:
        return f"a built-in one of {size} megapixels, {kinds}"
    return f"{photos.used} of {count_text(photos.found, 'photo')}, {size} megapixels, {kinds}"


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=Text(title),  # names are data, never markup
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("", no_wrap=True)
    is_tall = any("\n" in column for column in columns)
    for column in columns:
        table.add_column(column, justify="right", vertical="bottom" if is_tall else "top")
    return table


def _stage_table(figures: Figures) -> Table:
    columns = ("p50", "p95", "core", "wall/MP", "core/MP")
    table = _table("Stages beside the network, each on its own, ms", *columns)
    for name, title in _STAGES.items():
        stage = figures.stages[name]
        timing = stage.timing
        table.add_row(
            title,
            *(f"{ms:.1f}" for ms in (timing.median_ms, timing.p95_ms, timing.core_ms)),
            *(f"{ms:.1f}" for ms in (stage.wall_ms_per_megapixel, stage.core_ms_per_megapixel)),
        )
    measured = figures.after_network_core_ms
    table.add_section()
    table.add_row(
        f"render + encode, target {TARGET_CORE_MS:.0f}",
        *[""] * 4,
        f"{measured:.1f}",
        style="" if measured <= TARGET_CORE_MS else "yellow",
    )
    return table


def _network_table(model: Model, outcomes: Sequence[Outcome]) -> Table:
    steps = model.bundle.schedule.steps
    table = _table(
        f"Network alone, {shown(model.title)}, ms a call",
        *("batch", "encoder", "step\np50", "step\np95", "step\ncore"),
        *(f"{steps}\nsteps", "of it\nnoise", "photos\n/s"),
    )
    for outcome in outcomes:
        network = outcome.network
        _add_outcome(
            table,
            outcome,
            f"{network.encoder.median_ms:.1f}",
            *(f"{ms:.1f}" for ms in (network.step.median_ms, network.step.p95_ms)),
            f"{network.step.core_ms:.1f}",
            f"{network.sampler.median_ms:.0f}",
            f"{network.arithmetic.median_ms:.1f}",
            f"{network.photos_per_second:.2f}",
        )
    return table


def _whole_table(model: Model, outcomes: Sequence[Outcome], recommended: Outcome | None) -> Table:
    table = _table(
        f"From file to file, {shown(model.title)}, {model.megabytes:.1f} MB on disk",
        *(
            "batch",
            "photos\n/s",
            "samples\n/s",
            "p50",
            "p95",
            "of\nnetwork",
            "peak\nMB",
            "colours\noff",
        ),
    )
    for outcome in outcomes:
        pipeline = outcome.pipeline
        style = "" if outcome.keeps_colours else "yellow"
        difference = outcome.difference
        _add_outcome(
            table,
            outcome,
            f"{pipeline.photos_per_second:.2f}",
            f"{pipeline.samples_per_second:.2f}",
            *(f"{ms:.0f}" for ms in (pipeline.p50_ms, pipeline.p95_ms)),
            f"{outcome.share_of_network:.0%}",
            _megabytes(pipeline.peak_memory_mb),
            "unknown" if difference is None else f"{difference:.2f}",
            style="bold green" if outcome is recommended else style,
        )
    return table


def _add_outcome(table: Table, outcome: Outcome, *cells: str, style: str = "") -> None:
    """Add a row that begins with the configuration: what it runs on, and the batch."""
    configuration = outcome.configuration
    table.add_row(configuration.runs_on, str(configuration.batch), *cells, style=style)


def _megabytes(peak: float | None) -> str:
    return "unknown" if peak is None else f"{peak:.0f}"
