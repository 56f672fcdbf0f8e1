"""`colorize bench`: what is fastest on this machine, and what it costs in memory and in colours."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..batch.output_names import Job
from ..errors import DeviceError, UsageError
from ..imaging.ciede2000 import mean_difference
from ..model.fastest_device import choose
from ..runtimes.tensorrt import building
from ..system.machine import describe_machine
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text, duration_text
from .compare import Change, Saved, check, compare, warnings
from .configurations import Configuration, Model, configurations, load_models, reference_of
from .document import read_json, write_json
from .figures import Figures, Outcome, recommend
from .own_process import run_apart
from .photos import digest_of, facts_of, find_photos, spread
from .tables import (
    NOTED_WAITING,
    introduction,
    outcome_text,
    print_comparison,
    print_recommendation,
    print_tables,
)
from .worker import Reference, ReferenceTask, Task, measure, take_reference


@dataclass(frozen=True)
class Budget:
    """About how long to measure, in seconds.

    Attributes:
        stages: For the stages beside the network, all together.
        network: For the network alone, each configuration.
        pipeline: For the whole pipeline, each configuration.
    """

    stages: float = 4.0
    network: float = 5.0
    pipeline: float = 15.0


BUDGET = Budget()
QUICK = Budget(stages=1.0, network=1.0, pipeline=4.0)


@dataclass(frozen=True)
class BenchOptions:
    """What the user asked for.

    Attributes:
        photos: Files and folders to measure with; a photograph that is made here if none.
        models: Bundles, by name or path; the default one if none.
        devices: Devices by name, "auto" for the one that it takes; all that work here if none.
        batch: Batch sizes, "1,8"; None for that of `colorize` and a larger one.
        samples: Colourings a photo.
        is_quick: Whether to measure for a shorter time, with more noise.
        json: File for all figures; `-` is standard output.
        compare: Such a file of an earlier benchmark.
    """

    photos: tuple[Path, ...] = ()
    models: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    batch: str | None = None
    samples: int = 1
    is_quick: bool = False
    json: Path | None = None
    compare: Path | None = None


@dataclass(frozen=True)
class _Work:
    """What every process measures with, and for how long."""

    jobs: tuple[Job, ...]
    samples: int
    is_built_in: bool
    budget: Budget


def run(options: BenchOptions, messages: Messages) -> Figures:
    """Measure each configuration in a process of its own, and show tables.

    Returns:
        The figures.

    Raises:
        UsageError: There is no photograph, an option makes no sense, or the earlier benchmark
            cannot be compared with.
        ModelError: A bundle cannot be used.
        DeviceError: A device asked for cannot run, or nothing that was to be measured can.
        ImageError: No photograph can be read, or one cannot be written.
    """
    json = options.json
    if json is not None and (json.is_dir() or not json.absolute().parent.is_dir()):
        raise UsageError(f"--json {shown(json)}: name a file in a folder that exists.")
    saved = read_json(options.compare) if options.compare else None
    machine = describe_machine()  # its load is that of the others
    models = load_models(options.models)
    planned = configurations(models, options.devices, options.batch, options.samples, messages.note)
    budget = QUICK if options.is_quick else BUDGET
    with TemporaryDirectory(prefix="colorize-bench-", ignore_cleanup_errors=True) as name:
        found = find_photos(options.photos, Path(name), options.samples, messages.failure)
        work = _Work(spread(found), options.samples, not options.photos, budget)
        digest = digest_of(work.jobs)
        if saved:
            check(saved, planned, photos=digest, samples=options.samples)
        messages.note(introduction(machine, models))
        _caution(models, messages)
        references = _references(models, work, messages)
        first = next(iter(references.values()))
        figures = Figures(
            machine=machine,
            models=models,
            photos=facts_of(first, digest, len(found), is_built_in=work.is_built_in),
            samples=options.samples,
            stages=first.stages,
            outcomes=(),
        )
        figures = _measure_all(figures, planned, references, work, messages)
    _conclude(figures, options, saved, messages)
    return figures


def _measure_all(
    figures: Figures,
    planned: Sequence[Configuration],
    references: Mapping[str, Reference],
    work: _Work,
    messages: Messages,
) -> Figures:
    """Measure one configuration after the other; an interruption shows those that are done."""
    tasks = [_task(one, figures, work) for one in planned]
    photo_seconds = next(iter(references.values())).photo_seconds
    messages.note(
        f"measuring {count_text(len(tasks), 'configuration')}, about "
        f"{duration_text(sum(task.seconds(photo_seconds) for task in tasks))}"
    )
    outcomes: list[Outcome] = []
    failures: list[tuple[Configuration, str]] = []
    try:
        for number, task in enumerate(tasks, 1):
            one = task.configuration
            name = f"{number}/{len(tasks)} {shown(one.model)}, {one.title}"
            bundle = figures.model_of(one).bundle
            if one.device == "tensorrt" and (
                text := building(bundle, one.batch, bundle.working_size)
            ):
                messages.note(text)
            try:
                outcomes.append(_outcome(task, references.get(one.digest)))
            except DeviceError as error:
                failures.append((one, str(error)))
                messages.warn(f"{name}: does not run")
            else:
                messages.note(f"{name}: {outcome_text(outcomes[-1])}")
    except KeyboardInterrupt:
        if outcomes:
            print_tables(replace(figures, outcomes=tuple(outcomes)), None, messages)
            messages.warn(
                f"interrupted: {len(outcomes)} of {count_text(len(tasks), 'configuration')} "
                "measured, nothing written"
            )
        raise
    if not outcomes:
        reasons = "; ".join(f"{one.title}: {reason}" for one, reason in failures)
        raise DeviceError(f"nothing could be measured. {reasons}")
    return replace(figures, outcomes=tuple(outcomes), failures=tuple(failures))


def _task(configuration: Configuration, figures: Figures, work: _Work) -> Task:
    return Task(
        configuration=configuration,
        jobs=work.jobs,
        samples=work.samples,
        is_built_in=work.is_built_in,
        stages=figures.stages,
        network_seconds=work.budget.network,
        pipeline_seconds=work.budget.pipeline,
    )


def _outcome(task: Task, reference: Reference | None) -> Outcome:
    measured = run_apart(measure, task)
    return Outcome(
        configuration=task.configuration,
        description=measured.description,
        network=measured.network,
        pipeline=measured.pipeline,
        difference=mean_difference(measured.colours, reference.colours) if reference else None,
    )


def _references(models: Sequence[Model], work: _Work, messages: Messages) -> dict[str, Reference]:
    """Draw the right colours of each model on the CPU.

    Returns:
        By digest of the model; those that the CPU cannot run have none. The first one has the
        stages too.
    """
    drawn: dict[str, Reference] = {}
    problems: list[DeviceError] = []
    sources = {model.bundle.digest: reference_of(model, models) for model in models}
    for digest, source in {source.bundle.digest: source for source in sources.values()}.items():
        seconds = None if drawn else work.budget.stages
        task = ReferenceTask(source.given, work.jobs, work.samples, work.is_built_in, seconds)
        try:
            drawn[digest] = run_apart(take_reference, task)
        except DeviceError as error:
            problems.append(error)
            messages.warn(f"no colours to compare those of {shown(source.given)} with: {error}")
            continue
        if seconds is not None:
            for path, reason in drawn[digest].failures:
                messages.failure(path, reason)
    if not drawn:
        raise problems[0]
    return {
        digest: drawn[source.bundle.digest]
        for digest, source in sources.items()
        if source.bundle.digest in drawn
    }


def _caution(models: Sequence[Model], messages: Messages) -> None:
    """Say what differences of colours do not tell."""
    for model in models:
        compute = model.bundle.compute
        if reference_of(model, models) is model and compute not in ("fp32", "bf16"):
            messages.warn(
                f"{model.title}: its colours are compared with its own on the CPU, in {compute}; "
                f"name its export in fp32 with a second --model to see what {compute} costs"
            )
        if warning := model.bundle.schedule.warning:
            messages.warn(warning)
    if len({model.origin for model in models}) > 1:
        messages.warn(
            "these are several networks, not one in several precisions: which colours better, "
            "`colorize evaluate` tells"
        )


def _conclude(
    figures: Figures, options: BenchOptions, saved: Saved | None, messages: Messages
) -> None:
    """Show tables, verdicts and a recommendation, and write the JSON."""
    recommended = _recommended(figures, messages)
    changes: list[Change] = []
    print_tables(figures, recommended, messages)
    if saved and options.compare:
        changes = compare(saved, figures)
        print_comparison(changes, figures, options.compare, messages)
        for warning in warnings(saved, figures.machine, figures.models):
            messages.warn(f"{shown(options.compare.name)}: {warning}")
        if (waiting := max(saved.waiting, figures.waiting)) > NOTED_WAITING:
            messages.warn(
                f"then or now, other programs held the cores for up to {waiting:.0%} of the time: "
                "the verdicts are on them as well"
            )
    print_recommendation(recommended, figures, messages)
    if options.json is not None:
        write_json(options.json, figures, recommended, changes)


def _recommended(figures: Figures, messages: Messages) -> Outcome | None:
    """Choose the fastest with the right colours, of what `--device` leads to.

    A device has no option for its precision: OpenVINO takes the one that was faster in the short
    measurement of `auto`.
    """
    out_of_reach: list[Configuration] = []
    while best := recommend(figures.outcomes, out_of_reach):
        one = best.configuration
        taken = None
        with suppress(DeviceError):
            taken = choose(one.device, figures.model_of(one).bundle, messages.note)
        if taken and taken.precision == one.precision:
            return best
        computes = f"takes {taken.precision}" if taken else "is refused"
        messages.warn(
            f"{one.runs_on} is not recommended: --device {one.device} {computes} here, by the "
            "short measurement that `colorize info` shows"
        )
        out_of_reach += [
            out.configuration
            for out in figures.outcomes
            if (out.configuration.digest, out.configuration.runs_on) == (one.digest, one.runs_on)
        ]
    return None
