"""The signals by which a user asks this process to stop: the first one nicely, the second one now.

An exception that a signal raises can be lost: an import, a destructor or a callback of a library
swallows it. So what was asked is kept as well, for whoever looks.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ..errors import EXIT_INTERRUPTED

_SHOW_CURSOR = b"\x1b[?25h"
_IMPORTING = "<frozen importlib"  # how the names of the files of Python's importer begin


class Interrupts:
    """Whether this process is asked to stop, by Ctrl-C, SIGTERM or a terminal that is closed."""

    def __init__(self) -> None:
        self.is_wanted = False
        self._in_hand: bytes | None = None  # what is finished first, where that is so

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in the main thread at the first signal, exit at the second.

        Elsewhere than in the main thread nothing is done. What is ignored, as after nohup, stays
        so.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        known = (getattr(signal, name, None) for name in ("SIGINT", "SIGTERM", "SIGHUP"))
        heard = [one for one in known if one and signal.getsignal(one) != signal.SIG_IGN]
        self.is_wanted = False
        before = {number: signal.signal(number, self._hear) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def gently(self, in_hand: str = "photo") -> Iterator[None]:
        """Raise nothing at the first signal within: who works there looks at `is_wanted`.

        Args:
            in_hand: what is finished before, as people are told.
        """
        self._in_hand = in_hand.encode()
        try:
            yield
        finally:
            self._in_hand = None

    def _hear(self, number: int, frame: FrameType | None) -> None:
        is_second, self.is_wanted = self.is_wanted, True
        if is_second:
            _say(_SHOW_CURSOR if os.isatty(2) else b"")
            os._exit(EXIT_INTERRUPTED)
        in_hand = self._in_hand
        what = b"stopping" if in_hand is None else b"finishing the %b in hand" % in_hand
        _say(b"\n" + what + b"; once more leaves at once\n")
        if in_hand is not None:
            return
        if _is_importing(frame):  # which would make an ImportError of it, or nothing
            os._exit(EXIT_INTERRUPTED)
        raise KeyboardInterrupt


def _say(text: bytes) -> None:
    with suppress(OSError):  # nobody may be there to read it
        os.write(2, text)


def _is_importing(frame: FrameType | None) -> bool:
    while frame:
        if frame.f_code.co_filename.startswith(_IMPORTING):
            return True
        frame = frame.f_back
    return False


INTERRUPTS = Interrupts()  # of this process, as signals are
