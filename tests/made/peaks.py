"""The memory that reading a crafted file takes at most, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

# What is done in that process; each says what came of it.
_WORK = {
    "read_photo": """
from colorize_cli.photos.read import read_photo
def work(path):
    photo = read_photo(open(path, "rb").read())
    return f"{photo.pixels.shape} {photo.warnings}"
""",
    "refused_bundle": """
from colorize_cli.model.bundle import load_bundle
def work(path):
    return str(load_bundle(path))
""",
    "prepare": """
from colorize_cli.imaging.area_resample import to_working
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.render import render
from colorize_cli.photos.read import read_photo
import numpy as np
def work(path):
    pixels = read_photo(open(path, "rb").read()).pixels
    frame = frame_for(*pixels.shape[:2], 192)
    working = to_working(pixels, frame)
    ab = np.zeros((2, frame.padded_height // 4, frame.padded_width // 4), np.float32)
    return f"{render(pixels, ab, frame, working=working).shape} {working.shape}"
""",
}
# Two numbers: the peak without the work, and with it. The address space is bounded too, so that a
# bomb that goes off fails the test and not the machine.
_MEASURED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
from colorize_cli.errors import ColorizeError
import colorize_cli.photos.formats.tiff.read
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = work(sys.argv[1])
except ColorizeError as error:
    said = str(error)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) / (1 << 20 if sys.platform == "darwin" else 1 << 10))
print(said)
"""


def peak_megabytes(work: str, path: Path) -> tuple[float, str]:
    """How much memory a piece of work adds at its peak, in MB, and what it says or is refused by.

    Where the system does not tell, as on Windows, there is nothing to measure: the test is skipped.
    """
    import pytest

    pytest.importorskip("resource")
    # Through a shell that forks, as a process begins with the peak of the one that started it.
    small = ("sh", "-c", '"$@"; exit $?', "sh")
    run = subprocess.run(
        [*small, sys.executable, "-c", _WORK[work] + _MEASURED, str(path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.returncode == 0, run.stderr
    peak, _, said = run.stdout.partition("\n")
    return float(peak), said
