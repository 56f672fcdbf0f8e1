"""The body of `colorize evaluate`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import Colorizer, choose_device
from colorize_cli.model.view import SizeChoice
from colorize_cli.system.figure_changes import check_samples, other_packages
from colorize_cli.system.figures_file import check_target, write_document
from colorize_cli.system.messages import Messages

from .comparison import ComparedRun, compare
from .document import document, read_json, run_of
from .evaluate import Evaluation, EvaluationSettings, evaluate
from .pretrained.inception import load_inception
from .pretrained.lpips import PACKAGE, Lpips, load_lpips
from .pretrained.network_files import MissingNetworkError, NetworkPackage
from .selection import Selection, Split, select
from .tables import open_console, print_changes, print_tables

# Mean ab, in Lab units, over the pixels and then the photos of the default model's training set,
# for bundles that do not state their own as `training.mean_ab`.
MEAN_AB = (3.54, 7.94)


@dataclass(frozen=True)
class EvaluateOptions:
    """What the user asked for.

    Attributes:
        photos: colour photographs: folders, tar shards, files.
        model: bundle, by name or path.
        samples: colourings a photo.
        candidates: samples to draw and choose them from; 0 to take them as they come.
        json: file for all figures, those of every photo among them; `-` is standard output.
        compare: such a file of an earlier run on the same photos; a table of what changed, with a
            verdict for each figure, is printed as well.
        split: the half of the photos, or all.
        degraded: whether the inputs are degraded like old prints.
        judge_at: pixels of the short side that larger pictures are taken down to; None for none.
        device: "auto" | "cpu" | "openvino" | "cuda" | "tensorrt".
        size: a name, or the working size in pixels; the bundle's by default.
        steps: denoising steps; the bundle's by default.
        batch: photos a call of the network; by default what `colorize` takes on the device.
        seed: of the noise.
        limit: photos of a set, at most.
        lpips: file of LPIPS's weights; by default that of the installed package.
        no_lpips: whether LPIPS and diversity by LPIPS are left out.
        inception: file of the Inception network; by default that of the installed package.
        no_inception: whether Frechet and kernel distance are left out.
    """

    photos: Sequence[Path]
    model: str = "default"
    samples: int = 4
    candidates: int = 0
    json: Path | None = None
    compare: Path | None = None
    split: Split = "all"
    degraded: bool = False
    judge_at: int | None = None
    device: str = "auto"
    size: SizeChoice | None = None
    steps: int | None = None
    batch: int | None = None
    seed: int = 0
    limit: int | None = None
    lpips: Path | None = None
    no_lpips: bool = False
    inception: Path | None = None
    no_inception: bool = False


def run(options: EvaluateOptions, messages: Messages) -> Evaluation:
    """Evaluate a model, print its tables on standard output, and write its figures.

    Args:
        options: what to measure, and how.
        messages: the user is told through them.

    Raises:
        UsageError: there is nothing to measure, or the options make no sense.
        MissingNetworkError: the networks of metrics are not installed.
        ModelError: the bundle, or a file of weights, cannot be used.
        DeviceError: the device cannot run.
    """
    check_target(options.json)
    if options.candidates and options.candidates < options.samples:
        raise UsageError(
            f"--candidates {options.candidates} are fewer than --samples {options.samples}."
        )
    earlier = _earlier(options)
    lpips, inception = _networks(options)
    bundle = load_bundle(options.model)
    colorizer = _open(bundle, options, messages)
    settings = EvaluationSettings(
        mean_ab=mean_ab_of(bundle),
        samples=options.samples,
        split=options.split,
        seed=options.seed,
        limit=options.limit,
        degraded=options.degraded,
        candidates=options.candidates,
        judge_at=options.judge_at,
    )
    selection = _selection(options, earlier, messages)
    with messages.progress(len(selection.indices)) as progress:
        result = evaluate(
            options.photos, selection, colorizer, lpips, inception, settings, progress.advance
        )
    for name, reason in result.left_out.items():
        messages.warn(f"left out {name}: {reason}")
    _conclude(result, settings, options, earlier, colorizer, messages)
    return result


def _conclude(
    result: Evaluation,
    settings: EvaluationSettings,
    options: EvaluateOptions,
    earlier: ComparedRun | None,
    colorizer: Colorizer,
    messages: Messages,
) -> None:
    """Print tables and verdicts, and write the JSON."""
    console = open_console(to_stderr=options.json == Path("-"))
    name = colorizer.bundle.name
    print_tables(console, result, settings, name)
    if earlier:
        now = run_of(result, settings, name)
        common, changes = compare(earlier, now)
        print_changes(console, changes, common, earlier.model, name)
        if packages := other_packages(earlier.machine, now.machine):
            messages.warn(f"the earlier run was measured with other packages: {packages}")
    if options.json is not None:
        weights = options.lpips.name if options.lpips else PACKAGE.requirement
        tree = document(
            result,
            settings,
            colorizer,
            options.photos,
            lpips=None if options.no_lpips else weights,
            with_inception=not options.no_inception,
        )
        write_document(options.json, tree)


def _open(bundle: Bundle, options: EvaluateOptions, messages: Messages) -> Colorizer:
    """Open the runtime as `colorize` would, and say on what it runs."""
    device = choose_device(options.device, bundle, messages.note)
    batch = options.batch
    if batch is None:
        batch = device.batch_for(options.candidates or options.samples)
    note = f"; auto: {device.note}" if device.note else ""
    colorizer = Colorizer(bundle, device, steps=options.steps, size=options.size, batch=batch)
    messages.note(f"device: {device.description}, {device.computes(bundle.compute)}{note}")
    return colorizer


def _selection(
    options: EvaluateOptions, earlier: ComparedRun | None, messages: Messages
) -> Selection:
    """Choose the photos, and say how many of those that were found."""
    selection = select(options.photos, options.split, options.limit)
    if earlier and not selection.digests & {photo.sha256 for photo in earlier.photos}:
        raise UsageError(f"--compare {options.compare}: it has none of these photographs.")
    messages.note(
        f"{len(selection.indices)} of {selection.found} photographs, {selection.half}, "
        f"samples of each: {options.samples}"
    )
    return selection


def _networks(options: EvaluateOptions) -> tuple[Lpips | None, nn.Module | None]:
    """Load the metrics' networks, and say of both together where both are missing."""
    missing: list[NetworkPackage] = []
    lpips = inception = None
    try:
        lpips = None if options.no_lpips else load_lpips(options.lpips)
    except MissingNetworkError as error:
        missing += error.packages
    try:
        inception = None if options.no_inception else load_inception(options.inception)
    except MissingNetworkError as error:
        missing += error.packages
    if missing:
        raise MissingNetworkError(missing)
    return lpips, inception


def _earlier(options: EvaluateOptions) -> ComparedRun | None:
    """Read the run to compare with, and see to it before the work that it can be compared."""
    if options.compare is None:
        return None
    earlier = read_json(options.compare)
    check_samples(earlier.samples, options.samples)
    if earlier.judge_at != options.judge_at:
        judged = f"at {earlier.judge_at} px" if earlier.judge_at else "at full size"
        raise UsageError(
            f"--compare {options.compare}: its pictures were judged {judged}, those of this run "
            "are not: give both the same --judge-at, or none."
        )
    if earlier.degraded != options.degraded:
        inputs = "degraded" if earlier.degraded else "clean"
        raise UsageError(
            f"--compare {options.compare}: its inputs are {inputs}, those of this run are not."
        )
    return earlier


def mean_ab_of(bundle: Bundle) -> tuple[float, float]:
    """Read the mean colour of a bundle's training photos, in Lab units.

    Raises:
        ModelError: what the bundle states is no pair of numbers.
    """
    try:
        a, b = bundle.training.get("mean_ab", MEAN_AB)
        return float(a), float(b)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{bundle.path}: training.mean_ab is no pair of numbers.") from error
