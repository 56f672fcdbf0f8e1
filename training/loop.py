"""The training loop: one process, on a GPU or on the CPU, exactly resumable.

It knows no family: what a step does is the objective's.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from colorize_cli.system.messages import Course

from .data.batches import batches
from .data.photos import Photos
from .log import TrainingLog
from .plan import Plan
from .run_state import RunState
from .trackers.tracker import Tracker
from .validation.judge import Judge
from .validation.losses import ValidationPhotos
from .watching.course_line import CourseLine
from .watching.watch import Watch

_LOG_EVERY_S = 20.0


@dataclass(frozen=True)
class LoopSettings:
    """What a run needs besides its recipe and its device.

    Attributes:
        out: folder for checkpoints and `log.jsonl`.
        minutes: plan the run by the clock, to end decayed after so much time spent on training;
            None to plan it in the recipe's steps. Validation and saving come on top.
        validation: photos to judge it on while it goes on; None for none.
        trackers: that are told of its figures and pictures beside the files, and closed in the end.
        warn: takes what people have to know; None to report it like the rest.
        course: shows how far the run is after every step; None for nobody.
        checkpoint_every_s: seconds between checkpoints.
        workers: threads that cut crops.
    """

    out: Path
    minutes: float | None = None
    validation: ValidationPhotos | None = None
    trackers: Sequence[Tracker] = ()
    warn: Callable[[str], None] | None = None
    course: Course | None = None
    checkpoint_every_s: float = 300.0
    workers: int = 1


def train(
    state: RunState,
    photos: Photos,
    settings: LoopSettings,
    report: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train to the plan's end, or until `stop()` says so.

    The state is saved every few minutes and at the end; a run that fails keeps the last save.

    Args:
        state: of a run, fresh or loaded.
        photos: the training data.
        settings: where and how long.
        report: takes a line of progress every 20 seconds.
        stop: asked after every step.

    Raises:
        UsageError: a gradient was not finite.
    """
    recipe, out = state.recipe, settings.out
    out.mkdir(parents=True, exist_ok=True)
    plan = Plan(state.optim, state.step, settings.minutes)
    source = batches(
        photos,
        recipe.data,
        recipe.optim.photos,
        recipe.seed,
        state.step,
        settings.workers,
        state.device,
    )
    judge = Judge(state, settings.validation, out, report) if settings.validation else None
    watch = Watch(state, settings.validation) if settings.validation else None
    line = CourseLine(settings.course, state, plan) if settings.course else None
    logged = saved = time.monotonic()
    is_last = plan.done(state.step) >= 1
    if is_last:
        report(f"the run is over: {state.step} steps of {recipe.optim.steps}; raise optim.steps")
    with closing(source), TrainingLog(out, state, report, settings.trackers, settings.warn) as log:
        while not is_last:
            started = time.monotonic()
            log.add(state.train_step(next(source), plan.rate(state.step)))
            done = plan.done(state.step)
            is_last = done >= 1 or stop()
            now = time.monotonic()
            state.seconds += now - started
            if line:
                line.show()
            if is_last or now - logged > _LOG_EVERY_S:
                log.write(now - logged, plan)
                logged = now
            is_judged = judge is not None and (done >= 1 or judge.is_due())
            if judge and is_judged:
                log.write_judgement(judge.judge())
            is_seen = watch is not None and watch.is_due(is_over=done >= 1)
            if watch and is_seen:
                log.write_samples(*watch.look())
            if is_last or is_judged or is_seen or now - saved > settings.checkpoint_every_s:
                state.save(out)
                saved = time.monotonic()
                logged += saved - now  # neither the rate nor the plan is of that time
                plan.leave_out(saved - now)
