"""What is said of an output folder's ledger, in lines for people."""

from collections import Counter
from collections.abc import Iterator

from ..batch.records.inspect_folder import Overview
from ..batch.records.merge import Merged
from ..system.paths import shown
from ..system.wording import count_text, rate_text

_STATES = ("done", "degraded", "copied", "left out", "failed", "pending")
_REMARKS = {
    "degraded": "coloured with less, for want of memory: --retry-failed makes them again",
    "copied": "in colour, as they are",
    "left out": "in colour",
    "failed": "the same command tries them again, --retry-failed them alone",
    "pending": "not reached by the last run: the same command goes on from here",
}


def status_lines(found: Overview) -> Iterator[str]:
    """Count photographs by what became of them, then name those that failed, and why."""
    rate = f"{rate_text(found.rate)} in the last run" if found.rate else ""
    for state in _STATES:
        if (count := found.counts.get(state, 0)) or state == "done":
            remark = rate if state == "done" else _REMARKS[state]
            yield f"{state:>12} {count:>7}   {remark}".rstrip()
    if found.flagged:
        count = len({each.path for each in found.flagged})
        yield f"{'flagged':>12} {count:>7}   grey, all alike or with warnings: --flagged lists them"
    for failure in found.failures:
        yield f"failed {shown(failure.path)}: {failure.reason}"


def flagged_lines(found: Overview) -> Iterator[str]:
    """Name what there is to be looked at: a line for each remark."""
    for each in found.flagged:
        yield f"{shown(each.path)}: {each.remark}"


def merged_text(merged: Merged) -> str:
    """Say what a merge did."""
    absent = f"; {merged.absent:,} of its files are not there" if merged.absent else ""
    return (
        f"{count_text(merged.ledgers, 'ledger')} joined, {count_text(merged.copied, 'file')} "
        f"copied; it has {count_text(merged.files, 'colouring')} of "
        f"{count_text(merged.photos, 'photograph')} now{absent}"
    )


def verdict(counts: Counter[str]) -> str:
    """Say how the files of a folder compare with what was written; counts are by `Found`."""
    parts = [f"{counts[name]:,} {name}" for name in ("missing", "altered")]
    if counts["unreadable"]:
        parts.append(f"{counts['unreadable']:,} unreadable")
    if counts["unknown"]:
        parts.append(f"{counts['unknown']:,} of an earlier version, there but without a hash")
    return f"{count_text(counts.total(), 'file')}: {', '.join(parts)}"
