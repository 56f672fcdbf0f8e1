"""The row about a whole folder: from file to file against the network alone."""

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from colorize_cli.batch import run as run_batch
from colorize_cli.bench_network import TimedNetwork, time_network
from colorize_cli.bench_stages import take_subjects
from colorize_cli.colorizer import Colorizer
from colorize_cli.errors import ImageError
from colorize_cli.machine import peak_memory, reset_peak_memory
from colorize_cli.names import shown
from colorize_cli.network import open_network
from colorize_cli.plan import make_plan
from colorize_cli.work import Result, Settings

from ..photos import make_photos
from ..turns import quotients
from .bars import Check, Row, Setting, device_text

SHARE = 0.85
_NETWORK_SECONDS = 10.0


def folder(setting: Setting) -> Row:
    """End-to-end rate of a folder against the network's rate alone, in turns part by part.

    The network's rate beside a part is the mean of those measured before and after it.
    """
    device, samples = setting.fastest, setting.samples
    network = TimedNetwork(open_network(setting.bundle, device))
    colorizer = Colorizer(setting.bundle, device, batch=device.batch_for(samples), network=network)
    with TemporaryDirectory(prefix="colorize-folder-") as name:
        root = Path(name)
        folders = _make_parts(root, setting.photos, setting.parts)
        first = make_plan([folders[0]], root / "out", samples=samples).jobs[:1]
        subjects = take_subjects(first, colorizer, samples, lambda path, reason: None)

        def alone() -> float:
            timing = time_network(subjects, colorizer, network, _NETWORK_SECONDS)
            return timing.photos_per_second

        reset_peak_memory()
        rates = [alone()]
        whole = []
        for part in folders:
            network.forget()
            whole.append(_rate(part, root / "out", colorizer, samples))
            rates.append(alone())
        peak = peak_memory()
    beside = [(before + after) / 2 for before, after in pairwise(rates)]
    share = quotients(whole, beside)
    check = Check(
        f"folder of {setting.photos} photos, {samples} samples: file to file / network alone, "
        f"{device_text(device)}",
        share.median,
        "",
        SHARE,
        spread=f"{share.least:.0%} to {share.greatest:.0%}",
    )
    median_rate = sorted(whole)[len(whole) // 2]
    details = {
        "photos": setting.photos,
        "samples": samples,
        "photos_per_second": whole,
        "network_photos_per_second": rates,
        "peak_memory_mb": None if peak is None else peak / 1e6,
    }
    note = (
        f"{median_rate:.2f} photos and {median_rate * samples:.2f} samples a second from file to "
        f"file, in {len(folders)} parts, the network measured alone before and after each."
    )
    return Row((check,), details, note)


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
    """Colorize a folder, from the plan to the last file: photos a second.

    Raises:
        ImageError: A photo failed, for want of space on the disk say.
    """
    done = 0

    def clear(result: Result) -> None:
        nonlocal done
        if result.reason is not None:
            raise ImageError(f"{shown(result.job.source)}: {result.reason}")
        done += 1
        for output in result.job.outputs:
            output.unlink()

    started = perf_counter()
    jobs = make_plan([part], out, samples=samples).jobs
    run_batch(jobs, colorizer, Settings(samples=samples), clear)
    return done / (perf_counter() - started)
