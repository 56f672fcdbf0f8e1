"""Checkpoints that a run keeps beside the last: the newest states, and the best weights."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from .checkpoint import RUN_FILE

FOLDER = "checkpoints"
_STATE = re.compile(r"state-(\d+)\.safetensors")
_WEIGHTS = re.compile(r"weights-(\d+)-loss-([\d.]+)\.safetensors")


def keep_state(out: Path, step: int, count: int) -> None:
    """Keep the state that was just saved beside those before it, and let the oldest go.

    It takes no room as long as a resume goes by the same file. States of later steps go too: they
    are of a course that the run left when it went back.

    Args:
        out: folder of the run.
        step: that the state is of.
        count: how many stay.
    """
    if count:
        folder = out / FOLDER
        folder.mkdir(exist_ok=True)
        _link(out / RUN_FILE, folder / f"state-{step:08}.safetensors")
    kept = {int(match[1]): path for path, match in _matches(out, _STATE)}
    ours = sorted(number for number in kept if number <= step)
    for number in kept.keys() - set(ours[max(0, len(ours) - count) :]):
        kept[number].unlink(missing_ok=True)


def keep_best(out: Path, step: int, loss: float, count: int, write: Callable[[Path], None]) -> None:
    """Keep weights if they are among the best, and let the worst go.

    Args:
        out: folder of the run.
        step: that the weights are of.
        loss: their validation loss.
        count: how many stay.
        write: writes them.
    """
    losses = {path: float(match[2]) for path, match in _matches(out, _WEIGHTS)}
    if count > 1 and (len(losses) < count or loss < max(losses.values())):
        path = out / FOLDER / f"weights-{step:08}-loss-{loss:.6f}.safetensors"
        path.parent.mkdir(exist_ok=True)
        write(path)
        losses[path] = loss
    for path in sorted(losses, key=lambda path: losses[path])[count if count > 1 else 0 :]:
        path.unlink(missing_ok=True)


def forget_best(out: Path) -> None:
    """Let all best weights go, since what they were judged on is no more."""
    for path, _ in _matches(out, _WEIGHTS):
        path.unlink(missing_ok=True)


def _matches(out: Path, pattern: re.Pattern[str]) -> list[tuple[Path, re.Match[str]]]:
    found = ((path, pattern.fullmatch(path.name)) for path in sorted((out / FOLDER).glob("*")))
    return [(path, match) for path, match in found if match]


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)  # the next save puts another file in the place of this one
    except OSError:  # there are file systems without
        shutil.copyfile(source, target)
