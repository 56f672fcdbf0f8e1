"""Which pairs a rater sees, in which order, and on which side the photograph is."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from colorize_cli.study.design import Pair, Protocol, Role, Study
from colorize_cli.study.trials import Load, seconds_of, trials_of


def pair(number: int, role: Role) -> Pair:
    names = (f"{number:032x}.png", f"{number + 10**6:032x}.png")
    is_wrong = role == "catch" or (role == "practice" and number % 2 == 0)
    return Pair(f"{role}{number}", role, is_wrong, "set", f"{number}.png", "", *names)


def study_of(comparisons: int, *, of: int, repeats: int = 4, salt: str = "salt") -> Study:
    roles: list[Role] = [*["practice"] * 6, *["catch"] * 5, *["comparison"] * of]
    pairs = tuple(pair(number, role) for number, role in enumerate(roles))
    protocol = Protocol(comparisons, 6, 5, 4, repeats)
    return Study(salt, "", protocol, {}, pairs, is_whole=True)


def test_practice_comes_first_and_begins_with_what_is_plain() -> None:
    study = study_of(20, of=30)
    wrong = {pair.id for pair in study.pairs if pair.is_wrong}
    for rater in range(20):
        trials = trials_of(study, rater, {})
        assert len(trials) == study.protocol.trials == 35
        assert [trial.kind == "practice" for trial in trials] == [True] * 6 + [False] * 29
        assert [trial.pair in wrong for trial in trials[:6]] == [True] * 3 + [False] * 3
        kinds = Counter(trial.kind for trial in trials)
        assert kinds == {"practice": 6, "catch": 5, "comparison": 20, "repeat": 4}


def test_repeats_come_later_on_the_other_side_and_nothing_else_comes_twice() -> None:
    for rater in range(50):
        trials = trials_of(study_of(20, of=30), rater, {})
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
        kinds = Counter(t.kind for t in trials_of(study_of(3, of=3, repeats=3), rater, {}))
        assert kinds["repeat"] == 3


@pytest.mark.parametrize("pairs", [20, 30, 41, 80])
def test_raters_are_asked_of_pairs_that_fewest_have_answered(pairs: int) -> None:
    study = study_of(20, of=pairs)
    seen: Counter[str] = Counter({pair.id: 0 for pair in study.of_role("comparison")})
    for rater in range(30):
        loads = {pair: Load(count, count) for pair, count in seen.items()}
        trials = trials_of(study, rater, loads)
        seen.update(trial.pair for trial in trials if trial.kind == "comparison")
        assert max(seen.values()) - min(seen.values()) <= 1


def test_answers_that_count_come_before_those_that_were_only_begun() -> None:
    study = study_of(20, of=30)
    answered = {pair.id for pair in study.of_role("comparison")[:10]}
    loads = {
        pair.id: Load(1, 1) if pair.id in answered else Load(0, 5)
        for pair in study.of_role("comparison")
    }
    trials = trials_of(study, 0, loads)
    assert not answered & {trial.pair for trial in trials}


@pytest.mark.parametrize("kind", ["comparison", "catch", "practice"])
def test_the_photograph_is_on_either_side_as_often_and_in_no_pattern(kind: str) -> None:
    study = study_of(20, of=30)
    sides = [t.truth_is_left for r in range(100) for t in trials_of(study, r, {}) if t.kind == kind]
    after = [a == b for a, b in pairwise(sides)]
    for cases in (sides, after):
        assert abs(sum(cases) / len(cases) - 0.5) < 2.6 * (0.25 / len(cases)) ** 0.5


def test_raters_and_studies_have_orders_of_their_own_that_can_be_told_again() -> None:
    study = study_of(20, of=30)
    assert trials_of(study, 3, {}) == trials_of(study, 3, {})
    assert trials_of(study, 3, {}) != trials_of(study, 4, {})
    assert trials_of(study, 3, {}) != trials_of(replace(study, salt="other"), 3, {})


def test_pairs_are_timed_or_not_as_the_protocol_says_and_a_rater_needs() -> None:
    study = study_of(20, of=30)

    def shown(display: str, *, asks: bool = False) -> list[float | None]:
        protocol = replace(study.protocol, display=display, seconds=0.7)  # type: ignore[arg-type]
        begun: Counter[float | None] = Counter()
        found = []
        for _ in range(4):
            loads = {seconds: Load(0, count) for seconds, count in begun.items()}
            found.append(seconds_of(protocol, loads, asks_for_time=asks))
            begun[found[-1]] += 1
        return found

    assert shown("timed") == [0.7] * 4
    assert shown("untimed") == [None] * 4
    assert shown("both") == [0.7, None, 0.7, None]
    assert shown("timed", asks=True) == [None] * 4
    both = replace(study.protocol, display="both")
    finished = {1.0: Load(1, 1), None: Load(0, 5)}
    assert seconds_of(both, finished, asks_for_time=False) is None


def test_the_probability_that_a_coin_passes() -> None:
    assert Protocol(1, 0, 8, 7, 0).coin_passes == 9 / 256
    assert Protocol(1, 0, 0, 0, 0).coin_passes == 1
