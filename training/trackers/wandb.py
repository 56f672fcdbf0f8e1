"""Weights & Biases: a run of the project `colorize`, or of `WANDB_PROJECT`.

Where it sends what is W&B's own affair: `wandb login`, `WANDB_MODE=offline` and its other
variables are heeded.
"""

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

import wandb

from colorize_cli.errors import UsageError
from colorize_cli.system.files import write_atomic

from .tracker import Panel, TrackedRun, flat

ID_FILE = "wandb-id.txt"  # by which a resume goes on with the same run
WandbRun: TypeAlias = Any


class WeightsAndBiases:
    """Sends figures and panels to a run of W&B, over the training step."""

    def __init__(self, run: WandbRun) -> None:
        self._run = run
        # W&B's own step only ever rises, while a resume takes up steps that were logged before.
        run.define_metric("step")
        run.define_metric("*", step_metric="step")

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Log each number under its name."""
        self._run.log(flat(entry))

    def panel(self, panel: Panel) -> None:
        """Log a picture with its caption."""
        picture = wandb.Image(panel.pixels, caption=panel.caption)
        self._run.log({"step": panel.step, "pictures": picture})

    def close(self) -> None:
        """Wait until all of it is on the disk, or sent."""
        self._run.finish()


def begin(run: TrackedRun) -> WeightsAndBiases:
    """Begin a run of W&B, or go on with it.

    Raises:
        UsageError: W&B refuses, for want of a login say.
    """
    path = run.out / ID_FILE
    known = path.read_text(encoding="utf-8").strip() if path.exists() else None
    run.out.mkdir(parents=True, exist_ok=True)
    try:
        begun: WandbRun = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "colorize"),
            name=os.environ.get("WANDB_NAME", run.out.name),
            id=known or os.environ.get("WANDB_RUN_ID"),
            resume="allow",
            dir=run.out,
            config=dict(run.recipe),
            # Signals and what is said on the terminal are the program's own.
            settings=wandb.Settings(console="off", silent=True),
        )
    except wandb.Error as error:
        reason = str(error).strip().rstrip(".")
        raise UsageError(
            f"Weights & Biases refuses: {reason}. Say `wandb login` first, set WANDB_MODE=offline "
            "to send it later with `wandb sync`, or leave out --track wandb."
        ) from error
    write_atomic(path, f"{begun.id}\n".encode())
    return WeightsAndBiases(begun)
