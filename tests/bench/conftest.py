"""The command with a small photo and as little time as possible, its processes stood in for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from made.benched import MadeUp

from colorize_cli.bench import photos as bench_photos
from colorize_cli.bench import run as bench
from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.bench.worker import Budget
from colorize_cli.cli.app import main

Bench = Callable[..., tuple[int, str, str]]


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run everything as few times as the benchmark does at least, with a small built-in photo."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "BUDGET", Budget(stages=0, network=0, pipeline=0))
    monkeypatch.setattr(bench_photos, "synthetic_photo", lambda: synthetic_photo(320, 240))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[MadeUp], MadeUp]:
    """Let something stand in for processes of their own."""

    def install(apart: MadeUp) -> MadeUp:
        monkeypatch.setattr(bench, "run_apart", apart)
        return apart

    install(MadeUp())
    return install


@pytest.fixture
def colorize_bench(
    tiny_bundle: Path, capfd: pytest.CaptureFixture[str], stand_in: object, no_time: None
) -> Bench:
    """Run the command; return its exit code, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["bench", "--model", str(tiny_bundle), "--device", "cpu", *words])
        out, err = capfd.readouterr()
        return code, out, err

    return run
