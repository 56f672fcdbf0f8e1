"""Runs of the command line in processes of their own, and what has to be so after any fault."""

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import numpy as np
from made.pictures import encode, grey
from made.records import asked, states

from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.cli.app import main

ROOT = Path(__file__).parents[2]
IS_FULL = os.environ.get("COLORIZE_FAULTS") == "full"
PHOTOS = 300 if IS_FULL else 12
KILLS = 50 if IS_FULL else 4
INTERRUPTS = 60 if IS_FULL else 5
SAMPLES = 2
OUT = Path("out")

# Done in the process before the command line begins. The first is always: whoever starts the tests
# in the background, or with nohup, has signals ignored, and that is inherited.
HEED = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""
SLOW_FILES = """
import time
from colorize_cli.batch.ledger import Ledger
put = Ledger.put
def slow(self, *given):
    put(self, *given)
    time.sleep(0.05)
Ledger.put = slow
"""
SLOW_NETWORK = """
import time
from colorize_cli.model.colorizer import Colorizer
colorize = Colorizer.colorize
def slow(self, *given):
    time.sleep(0.2)
    return colorize(self, *given)
Colorizer.colorize = slow
"""
_CODE = """
import contextlib, os, sys
sys.path.insert(0, {root!r})
{before}
from colorize_cli.__main__ import main
with contextlib.suppress(OSError):
    os.write(1, b"ready\\n")
sys.exit(main())
"""


def unprivileged() -> list[str]:
    """The words before a command that make permissions hold for it, which root passes by."""
    if os.name == "nt" or os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]


def can_be_unprivileged() -> bool:
    return os.name != "nt" and (os.geteuid() != 0 or shutil.which("setpriv") is not None)


class Shop:
    """A working folder with photographs in `scans`, which are coloured into `out`."""

    def __init__(self, bundle: Path, whole: dict[str, bytes]) -> None:
        options = ("--samples", str(SAMPLES), "--device", "cpu", "--steps", "1")
        self._words = ["scans", "--out", str(OUT), *options, "--model", str(bundle)]
        self._scans = contents(Path("scans"))
        self.whole = whole  # what an undisturbed run gives

    def words(self, *more: str, before: str = "") -> list[str]:
        """The words that run the command line, after some Python."""
        code = _CODE.format(root=str(ROOT), before=HEED + before)
        return [sys.executable, "-c", code, *self._words, *more]

    def run(self, *more: str, before: str = "", prefix: list[str] | None = None) -> tuple[int, str]:
        """Run to the end; give the exit code and what was said."""
        words = [*(prefix or []), *self.words(*more, before=before)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=300)
        return done.returncode, done.stderr

    @contextmanager
    def running(
        self, before: str = "", prefix: list[str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Run beside the test, from where the command line begins on; kill it in the end."""
        words = [*(prefix or []), *self.words(before=before)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(words, text=True, **pipes) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            try:
                yield process
            finally:
                process.kill()

    def check(self) -> None:
        """Nothing is half written, the ledger is true, and no photograph was touched."""
        assert contents(Path("scans")) == self._scans
        left = contents(OUT)
        assert left.items() <= self.whole.items()
        if not (OUT / LEDGER_NAME).exists():
            assert not left
            return
        assert main(["verify", str(OUT)]) == 0
        assert left.keys() <= {name for (name,) in asked(OUT, "SELECT place FROM files")}
        for path, state in states(OUT).items():
            if state == "done":
                stem, suffix = Path(path).stem, Path(path).suffix
                assert all(f"{stem}.{k + 1}{suffix}" in left for k in range(SAMPLES))

    def finish(self, *more: str) -> str:
        """The same command goes on, and the result is that of an undisturbed run."""
        said = io.StringIO()
        with redirect_stderr(said):  # in this process, which has imported everything
            code = main([*self._words, *more])
        err = said.getvalue()
        assert code == 0, err
        self.check()
        assert contents(OUT) == self.whole
        assert [path.name for path in hidden(OUT)] == [LEDGER_NAME]
        assert set(states(OUT).values()) == {"done"}
        return err


def make_photos(folder: Path, count: int = PHOTOS) -> None:
    """Write photographs of some shapes, each another one."""
    folder.mkdir()
    for number in range(count):
        pixels = np.roll(grey(), number, axis=1) + number // 44
        pixels = np.tile(pixels, (1, 1 + number % 3))
        (folder / f"{number:03}.jpg").write_bytes(encode(pixels.astype(np.uint8), "JPEG"))


def contents(folder: Path) -> dict[str, bytes]:
    """What is in the files of a folder, but for hidden ones."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def hidden(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.startswith("."))


def wait_for_files(count: int, process: subprocess.Popen[str] | None = None) -> None:
    """Wait until there are so many colourings, or the process has ended."""
    wait_until(lambda: len(list(OUT.glob("*.jpg"))) >= count, process)


def wait_until(
    is_so: Callable[[], bool], process: subprocess.Popen[str] | None = None, seconds: float = 60
) -> None:
    deadline = time.monotonic() + seconds
    while not is_so() and (process is None or process.poll() is None):
        assert time.monotonic() < deadline, "nothing happens"
        time.sleep(0.002)


def interrupt(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Send a signal, and wait for the end; give the exit code and what was said."""
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    return process.returncode, err
