"""A function in a process of its own: what it returns, raises and leaves."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from colorize_cli.errors import DeviceError, ModelError
from colorize_cli.model.bundle import load_bundle
from colorize_cli.system import own_process
from colorize_cli.system.own_process import run_apart

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


def begin(started: Path) -> None:
    started.write_text(str(os.getpid()))
    time.sleep(60)


def interrupted(number: int) -> str:
    signal.raise_signal(number)
    time.sleep(0.1)
    return "alive"


def blocked_signals() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, []))


def wait_for(path: Path) -> None:
    end = time.monotonic() + 30
    while not (path.exists() and path.read_text()) and time.monotonic() < end:
        time.sleep(0.01)


def test_the_result_comes_from_another_process() -> None:
    assert run_apart(os.path.basename, "a/b") == "b"
    assert run_apart(eval, "__import__('os').getppid()") == os.getpid()
    assert multiprocessing.active_children() == []


def test_what_the_function_raises_is_raised_here() -> None:
    with pytest.raises(ModelError, match="there is no model 'gone'"):
        run_apart(load_bundle, "gone")


def test_a_bug_shows_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        run_apart(eval, "1 // 0")
    assert 'File "<string>", line 1' in str(caught.value.__cause__)


def test_a_process_that_is_ended_is_told() -> None:
    with pytest.raises(DeviceError, match="ended with code 7"):
        run_apart(os._exit, 7)
    assert multiprocessing.active_children() == []


def test_a_code_that_another_thread_was_told_is_waited_for() -> None:
    class Ended:
        codes = iter((None, None, 7))
        code: int | None = None

        def join(self) -> None: ...

        @property
        def exitcode(self) -> int | None:
            self.code = next(self.codes, self.code)
            return self.code

    assert own_process._ended([Ended()]).endswith("code 7 before its time")  # type: ignore[list-item]


def test_it_is_told_however_late_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    look = own_process._ours

    def look_late(others: Sequence[BaseProcess]) -> list[BaseProcess]:
        time.sleep(0.5)  # in which a process that had its work already would have ended
        return look(others)

    monkeypatch.setattr(own_process, "_ours", look_late)
    with pytest.raises(DeviceError, match="ended with code 7"):
        run_apart(os._exit, 7)


@needs_signals
def test_a_process_that_the_system_ends_is_told() -> None:
    with pytest.raises(DeviceError, match="SIGKILL, for want of memory"):
        run_apart(eval, "__import__('os').kill(__import__('os').getpid(), 9)")


@needs_signals
def test_an_interruption_ends_the_process(tmp_path: Path) -> None:
    started = tmp_path / "started"
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        wait_for(started)
        signal.pthread_kill(main, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run_apart(begin, started)
    thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which processes there are")
def test_the_process_ends_with_its_caller_however_that_ends(tmp_path: Path) -> None:
    started, script = tmp_path / "started", tmp_path / "caller.py"
    write = f"import os; open({str(started)!r}, 'w').write(str(os.getpid()))"
    code = f"exec({write!r}) or __import__('time').sleep(60)"
    script.write_text(
        "from colorize_cli.system.own_process import run_apart\n"
        "if __name__ == '__main__':\n"
        f"    run_apart(eval, {code!r})\n"
    )
    with subprocess.Popen([sys.executable, str(script)]) as caller:
        wait_for(started)
        caller.kill()
    child = Path("/proc", started.read_text())
    end = time.monotonic() + 10
    while child.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert not child.exists()


@needs_signals
def test_the_process_never_sees_ctrl_c() -> None:
    assert run_apart(interrupted, signal.SIGINT) == "alive"
    assert signal.SIGINT in run_apart(blocked_signals), "not even before it has begun"
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()
