"""How the figures of a benchmark are shown: tables for people, JSON for programs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rich import box
from rich.table import Table

from .bench_network import NetworkTiming, PipelineTiming
from .bench_stages import Stage
from .bundle import Bundle
from .console import Reporter, count_text, rate_text, write_stdout
from .devices import Device
from .errors import UsageError
from .files import write_atomic

_FORMAT = 1
# Core milliseconds a megapixel and sample for all that follows the network, at most.
TARGET_CORE_MS = 30.0
_NOTED_WAITING = 0.15
_STAGES = {
    "decode": "read and decode a photo",
    "prepare": "take it to the working size",
    "render": "render a sample",
    "encode": "encode a sample",
    "write": "write a sample",
}


@dataclass(frozen=True)
class PhotoFacts:
    """What was measured with.

    Attributes:
        is_built_in: Whether it is the photograph that is made for the purpose.
        found: Photographs among those named.
        used: How many of them were taken.
        megapixels_min: Of the smallest.
        megapixels_max: Of the largest.
        formats: Of the colourings.
    """

    is_built_in: bool
    found: int
    used: int
    megapixels_min: float
    megapixels_max: float
    formats: tuple[str, ...]


@dataclass(frozen=True)
class BatchFigures:
    """Figures of a batch size: the network alone, and all from the files to the files."""

    batch: int
    network: NetworkTiming
    pipeline: PipelineTiming

    @property
    def share_of_network(self) -> float:
        """The pipeline's rate as a part of the network's alone."""
        return self.pipeline.photos_per_second / self.network.photos_per_second


_Cell: TypeAlias = Callable[[BatchFigures], str]


@dataclass(frozen=True)
class Figures:
    """All that a benchmark found.

    Attributes:
        machine: From `describe_machine`, before anything was measured.
        device: What ran.
        bundle: The model.
        photos: What was measured with.
        samples: Colourings a photo.
        stages: Before and after the network, by name, as `time_stages` has them.
        batches: By batch size, the smallest first.
    """

    machine: Mapping[str, Any]
    device: Device
    bundle: Bundle
    photos: PhotoFacts
    samples: int
    stages: Mapping[str, Stage]
    batches: tuple[BatchFigures, ...]

    @property
    def after_network_core_ms(self) -> float:
        """Core milliseconds a megapixel and sample for rendering and encoding."""
        return sum(self.stages[name].core_ms_per_megapixel for name in ("render", "encode"))

    @property
    def waiting(self) -> float:
        """Largest part of the time of a measurement in which other programs held the cores.

        Known of the networks where the system tells, and of rendering, which waits for nothing
        but a core.
        """
        render = self.stages["render"]
        of_render = 1 - render.core_ms_per_megapixel / render.wall_ms_per_megapixel
        return max(0.0, of_render, *(batch.network.waiting or 0.0 for batch in self.batches))


def print_tables(figures: Figures, reporter: Reporter) -> None:
    """Show the figures on standard error."""
    machine = figures.machine
    flags = f", {' '.join(machine['flags'])}" if machine["flags"] else ""
    reporter.note(
        f"machine: {machine['cpu']}, {machine['usable_cpus']} of {machine['cpus']} CPUs{flags}"
    )
    samples = count_text(figures.samples, "sample")
    reporter.note(f"photos: {_photos_text(figures.photos)}; {samples} each")
    reporter.console.print(_stage_table(figures))
    reporter.console.print(_batch_table(figures))
    if figures.waiting > _NOTED_WAITING:
        reporter.warn(
            f"other programs held the cores for up to {figures.waiting:.0%} of the time: only the "
            "core times are what they would be without them"
        )
    best = max(figures.batches, key=lambda batch: batch.pipeline.photos_per_second)
    reporter.note(
        f"{rate_text(best.pipeline.photos_per_second)} from file to file with batch {best.batch}: "
        f"{best.share_of_network:.0%} of the network's own rate"
    )


def write_json(path: Path, figures: Figures) -> None:
    """Write the figures, with what they were measured on; `-` is standard output.

    Raises:
        UsageError: The file cannot be written.
    """
    text = json.dumps(document(figures), indent=2) + "\n"
    if path == Path("-"):
        write_stdout(text)
        return
    try:
        write_atomic(path, text.encode())
    except OSError as error:
        raise UsageError(f"--json {path} cannot be written: {error.strerror}") from error


def document(figures: Figures) -> dict[str, Any]:
    """Bring the figures into the form of JSON; milliseconds, megabytes and photos a second."""
    bundle, device = figures.bundle, figures.device
    tree = {
        "format": _FORMAT,
        "machine": dict(figures.machine),
        "device": {
            "name": device.name,
            "description": device.description,
            "precision": device.precision or bundle.precision.get("compute", "fp32"),
            "note": device.note,
        },
        "model": {
            "name": bundle.name,
            "digest": bundle.digest,
            "family": bundle.family,
            "size": bundle.working_size,
            "steps": bundle.schedule.steps,
            "precision": dict(bundle.precision),
        },
        "photos": asdict(figures.photos),
        "samples": figures.samples,
        "stages": {name: asdict(stage) for name, stage in figures.stages.items()},
        "after_network": {
            "core_ms_per_megapixel_and_sample": figures.after_network_core_ms,
            "target": TARGET_CORE_MS,
        },
        "waiting": figures.waiting,
        "batches": [
            {
                "batch": batch.batch,
                "network": {
                    **asdict(batch.network),
                    "photos_per_second": batch.network.photos_per_second,
                },
                "pipeline": {
                    **asdict(batch.pipeline),
                    "share_of_network": batch.share_of_network,
                },
            }
            for batch in figures.batches
        ],
    }
    rounded: dict[str, Any] = _rounded(tree)
    return rounded


def _rounded(tree: Any) -> Any:
    """Round to six digits, which is more than anything here means."""
    if isinstance(tree, dict):
        return {key: _rounded(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_rounded(value) for value in tree]
    return float(f"{tree:.6g}") if isinstance(tree, float) else tree


def _photos_text(photos: PhotoFacts) -> str:
    low, high = photos.megapixels_min, photos.megapixels_max
    size = f"{low:.1f}" if high - low < 0.05 else f"{low:.1f} to {high:.1f}"
    kinds = ", ".join(photos.formats)
    if photos.is_built_in:
        return f"a built-in one of {size} megapixels, {kinds}"
    return f"{photos.used} of {count_text(photos.found, 'photo')}, {size} megapixels, {kinds}"


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _stage_table(figures: Figures) -> Table:
    columns = ("median", "95%", "core", "wall/MP", "core/MP")
    table = _table("Each stage on its own, ms", "", *columns)
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


def _batch_table(figures: Figures) -> Table:
    batches = figures.batches
    table = _table(
        "Network, ms a call, and pipeline", "batch", *(str(figure.batch) for figure in batches)
    )
    steps = figures.bundle.schedule.steps
    network: dict[str, _Cell] = {
        "photos a call": lambda b: str(b.network.rows),
        "calls at the same time": lambda b: str(b.network.side_by_side),
        "encoder": lambda b: f"{b.network.encoder.median_ms:.1f}",
        "denoiser step, median": lambda b: f"{b.network.step.median_ms:.1f}",
        "denoiser step, 95%": lambda b: f"{b.network.step.p95_ms:.1f}",
        "denoiser step, core time": lambda b: f"{b.network.step.core_ms:.1f}",
        f"sampler, {steps} steps": lambda b: f"{b.network.sampler.median_ms:.0f}",
        "  of it noise and arithmetic": lambda b: f"{b.network.arithmetic.median_ms:.1f}",
        "network alone, photos/s": lambda b: f"{b.network.photos_per_second:.2f}",
    }
    pipeline: dict[str, _Cell] = {
        "end to end, photos/s": lambda b: f"{b.pipeline.photos_per_second:.2f}",
        "  of the network's rate": lambda b: f"{b.share_of_network:.0%}",
        "end to end, samples/s": lambda b: f"{b.pipeline.samples_per_second:.2f}",
        "denoiser step meanwhile, median": lambda b: f"{b.pipeline.step_ms:.1f}",
        "cores busy": lambda b: f"{b.pipeline.cores_busy:.2f}",
        "peak memory, MB": lambda b: _megabytes(b.pipeline.peak_memory_mb),
    }
    for part in (network, pipeline):
        table.add_section()
        for row, cell in part.items():
            table.add_row(row, *map(cell, batches))
    return table


def _megabytes(peak: float | None) -> str:
    return "unknown" if peak is None else f"{peak:.0f}"
