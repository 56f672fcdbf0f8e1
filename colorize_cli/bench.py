"""`colorize bench`: how fast this machine is, stage by stage and from the files to the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from .auto import choose
from .bench_network import TimedNetwork, photos_for, time_network, time_pipeline
from .bench_report import BatchFigures, Figures, PhotoFacts, print_tables, write_json
from .bench_stages import Stage, Subject, take_subjects, time_stages
from .bundle import Bundle, load_bundle
from .colorizer import Colorizer
from .console import Reporter, count_text
from .devices import Device
from .errors import UsageError
from .machine import describe_machine
from .names import shown
from .network import open_network
from .plan import Job, make_plan
from .synthetic import synthetic_photo

# One photo, and what `colorize` takes by default.
# Of more photographs, as many are taken, spread evenly over all.
_MAX_PHOTOS = 8
_LARGEST_BATCH = 4096


@dataclass(frozen=True)
class Budget:
    """About how long to measure, in seconds.

    Attributes:
        stages: For the stages of a photo, all together.
        network: For the network, each batch size.
        pipeline: For the whole pipeline, each batch size.
    """

    stages: float = 4.0
    network: float = 5.0
    pipeline: float = 15.0


BUDGET = Budget()


def run(
    photos: Sequence[Path],
    *,
    model: str = "default",
    device: str = "auto",
    batch: str | None = None,
    samples: int = 1,
    json: Path | None = None,
) -> Figures:
    """Measure, and show tables on standard error.

    Args:
        photos: Files and folders to measure with; a photograph that is made here if none.
        model: Bundle, by name or path.
        device: "auto" | "cpu" | "cuda" | "tensorrt".
        batch: Batch sizes, "1,8"; by default 1 and that of `colorize` on the device.
        samples: Colourings a photo.
        json: File for all figures; `-` is standard output.

    Returns:
        The figures.

    Raises:
        UsageError: There is no photograph, or an option makes no sense.
        ModelError: The bundle cannot be used.
        DeviceError: The device cannot run, or failed.
        ImageError: No photograph can be read, or one cannot be written.
    """
    sizes = None if batch is None else _batch_sizes(batch)
    if json is not None and (json.is_dir() or not json.absolute().parent.is_dir()):
        raise UsageError(f"--json {json}: name a file in a folder that exists.")
    reporter = Reporter()
    machine = describe_machine()  # its load is that of the others
    bundle = load_bundle(model)
    chosen = choose(device, bundle, reporter.note)
    network = TimedNetwork(open_network(bundle, chosen))
    _introduce(bundle, chosen, reporter)
    with TemporaryDirectory(prefix="colorize-bench-") as name:
        jobs = _jobs(photos, Path(name), samples, reporter)
        colorizers = [
            Colorizer(bundle, chosen, batch=size, network=network)
            for size in sizes or sorted({1, chosen.batch_for(samples)})
        ]
        reporter.note(f"measuring for about {_seconds(len(colorizers)):.0f} s")
        subjects = take_subjects(_spread(jobs), colorizers[0], samples, reporter.failure)
        stages = time_stages(subjects, colorizers[0], BUDGET.stages)
        batches = [_time_batch(colorizer, network, subjects, stages) for colorizer in colorizers]
    figures = Figures(
        machine=machine,
        device=chosen,
        bundle=bundle,
        photos=_photo_facts(subjects, len(jobs), is_built_in=not photos),
        samples=samples,
        stages=stages,
        batches=tuple(batches),
    )
    print_tables(figures, reporter)
    if json is not None:
        write_json(json, figures)
    return figures


def _time_batch(
    colorizer: Colorizer,
    network: TimedNetwork,
    subjects: Sequence[Subject],
    stages: Mapping[str, Stage],
) -> BatchFigures:
    alone = time_network(subjects, colorizer, network, BUDGET.network)
    samples = len(subjects[0].fields)
    photos = photos_for(BUDGET.pipeline, stages, alone, samples=samples, batch=colorizer.batch)
    whole = time_pipeline(subjects, colorizer, network, photos)
    return BatchFigures(colorizer.batch, alone, whole)


def _batch_sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = sorted({int(word) for word in text.split(",")})
    except ValueError:
        sizes = [0]
    if not 1 <= sizes[0] <= sizes[-1] <= _LARGEST_BATCH:
        raise UsageError(f"--batch takes numbers from 1 with commas between, 1,8: not {text!r}.")
    return tuple(sizes)


def _jobs(photos: Sequence[Path], folder: Path, samples: int, reporter: Reporter) -> list[Job]:
    """Plan photographs as `colorize` would; without any, make one."""
    if not photos:
        source = folder / "in" / "photo.jpg"
        source.parent.mkdir()
        source.write_bytes(synthetic_photo())
        photos = [source]
    plan = make_plan(photos, folder / "out", samples=samples)
    for problem in plan.problems:
        reporter.failure(problem.path, problem.reason)
    if not plan.jobs:
        raise UsageError(
            f"no photographs in {', '.join(shown(path) for path in photos)}. Without any, one that "
            "is made for the purpose is used."
        )
    return list(plan.jobs)


def _spread(jobs: Sequence[Job]) -> list[Job]:
    count = min(len(jobs), _MAX_PHOTOS)
    return [jobs[i * len(jobs) // count] for i in range(count)]


def _photo_facts(subjects: Sequence[Subject], found: int, *, is_built_in: bool) -> PhotoFacts:
    sizes = [subject.megapixels for subject in subjects]
    return PhotoFacts(
        is_built_in=is_built_in,
        found=found,
        used=len(subjects),
        megapixels_min=min(sizes),
        megapixels_max=max(sizes),
        formats=tuple(sorted({subject.job.format for subject in subjects})),
    )


def _seconds(batches: int) -> float:
    return BUDGET.stages + batches * (BUDGET.network + BUDGET.pipeline)


def _introduce(bundle: Bundle, device: Device, reporter: Reporter) -> None:
    """Say what really runs."""
    precision = device.precision or bundle.precision.get("compute", "fp32")
    reporter.note(f"device: {device.description}, {precision}")
    if device.note:
        reporter.note(f"no GPU is used: {device.note}")
    reporter.note(
        f"model: {bundle.name} ({bundle.digest[:12]}), size {bundle.working_size}, "
        f"{count_text(bundle.schedule.steps, 'step')}"
    )
    if warning := bundle.schedule.warning:
        reporter.warn(warning)
