"""Which pairs a rater sees, in which order, and on which side the photograph is.

It follows from the study's salt, the rater's number and what raters before were asked, and is kept
with the answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, TypeAlias

from .design import Protocol, Study

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


@dataclass(frozen=True, order=True)
class Load:
    """How many raters a display or a pair has had: the least is what the next rater is given.

    Attributes:
        counting: those whose answers count.
        begun: all.
    """

    counting: int = 0
    begun: int = 0


_NONE = Load()


def trials_of(study: Study, rater: int, loads: Mapping[str, Load]) -> list[Trial]:
    """Draw the trials of a rater.

    Practice comes first, with what is plainly wrong ahead. Comparisons and catch trials are
    mixed. Repeats lie in the last third and are of the first third, on the other side.

    Args:
        study: whose pairs are shown.
        rater: the rater's number.
        loads: of pairs, by `id`, as far as raters have begun; comparisons are those with the least.
    """
    rng = Random(f"{study.salt}/{rater}")
    practice = rng.sample(study.of_role("practice"), study.protocol.practice)
    practice.sort(key=lambda pair: not pair.is_wrong)
    first = [Trial("practice", pair.id, rng.random() < 0.5) for pair in practice]
    catches = rng.sample(study.of_role("catch"), study.protocol.catches)
    middle = [Trial("catch", pair.id, rng.random() < 0.5) for pair in catches]
    pairs = study.of_role("comparison")
    rng.shuffle(pairs)
    pairs.sort(key=lambda pair: loads.get(pair.id, _NONE))
    middle += [
        Trial("comparison", pair.id, rng.random() < 0.5)
        for pair in pairs[: study.protocol.comparisons]
    ]
    rng.shuffle(middle)
    return [*first, *_with_repeats(middle, study.protocol.repeats, rng)]


def seconds_of(
    protocol: Protocol, loads: Mapping[float | None, Load], *, asks_for_time: bool
) -> float | None:
    """Tell how long pictures are shown to a rater, timed or not, whichever has the least load.

    Args:
        protocol: which may leave no choice.
        loads: of displays, by their seconds, as far as raters have begun.
        asks_for_time: whether the rater needs to see pictures until the answer.

    Returns:
        Seconds; None: until the answer.
    """
    if asks_for_time or protocol.display == "untimed":
        return None
    if protocol.display == "timed":
        return protocol.seconds
    return min((protocol.seconds, None), key=lambda seconds: loads.get(seconds, _NONE))


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
