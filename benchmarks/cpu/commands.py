"""Measure the command as a user runs it, each time in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import psutil  # type: ignore[import-untyped]

from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import read_photo
from colorize_cli.runtimes.runtime import Device

from ..made_photos import make_scan
from ..page import ROOT
from ..rounds import Spread
from .bars import Check, Row, Setting, device_text

SCAN_GB, SCAN_SECONDS = 3.0, 30.0
START_SECONDS = 1.2
MEMORY_GB, GROWTH = 1.2, 2.0  # percent
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
_SEED = 0
_STARTS = 5
_POLL_SECONDS = 0.02
_NETWORK_RUNS = 3
_MEMORY_STEPS = 2


def scan(setting: Setting) -> Row:
    """Measure a large 16-bit scan: memory at its peak, and the time beyond the network's."""
    device = setting.fastest.fitted(1)
    with TemporaryDirectory(prefix="colorize-scan-") as name:
        source, out = Path(name) / "scan.tif", Path(name) / "out"
        make_scan(source, setting.scan_megapixels)
        seconds, peak = run_command(_colorize(setting, source, out))
        written = sum(path.stat().st_size for path in out.rglob("*.tif"))
        network = network_seconds(setting, device, source.read_bytes())
    what = f"{setting.scan_megapixels:g}-megapixel 16-bit scan"
    checks = (
        Check(f"{what}: memory at its peak", peak / 1e9, " GB", SCAN_GB, is_least=False),
        Check(f"{what}: beyond the network's time", seconds - network, " s", SCAN_SECONDS, False),
    )
    details = {
        "seconds": seconds,
        "network_seconds": network,
        "peak_memory_mb": peak / 1e6,
        "output_mb": written / 1e6,
        "device": device_text(device),
    }
    note = f"One sample, {seconds:.1f} s in all, {network:.2f} s of it the network; TIFF to TIFF."
    return Row(checks, details, note)


def start(setting: Setting) -> Row:
    """Measure the first picture of a warm start, in turns with the network alone."""
    device = setting.fastest.fitted(1)
    beyond, networks, wholes = [], [], []
    with TemporaryDirectory(prefix="colorize-start-") as name:
        source = Path(name) / "one.jpg"
        source.write_bytes(synthetic_photo())
        # An installed copy has its modules compiled; a checkout may be kept from it.
        variables = {key: os.environ[key] for key in os.environ if key != _NO_BYTECODE}
        variables["PYTHONPYCACHEPREFIX"] = str(Path(name) / "bytecode")
        run_command(_colorize(setting, source, Path(name) / "warm"), variables)
        for number in range(_STARTS):
            network = network_seconds(setting, device, source.read_bytes())
            out = Path(name) / str(number)
            seconds, _ = run_command(_colorize(setting, source, out), variables)
            wholes.append(seconds)
            networks.append(network)
            beyond.append(seconds - network)
    spread = Spread.of(beyond)
    check = Check(
        f"first picture of a warm start, 1 sample: beyond the network's time, "
        f"{device_text(device)}",
        spread.median,
        " s",
        START_SECONDS,
        is_least=False,
        spread=spread.text(2),
    )
    details = {"seconds": wholes, "network_seconds": networks}
    note = (
        f"`colorize one.jpg` takes {median(wholes):.2f} s (best {min(wholes):.2f}), the network "
        f"{median(networks):.2f} s of it."
    )
    return Row((check,), details, note)


def memory(setting: Setting) -> Row:
    """Measure resident memory over many small photographs, by `benchmarks.memory`."""
    with TemporaryDirectory(prefix="colorize-memory-") as name:
        found = Path(name) / "memory.json"
        command = ["-m", "benchmarks.memory", "--json", str(found), "--device", "auto"]
        command += ["--model", setting.model]
        command += ["--photos", str(setting.memory_photos), "--steps", str(_MEMORY_STEPS)]
        # Exit code 1 means that memory grew; the figure tells as much.
        subprocess.run([sys.executable, *command], cwd=ROOT, check=False)
        if not found.exists():
            raise RuntimeError("benchmarks.memory failed; what it said stands above")
        figures = json.loads(found.read_text())
    what = f"memory over {setting.memory_photos:,} photos"
    checks = (
        Check(f"{what}: largest", figures["peak_mb"] / 1000, " GB", MEMORY_GB, is_least=False),
        Check(
            f"{what}: growth, last quarter over second", 100 * figures["growth"], "%", GROWTH, False
        ),
    )
    note = (
        f"Of 150 to 450 pixels a side, {figures['steps']} steps, {figures['device']}, "
        f"{figures['seconds']:.0f} s."
    )
    return Row(checks, figures, note)


def run_command(
    command: Sequence[str], variables: Mapping[str, str] | None = None
) -> tuple[float, int]:
    """Run Python with arguments to its end.

    Args:
        command: The words after `python`.
        variables: The variables of the environment; this process's by default.

    Returns:
        The seconds that it took, and the bytes of resident memory at its peak.

    Raises:
        RuntimeError: The command failed.
    """
    started = perf_counter()
    with subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=variables, stderr=subprocess.PIPE, text=True
    ) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, _peak(process.pid))
            sleep(_POLL_SECONDS)
        seconds = perf_counter() - started
        error = process.stderr.read() if process.stderr else ""
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {error.strip()}")
    return seconds, peak


def network_seconds(setting: Setting, device: Device, data: bytes) -> float:
    """Time the warm network alone on a photo with one sample: the median of a few runs."""
    colorizer = Colorizer(setting.bundle, device, size="fast")
    prepared = colorizer.prepare(read_photo(data))
    times = []
    for _ in range(1 + _NETWORK_RUNS):
        started = perf_counter()
        colorizer.colorize([prepared], 1, _SEED)
        times.append(perf_counter() - started)
    return median(times[1:])


def _colorize(setting: Setting, source: Path, out: Path) -> list[str]:
    options = ["--out", str(out), "--model", setting.model]
    return ["-m", "colorize_cli", str(source), *options]


def _peak(pid: int) -> int:
    """Read the largest resident memory that a process has had, or else what it has now."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    with suppress(psutil.NoSuchProcess):
        return int(psutil.Process(pid).memory_info().rss)
    return 0
