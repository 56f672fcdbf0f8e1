"""The training loop: in one process or several, on GPUs or the CPU, exactly resumable.

It knows no family: what a step does is the objective's. The first process's clock decides when a
line is written, the network judged and the state saved, and that process alone does it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from colorize_cli.system.messages import Course

from .data.batches import Batches, Draw
from .data.photos import Photos
from .log import TrainingLog
from .machine.processes import alone, is_first, objects, wait
from .optimizer import check_gradients, gradient_norm
from .plan import Plan
from .run_state import RunState
from .trackers.tracker import Tracker
from .validation.judge import Judge
from .validation.losses import ValidationPhotos
from .watching.best_samples import BestSamples
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
        workers: threads that cut crops.
    """

    out: Path
    minutes: float | None = None
    validation: ValidationPhotos | None = None
    trackers: Sequence[Tracker] = ()
    warn: Callable[[str], None] | None = None
    course: Course | None = None
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
    out, recipe = settings.out, state.recipe
    out.mkdir(parents=True, exist_ok=True)
    state.meet()
    plan = Plan(state.optim, state.step, settings.minutes)
    judge = watch = best = line = None
    if settings.validation and is_first():
        judge = Judge(state, settings.validation, out, report)
        watch = Watch(state, settings.validation)
        if recipe.samples.choose_best:
            best = BestSamples(state, settings.validation, out, report)
    if settings.course and is_first():
        line = CourseLine(settings.course, state, plan)
    logged = saved = time.monotonic()
    is_last = objects(plan.done(state.step))[0] >= 1
    if is_last:
        report(f"the run is over: {state.step} steps of {recipe.optim.steps}; raise optim.steps")
    with (
        Batches(photos, Draw.of(recipe), state.step, settings.workers, state.device) as batches,
        TrainingLog(out, state, report, settings.trackers, settings.warn)
        if is_first()
        else nullcontext() as log,
    ):
        while not is_last:
            started = time.monotonic()
            rate = objects(plan.rate(state.step))[0]
            values = state.train_step(batches.next(), rate)
            now = time.monotonic()
            state.seconds += now - started
            if line:
                line.show()
            done = plan.done(state.step)
            turn = _agreed(
                stop=stop(),
                is_over=done >= 1,
                logs=now - logged > _LOG_EVERY_S,
                judges=judge is not None and (done >= 1 or judge.is_due()),
                looks=watch is not None and watch.is_due(is_over=done >= 1),
                saves=now - saved > recipe.checkpoints.every_minutes * 60,
            )
            is_last = turn.is_last
            if log:
                log.add(values)
            if turn.logs or turn.saves:
                check_gradients(state.objective.optimizers)
            if turn.logs:
                photos.share_faults(report)
                if log:
                    log.write(now - logged, plan, batches.waited)
                else:
                    gradient_norm(state.objective.optimizers)  # which would gather for ever
                batches.waited, logged = 0.0, now
            if log:
                with alone():
                    if judge and turn.judges:
                        log.write_judgement(judge.judge())
                    if watch and turn.looks:
                        figures, panel = watch.look()
                        log.write_samples(figures, panel)
                        if best:
                            best.keep(figures)
            if turn.saves:
                if is_first():
                    state.save(out)
                wait()
                saved = time.monotonic()
                logged += saved - now  # neither the rate nor the plan is of that time
                plan.leave_out(saved - now)


@dataclass(frozen=True)
class _Turn:
    """What follows a step, in all processes alike."""

    is_last: bool
    logs: bool
    judges: bool
    looks: bool
    saves: bool


def _agreed(*, stop: bool, is_over: bool, **due: bool) -> _Turn:
    """Stop where any process was told to; all else is as the first one has it."""
    told = objects((stop, is_over, due))
    is_last = any(each[0] for each in told) or told[0][1]
    logs, judges, looks, saves = (told[0][2][key] for key in ("logs", "judges", "looks", "saves"))
    saves = is_last or judges or looks or saves
    return _Turn(is_last, is_last or logs, judges, looks, saves)
