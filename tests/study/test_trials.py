"""Which pairs a rater sees, in which order, and on which side the photograph is."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from colorize_cli.study.design import Pair, Protocol, Role, Study
from colorize_cli.study.trials import seconds_of, trials_of


def pair(number: int, role: Role) -> Pair:
    names = (f"{number:032x}.png", f"{number + 10**6:032x}.png")
    is_wrong = role == "catch" or (role == "practice" and number % 2 == 0)
    return Pair(f"{role}{number}", role, is_wrong, "set", f"{number}.png", "", *names, 8, 8)


def study_of(comparisons: int, *, of: int, repeats: int = 4, salt: str = "salt") -> Study:
    roles: list[Role] = [*["practice"] * 6, *["catch"] * 5, *["comparison"] * of]
    pairs = tuple(pair(number, role) for number, role in enumerate(roles))
    protocol = Protocol(comparisons, 6, 5, 4, repeats)
    return Study(salt, "", protocol, {}, pairs, is_whole=True)


def test_practice_comes_first_and_begins_with_what_is_plain() -> None:
    study = study_of(20, of=30)
    wrong = {pair.id for pair in study.pairs if pair.is_wrong}
    for rater in range(20):
        trials = trials_of(study, rater)
        assert len(trials) == study.protocol.trials == 35
        assert [trial.kind == "practice" for trial in trials] == [True] * 6 + [False] * 29
        assert [trial.pair in wrong for trial in trials[:6]] == [True] * 3 + [False] * 3
        kinds = Counter(trial.kind for trial in trials)
        assert kinds == {"practice": 6, "catch": 5, "comparison": 20, "repeat": 4}


def test_repeats_come_later_on_the_other_side_and_nothing_else_comes_twice() -> None:
    for rater in range(50):
        trials = trials_of(study_of(20, of=30), rater)
        first = {t.pair: (n, t) for n, t in enumerate(trials) if t.kind != "repeat"}
        assert len(first) == 31
        for n, trial in enumerate(trials):
            if trial.kind == "repeat":
                before, original = first[trial.pair]
                assert original.kind == "comparison"
                assert trial.truth_is_left != original.truth_is_left
                assert n > before + 1


def test_few_comparisons_can_all_be_repeated() -> None:
    for rater in range(20):
        kinds = Counter(t.kind for t in trials_of(study_of(3, of=3, repeats=3), rater))
        assert kinds["repeat"] == 3


def test_each_pair_is_seen_as_often_as_any_other() -> None:
    study = study_of(20, of=30)
    seen = Counter(
        t.pair for rater in range(30) for t in trials_of(study, rater) if t.kind == "comparison"
    )
    assert set(seen.values()) == {20}
    assert len(seen) == 30


@pytest.mark.parametrize("kind", ["comparison", "catch", "practice"])
def test_the_photograph_is_on_either_side_as_often_and_in_no_pattern(kind: str) -> None:
    study = study_of(20, of=30)
    sides = [t.truth_is_left for r in range(100) for t in trials_of(study, r) if t.kind == kind]
    after = [a == b for a, b in pairwise(sides)]
    for cases in (sides, after):
        assert abs(sum(cases) / len(cases) - 0.5) < 2.6 * (0.25 / len(cases)) ** 0.5


def test_raters_and_studies_have_orders_of_their_own_that_can_be_told_again() -> None:
    study = study_of(20, of=30)
    assert trials_of(study, 3) == trials_of(study, 3)
    assert trials_of(study, 3) != trials_of(study, 4)
    assert trials_of(study, 3) != trials_of(replace(study, salt="other"), 3)


def test_pairs_are_timed_or_not_as_the_protocol_says_and_a_rater_needs() -> None:
    study = study_of(20, of=30)

    def shown(display: str, *, asks: bool = False) -> list[float | None]:
        protocol = replace(study.protocol, display=display, seconds=0.7)  # type: ignore[arg-type]
        changed = replace(study, protocol=protocol)
        return [seconds_of(changed, rater, asks_for_time=asks) for rater in range(4)]

    assert shown("timed") == [0.7] * 4
    assert shown("untimed") == [None] * 4
    assert shown("both") == [0.7, None, 0.7, None]
    assert shown("timed", asks=True) == [None] * 4


def test_the_probability_that_a_coin_passes() -> None:
    assert Protocol(1, 0, 8, 7, 0).coin_passes == 9 / 256
    assert Protocol(1, 0, 0, 0, 0).coin_passes == 1


@pytest.mark.parametrize("pairs", [40, 60, 80])
def test_timed_and_untimed_raters_see_the_same_pairs(pairs: int) -> None:
    study = study_of(20, of=pairs)
    study = replace(study, protocol=replace(study.protocol, display="both"))
    seen: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for rater in range(24):
        is_timed = seconds_of(study, rater, asks_for_time=False) is not None
        trials = trials_of(study, rater)
        seen[is_timed].update(trial.pair for trial in trials if trial.kind == "comparison")
    assert seen[True] == seen[False]
    assert len(seen[True]) == pairs
