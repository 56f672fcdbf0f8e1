"""A function in a process of its own: what it returns, raises and leaves."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from colorize_cli.bench import own_process as bench_process
from colorize_cli.bench.own_process import run_apart
from colorize_cli.errors import DeviceError, ModelError
from colorize_cli.model.bundle import load_bundle


def begin(started: Path) -> None:
    started.touch()
    time.sleep(60)


def interrupt(number: int) -> str:
    signal.raise_signal(number)
    time.sleep(0.1)
    return "alive"


def test_the_result_comes_from_another_process() -> None:
    assert run_apart(os.path.basename, "a/b") == "b"
    assert run_apart(eval, "__import__('os').getppid()") == os.getpid()
    assert multiprocessing.active_children() == []


def test_what_the_function_raises_is_raised_here() -> None:
    with pytest.raises(ModelError, match="there is no model 'gone'"):
        run_apart(load_bundle, "gone")


def test_a_bug_shows_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        run_apart(eval, "1 // 0")


def test_a_process_that_is_ended_is_told() -> None:
    with pytest.raises(DeviceError, match="ended with code 7"):
        run_apart(os._exit, 7)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_a_process_that_the_system_ends_is_told() -> None:
    with pytest.raises(DeviceError, match="SIGKILL, for want of memory"):
        run_apart(eval, "__import__('os').kill(__import__('os').getpid(), 9)")


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_an_interruption_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"

    class Interrupted:
        """A pipe that is interrupted once the process has begun to work."""

        def __init__(self, pipe: object) -> None:
            self.pipe = pipe

        def poll(self, seconds: float) -> bool:
            if started.exists():
                raise KeyboardInterrupt
            time.sleep(0.01)
            return False

        def close(self) -> None:
            self.pipe.close()  # type: ignore[attr-defined]

    context = multiprocessing.get_context("spawn")
    pipe = context.Pipe

    def piped(**options: bool) -> tuple[object, object]:
        ours, theirs = pipe(**options)
        return Interrupted(ours), theirs

    monkeypatch.setattr(context, "Pipe", piped)
    monkeypatch.setattr(bench_process, "get_context", lambda method: context)
    with pytest.raises(KeyboardInterrupt):
        run_apart(begin, started)
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_the_process_never_sees_ctrl_c() -> None:
    assert run_apart(interrupt, signal.SIGINT) == "alive"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
