"""What is to be said of a photograph whose colourings a run has made in part: the rest stands."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from ..outcome import Outcome
from .database import TEXT, Database, as_text

_NUMBERS = f"SELECT DISTINCT sample FROM files WHERE photo = {TEXT} AND sample IS NOT NULL"
_BEFORE = f"SELECT grey, is_alike, warnings, state, reason FROM photos WHERE path = {TEXT}"


class Remarks(NamedTuple):
    """What the ledger says of a photograph's colourings; None where nothing was looked at."""

    grey: Sequence[int] | None  # numbers, from 1, of the samples that came out grey
    is_alike: bool | None
    warnings: Sequence[str]
    less: str | None = None  # than was asked for, of colourings that were there


def remarks_on(database: Database, path: str, outcome: Outcome) -> Remarks:
    """Say what there is to say once a run has made some samples, and left others as they were."""
    choice, job = outcome.choice, outcome.job
    judged = {k + 1 for k in (job.asked if job and choice else outcome.written)}
    grey = [k + 1 for k in choice.grey] if choice else None
    is_alike = choice.is_alike if choice else None
    others = {number for (number,) in database.rows(_NUMBERS, (as_text(path),))} - judged
    before = database.rows(_BEFORE, (as_text(path),)) if others else ()
    if not before:
        return Remarks(grey, is_alike, outcome.warnings)
    ((grey_before, alike_before, warned, state, reason),) = before
    if grey_before is not None:
        grey = sorted({*(grey or ()), *(others & {*json.loads(grey_before)})})
    if len(judged) < 2 or choice is None:
        is_alike = alike_before
    elif not alike_before:
        is_alike = False
    warnings = dict.fromkeys((*json.loads(warned or "[]"), *outcome.warnings))
    return Remarks(grey, is_alike, [*warnings], reason if state == "degraded" else None)
