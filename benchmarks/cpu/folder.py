"""Measure a whole folder from file to file against the network alone."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.pipeline import run as run_batch
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.settings import Options
from colorize_cli.errors import ImageError
from colorize_cli.model.colorizer import Colorizer, Prepared
from colorize_cli.photos.read import read_photo
from colorize_cli.system.paths import shown
from colorize_cli.system.wording import count_text

from ..made_photos import make_photos
from ..rounds import quotients
from .bars import Check, Row, Setting, device_text

SHARE = 85.0  # percent
_NETWORK_SECONDS = 10.0
_SEED = 0


def folder(setting: Setting) -> Row:
    """Compare the rate from file to file with the network's rate alone, in turns part by part.

    The network's rate beside a part is the mean of those measured before and after it.
    """
    device, samples = setting.fastest, setting.samples
    colorizer = Colorizer(setting.bundle, device, size="fast", batch=device.batch_for(samples))
    with TemporaryDirectory(prefix="colorize-folder-") as name:
        root = Path(name)
        folders = _make_parts(root, setting.photos, setting.parts)
        first = next(folders[0].iterdir())
        prepared = colorizer.prepare(read_photo(first.read_bytes()))
        batch = [prepared] * colorizer.batch
        colorizer.colorize(batch, samples, _SEED)
        rates, whole = [_rate_alone(colorizer, batch, samples)], []
        for part in folders:
            whole.append(_rate(part, root / "out", colorizer, samples))
            rates.append(_rate_alone(colorizer, batch, samples))
    beside = [(before + after) / 2 for before, after in pairwise(rates)]
    share = quotients(whole, beside)
    check = Check(
        f"folder of {count_text(setting.photos, 'photo')}, {count_text(samples, 'sample')}: "
        f"file to file / network alone, {device_text(device)}",
        100 * share.median,
        "%",
        SHARE,
        spread=f"{share.least:.0%} to {share.greatest:.0%}",
    )
    median_rate = median(whole)
    details = {
        "photos": setting.photos,
        "samples": samples,
        "parts": len(folders),
        "photos_per_second": whole,
        "network_photos_per_second": rates,
    }
    note = (
        f"{median_rate:.2f} photos and {median_rate * samples:.2f} samples a second from file to "
        f"file, in {count_text(len(folders), 'part')}, the network measured alone before and after "
        "each."
    )
    return Row((check,), details, note)


def _rate_alone(colorizer: Colorizer, batch: Sequence[Prepared], samples: int) -> float:
    """Run the network on full batches for some seconds, and return the photos a second."""
    started, done = perf_counter(), 0
    while perf_counter() < started + _NETWORK_SECONDS:
        colorizer.colorize(batch, samples, _SEED)
        done += len(batch)
    return done / (perf_counter() - started)


def _make_parts(root: Path, photos: int, parts: int) -> list[Path]:
    """Make the photographs, spread over folders of about the same size."""
    paths = make_photos(root / "all", photos)
    folders = [root / f"part-{k}" for k in range(min(parts, photos))]
    for k, place in enumerate(folders):
        place.mkdir()
        for path in paths[k :: len(folders)]:
            path.rename(place / path.name)
    return folders


def _rate(part: Path, out: Path, colorizer: Colorizer, samples: int) -> float:
    """Colorize a folder, from the plan to the last file, and return the photos a second.

    Raises:
        ImageError: A photo failed, for instance because the disk is full.
    """
    done = 0

    def clear(outcome: Outcome) -> None:
        nonlocal done
        if outcome.reason is not None:
            raise ImageError(f"{shown(outcome.source)}: {outcome.reason}")
        done += 1
        for output in outcome.outputs:
            output.unlink()

    started = perf_counter()
    jobs = make_plan(Options((part,), out, samples=samples)).jobs
    run_batch(jobs, colorizer, Treatment(samples=samples), clear)
    return done / (perf_counter() - started)
