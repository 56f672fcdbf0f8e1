"""Runs that meet, are killed, or may not write: in processes of their own."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from made.ledgered import colour, words
from made.pictures import encode, grey
from made.records import asked, states

from colorize_cli.batch.records.database import LEDGER_NAME
from colorize_cli.batch.run_report import RunReport
from colorize_cli.errors import UsageError
from colorize_cli.system import locks
from colorize_cli.system.locks import LOCK_NAME, FolderLock

ROOT = Path(__file__).parents[2]
OUT = Path("out")
# Colours, slowly and with other processes in view.
RUN = """
import sys, time
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests"]
from made import ledgered
from colorize_cli.batch.ledger import Ledger
from colorize_cli.batch.records import database
if sys.argv[3] == "share":
    database.is_network_share = lambda folder: True
put = Ledger.put
def slow(self, *given):
    put(self, *given)
    print("put", flush=True)
    time.sleep(float(sys.argv[2]))
Ledger.put = slow
print(ledgered.colour(samples=2).became)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    for number in range(30):
        Path(f"scans/{number:02}.jpg").write_bytes(encode(grey(), "JPEG") + b"%d" % number)
    return tmp_path


@contextmanager
def running(pause: float, place: str = "disk") -> Iterator[subprocess.Popen[str]]:
    """Run in a process of its own, from its first file on; kill it in the end."""
    code = [sys.executable, "-c", RUN, str(ROOT), str(pause), place]
    with subprocess.Popen(code, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "put\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_run_is_refused_with_the_first_one_s_process_and_host() -> None:
    with running(60) as first:
        with pytest.raises(UsageError) as refused:
            colour(samples=2)
        assert f"process {first.pid} on host {platform.node()}" in str(refused.value)
    assert LOCK_NAME in {path.name for path in OUT.iterdir()}
    assert colour(samples=2).became, "the lock of a process that is gone does not hold"
    assert set(states(OUT).values()) == {"done"}
    assert LOCK_NAME not in {path.name for path in OUT.iterdir()}


def test_of_two_runs_that_begin_together_one_is_refused() -> None:
    with FolderLock(Path()), pytest.raises(UsageError, match=f"process {os.getpid()} on host"):
        FolderLock(Path())


def test_a_lock_s_file_that_is_left_holds_nobody_up() -> None:
    Path(LOCK_NAME).write_text(json.dumps({"pid": 1, "host": platform.node()}))
    with FolderLock(Path()):
        assert json.loads(Path(LOCK_NAME).read_text())["pid"] == os.getpid()
    assert not Path(LOCK_NAME).exists()


@pytest.mark.parametrize(
    ("holder", "is_free"),
    [
        ({"pid": 1, "host": platform.node()}, False),
        ({"pid": 2**22 + 1, "host": platform.node()}, True),
        ({"pid": 2**22 + 1, "host": "elsewhere"}, False),
        ({}, True),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="locks are always to be had there")
def test_where_there_are_no_locks_the_process_is_asked_after(
    monkeypatch: pytest.MonkeyPatch, holder: dict[str, object], is_free: bool
) -> None:
    def no_locks(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks, "lock", no_locks)
    Path(LOCK_NAME).write_text(json.dumps(holder))
    if is_free:
        FolderLock(Path()).release()
    else:
        with pytest.raises(UsageError, match=f"delete {LOCK_NAME}"):
            FolderLock(Path())


def test_a_link_in_the_lock_s_place_is_not_followed() -> None:
    precious = Path("precious")
    precious.write_bytes(b"bytes")
    Path(LOCK_NAME).symlink_to(precious)
    with pytest.raises(OSError, match=LOCK_NAME):
        FolderLock(Path())
    assert precious.read_bytes() == b"bytes"


@pytest.mark.parametrize("place", ["disk", "share"])
@pytest.mark.parametrize("pause", [0, 0.003, 0.03])
def test_a_run_that_is_killed_leaves_whole_files_and_a_true_ledger(
    pause: float, place: str
) -> None:
    with running(pause, place) as process:
        time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
    sources = {
        f"{n:02}.{k + 1}.jpg": (Path(f"scans/{n:02}.jpg"), k) for n in range(30) for k in (0, 1)
    }
    whole = {name: words(source, 0, k) for name, (source, k) in sources.items()}
    left = {path.name: path.read_bytes() for path in OUT.glob("*.jpg")}
    assert left.items() <= whole.items()
    known = {name for (name,) in asked(OUT, "SELECT name FROM files")}
    assert left.keys() <= known
    for path, state in asked(OUT, "SELECT path, state FROM photos"):
        stem = Path(path).stem
        if state == "done":
            assert {f"{stem}.1.jpg", f"{stem}.2.jpg"} <= left.keys()
    again = colour(samples=2)
    assert {name for job in again.plan.todo for name in (job.names[k] for k in job.missing)} == (
        whole.keys() - left.keys()
    )
    assert {path.name: path.read_bytes() for path in OUT.glob("*.jpg")} == whole
    assert [path.name for path in OUT.iterdir() if path.name.startswith(".")] == [LEDGER_NAME]
    assert set(states(OUT).values()) == {"done"}


UNPRIVILEGED = """
import os, sys
os.chdir(sys.argv[2])
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests"]
from made import ledgered
from colorize_cli.errors import UsageError
if os.getuid() == 0:
    os.setgid(65534), os.setuid(65534)
print(len(ledgered.colour(samples=2).plan.todo))
try:
    ledgered.colour(samples=3)
except UsageError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="permissions are of Unix")
def test_in_a_folder_that_may_not_be_written_to_what_is_done_is_found(folder: Path) -> None:
    colour(samples=2)
    for above in (folder, *folder.parents):
        if above.stat().st_uid == os.getuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o055)
    OUT.chmod(0o555)
    (OUT / LEDGER_NAME).chmod(0o444)
    code = [sys.executable, "-c", UNPRIVILEGED, str(ROOT), str(folder)]
    done = subprocess.run(code, capture_output=True, text=True)
    OUT.chmod(0o755)
    assert done.stdout.splitlines()[0] == "0", done.stderr
    assert "--out out cannot be written to" in done.stdout, done.stderr


def test_a_reader_goes_on_beside_a_run() -> None:
    with running(0.001):
        for _ in range(20):
            assert sum(count for (count,) in asked(OUT, "SELECT count(*) FROM photos")) == 30


def test_a_report_is_one_run_s(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    with RunReport(path):
        before = path.read_bytes()
        with pytest.raises(UsageError, match="another run: name a file for each"), RunReport(path):
            pass
        assert path.read_bytes() == before
    with RunReport(path):  # the next run's takes its place
        assert path.read_bytes() == before
