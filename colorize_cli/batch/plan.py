"""Decide what a run will do before it does anything: which photo becomes which files.

`output_names` names the files, and `existing_files` judges those that are there. Names compare by
Unicode form here, but not by case: where the file system ignores case, a file whose name differs in
it is not seen, and fails the photo when it is written.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from ..errors import UsageError
from ..photos.formats import listed
from ..photos.write import takes_quality
from ..system.paths import folded, one_line, shown
from ..system.wording import count_text
from .existing_files import ExistingFiles, Verdict, Wish
from .ledger import Ledger
from .outcome import Outcome
from .output_names import Job, name_outputs
from .records.photo_rows import UNSETTLED, Found, nothing_found
from .scan import scan
from .settings import Options

_TO_RETRY = ("failed", "degraded")


@dataclass(frozen=True)
class Plan:
    """All that a run will do; four of its fields count what was left out, as in `Scan`."""

    jobs: tuple[Job, ...]  # the photographs in order, those that are done among them
    problems: tuple[Outcome, ...]  # what cannot be worked on, and why
    notes: tuple[str, ...]  # sentences that the user should see
    others: Counter[str]
    hidden: int
    unfollowed: int
    found: Found = field(default_factory=nothing_found)  # for the ledger
    is_entangled: bool = False  # whether the output folder lies in a named folder, or holds one
    excluded: int = 0
    is_part: bool = False  # whether only what was done is made again, and not all of that

    @property
    def todo(self) -> list[Job]:
        """The photographs of which files are missing."""
        return [job for job in self.jobs if job.missing]

    def taking(self, is_wanted: Callable[[Job | Outcome], bool]) -> "Plan":
        """The plan of a part of the photographs."""
        return replace(
            self,
            jobs=tuple(filter(is_wanted, self.jobs)),
            problems=tuple(filter(is_wanted, self.problems)),
        )

    @property
    def known(self) -> Iterator[Outcome]:
        """What is known before anything is done: what failed already, and what is done."""
        yield from self.problems
        for job in self.jobs:
            if not job.missing:
                yield Outcome(job.source, "there", job=job)

    def lines(self) -> Iterator[str]:
        """One line an output: input, output and what will be done, separated by tabs."""
        for job in self.jobs:
            for k in job.asked:
                output = job.outputs[k]
                action = "skip" if k not in job.missing else "write"
                if action == "write" and output.exists():
                    action = "overwrite"
                yield f"{one_line(job.source)}\t{one_line(output)}\t{action}\n"


def make_plan(
    options: Options, ledger: Ledger | None = None, otherwise: frozenset[str] = frozenset()
) -> Plan:
    """Plan a run; reads folders and the first bytes of files, as a rule, and writes nothing.

    No two jobs share an output, and no output is one of the photographs; UsageError is raised where
    these lie in the output folder itself. Files that were made `otherwise`, which are settings by
    their SHA-256, are made again. Without a ledger, files that are there are not looked at.
    """
    found = scan(options.paths, options.out, recursive=options.recursive, exclude=options.exclude)
    naming = (options.out, options.format, options.samples)
    known = [ledger.places_of] if ledger else []
    named, renamed = name_outputs(
        found, *naming, *known, only=options.only, template=options.template
    )
    _check_names(options, named)
    plan = Plan(
        jobs=tuple(named),
        problems=tuple(found.problems),
        notes=(*found.notes, *renamed),
        others=found.others,
        hidden=found.hidden,
        excluded=found.excluded,
        unfollowed=found.unfollowed,
        is_entangled=_are_entangled(options.paths, options.out),
    )
    lies_on_a_photo = _photographs(named)  # of the run, whatever part of it is taken
    if shard := options.shard:
        places = {each.path: each.folder / each.path.name for each in found.sources}
        places |= {each.source: _place(each.source, options.paths) for each in plan.problems}
        plan = plan.taking(lambda each: shard.holds(places[each.source]) or _is_missing(each))
    if options.retry_failed and ledger:
        failed = {path for path, row in ledger.rows.photos.items() if row.state in _TO_RETRY}
        plan = plan.taking(lambda each: each.photo in failed or _is_missing(each))
    return _checked(plan, options, ledger, otherwise, lies_on_a_photo)


def _check_names(options: Options, jobs: Sequence[Job]) -> None:
    """Refuse names that cannot differ, and a quality that none of the files has."""
    if len(jobs) > 1 and not options.template.has_stem:
        raise UsageError(
            f"--name {shown(options.name)} is one name for {len(jobs):,} photographs: put {{stem}} "
            "into it, which is the name of each"
        )
    if options.quality and jobs and not any(takes_quality(job.format) for job in jobs):
        raise UsageError(
            f"--quality {options.quality} has no meaning for these photographs, whose formats lose "
            "nothing: leave it out, or choose --format jpg or webp."
        )


def require_photos(plan: Plan, options: Options) -> str:
    """Say why nothing is to be done where that is right, else nothing.

    UsageError is raised for a plan with nothing that is, or should have been, a photograph.
    """
    if not plan.jobs and not plan.problems:
        if options.retry_failed or options.changed:
            why = "failed in an earlier run" if options.retry_failed else "changed since"
            return f"of these photographs, none {why}"
        if options.shard:
            return f"of these photographs, none is in shard {options.shard}"
    takes_some = options.retry_failed or options.changed
    if plan.jobs or takes_some or not all(problem.is_missing for problem in plan.problems):
        return ""
    if plan.problems:
        raise UsageError("; ".join(f"{shown(p.source)}: {p.reason}" for p in plan.problems))
    found = f" ({count_text(plan.others.total(), 'other file')})" if plan.others else ""
    if options.exclude and plan.excluded:
        found += f", but for what --exclude {' '.join(options.exclude)} leaves out"
    raise UsageError(
        f"no photographs in {', '.join(shown(path) for path in options.paths)}{found}. "
        f"{listed('and')} files are taken, by their content."
    )


def _checked(
    plan: Plan,
    options: Options,
    ledger: Ledger | None,
    otherwise: frozenset[str],
    lies_on_a_photo: Callable[[Job], bool],
) -> Plan:
    """Leave to do what is not there; a job whose file is a photo, or another's, is a problem."""
    wish = Wish(
        *(options.overwrite, options.restore, otherwise, plan.is_entangled),
        *(options.retry_failed, options.changed),
    )
    files = ExistingFiles(ledger, wish) if ledger else None
    jobs, problems = [], list(plan.problems)
    for job in plan.jobs:
        if lies_on_a_photo(job):
            where = shown(job.folder)
            found = Verdict(reason=f"its colouring would be written over a photograph in {where}")
        else:
            found = files.judge(job) if files else Verdict(job.missing)
        if found.reason:
            problems.append(Outcome(job.source, "failed", found.reason))
        elif found.is_changed or not options.changed:
            is_same = found.missing == job.missing and not found.gone
            jobs.append(job if is_same else replace(job, missing=found.missing, gone=found.gone))
    return replace(
        plan,
        is_part=_is_part(jobs, ledger, options.only) if ledger else False,
        jobs=tuple(jobs),
        problems=tuple(problems),
        notes=(*plan.notes, *(files.notes() if files else ())),
        found=files.found if files else nothing_found(),
    )


def _is_part(jobs: Sequence[Job], ledger: Ledger, only: int | None) -> bool:
    """Whether only photographs are made again that were settled before, and not all of them.

    Of all of them it may be the `only` sample, from 0, beside others that stay.
    """
    rows = ledger.rows.photos
    # What a run that ended was to make again was settled too, and its bytes are known since.
    settled = {
        path
        for path, row in rows.items()
        if row.state not in UNSETTLED or (row.state == "pending" and row.sha256)
    }
    is_known = settled.issuperset(job.photo for job in jobs if job.missing)
    is_all = settled.issubset(job.photo for job in jobs)
    return is_known and not (is_all and (only is None or not ledger.rows.has_others(only + 1)))


def _photographs(jobs: Sequence[Job]) -> Callable[[Job], bool]:
    """Know the photographs of a run; give what says whether a job's files lie on one of them."""
    # One call of the system a photo, and no `Path`: there may be very many.
    is_link = os.path.islink
    key_of, own_key_of = cache(_folder_key), cache(_folder_key)
    photos_in: dict[Hashable, set[str]] = defaultdict(set)
    for job in jobs:
        source = str(job.source)
        for path in (source, os.path.realpath(source)) if is_link(source) else (source,):
            folder, name = os.path.split(path)
            photos_in[key_of(folder)].add(folded(name))

    def lies_on_one(job: Job) -> bool:
        photos = photos_in.get(own_key_of(job.folder), set())
        return not photos.isdisjoint(map(folded, job.names) if photos else ())

    return lies_on_one


def _place(source: Path, paths: Sequence[Path]) -> Path:
    """Where a path lies below the one that led to it."""
    above = next((path for path in paths if path != source and source.is_relative_to(path)), None)
    return source.relative_to(above) if above else Path(source.name)


def _is_missing(each: Job | Outcome) -> bool:
    return isinstance(each, Outcome) and each.is_missing


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
