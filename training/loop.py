"""The training loop: one process, on a GPU or on the CPU, exactly resumable.

It knows no family: what a step does is the objective's.
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .data import Photos, batches
from .log import TrainingLog
from .run_state import RunState

_LOG_EVERY_S = 20.0


@dataclass(frozen=True)
class LoopSettings:
    """What a run needs besides its recipe and its device.

    Attributes:
        out: folder for checkpoints and `log.jsonl`.
        minutes: stop after this time, resumable; None to run to the recipe's last step.
        checkpoint_every_s: seconds between checkpoints.
        workers: threads that prepare batches.
    """

    out: Path
    minutes: float | None = None
    checkpoint_every_s: float = 300.0
    workers: int = 1


def train(
    state: RunState,
    photos: Photos,
    settings: LoopSettings,
    report: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train to the recipe's last step, the time limit, or until `stop()` says so.

    The state is saved every few minutes and at the end; a run that fails keeps the last save.

    Args:
        state: of a run, fresh or loaded.
        photos: the training data.
        settings: where and how long.
        report: takes a line of progress every 20 seconds.
        stop: asked after every step.
    """
    recipe, out = state.recipe, settings.out
    out.mkdir(parents=True, exist_ok=True)
    started = saved = logged = time.monotonic()
    before = state.seconds
    is_told = False  # that photos are left out
    source = batches(
        photos, recipe.data, recipe.optim.photos, recipe.seed, state.step, settings.workers
    )
    with closing(source), TrainingLog(out / "log.jsonl", state, report) as log:
        while state.step < recipe.optim.steps:
            log.add(state.train_step(next(source)))
            now = time.monotonic()
            state.seconds = before + now - started
            is_over = settings.minutes is not None and now - started > settings.minutes * 60
            is_last = is_over or state.step == recipe.optim.steps or stop()
            if is_last or now - logged > _LOG_EVERY_S:
                log.write(now - logged)
                if not is_told and (left_out := photos.colourless):
                    report(f"photos grey or of one tint are left out, {left_out[0]} for one")
                    is_told = True
                logged = now
            if is_last or now - saved > settings.checkpoint_every_s:
                state.save(out)
                saved = now
            if is_last:
                break
