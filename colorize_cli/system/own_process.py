"""Run a function in a process of its own, so that nothing else counts towards its memory."""

import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from threading import Thread
from time import monotonic, sleep
from typing import ParamSpec, TypeVar

from .. import leave_converter_out
from ..errors import DeviceError

P = ParamSpec("P")
R = TypeVar("R")

_POLL_SECONDS = 0.5


def run_apart(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Call a function of a module in a fresh interpreter and wait for what it returns or raises.

    The process ends with the caller, however that ends; DeviceError is raised where something else
    ends it, as a system without memory does.
    """
    others = active_children()
    started: list[BaseProcess] = []
    with ProcessPoolExecutor(1, get_context("spawn"), _begin) as pool:
        try:
            with _without_interrupts():
                begun = pool.submit(os.getpid)
            _result_of(begun)
            # Now, since of one that has ended by then nothing would be known any more.
            started = _ours(others)
            return _result_of(pool.submit(function, *arguments, **named))
        except BrokenProcessPool:
            raise DeviceError(_ended(started)) from None
        finally:
            for process in _ours(others):
                process.kill()


def _result_of(future: Future[R]) -> R:
    # A timeout, because on Windows only that lets Ctrl-C through.
    while not wait([future], _POLL_SECONDS).done:
        pass
    return future.result()


def _ours(others: Sequence[BaseProcess]) -> list[BaseProcess]:
    return [child for child in active_children() if child not in others]


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold Ctrl-C back; a process that is started meanwhile never sees it, not even at first."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    leave_converter_out()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's, who ends this process
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := parent_process():
        parent.join()
        os._exit(1)


def _ended(processes: list[BaseProcess]) -> str:
    code = next(map(_exit_code, processes), 0)
    if code >= 0:
        return f"the process ended with code {code} before its time"
    name = signal.Signals(-code).name
    cause = ", for want of memory perhaps" if name == "SIGKILL" else ""
    return f"the process was ended by {name}{cause}"


def _exit_code(process: BaseProcess) -> int:
    """Wait for a process and return its code, once whoever saw it end has noted that.

    The pool's thread waits for it as well, and the system tells only one of the two.
    """
    process.join()
    end = monotonic() + _POLL_SECONDS
    while process.exitcode is None and monotonic() < end:
        sleep(0.01)
    return process.exitcode or 0
