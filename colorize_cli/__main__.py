"""The way into the program: `colorize`, and `python -m colorize_cli`."""

import atexit
import os
import signal
import sys
from contextlib import suppress


def main() -> int:
    """Run the command line with the words of the process; return its exit code."""
    _open_standard_files()
    # Whoever stops the program while it is still being imported stops nothing: it just ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(130))
            # Nor when all is done: Python takes its handlers away, and the signal would kill it.
            atexit.register(signal.signal, number, signal.SIG_IGN)
    from .cli.app import main as run

    try:
        return run()
    finally:
        _drop_what_nobody_takes()


def _open_standard_files() -> None:
    """Lead standard files that are closed to nowhere.

    The next file to be opened would get the number of one, and with it what libraries say there.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123


def _drop_what_nobody_takes() -> None:
    """Lead standard files that cannot be written to nowhere, with what is in their buffers.

    Python flushes them at its end, and would end with 120 where that fails.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
