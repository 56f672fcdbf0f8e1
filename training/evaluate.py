"""The body of `colorize evaluate`."""

from collections.abc import Sequence
from pathlib import Path

from colorize_cli.bundle import Bundle, load_bundle
from colorize_cli.colorizer import Colorizer
from colorize_cli.console import Reporter
from colorize_cli.devices import DEFAULT_BATCH, resolve
from colorize_cli.errors import ModelError, UsageError

from .evaluation import Evaluation, EvaluationSettings, Split, evaluate, select
from .evaluation_report import print_tables, write_json
from .lpips import PACKAGE, load_lpips

# Mean ab, in Lab units, over the pixels and then the photos of the default model's training set,
# for bundles that do not state their own as `training.mean_ab`.
MEAN_AB = (3.54, 7.94)


def run(
    photos: Sequence[Path],
    *,
    model: str = "default",
    samples: int = 4,
    json: Path | None = None,
    split: Split = "report",
    device: str = "auto",
    size: int | None = None,
    steps: int | None = None,
    batch: int | None = None,
    seed: int = 0,
    limit: int | None = None,
    lpips: Path | None = None,
    no_lpips: bool = False,
) -> Evaluation:
    """Evaluate a model, print its tables on standard output, and write its figures.

    Args:
        photos: colour photographs: folders, tar shards, files.
        model: bundle, by name or path.
        samples: colourings a photo.
        json: file for all figures, those of every photo among them.
        split: the half of the photos, or all.
        device: "auto" | "cpu" | "cuda" | "tensorrt".
        size: working size in pixels; the bundle's by default.
        steps: denoising steps; the bundle's by default.
        batch: photos a call of the network; by default what `colorize` takes on the device.
        seed: of the noise.
        limit: photos of a set, at most.
        lpips: file of LPIPS's weights; by default that of the installed package.
        no_lpips: leave LPIPS and diversity out.

    Raises:
        UsageError: there is nothing to measure, or the options make no sense.
        MissingExtraError: LPIPS's weights are not installed.
        ModelError: the bundle, or the file of LPIPS's weights, cannot be used.
        DeviceError: the device cannot run.
    """
    if json is not None and not json.absolute().parent.is_dir():
        raise UsageError(f"--json {json}: there is no folder {json.parent}; make it first.")
    network = None if no_lpips else load_lpips(lpips)
    bundle = load_bundle(model)
    chosen = resolve(device)
    colorizer = Colorizer(
        bundle,
        chosen,
        steps=steps,
        size=size,
        batch=DEFAULT_BATCH[chosen.name] if batch is None else batch,
    )
    settings = EvaluationSettings(mean_ab_of(bundle), samples, split, seed, limit)
    indices, found = select(photos, split, limit)
    reporter = Reporter()
    reporter.note(f"device: {chosen.description}{f'; auto: {chosen.note}' if chosen.note else ''}")
    reporter.note(f"{len(indices)} of {found} photographs, samples of each: {samples}")
    with reporter.progress(len(indices)) as progress:
        result = evaluate(photos, indices, colorizer, network, settings, progress.advance)
    for name, reason in result.left_out.items():
        reporter.warn(f"left out {name}: {reason}")
    if json is not None:
        weights = None if no_lpips else lpips.name if lpips else PACKAGE
        write_json(json, result, photos, colorizer, settings, weights)
    print_tables(result, settings, bundle.name)
    return result


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
