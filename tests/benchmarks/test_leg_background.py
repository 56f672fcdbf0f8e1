"""The process that takes first steps of a leg: begun, listened to, stopped."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.gpu.leg.background import begin, end, told

pytestmark = pytest.mark.skipif("sys.platform == 'win32'")


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_it_runs_in_a_copy_of_the_tree_and_what_it_says_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("benchmarks/gpu/leg", "colorize_cli", "training"):
        (tmp_path / "repo" / name).mkdir(parents=True)
    script = tmp_path / "repo" / "benchmarks" / "gpu" / "leg" / "__main__.py"
    script.write_text("import os, sys; print(sys.argv[1:], os.environ['WORD'], flush=True)")
    monkeypatch.chdir(tmp_path / "repo")
    place = tmp_path / "place"
    place.mkdir()
    assert told(place) == ""
    begin(place, {"WORD": "heard"})
    script.unlink()  # as the next call replaces the tree
    until = time.monotonic() + 20
    while "heard" not in told(place) and time.monotonic() < until:
        time.sleep(0.02)
    assert told(place) == "['warm'] heard\n"
    end(place)
    end(place)  # of one that is over, nothing is left to do


def test_it_is_stopped_with_all_that_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, time; subprocess.Popen(['sleep', '60']); "
        "print('on', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"on\n"
        (tmp_path / "warm.pid").write_text(str(running.pid))
        end(tmp_path)
        assert running.wait(20) < 0
        assert running.stdout.read() == b""  # which whoever holds the pipe would keep open
    assert not (tmp_path / "warm.pid").exists()
