"""Decide what a run will do before it does anything: which photo becomes which files.

`output_names` names the files, and `existing_files` judges those that are there. Names compare by
Unicode form here, but not by case: where the file system ignores case, a file whose name differs in
it is not seen, and fails the photo when it is written.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from ..errors import UsageError
from ..photos.formats import listed
from ..system.paths import absolute, folded, one_line, shown
from ..system.wording import count_text
from .existing_files import ExistingFiles
from .ledger import Ledger
from .outcome import Outcome
from .output_names import Job, name_outputs
from .records.photo_rows import Found
from .scan import scan
from .settings import Options


@dataclass(frozen=True)
class Plan:
    """All that a run will do; three of its fields count what was left out, as in `Scan`."""

    jobs: tuple[Job, ...]  # the photographs in order, those that are done among them
    problems: tuple[Outcome, ...]  # what cannot be worked on, and why
    notes: tuple[str, ...]  # sentences that the user should see
    others: Counter[str]
    hidden: int
    unfollowed: int
    found: Found = field(default_factory=lambda: Found([], [], []))  # for the ledger
    is_entangled: bool = False  # whether the output folder lies in a named folder, or holds one

    @property
    def todo(self) -> list[Job]:
        """The photographs of which files are missing."""
        return [job for job in self.jobs if job.missing]

    def outcomes(self) -> Iterator[Outcome]:
        """What is known before anything is done: what failed already, and what is done."""
        yield from self.problems
        for job in self.jobs:
            if not job.missing:
                yield Outcome(job.source, "there", job=job)

    def lines(self) -> Iterator[str]:
        """One line an output: input, output and what will be done, separated by tabs."""
        for job in self.jobs:
            for k, output in enumerate(job.outputs):
                action = "skip" if k not in job.missing else "write"
                if action == "write" and output.exists():
                    action = "overwrite"
                yield f"{one_line(job.source)}\t{one_line(output)}\t{action}\n"


def make_plan(options: Options, ledger: Ledger | None = None) -> Plan:
    """Plan a run; reads folders and the first bytes of files, as a rule, and writes nothing.

    No two jobs share an output, and no output is one of the photographs; UsageError is raised where
    these lie in the output folder itself. Without a ledger, files that are there are not looked at.
    """
    found = scan(options.paths, options.out, recursive=options.recursive)
    named, renamed = name_outputs(found, options.out, options.format, options.samples)
    is_entangled = _are_entangled(options.paths, options.out)
    files = ExistingFiles(ledger, options.overwrite, is_entangled) if ledger else None
    problems = found.problems
    if options.retry_failed and ledger:
        failed = {path for path, row in ledger.rows.photos.items() if row.state == "failed"}
        named = [job for job in named if str(absolute(job.source)) in failed]
        problems = [each for each in problems if str(absolute(each.source)) in failed]
    jobs, refused = _checked(named, files)
    return Plan(
        jobs=tuple(jobs),
        problems=(*problems, *refused),
        notes=(*found.notes, *renamed, *(files.notes() if files else ())),
        others=found.others,
        hidden=found.hidden,
        unfollowed=found.unfollowed,
        found=files.found if files else Found([], [], []),
        is_entangled=is_entangled,
    )


def require_photos(plan: Plan, paths: Sequence[Path]) -> None:
    """Raise UsageError for a plan with nothing that is, or should have been, a photograph."""
    if plan.jobs or not all(problem.is_missing for problem in plan.problems):
        return
    if plan.problems:
        raise UsageError("; ".join(f"{shown(p.source)}: {p.reason}" for p in plan.problems))
    found = f" ({count_text(plan.others.total(), 'other file')})" if plan.others else ""
    raise UsageError(
        f"no photographs in {', '.join(shown(path) for path in paths)}{found}. "
        f"{listed('and')} files are taken, by their content."
    )


def _checked(named: Sequence[Job], files: ExistingFiles | None) -> tuple[list[Job], list[Outcome]]:
    """Leave to do what is not there; a job whose file is a photo, or another's, is a problem."""
    # One call of the system a photo, and no `Path`: there may be very many.
    is_link = os.path.islink
    key_of, own_key_of = cache(_folder_key), cache(_folder_key)
    photos_in: dict[Hashable, set[str]] = defaultdict(set)
    for job in named:
        source = str(job.source)
        for path in (source, os.path.realpath(source)) if is_link(source) else (source,):
            folder, name = os.path.split(path)
            photos_in[key_of(folder)].add(folded(name))
    jobs, problems = [], []
    for job in named:
        photos = photos_in.get(own_key_of(job.folder))
        if photos and not photos.isdisjoint(map(folded, job.names)):
            reason: str | None = (
                f"its colouring would be written over a photograph in {shown(job.folder)}"
            )
        else:
            missing, reason = files.judge(job) if files else (job.missing, None)
        if reason:
            problems.append(Outcome(job.source, "failed", reason))
        else:
            jobs.append(job if missing == job.missing else replace(job, missing=missing))
    return jobs, problems


def _folder_key(folder: Path | str) -> Hashable:
    """What two spellings of one folder share, two mounts of it among them."""
    try:
        status = Path(folder).stat()
    except OSError:  # not there yet
        return folded(os.path.realpath(folder))
    return status.st_dev, status.st_ino


def _are_entangled(paths: Sequence[Path], out: Path) -> bool:
    """Whether the output folder lies in a named folder, or one that was named lies in it."""
    real_out = Path(os.path.realpath(out))
    reals = (Path(os.path.realpath(path)) for path in paths)
    return any(real.is_relative_to(real_out) or real_out.is_relative_to(real) for real in reals)
