"""What is told to people and programs never stops the work: closed, full or broken, it goes on."""

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from made.faulted import OUT, SLOW_FILES, Shop, contents, wait_for_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="descriptors are of Unix"),
]
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


def shell(shop: Shop, command: str, *more: str, before: str = "") -> subprocess.CompletedProcess:
    """Run the command line, as "$@", in a line of the shell."""
    words = ["bash", "-c", command, "colorize", *shop.words(*more, before=before)]
    return subprocess.run(words, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param('"$@" -v 2>/dev/full', marks=needs_full),
        '"$@" -v 2>&1 >/dev/null | head -n 1; exit ${PIPESTATUS[0]}',
        '"$@" --log - | head -n 2; exit ${PIPESTATUS[0]}',
        pytest.param('"$@" --log - >/dev/full', marks=needs_full),
        pytest.param('"$@" --log /dev/full --report /dev/full', marks=needs_full),
        '"$@" <&- >&- 2>&-',
    ],
)
def test_whoever_is_told_may_be_gone(shop: Shop, command: str) -> None:
    done = shell(shop, command)
    assert "Traceback" not in done.stderr
    if "/dev/full --report" in command:
        assert done.returncode == 2, "a device is no report"
        done = shell(shop, command.replace(" --report /dev/full", ""))
        assert "--log /dev/full can be written no more (No space left on device" in done.stderr
    assert done.returncode == 0, done.stderr
    assert contents(OUT) == shop.whole
    shop.check()


def test_where_standard_error_is_closed_nothing_lands_in_another_file(shop: Shop) -> None:
    noise = "import os\nfrom colorize_cli.batch import pipeline\nrun = pipeline.run\n" + (
        "def loud(*given):\n    os.write(2, b'noise of a library')\n    return run(*given)\n"
        "pipeline.run = loud\n"
        "import colorize_cli.batch.run as whole\n"
        "whole.run.__defaults__ = tuple(loud if d is run else d for d in whole.run.__defaults__)\n"
    )
    done = shell(shop, '"$@" --log run.jsonl 2>&-', before=noise)
    assert done.returncode == 0
    assert len(list(map(json.loads, Path("run.jsonl").read_text().splitlines()))) == len(
        contents(Path("scans"))
    )
    shop.check()


def test_an_interrupt_after_a_broken_pipe_is_one(shop: Shop) -> None:
    with shop.running(SLOW_FILES) as process:
        assert process.stderr is not None
        process.stderr.close()
        wait_for_files(2, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    shop.check()


def test_a_terminal_that_goes_away_is_a_wish_to_stop(shop: Shop) -> None:
    import pty

    child, terminal = pty.fork()
    if child == 0:
        words = shop.words(before=SLOW_FILES)
        os.execv(words[0], words)
    wait_for_files(2)
    while select.select([terminal], [], [], 0)[0]:
        os.read(terminal, 65_536)
    os.close(terminal)  # the system sends SIGHUP, and writing fails from here on
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert contents(OUT).items() < shop.whole.items()
    shop.check()
    shop.finish()


def test_a_torn_line_of_a_log_spoils_no_other(shop: Shop) -> None:
    Path("run.jsonl").write_text('{"time": "2026-11-27T00:00:00+00:00", "inp')
    shop.finish("--log", "run.jsonl")
    torn, *lines = Path("run.jsonl").read_text().splitlines()
    assert torn.endswith('"inp')
    assert {json.loads(line)["status"] for line in lines} == {"done"}
