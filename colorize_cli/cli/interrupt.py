"""Ctrl-C and SIGTERM: the first ends a run in good order, the second at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from ..errors import EXIT_INTERRUPTED

_SHOW_CURSOR = b"\x1b[?25h"


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread at the first signal, exit at the second."""
    is_stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal is_stopping
        if is_stopping:
            os.write(2, _SHOW_CURSOR if os.isatty(2) else b"")
            os._exit(EXIT_INTERRUPTED)
        is_stopping = True
        os.write(2, b"\nstopping; once more stops at once\n")
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What is ignored, as after nohup, stays so.
    signals = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
