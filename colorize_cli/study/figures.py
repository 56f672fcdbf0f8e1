"""What the answers to a study say: how often a colouring was taken for the photograph.

Whose answers count was fixed before: those of raters who came to the end and found as many catch
trials as the protocol says. Of these, an answer counts where the pair was shown once, in sight, and
as long as it should be. Timed and untimed answers are two things, and never added up.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

import numpy as np

from .design import Pair, Study
from .rater import Answer, Rater

_Z = 1.959964  # of the normal distribution, 95% within
_TOLERANCE = 0.2  # part of a timed display that it may be off by
_DRAWS = 2000  # of the bootstrap
LEAST_RATERS = 10  # fewer do not show how people differ


@dataclass(frozen=True)
class Rate:
    """A share of cases, with its 95% interval by Wilson (1927)."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share, 0..1; NaN of nothing."""
        return self.count / self.total if self.total else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end, 0..1, which hold for trials that have nothing in common."""
        if not self.total:
            return 0.0, 1.0
        n, p, z2 = self.total, self.value, _Z * _Z
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class RaterFigures:
    """What a rater did.

    Attributes:
        rater: who.
        left_out: why none of the answers count; empty where they do.
        fooled: comparisons in which the colouring was taken for the photograph.
        caught: catch trials in which the photograph was found.
        agreed: repeats in which the same picture was chosen as before, on the other side now.
        left: comparisons answered with the left one.
        spoiled: comparisons that do not count, for how they were shown.
        seconds: of the median answer.
    """

    rater: Rater
    left_out: str
    fooled: Rate
    caught: Rate
    agreed: Rate
    left: Rate
    spoiled: int
    seconds: float | None


@dataclass(frozen=True)
class DisplayFigures:
    """The answers that count, of one kind of display.

    Attributes:
        seconds: how long pairs were shown; None: until the answer.
        raters: how many have answers among them.
        fooled: comparisons in which the colouring was taken for the photograph.
        quoted: its 95% interval where raters and photographs are drawn anew, which allows for
            what answers of one rater, or to one photograph, have in common, and Wilson's within
            it, which has a width where all answers are alike.
        sets: the same of each set.
        photos: the same of each pair, the most often taken first.
        agreed: repeats that were answered as before.
        left: comparisons answered with the left one.
        answer_seconds: of the median answer.
        shown_ms: shortest, median and longest display.
    """

    seconds: float | None
    raters: int
    fooled: Rate
    quoted: tuple[float, float]
    sets: dict[str, Rate]
    photos: list[tuple[Pair, Rate]]
    agreed: Rate
    left: Rate
    answer_seconds: float
    shown_ms: tuple[float, float, float]

    @property
    def is_result(self) -> bool:
        """Whether there are raters enough to speak of people."""
        return self.raters >= LEAST_RATERS


@dataclass(frozen=True)
class Figures:
    """All figures of a study.

    Attributes:
        raters: those who were asked for, people or scripts.
        displays: timed and untimed, as far as there are answers that count.
        others: raters of the other kind, who are not among them.
    """

    raters: list[RaterFigures]
    displays: list[DisplayFigures]
    others: int


def figures_of(
    study: Study, raters: Sequence[Rater], answers: Sequence[Answer], *, of_scripts: bool
) -> Figures:
    """Work out the figures, of people, or of scripts that drive a browser and are none."""
    by_rater: dict[int, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_rater[answer.rater].append(answer)
    asked = [rater for rater in raters if rater.is_scripted == of_scripts]
    told = [_of_rater(study, rater, by_rater[rater.id]) for rater in asked]
    displays = []
    for seconds in sorted({rater.seconds for rater in asked}, key=lambda s: (s is None, s)):
        counting = [one.rater for one in told if not one.left_out and one.rater.seconds == seconds]
        if of_display := _of_display(study, seconds, [by_rater[r.id] for r in counting]):
            displays.append(of_display)
    return Figures(told, displays, len(raters) - len(asked))


def _of_rater(study: Study, rater: Rater, answers: Sequence[Answer]) -> RaterFigures:
    caught = [answer.is_right for answer in answers if answer.kind == "catch"]
    comparisons = [answer for answer in answers if answer.kind == "comparison"]
    good = [answer for answer in comparisons if not is_spoiled(answer, rater.seconds)]
    left_out = ""
    if len(answers) < study.protocol.trials:
        left_out = f"stopped at {len(answers)} of {study.protocol.trials}"
    elif sum(caught) < study.protocol.catches_right:
        left_out = f"caught {sum(caught)} of {len(caught)}"
    return RaterFigures(
        rater,
        left_out,
        _rate(not answer.is_right for answer in good),
        _rate(caught),
        _agreed(answers, rater.seconds),
        _rate(bool(answer.chose_left) for answer in good),
        len(comparisons) - len(good),
        _median_seconds(good),
    )


def is_spoiled(answer: Answer, seconds: float | None) -> bool:
    """Tell whether a pair was shown otherwise than it should be, so that its answer says little."""
    if answer.showings != 1 or answer.was_hidden:
        return True
    off = abs((answer.shown_ms or 0) / 1000 - seconds) if seconds else 0.0
    return bool(seconds and off > _TOLERANCE * seconds)


def _of_display(
    study: Study, seconds: float | None, by_rater: Sequence[Sequence[Answer]]
) -> DisplayFigures | None:
    good = [
        answer
        for answers in by_rater
        for answer in answers
        if answer.kind == "comparison" and not is_spoiled(answer, seconds)
    ]
    if not good:
        return None
    of_pair: dict[str, list[bool]] = defaultdict(list)
    for answer in good:
        of_pair[answer.pair].append(not answer.is_right)
    pairs = [pair for pair in study.pairs if pair.id in of_pair]
    of_set: dict[str, list[bool]] = defaultdict(list)
    for pair in pairs:
        of_set[pair.set] += of_pair[pair.id]
    photos = [(pair, _rate(of_pair[pair.id])) for pair in pairs]
    photos.sort(key=lambda one: (-one[1].value, -one[1].total, one[0].name))
    repeats = [_agreed(answers, seconds) for answers in by_rater]
    shown = sorted(answer.shown_ms or 0 for answer in good)
    fooled = _rate(not answer.is_right for answer in good)
    return DisplayFigures(
        seconds,
        len({answer.rater for answer in good}),
        fooled,
        _hull(fooled.interval, _resampled(good)),
        {name: _rate(of_set[name]) for name in sorted(of_set)},
        photos,
        Rate(sum(rate.count for rate in repeats), sum(rate.total for rate in repeats)),
        _rate(bool(answer.chose_left) for answer in good),
        _median_seconds(good) or 0.0,
        (shown[0], median(shown), shown[-1]),
    )


def _hull(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return min(one[0], other[0]), max(one[1], other[1])


def _resampled(answers: Sequence[Answer]) -> tuple[float, float]:
    """Bootstrap over raters and photographs at once (Owen, "The pigeonhole bootstrap", 2007)."""
    raters = {answer.rater: 0 for answer in answers}
    pairs = {answer.pair: 0 for answer in answers}
    rows = {rater: row for row, rater in enumerate(raters)}
    columns = {pair: column for column, pair in enumerate(pairs)}
    seen, fooled = np.zeros((2, len(rows), len(columns)))
    for answer in answers:
        place = rows[answer.rater], columns[answer.pair]
        seen[place] += 1
        fooled[place] += not answer.is_right
    rng = np.random.default_rng(0)
    w_rows = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), _DRAWS)
    w_columns = rng.multinomial(len(columns), np.full(len(columns), 1 / len(columns)), _DRAWS)
    totals = ((w_rows @ seen) * w_columns).sum(1)
    shares = ((w_rows @ fooled) * w_columns).sum(1)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def _agreed(answers: Sequence[Answer], seconds: float | None) -> Rate:
    """Count the repeats in which the photograph was found, or not, as before."""
    good = [answer for answer in answers if not is_spoiled(answer, seconds)]
    before = {answer.pair: answer.is_right for answer in good if answer.kind == "comparison"}
    repeats = [answer for answer in good if answer.kind == "repeat" and answer.pair in before]
    return _rate(answer.is_right == before[answer.pair] for answer in repeats)


def _rate(cases: Iterable[bool]) -> Rate:
    listed = list(cases)
    return Rate(sum(listed), len(listed))


def _median_seconds(answers: Sequence[Answer]) -> float | None:
    return median(a.answered_ms or 0 for a in answers) / 1000 if answers else None
