"""Carry out `colorize PATHS... --out DIR`: plan, record, device, photographs, summary."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from ..cli.summary import Tally
from ..cli.terminal import Reporter, count_text, write_stdout
from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, UsageError
from ..system.paths import absolute, one_line, shown
from .options import Options
from .origins import Made, Origin, OriginLog
from .photo_job import Result, Settings
from .pipeline import run as run_batch
from .plan import Job, Plan, make_plan
from .run_log import RunLog
from .settings import check_options, compare_given, open_colorizer, preview


def run(options: Options, reporter: Reporter) -> int:
    """Colorize photographs.

    Args:
        options: What to do.
        reporter: Whom to tell.

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
        tell=reporter.note,
    )
    for note in plan.notes:
        reporter.note(note)
    if not plan.jobs and all(problem.missing for problem in plan.problems):
        raise UsageError(_nothing_found(options, plan))
    if options.dry_run:
        for problem in plan.problems:
            reporter.failure(problem.path, problem.reason)
        if count := sum(bool(job.missing) for job in plan.jobs):
            preview(options, reporter, count)
        else:
            compare_given(options, reporter)
        write_stdout("".join(_plan_lines(plan.jobs)))
        return EXIT_FAILED if plan.problems else EXIT_OK
    tally = Tally()
    is_interrupted = False
    todo = [job for job in plan.jobs if job.missing]
    with RunLog(options.log) as log:
        try:
            _report_plan(plan, reporter, log, tally)
            _note_moved(plan, options.out)
            if todo and not (options.fail_fast and tally.failed):
                _colorize(todo, options, reporter, log, tally)
            elif not todo:
                compare_given(options, reporter)
        except KeyboardInterrupt:
            is_interrupted = True
    reporter.summary(
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
        "JPEG, PNG, TIFF, WebP and BMP files are taken, by their content."
    )


def _plan_lines(jobs: Sequence[Job]) -> Iterator[str]:
    """One line an output: input, output and what will be done, separated by tabs."""
    for job in jobs:
        for k, output in enumerate(job.outputs):
            action = "skip" if k not in job.missing else "write"
            if action == "write" and output.exists():
                action = "overwrite"
            yield f"{one_line(job.source)}\t{one_line(output)}\t{action}\n"


def _report_plan(plan: Plan, reporter: Reporter, log: RunLog, tally: Tally) -> None:
    for problem in plan.problems:
        tally.add_failure(problem.path, problem.reason)
        log.problem(problem)
        reporter.failure(problem.path, problem.reason)
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
    jobs: Sequence[Job], options: Options, reporter: Reporter, log: RunLog, tally: Tally
) -> None:
    colorizer, record = open_colorizer(options, reporter, len(jobs))
    log.start(seed=record.seed, model=colorizer.bundle.digest, device=colorizer.device.name)
    reporter.note(
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
    with _origin_log(options.out) as origins, reporter.progress(len(jobs)) as progress:

        def announce(job: Job, digest: str, k: int) -> None:
            origin = Origin(str(absolute(job.source)), digest)
            origins.add(Made(origin, job.folder, (job.outputs[k].name,)))

        def report(result: Result) -> None:
            tally.add(result)
            log.result(result)
            reporter.result(result)
            progress.advance()

        run_batch(jobs, colorizer, settings, report, announce)


def _origin_log(out: Path) -> OriginLog:
    try:
        return OriginLog(out)
    except OSError as error:
        raise UsageError(f"--out {shown(out)} cannot be written to: {error.strerror}") from error
