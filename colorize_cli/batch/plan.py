"""Decide what a run will do before it does anything: which photo becomes which files.

`output_names` names the files. A file that exists stays as it is, unless everything is to be
overwritten; a photo fails where it is known to be another photo's. Names compare by Unicode form
here, but not by case: where the file system ignores case, a file whose name differs in it is not
seen, and is written over.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..errors import UsageError
from ..photos.formats import listed
from ..system.paths import composed, folded, one_line, shown
from ..system.wording import count_text
from .ledger import Ledger
from .outcome import Outcome
from .output_names import Job, name_outputs
from .scan import scan
from .settings import Options


@dataclass(frozen=True)
class Plan:
    """All that a run will do; the last three count what was left out, as in `Scan`."""

    jobs: tuple[Job, ...]  # the photographs in order, those that are done among them
    problems: tuple[Outcome, ...]  # what cannot be worked on, and why
    notes: tuple[str, ...]  # sentences that the user should see
    others: Counter[str]
    hidden: int
    unfollowed: int

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
    these lie in the output folder itself. Without a ledger, nothing is known of that folder.
    """
    found = scan(options.paths, options.out, recursive=options.recursive)
    named, renamed = name_outputs(found, options.out, options.format, options.samples)
    jobs, problems = _checked(named, ledger, overwrite=options.overwrite)
    return Plan(
        jobs=tuple(jobs),
        problems=(*found.problems, *problems),
        notes=(*found.notes, *renamed),
        others=found.others,
        hidden=found.hidden,
        unfollowed=found.unfollowed,
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


def _checked(
    named: Sequence[Job], ledger: Ledger | None, *, overwrite: bool
) -> tuple[list[Job], list[Outcome]]:
    """Leave to do what is not there; a job whose file is a photo, or another's, is a problem."""
    real, names_in = cache(os.path.realpath), cache(_names_in)
    photos_in: dict[str, set[str]] = defaultdict(set)
    for job in named:
        photos_in[folded(real(job.source.parent))].add(folded(job.source.name))
    jobs, problems = [], []
    for job in named:
        names = job.names
        there = frozenset() if overwrite else names_in(job.folder)
        missing = tuple(k for k in job.missing if composed(names[k]) not in there)
        photos = photos_in.get(folded(real(job.folder)))
        reason = None
        if photos and not photos.isdisjoint(map(folded, names)):
            reason = f"its colouring would be written over a photograph in {shown(job.folder)}"
        elif ledger:
            existing = [name for k, name in enumerate(names) if k not in missing]
            reason = ledger.problem(job.source, job.folder, existing)
        if reason:
            problems.append(Outcome(job.source, "failed", reason))
        else:
            jobs.append(job if missing == job.missing else replace(job, missing=missing))
    return jobs, problems


def _names_in(folder: Path) -> frozenset[str]:
    """Names in an output folder: one listing a folder is cheaper than one look a file."""
    try:
        return frozenset(composed(path.name) for path in folder.iterdir())
    except OSError:  # not there yet; a folder that cannot be written to is found when writing
        return frozenset()
