"""How the figures of a benchmark are shown to people."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from rich import box
from rich.table import Table
from rich.text import Text

from ..model.fastest_device import MAX_DIFFERENCE
from ..model.view import SizeChoice
from ..model.views import views_of
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text, rate_text
from .compare import RateChange, noise_of, verdict
from .configurations import Configuration, Model
from .figures import NOTED_WAITING, TARGET_CORE_MS, Figures, Measurement
from .photos import PhotoSet
from .stage_timing import Stage

Row = TypeVar("Row")
# The headings of a table, and what cell comes of what a row is about.
Columns: TypeAlias = Mapping[str, Callable[[Row], str]]

_STAGES = {
    "decode": "read and decode a photo",
    "prepare": "take it to the working size",
    "render": "render a sample",
    "encode": "encode a sample",
    "write": "write a sample",
}


def introduction(
    machine: Mapping[str, Any], models: Sequence[Model], size: SizeChoice | None = None
) -> str:
    """Say where what is going to be measured."""
    flags = f", {' '.join(machine['flags'])}" if machine["flags"] else ""
    cpus = f"{machine['usable_cpus']} of {machine['cpus']} CPUs"
    lines = [f"machine: {machine['cpu']}, {cpus}{flags}"]
    for model in models:
        sizes, steps = (
            views_of(model.bundle, size).description,
            count_text(model.bundle.family.steps, "step"),
        )
        digest, disk = model.bundle.digest[:12], f"{model.megabytes:.1f} MB on disk"
        lines.append(f"model: {model.title}, {digest}, {disk}, size {sizes}, {steps}")
    return "\n".join(lines)


def measurement_text(one: Measurement) -> str:
    """Say in a line what came of a configuration."""
    colours = "" if one.difference is None else f", colours off by {one.difference:.2f}"
    return f"{rate_text(one.rate.per_second)}, {_peak(one)} MB{colours}"


def show_figures(figures: Figures, best: Measurement | None, messages: Messages) -> None:
    """Show the figures, and in green what is recommended."""
    samples = count_text(figures.photos.samples, "sample")
    messages.note(f"photos: {_photos_text(figures.photos)}; {samples} each")
    messages.table(_stage_table(figures))
    for model in figures.models:
        of_model = [m for m in figures.measurements if figures.model_of(m.configuration) is model]
        if of_model:
            messages.table(_network_table(model, of_model))
            messages.table(_pipeline_table(model, of_model, best))
    messages.note(
        f"p50, p95: ms of work on a photo. Colours off: mean CIEDE2000 from fp32 on the CPU, "
        f"at most {MAX_DIFFERENCE}."
    )
    for configuration, reason in figures.failures:
        messages.error(f"{_named(configuration, figures)} does not run: {reason}")
    if figures.waiting > NOTED_WAITING:
        messages.warn(
            f"other programs held the cores for up to {figures.waiting:.0%} of the time: only the "
            "core times are what they would be without them"
        )


def show_changes(
    changes: Sequence[RateChange], figures: Figures, name: str, messages: Messages
) -> None:
    """Show what changed since the earlier benchmark in a file of that name."""
    columns: Columns[RateChange] = {
        "": lambda change: _named(change.figure, figures),
        "then": lambda change: f"{change.before:.2f}",
        "now": lambda change: f"{change.after:.2f}",
        "change": lambda change: f"{change.difference.value:+.0%}",
        "noise": lambda change: f"{noise_of(change):.0%}" if noise_of(change) < 1 else "> 100%",
        "verdict": verdict,
    }
    styles = {"faster": "green", "slower": "red"}
    title = f"Since {name}, photos/s"
    messages.table(_table(title, columns, changes, lambda one: styles.get(verdict(one), "")))
    messages.note("")
    if left := len(figures.measurements) - len(changes):
        messages.note(f"{count_text(left, 'configuration')} not in {name}: no verdict")


def show_recommendation(best: Measurement | None, figures: Figures, messages: Messages) -> None:
    """Show as the last line what to put on the command line."""
    if best is None:
        messages.warn(
            f"nothing to recommend: no configuration is known to keep the colours within "
            f"{MAX_DIFFERENCE} CIEDE2000 of single precision"
        )
        return
    samples = count_text(figures.photos.samples, "sample")
    messages.note(
        f"fastest with the right colours, {samples} a photo: "
        f"{_named(best.configuration, figures)}, {rate_text(best.rate.per_second)} from file to "
        f"file, {best.share_of_network:.0%} of the network's own rate\n"
        f"use {best.configuration.options}"
    )


def _named(configuration: Configuration, figures: Figures) -> str:
    model = f"{shown(configuration.model)} on " if len(figures.models) > 1 else ""
    return model + configuration.title


def _photos_text(photos: PhotoSet) -> str:
    low, high = min(photos.megapixels), max(photos.megapixels)
    size = f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"
    of_what = f"{size} megapixels, {', '.join(photos.formats)}"
    if photos.is_built_in:
        return f"a built-in one of {of_what}"
    return f"{len(photos.jobs)} of {count_text(photos.found, 'photo')}, {of_what}"


def _peak(one: Measurement) -> str:
    peak = one.pipeline.peak_memory_mb
    return "unknown" if peak is None else f"{peak:.0f}"


def _table(
    title: str,
    columns: Columns[Row],
    rows: Sequence[Row],
    style: Callable[[Row], str] = lambda row: "",
) -> Table:
    # Titles and names are data, never markup.
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.show_edge, table.padding = False, (0, 1, 0, 0)
    table.add_column("", no_wrap=True)
    for heading in list(columns)[1:]:
        table.add_column(heading, justify="right", vertical="bottom")
    for row in rows:
        table.add_row(*(Text(cell(row)) for cell in columns.values()), style=style(row))
    return table


def _stage_table(figures: Figures) -> Table:
    columns: Columns[tuple[str, Stage]] = {
        "": lambda row: row[0],
        "p50": lambda row: f"{row[1].timing.median_ms:.1f}",
        "p95": lambda row: f"{row[1].timing.p95_ms:.1f}",
        "core": lambda row: f"{row[1].timing.core_ms:.1f}",
        "wall/MP": lambda row: f"{row[1].wall_ms_per_megapixel:.1f}",
        "core/MP": lambda row: f"{row[1].core_ms_per_megapixel:.1f}",
    }
    rows = [(title, figures.stages[name]) for name, title in _STAGES.items()]
    table = _table("Stages beside the network, each on its own, ms", columns, rows)
    table.add_section()
    after, title = figures.after_network_core_ms, f"render + encode, target {TARGET_CORE_MS:.0f}"
    style = "" if after <= TARGET_CORE_MS else "yellow"
    table.add_row(title, "", "", "", "", f"{after:.1f}", style=style)
    return table


def _network_table(model: Model, measurements: Sequence[Measurement]) -> Table:
    steps = f"{model.bundle.family.steps}\nsteps"
    columns: Columns[Measurement] = {
        "": lambda one: one.configuration.runs_on,
        "batch": lambda one: str(one.configuration.batch),
        "encoder": lambda one: f"{one.network.encoder.median_ms:.1f}",
        "step\np50": lambda one: f"{one.network.step.median_ms:.1f}",
        "step\np95": lambda one: f"{one.network.step.p95_ms:.1f}",
        "step\ncore": lambda one: f"{one.network.step.core_ms:.1f}",
        steps: lambda one: f"{one.network.sampler.median_ms:.0f}",
        "of it\nnoise": lambda one: f"{one.network.arithmetic.median_ms:.1f}",
        "photos\n/s": lambda one: f"{one.network.photos_per_second:.2f}",
    }
    return _table(f"Network alone, {shown(model.title)}, ms a call", columns, measurements)


def _pipeline_table(
    model: Model, measurements: Sequence[Measurement], best: Measurement | None
) -> Table:
    columns: Columns[Measurement] = {
        "": lambda one: one.configuration.runs_on,
        "batch": lambda one: str(one.configuration.batch),
        "photos\n/s": lambda one: f"{one.rate.per_second:.2f}",
        "samples\n/s": lambda one: f"{one.pipeline.samples_per_second:.2f}",
        "p50": lambda one: f"{one.pipeline.p50_ms:.0f}",
        "p95": lambda one: f"{one.pipeline.p95_ms:.0f}",
        "of\nnetwork": lambda one: f"{one.share_of_network:.0%}",
        "peak\nMB": _peak,
        "colours\noff": lambda one: (
            "unknown" if one.difference is None else f"{one.difference:.2f}"
        ),
    }

    def style(one: Measurement) -> str:
        return "bold green" if one is best else "" if one.keeps_colours else "yellow"

    title = f"From file to file, {shown(model.title)}, {model.megabytes:.1f} MB on disk"
    return _table(title, columns, measurements, style)
