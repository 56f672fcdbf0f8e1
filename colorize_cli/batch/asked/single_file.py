"""One photograph becomes one file, or one a sample, or goes to standard output: beside no ledger.

What is in the way of a file stays there, unless it is to be overwritten: nothing is known of who
made it. The photograph itself is never in the way.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from ...errors import ImageError, OutputError, UsageError, reason_of
from ...photos.formats import CHOICES, written_as
from ...photos.write import takes_quality
from ...system.files import (
    NO_MORE_FILES,
    copy_times,
    make_folders,
    sync_folder,
    take_name,
    written_beside,
)
from ...system.messages import write_stdout_bytes
from ...system.paths import shown
from ..ledger import Beginning
from ..outcome import Outcome, output_error
from ..output_names import Job
from ..plan import Plan
from ..scan import Source, scan
from ..settings import Options
from .target import STREAM, format_of, is_folder

# What looks into the ledger of a folder, or at the files in one.
_OF_FOLDERS = ("shard", "restore", "retry_failed", "changed", "sheet")


class SingleFile(AbstractContextManager["SingleFile"]):
    """Writes the colourings of a photograph, as a `Ledger` does, and keeps nothing of it."""

    last_settings = None

    def __init__(self, options: Options) -> None:
        """Take what is asked for."""
        self._options = options

    def __exit__(self, *exception: object) -> None:
        """Leave nothing behind."""

    def made_otherwise(self, named: Mapping[str, object]) -> frozenset[str]:
        """Know of no files of earlier runs."""
        return frozenset()

    def note_plan(
        self, problems: Iterable[Outcome], found: object, folders: Iterable[Path] = ()
    ) -> None:
        """Keep nothing."""

    def begin(self, beginning: Beginning) -> None:
        """Make the folder of the file; UsageError where it cannot be."""
        folder = self._options.folder
        try:
            make_folders(folder)
        except OSError as error:
            raise UsageError(
                f"--out: {shown(folder)} cannot be made: {reason_of(error)}"
            ) from error

    def settle(self, outcome: Outcome) -> None:
        """Keep nothing."""

    def put(self, job: Job, k: int, data: bytes, digest: str, is_degraded: bool = False) -> None:
        """Write the file of a sample, as a `Put`: whole or not at all, and over nothing unasked.

        Raises:
            ImageError: Something has the file's name.
            OutputError: Standard output takes no more, or the disk is full.
            OSError: The file cannot be written.
        """
        if self._options.is_to_stdout:
            try:
                write_stdout_bytes(data)
            except OSError as error:
                why = reason_of(error)
                raise OutputError(f"standard output did not take the picture: {why}") from error
            return
        path = job.outputs[k]
        try:
            self._write(path, data, job.source)
        except FileExistsError as error:
            raise ImageError(_there(path)) from error
        except OSError as error:
            if error.errno in NO_MORE_FILES:
                raise output_error(path, error) from error
            raise

    def _write(self, path: Path, data: bytes, source: Path) -> None:
        with written_beside(path, data) as temporary:
            if self._options.keep_times:
                copy_times(source, temporary)
            if self._options.overwrite:
                temporary.replace(path)
            else:
                take_name(temporary, path)
        sync_folder(path.parent)


def plan_single(options: Options) -> Plan:
    """Plan the colouring of one photograph; UsageError where what is asked for is more, or less."""
    _check(options)
    found = scan(options.paths, options.out)
    jobs = [_job(source, options) for source in found.sources]
    reasons = [_in_the_way(job, options) for job in jobs]
    blocked = [
        Outcome(job.source, "failed", reason)
        for job, reason in zip(jobs, reasons, strict=True)
        if reason
    ]
    return Plan(
        jobs=tuple(job for job, reason in zip(jobs, reasons, strict=True) if not reason),
        problems=(*found.problems, *blocked),
        notes=tuple(found.notes),
        others=Counter(),
        hidden=0,
        unfollowed=0,
    )


def _check(options: Options) -> None:
    out = shown(options.out)
    if len(options.paths) != 1 or is_folder(options.paths[0]):
        if options.is_to_stdout:
            raise UsageError("standard output takes one photo: name a folder with --out for more")
        raise UsageError(
            f"--out {out} is a file's name, for one photo: name a folder for more of them, as "
            f"{shown(options.out.parent / options.out.stem)}, or {out}/ where it is to be called so"
        )
    for name in _OF_FOLDERS:
        if getattr(options, name, False):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} is of folders, which keep a ledger: --out {out} is a file")
    if options.has_template:
        raise UsageError(f"--name is of files in a folder: --out {out} has a name already")


def _job(source: Source, options: Options) -> Job:
    out, format = options.out, options.format
    if options.is_to_stdout:
        kind = written_as(source.format if format == "keep" else CHOICES[format])
    else:
        kind = format_of(out)
        if format != "keep" and CHOICES[format] != kind:
            raise UsageError(
                f"--format {format}, and --out {shown(out)} is another: leave --format out"
            )
    if options.quality and not takes_quality(kind):
        raise UsageError(
            f"--quality {options.quality} has no meaning for {kind}, which loses nothing: leave it "
            "out, or write a JPEG or WebP"
        )
    return Job(
        source.path,
        options.folder,
        *(STREAM, "") if options.is_to_stdout else (out.stem, out.suffix),
        kind,
        options.samples,
        missing=options.asked,
        only=options.only,
        has_one_name=len(options.asked) == 1,
    )


def _in_the_way(job: Job, options: Options) -> str:
    """Say what is where a file is to be, and cannot give way; nothing where there is none."""
    if options.is_to_stdout:
        return ""
    for path in (job.outputs[k] for k in job.asked):
        if not os.path.lexists(path):
            continue
        if path.exists() and path.samefile(job.source):
            raise UsageError(
                f"--out {shown(path)} is the photograph itself, which is never written to: name "
                "another file"
            )
        if path.is_dir():
            return f"{shown(path)} is a folder: name another --out"
        if not options.overwrite:
            return _there(path)
    return ""


def _there(path: Path) -> str:
    return f"{shown(path)} is there already: name another --out, or --overwrite to replace it"
