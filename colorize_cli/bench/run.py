"""`colorize bench`: what is fastest on this machine, and what it costs in memory and in colours."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import DeviceError
from ..imaging.ciede2000 import mean_difference
from ..model.colorizer import choose_device
from ..model.graphs import graph_set
from ..model.view import SizeChoice
from ..runtimes.find_device import runtime_of
from ..system.figures_file import check_target, write_document
from ..system.machine import describe_machine
from ..system.messages import Messages
from ..system.own_process import run_apart
from ..system.paths import shown
from ..system.wording import count_text, duration_text
from .compare import EarlierBench, RateChange, check, compare, warnings
from .configurations import BenchOptions, Configuration, Model, combine, load_models, reference_of
from .document import document, read_json
from .figures import NOTED_WAITING, Figures, Measurement, recommend
from .photos import PhotoSet, find_photos
from .tables import introduction, measurement_text, show_changes, show_figures, show_recommendation
from .worker import Budget, Reference, measure, take_reference

BUDGET = Budget(stages=4.0, network=5.0, pipeline=15.0)
QUICK = Budget(stages=1.0, network=1.0, pipeline=4.0)


def run(options: BenchOptions, messages: Messages) -> Figures:
    """Measure each configuration in a process of its own, show tables, and return the figures.

    Raises:
        UsageError: There is no photograph, an option makes no sense, or the earlier benchmark
            cannot be compared with.
        ModelError: A bundle cannot be used.
        DeviceError: A device asked for cannot run, or nothing that was to be measured can.
        ImageError: No photograph can be read, or one cannot be written.
    """
    check_target(options.json)
    earlier = read_json(options.compare) if options.compare else None
    machine = describe_machine()  # its load is that of the others
    models = load_models(options.models)
    planned = combine(models, options, messages.note)
    budget = QUICK if options.is_quick else BUDGET
    with TemporaryDirectory(prefix="colorize-bench-", ignore_cleanup_errors=True) as name:
        photos = find_photos(options.photos, Path(name), options.samples, messages.failure)
        if earlier:
            check(earlier, planned, photos, options.size)
        messages.note(introduction(machine, models, options.size))
        _caution(models, messages)
        references = _references(models, photos, budget.stages, options.size, messages)
        first = next(iter(references.values()))
        figures = Figures(machine, models, first.photos, first.stages, size=options.size)
        figures = _measure_all(figures, planned, references, budget, messages)
    _conclude(figures, options, earlier, messages)
    return figures


def _caution(models: Sequence[Model], messages: Messages) -> None:
    """Say what differences of colours do not tell."""
    for model in models:
        compute = model.bundle.compute
        if reference_of(model, models) is model and compute not in ("fp32", "bf16"):
            messages.warn(
                f"{model.title}: its colours are compared with its own on the CPU, in {compute}; "
                f"name its export in fp32 with a second --model to see what {compute} costs"
            )
        if warning := model.bundle.family.warning:
            messages.warn(warning)
    if len({model.origin for model in models}) > 1:
        messages.warn(
            "these are several networks, not one in several precisions: which colours better, "
            "`colorize evaluate` tells"
        )


def _references(
    models: Sequence[Model],
    photos: PhotoSet,
    stage_seconds: float,
    size: SizeChoice | None,
    messages: Messages,
) -> dict[str, Reference]:
    """Draw the right colours on the CPU, by digest of the model, the first with the stages."""
    drawn: dict[str, Reference] = {}
    problem: DeviceError | None = None
    for source in dict.fromkeys(reference_of(model, models) for model in models):
        seconds = None if drawn else stage_seconds
        try:
            drawn[source.bundle.digest] = run_apart(
                take_reference, source.given, photos, seconds, size
            )
        except DeviceError as error:
            problem = problem or error
            messages.warn(f"no colours to compare those of {shown(source.given)} with: {error}")
    if problem and not drawn:
        raise problem
    for path, reason in next(iter(drawn.values())).failures:
        messages.failure(path, reason)
    return drawn


def _measure_all(
    figures: Figures,
    planned: Sequence[Configuration],
    references: Mapping[str, Reference],
    budget: Budget,
    messages: Messages,
) -> Figures:
    """Measure one configuration after the other; an interruption shows those that are done."""
    used, photo_seconds = len(figures.photos.jobs), next(iter(references.values())).photo_seconds
    seconds = sum(budget.expected(one, used, photo_seconds) for one in planned)
    count = count_text(len(planned), "configuration")
    messages.note(f"measuring {count}, about {duration_text(seconds)}")
    for number, one in enumerate(planned, 1):
        name = f"{number}/{len(planned)} {shown(one.model)}, {one.title}"
        model = figures.model_of(one)
        graphs = graph_set(model.bundle, one.batch, one.size)
        if text := runtime_of(one.device).announcement(graphs):
            messages.note(text)
        try:
            found, colours = run_apart(measure, one, figures.photos, figures.stages, budget)
        except DeviceError as error:
            figures = replace(figures, failures=(*figures.failures, (one, str(error))))
            messages.warn(f"{name}: does not run")
        except KeyboardInterrupt:
            if done := len(figures.measurements):
                show_figures(figures, None, messages)
                messages.warn(f"interrupted: {done} of {count} measured, nothing written")
            raise
        else:
            reference = references.get(reference_of(model, figures.models).bundle.digest)
            off = mean_difference(colours, reference.colours) if reference else None
            measured = replace(found, difference=off)
            figures = replace(figures, measurements=(*figures.measurements, measured))
            messages.note(f"{name}: {measurement_text(measured)}")
    if not figures.measurements:
        reasons = "; ".join(f"{one.title}: {reason}" for one, reason in figures.failures)
        raise DeviceError(f"nothing could be measured. {reasons}")
    return figures


def _conclude(
    figures: Figures, options: BenchOptions, earlier: EarlierBench | None, messages: Messages
) -> None:
    """Show tables, verdicts and a recommendation, and write the JSON."""
    best = _best(figures, messages)
    changes: list[RateChange] = []
    show_figures(figures, best, messages)
    if earlier and options.compare:
        changes, name = compare(earlier, figures), shown(options.compare.name)
        show_changes(changes, figures, name, messages)
        for warning in warnings(earlier, figures):
            messages.warn(f"{name}: {warning}")
        if (waiting := max(earlier.waiting, figures.waiting)) > NOTED_WAITING:
            messages.warn(
                f"then or now, other programs held the cores for up to {waiting:.0%} of the time: "
                "the verdicts are on them as well"
            )
    show_recommendation(best, figures, messages)
    if options.json is not None:
        write_document(options.json, document(figures, best, changes))


def _best(figures: Figures, messages: Messages) -> Measurement | None:
    """Choose the fastest with the right colours, of what `--device` leads to.

    A device has no option for its precision: OpenVINO takes the one that was faster in the short
    measurement of `auto`.
    """
    refused: set[tuple[str, str]] = set()

    def can_reach(one: Configuration) -> bool:
        if (one.digest, one.runs_on) in refused:
            return False
        taken = None
        with suppress(DeviceError):
            taken = choose_device(one.device, figures.model_of(one).bundle, messages.note)
        if taken and taken.precision == one.precision:
            return True
        computes = f"takes {taken.precision}" if taken else "is refused"
        messages.warn(
            f"{one.runs_on} is not recommended: --device {one.device} {computes} here, by the "
            "short measurement that `colorize info` shows"
        )
        refused.add((one.digest, one.runs_on))
        return False

    return recommend(figures.measurements, can_reach)
