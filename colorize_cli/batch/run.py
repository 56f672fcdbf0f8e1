"""Carry out `colorize PATHS... --out DIR`: plan, record, device, photographs, summary."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Protocol

from ..cli.summary import Tally
from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, UsageError
from ..photos.formats import listed
from ..system.messages import Messages, write_stdout
from ..system.paths import absolute, one_line, shown
from ..system.wording import count_text
from .options import Options
from .origins import Made, Origin, OriginLog
from .photo_job import Result, Settings
from .pipeline import run as run_batch
from .plan import Job, Plan, make_plan
from .run_log import RunLog
from .settings import check_options, compare_given, open_colorizer, preview


class _Terminal(Messages, Protocol):
    """Messages, and what is said of photographs."""

    @property
    def result(self) -> Callable[[Result], None]: ...
    @property
    def summary(self) -> Callable[..., None]: ...


def run(options: Options, messages: _Terminal) -> int:
    """Colorize photographs.

    Args:
        options: What to do.
        messages: The user is told through them.

    Returns:
        Exit code: 0 all done or skipped, 1 some failed, 130 interrupted.

    Raises:
        UsageError: There is no photograph, or the options make no sense together.
        DeviceError: The device asked for cannot run.
        ModelError: The model cannot be used.
    """
    started = monotonic()
    _check_out(options.out)
    check_options(options)
    plan = make_plan(
        options.paths,
        options.out,
        samples=options.samples,
        format=options.format,
        recursive=options.recursive,
        overwrite=options.overwrite,
        tell=messages.note,
    )
    for note in plan.notes:
        messages.note(note)
    if not plan.jobs and all(problem.missing for problem in plan.problems):
        raise UsageError(_nothing_found(options, plan))
    if options.dry_run:
        for problem in plan.problems:
            messages.failure(problem.path, problem.reason)
        if count := sum(bool(job.missing) for job in plan.jobs):
            preview(options, messages, count)
        else:
            compare_given(options, messages)
        write_stdout("".join(_plan_lines(plan.jobs)))
        return EXIT_FAILED if plan.problems else EXIT_OK
    tally = Tally()
    is_interrupted = False
    todo = [job for job in plan.jobs if job.missing]
    with RunLog(options.log) as log:
        try:
            _report_plan(plan, messages, log, tally)
            _note_moved(plan, options.out)
            if todo and not (options.fail_fast and tally.failed):
                _colorize(todo, options, messages, log, tally)
            elif not todo:
                compare_given(options, messages)
        except KeyboardInterrupt:
            is_interrupted = True
    messages.summary(
        tally,
        others=plan.others,
        hidden=plan.hidden,
        unfollowed=plan.unfollowed,
        left=len(todo) + len(plan.problems) - tally.done - tally.passed - tally.failed,
        on_colour=options.on_colour,
        fail_fast=options.fail_fast,
        seconds=monotonic() - started,
    )
    if is_interrupted:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if tally.failed else EXIT_OK


def _check_out(out: Path) -> None:
    """Refuse a folder that cannot be made because a file lies on the way to it."""
    lowest = next((place for place in (out, *out.parents) if place.exists()), None)
    if lowest and not lowest.is_dir():
        raise UsageError(f"--out {shown(out)}: {shown(lowest)} is a file; name a folder.")


def _nothing_found(options: Options, plan: Plan) -> str:
    if plan.problems:
        return "; ".join(f"{shown(p.path)}: {p.reason}" for p in plan.problems)
    found = f" ({count_text(plan.others.total(), 'other file')})" if plan.others else ""
    return (
        f"no photographs in {', '.join(shown(path) for path in options.paths)}{found}. "
        f"{listed('and')} files are taken, by their content."
    )


def _plan_lines(jobs: Sequence[Job]) -> Iterator[str]:
    """One line an output: input, output and what will be done, separated by tabs."""
    for job in jobs:
        for k, output in enumerate(job.outputs):
            action = "skip" if k not in job.missing else "write"
            if action == "write" and output.exists():
                action = "overwrite"
            yield f"{one_line(job.source)}\t{one_line(output)}\t{action}\n"


def _report_plan(plan: Plan, messages: _Terminal, log: RunLog, tally: Tally) -> None:
    for problem in plan.problems:
        tally.add_failure(problem.path, problem.reason)
        log.problem(problem)
        messages.failure(problem.path, problem.reason)
    for job in plan.jobs:
        if not job.missing:
            tally.skipped += 1
            log.skipped(job)


def _note_moved(plan: Plan, out: Path) -> None:
    """Spare the next run the reading of photographs that were moved."""
    if plan.moved:
        with suppress(OSError), OriginLog(out) as origins:
            for made in plan.moved:
                origins.add(made)


def _colorize(
    jobs: Sequence[Job], options: Options, messages: _Terminal, log: RunLog, tally: Tally
) -> None:
    colorizer, record = open_colorizer(options, messages, len(jobs))
    log.start(seed=record.seed, model=colorizer.bundle.digest, device=colorizer.device.name)
    messages.note(
        f"{count_text(len(jobs), 'photo')}, {count_text(options.samples, 'sample')} each, into "
        f"{shown(options.out)}"
    )
    settings = Settings(
        samples=options.samples,
        seed=record.seed,
        candidates=record.candidates,
        on_colour=options.on_colour,
        fail_fast=options.fail_fast,
        gains=colorizer.bundle.sampler.gains,
    )
    with _origin_log(options.out) as origins, messages.progress(len(jobs)) as progress:

        def announce(job: Job, digest: str, k: int) -> None:
            origin = Origin(str(absolute(job.source)), digest)
            origins.add(Made(origin, job.folder, (job.outputs[k].name,)))

        def report(result: Result) -> None:
            tally.add(result)
            log.result(result)
            messages.result(result)
            progress.advance()

        run_batch(jobs, colorizer, settings, report, announce)


def _origin_log(out: Path) -> OriginLog:
    try:
        return OriginLog(out)
    except OSError as error:
        raise UsageError(f"--out {shown(out)} cannot be written to: {error.strerror}") from error
