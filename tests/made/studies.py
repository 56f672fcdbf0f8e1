"""Colour photographs of two sets, and studies of them that are made in a moment."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from colorize_cli.cli.app import main
from colorize_cli.study.answers import Answers
from colorize_cli.study.design import Study, read_study
from colorize_cli.study.rater import Answer, Rater
from colorize_cli.study.trials import Trial, trials_of


def photo(number: int, height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    """(height, width, 3) RGB: soft blobs of several hues, others for each number."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(40, 215, (5, 6, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def png(rgb: NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".png", rgb[..., ::-1])[1].tobytes()


def photographs(folder: Path, count: int) -> Path:
    """Write so many photographs, by turns to the sets `faces` and `places ü`."""
    for number in range(count):
        path = folder / ("faces", "places ü")[number % 2] / f"<b>{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(photo(number)))
    return folder


def made_study(folder: Path, bundle: Path, *words: str, photos: int = 12) -> Path:
    """Make a study of photographs, with a tiny model."""
    truth, out = photographs(folder / "truth", photos), folder / "study"
    model = ("--model", str(bundle), "--device", "cpu", "--steps", "2")
    assert main(["study", "make", str(truth), str(out), *model, *words]) == 0
    return out


def salted(study: Path, salt: str = "0123456789abcdef") -> Path:
    """Draw the orders of trials from a salt that is always the same."""
    path = study / "study.json"
    tree = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(tree | {"salt": salt}), "utf-8")
    return study


def answers_of(
    study: Study, rater: Rater, is_right: Callable[[Trial], bool], **told: Any
) -> list[Answer]:
    """What a rater of known skill answers to all trials, as the file of answers would have it."""
    told = {"showings": 1, "shown_ms": 1000.0, "answered_ms": 1500.0, "was_hidden": False} | told
    return [
        Answer(
            rater.id,
            n,
            trial.kind,
            trial.pair,
            trial.truth_is_left,
            chose_left=trial.truth_is_left == is_right(trial),
            **told,
        )
        for n, trial in enumerate(trials_of(study, rater.id, {}))
    ]


@contextmanager
def served(
    folder: Path, *, tell: Callable[[str], None] = lambda text: None
) -> Iterator[tuple[str, Answers]]:
    """Serve a study in a thread; give the address of the page and the answers."""
    uvicorn = pytest.importorskip("uvicorn")
    from colorize_cli.study.server import app_of

    study = read_study(folder)
    with Answers(folder, study) as answers, socket.create_server(("127.0.0.1", 0)) as listening:
        app = app_of(study, folder, answers, hosts=["127.0.0.1"], tell=tell)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", answers
        finally:
            server.should_exit = True
            thread.join()
