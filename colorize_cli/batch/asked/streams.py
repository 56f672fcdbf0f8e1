"""Photographs on standard input, and colourings on standard output."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ...errors import UsageError
from ..outcome import Outcome
from ..output_names import Job
from ..settings import Options
from .target import STREAM

_CHUNK = 1 << 20  # bytes


def check_streams(options: Options) -> None:
    """Refuse what cannot be read from, or written to, a standard stream; UsageError says why."""
    if options.is_from_stdin and (sys.stdin is None or sys.stdin.isatty()):
        raise UsageError(
            "- is a photo on standard input, which is a terminal here: lead one into it, "
            "`colorize - < photo.jpg > colour.jpg` say"
        )
    if not options.is_to_stdout or options.dry_run:
        return
    if len(options.asked) > 1:
        raise UsageError(
            "standard output takes one colouring: choose it with --sample 2, say, or name a file "
            "or a folder with --out"
        )
    if sys.stdout.isatty():
        raise UsageError(
            "standard output is a terminal, which shows no pictures: lead it into a file, "
            "`> colour.jpg`, or name one with --out"
        )


@contextmanager
def taking_stdin(options: Options) -> Iterator[Options]:
    """Keep what comes on standard input in a file, where that is asked for, until the block ends.

    The options that are given have it among their paths. UsageError is raised where nothing comes,
    or more than a photo may take.
    """
    if not options.is_from_stdin:
        yield options
        return
    with tempfile.TemporaryDirectory(prefix="colorize-") as folder:
        path = Path(folder, "standard input")
        came = 0
        with path.open("wb") as file:
            while data := sys.stdin.buffer.read(_CHUNK):
                came += len(data)
                if came > options.limits.memory:
                    raise UsageError(
                        "standard input has more than a photo may take: see --max-memory"
                    )
                file.write(data)
        if not came:
            raise UsageError("standard input is empty: no photo came")
        yield replace(options, paths=(path,))


def as_named(outcome: Outcome, options: Options) -> Outcome:
    """Tell what became of a photograph in the user's words: `-` for a standard stream."""
    job = outcome.job and job_as_named(outcome.job, options)
    source = Path(STREAM) if options.is_from_stdin else outcome.source
    return replace(outcome, source=source, job=job)


def job_as_named(job: Job, options: Options) -> Job:
    """Tell what is to be done in the user's words, as `as_named`."""
    if options.is_from_stdin:
        job = replace(job, source=Path(STREAM))
    return replace(job, folder=Path()) if options.is_to_stdout else job
