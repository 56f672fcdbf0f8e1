"""The body of `colorize evaluate`."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import Colorizer, choose_device
from colorize_cli.system.messages import Messages

from .comparison import Run, compare
from .document import read_json, run_of, write_json
from .evaluate import Evaluation, EvaluationSettings, Split, evaluate, select
from .inception import load_inception
from .lpips import PACKAGE, Lpips, load_lpips
from .network_files import MissingNetworkError, NetworkPackage
from .tables import print_changes, print_tables

# Mean ab, in Lab units, over the pixels and then the photos of the default model's training set,
# for bundles that do not state their own as `training.mean_ab`.
MEAN_AB = (3.54, 7.94)


def run(
    photos: Sequence[Path],
    messages: Messages,
    *,
    model: str = "default",
    samples: int = 4,
    candidates: int = 0,
    json: Path | None = None,
    compare_with: Path | None = None,
    split: Split = "report",
    degraded: bool = False,
    device: str = "auto",
    size: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    limit: int | None = None,
    lpips: Path | None = None,
    no_lpips: bool = False,
    inception: Path | None = None,
    no_inception: bool = False,
) -> Evaluation:
    """Evaluate a model, print its tables on standard output, and write its figures.

    Args:
        photos: colour photographs: folders, tar shards, files.
        messages: the user is told through them.
        model: bundle, by name or path.
        samples: colourings a photo.
        candidates: samples to draw and choose them from; 0 to take them as they come.
        json: file for all figures, those of every photo among them.
        compare_with: such a file of an earlier run on the same photos; a table of what changed,
            with a verdict for each figure, is printed as well.
        split: the half of the photos, or all.
        degraded: take inputs that are degraded like old prints.
        device: "auto" | "cpu" | "openvino" | "cuda" | "tensorrt".
        size: working size in pixels; the bundle's by default.
        steps: denoising steps; the bundle's by default.
        batch: photos a call of the network; by default what `colorize` takes on the device.
        seed: of the noise.
        limit: photos of a set, at most.
        lpips: file of LPIPS's weights; by default that of the installed package.
        no_lpips: leave LPIPS and diversity by LPIPS out.
        inception: file of the Inception network; by default that of the installed package.
        no_inception: leave Frechet and kernel distance out.

    Raises:
        UsageError: there is nothing to measure, or the options make no sense.
        MissingNetworkError: the networks of metrics are not installed.
        ModelError: the bundle, or a file of weights, cannot be used.
        DeviceError: the device cannot run.
    """
    if json is not None and (json.is_dir() or not json.absolute().parent.is_dir()):
        raise UsageError(f"--json {json}: name a file in a folder that exists.")
    if candidates and candidates < samples:
        raise UsageError(f"--candidates {candidates} are fewer than --samples {samples}.")
    earlier = compare_with and _earlier(compare_with, samples, degraded)
    lpips_network, inception_network = _networks(lpips, no_lpips, inception, no_inception)
    bundle = load_bundle(model)
    chosen = choose_device(device, bundle, messages.note)
    colorizer = Colorizer(
        bundle,
        chosen,
        steps=steps,
        size=size,
        batch=chosen.batch_for(candidates or samples) if batch is None else batch,
    )
    settings = EvaluationSettings(
        mean_ab_of(bundle), samples, split, seed, limit, degraded, candidates
    )
    selection = select(photos, split, limit)
    if earlier and not selection.digests & {photo.sha256 for photo in earlier.photos}:
        raise UsageError(f"--compare {compare_with}: it has none of these photographs.")
    precision = chosen.computes(bundle.compute)
    note = f"; auto: {chosen.note}" if chosen.note else ""
    messages.note(f"device: {chosen.description}, {precision}{note}")
    count = len(selection.indices)
    messages.note(f"{count} of {selection.found} photographs, samples of each: {samples}")
    with messages.progress(count) as progress:
        result = evaluate(
            photos,
            selection,
            colorizer,
            lpips_network,
            inception_network,
            settings,
            progress.advance,
        )
    for name, reason in result.left_out.items():
        messages.warn(f"left out {name}: {reason}")
    print_tables(result, settings, bundle.name)
    if earlier:
        common, changes = compare(earlier, run_of(result, settings, bundle.name))
        print_changes(changes, common, earlier.model, bundle.name)
    if json is not None:
        weights = None if no_lpips else lpips.name if lpips else PACKAGE.requirement
        try:
            write_json(json, result, photos, colorizer, settings, weights, not no_inception)
        except OSError as error:
            raise UsageError(f"--json {json} cannot be written: {error.strerror}.") from error
    return result


def _networks(
    lpips: Path | None, no_lpips: bool, inception: Path | None, no_inception: bool
) -> tuple[Lpips | None, nn.Module | None]:
    """Load the metrics' networks, and say of both together where both are missing."""
    missing: list[NetworkPackage] = []
    lpips_network = inception_network = None
    try:
        lpips_network = None if no_lpips else load_lpips(lpips)
    except MissingNetworkError as error:
        missing += error.packages
    try:
        inception_network = None if no_inception else load_inception(inception)
    except MissingNetworkError as error:
        missing += error.packages
    if missing:
        raise MissingNetworkError(missing)
    return lpips_network, inception_network


def _earlier(path: Path, samples: int, degraded: bool) -> Run:
    """Read the run to compare with, and see to it before the work that it can be compared."""
    earlier = read_json(path)
    if earlier.samples != samples:
        raise UsageError(
            f"--compare {path}: it has {earlier.samples} samples of each photo, and the best of "
            f"another number cannot be compared; add --samples {earlier.samples}."
        )
    if earlier.degraded != degraded:
        inputs = "degraded" if earlier.degraded else "clean"
        raise UsageError(f"--compare {path}: its inputs are {inputs}, those of this run are not.")
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
