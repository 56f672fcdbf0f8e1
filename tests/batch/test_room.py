"""What photographs take is counted before they are decoded, so that large ones take turns."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made.networks import Network
from made.pictures import encode

from colorize_cli.batch import photo_job, pipeline
from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.pipeline import run
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.settings import Options
from colorize_cli.photos.read import measure


@pytest.fixture(autouse=True)
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "usable_cpus", lambda: 4)
    Path("scans").mkdir()
    for number in range(9):
        pixels = np.full((200, 300), 20 * number, np.uint8)
        Path("scans", f"{number}.png").write_bytes(encode(pixels, "PNG"))


def decoded_at_once(room: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """Colour all photos with so much room in memory; how many were decoded at once, at most."""
    lock, now, most = threading.Lock(), 0, 0

    def watched(*arguments: Any, **named: Any) -> Any:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return real(*arguments, **named)

    real = photo_job.read_pages
    monkeypatch.setattr(photo_job, "read_pages", watched)
    monkeypatch.setattr(pipeline, "_IN_FLIGHT_BYTES", room)
    outcomes: list[Outcome] = []
    jobs = make_plan(Options((Path("scans"),), Path("out"))).jobs
    run(jobs, Network(), Treatment(), outcomes.append)  # type: ignore[arg-type]
    assert [outcome.status for outcome in outcomes] == ["done"] * 9
    return most


def test_photos_are_decoded_at_once_as_far_as_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = Path("scans/0.png")
    with path.open("rb") as file:
        one = measure(file, path.stat().st_size)
    assert one > 4 * 200 * 300 * 3
    assert decoded_at_once(one + 1, monkeypatch) == 1
    assert decoded_at_once(100 * one, monkeypatch) > 1
