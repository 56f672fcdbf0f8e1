"""`samples/STEP.png`: every panel as a file of its own in the run's folder."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2

from colorize_cli.system.files import write_atomic

from . import log_lines
from .tracker import Panel, TrackedRun

FOLDER = "samples"
_OURS = re.compile(r"[0-9]{8,}\.png")


class Pictures:
    """Writes panels as PNG; one of a step that comes again is replaced."""

    def __init__(self, folder: Path, step: int) -> None:
        """Go on in a folder, without the panels of steps after `step`, which come again.

        Where no run has left its log beside the folder, the pictures there are none of ours.
        """
        self._folder = folder
        if not (folder.parent / log_lines.NAME).exists():
            return
        for path in folder.glob("*.png"):
            if _OURS.fullmatch(path.name) and int(path.stem) > step:
                path.unlink()

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Do nothing: figures have files of their own."""

    def panel(self, panel: Panel) -> None:
        """Write a file whose name is the step."""
        self._folder.mkdir(parents=True, exist_ok=True)
        _, data = cv2.imencode(".png", panel.pixels[..., ::-1])
        write_atomic(self._folder / f"{panel.step:08}.png", data.tobytes())

    def close(self) -> None:
        """Do nothing: every picture is in its file."""


def begin(run: TrackedRun) -> Pictures:
    """Begin the pictures of a run, or go on with them."""
    return Pictures(run.out / FOLDER, run.step)
