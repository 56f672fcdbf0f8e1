"""Run a function in a process of its own, so that nothing else counts towards its memory."""

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, TypeVar

from .. import leave_converter_out
from ..errors import ColorizeError, DeviceError

T = TypeVar("T")
R = TypeVar("R")

_POLL_SECONDS = 0.5


def run_apart(function: Callable[[T], R], argument: T) -> R:
    """Call a function of a module in a fresh process and wait for what it returns.

    The process is a new interpreter on every system; it ends with the caller, however that ends.

    Args:
        function: At the top level of a module.
        argument: What can be pickled, as the result can.

    Raises:
        ColorizeError: The function raised it.
        DeviceError: The process was ended by something else, as by a system without memory.
        RuntimeError: The function raised something else; its traceback is the message.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, function, argument), daemon=True)
    try:
        with _without_interrupts():
            process.start()
        theirs.close()
        while not ours.poll(
            _POLL_SECONDS
        ):  # a timeout, because on Windows only that ends by Ctrl-C
            pass
        result = ours.recv()
    except EOFError:
        process.join()
        raise DeviceError(_ended(process.exitcode)) from None
    finally:
        ours.close()
        theirs.close()
        if process.pid is not None:
            process.kill()
            process.join()
            process.close()
    if isinstance(result, Exception):
        raise result
    returned: R = result
    return returned


def _serve(pipe: "Connection[Any, Any]", function: Callable[[T], R], argument: T) -> None:
    """What the process does."""
    leave_converter_out()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's, who ends this process
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        result: R | Exception = function(argument)
    except ColorizeError as error:
        result = error
    except Exception:
        result = RuntimeError(traceback.format_exc())
    pipe.send(result)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back; a process that is started meanwhile never sees it, not even at first."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ended(code: int | None) -> str:
    if code is not None and code < 0:
        by = signal.Signals(-code).name
        return f"the process was ended by {by}" + (", for want of memory perhaps" * (code == -9))
    return f"the process ended with code {code} before its time"
