"""Two runs on the same photographs: which figures moved by more than the choice of photos explains.

Differences are paired: both runs are resampled together, photo by photo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from colorize_cli.system.figure_changes import Change

from ..data.shards import set_of
from .bootstrap import interval_of, mean_draws, resamplable, resample
from .figures import MAIN, REST, Column, PhotoFigures
from .summary import Figures, mean_of_sets, row_figures

FigureChange: TypeAlias = Change[Column]

# Colourfulness has no better end: what improves comes closer to the truth's.
OFF_TRUTH = Column("colourfulness_off_truth", "colourfulness off the truth's, %", 1, "lower")


@dataclass(frozen=True)
class ComparedRun:
    """What of a run is compared.

    Attributes:
        model: name of the bundle.
        samples: of each photo.
        degraded: whether the inputs were degraded.
        photos: their figures.
        kernel_parts: of each photo, as `distances.kernel_parts` has them; empty without.
        machine: as `describe_machine` tells it.
        judge_at: pixels of the short side that pictures were judged at; None for their own.
    """

    model: str
    samples: int
    degraded: bool
    photos: Sequence[PhotoFigures]
    kernel_parts: Sequence[float]
    machine: Mapping[str, Any] = field(default_factory=dict)
    judge_at: int | None = None


def verdict(change: FigureChange) -> str:
    """Say "better", "worse", or "within the interval" where that takes 0 in."""
    words = ("better", "worse") if change.figure.better == "higher" else ("worse", "better")
    return change.verdict(higher=words[0], lower=words[1], neither="within the interval")


def compare(
    before: ComparedRun, after: ComparedRun, seed: int = 0
) -> tuple[int, list[FigureChange]]:
    """Compare two runs over the photos that both measured.

    Args:
        before: the earlier run.
        after: the later run, of as many samples and the same inputs.
        seed: of the resamples.

    Returns:
        How many photos that is, at least one, and the change of each figure that has a better end
        and is there in both runs.
    """
    old, new = ({photo.sha256: i for i, photo in enumerate(run.photos)} for run in (before, after))
    common = [digest for digest in new if digest in old]
    sets = [set_of(after.photos[new[digest]].name) for digest in common]
    earlier = _figures(before, [old[digest] for digest in common], sets, seed)
    later = _figures(after, [new[digest] for digest in common], sets, seed)
    changes = []
    for column in (*MAIN, OFF_TRUTH, *REST):
        if column.better and column.key in earlier and column.key in later:
            one, other = earlier[column.key], later[column.key]
            difference = interval_of(other - one, resamplable(sets))
            if np.isfinite(difference.value):
                changes.append(Change(column, float(one[0]), float(other[0]), difference))
    return len(common), changes


def _figures(run: ComparedRun, positions: Sequence[int], sets: Sequence[str], seed: int) -> Figures:
    """Means over photos, then sets, with the same resamples for the same photos."""
    resamples = resample(sets, seed)
    photos = [run.photos[i] for i in positions]
    tables = []
    for name, members in resamples.members.items():
        counts, group = resamples.of_set(name), [photos[i] for i in members]
        truth = mean_draws([photo.truth_colourfulness for photo in group], counts)
        tables.append(row_figures(group, "model", counts) | {"truth": truth})
    figures = {key: mean_of_sets([table[key] for table in tables]) for key in tables[0]}
    off = np.abs(figures["colourfulness"] / figures["truth"] - 1)
    figures["colourfulness_off_truth"] = 100 * off
    # A photo's part is of all photos of its run: parts of different lots do not compare.
    if run.kernel_parts and len(positions) == len(run.photos):
        parts = [run.kernel_parts[i] for i in positions]
        figures["kernel"] = mean_draws(parts, resamples.counts)
    return figures
