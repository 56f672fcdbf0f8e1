"""Which pairs a rater sees, in which order, and on which side the photograph is.

All of it follows from the study's salt and the rater's number, so that it can be told again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from .design import Pair, Study

Kind: TypeAlias = Literal["practice", "catch", "comparison", "repeat"]


@dataclass(frozen=True)
class Trial:
    """A pair that is shown.

    Attributes:
        kind: a "repeat" shows a comparison of before.
        pair: its `id`.
        truth_is_left: where the photograph is.
    """

    kind: Kind
    pair: str
    truth_is_left: bool


def trials_of(study: Study, rater: int) -> list[Trial]:
    """Draw the trials of a rater, numbered from 0.

    Practice comes first, with what is plainly wrong ahead. Comparisons and catch trials are
    mixed. Repeats lie in the last third and are of the first third, on the other side. Raters take
    the comparisons by turns, so that each pair is seen as often as any other.
    """
    rng = Random(f"{study.salt}/{rater}")
    practice = rng.sample(study.of_role("practice"), study.protocol.practice)
    practice.sort(key=lambda pair: not pair.is_wrong)
    first = [Trial("practice", pair.id, rng.random() < 0.5) for pair in practice]
    catches = rng.sample(study.of_role("catch"), study.protocol.catches)
    middle = [Trial("catch", pair.id, rng.random() < 0.5) for pair in catches]
    middle += [
        Trial("comparison", pair.id, rng.random() < 0.5) for pair in _comparisons(study, rater)
    ]
    rng.shuffle(middle)
    return [*first, *_with_repeats(middle, study.protocol.repeats, rng)]


def seconds_of(study: Study, rater: int, *, asks_for_time: bool) -> float | None:
    """Tell how long pictures are shown to a rater; None: until the answer."""
    protocol = study.protocol
    is_timed = protocol.display == "timed" or (protocol.display == "both" and rater % 2 == 0)
    return protocol.seconds if is_timed and not asks_for_time else None


def _comparisons(study: Study, rater: int) -> list[Pair]:
    pairs = study.of_role("comparison")
    Random(study.salt).shuffle(pairs)
    # Who is timed and who is not take turns each for themselves, so that both see all pairs.
    turn = rater // 2 if study.protocol.display == "both" else rater
    start = turn * study.protocol.comparisons
    return [pairs[(start + i) % len(pairs)] for i in range(study.protocol.comparisons)]


def _with_repeats(trials: Sequence[Trial], repeats: int, rng: Random) -> list[Trial]:
    """Put comparisons of the first third, or as many more as are needed, into the last third."""
    comparisons = [trial for trial in trials if trial.kind == "comparison"]
    earliest = comparisons[: max(repeats, len(comparisons) // 3)]
    result = list(trials)
    start = len(trials) - len(trials) // 3
    for trial in rng.sample(earliest, repeats):
        again = Trial("repeat", trial.pair, not trial.truth_is_left)
        least = max(start, result.index(trial) + 2)  # never one right after the other
        result.insert(rng.randint(min(least, len(result)), len(result)), again)
    return result
