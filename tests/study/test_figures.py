"""Rates, intervals, and whose answers count."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from made.studies import answers_of, made_study, salted

from colorize_cli.study.design import Study, read_study
from colorize_cli.study.figures import Figures, Rate, figures_of
from colorize_cli.study.rater import Answer, Rater
from colorize_cli.study.trials import Trial


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Study:
    words = ("--practice", "2", "--catch", "6", "--repeats", "8")
    folder = tmp_path_factory.mktemp("made")
    return read_study(salted(made_study(folder, tiny_bundle, *words, photos=32)))


class Asked:
    """Raters who answered all of a study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.raters: list[Rater] = []
        self.answers: list[Answer] = []

    def ask(
        self,
        is_right: Callable[[Trial], bool],
        *,
        seconds: float | None = None,
        scripted: bool = True,
        **told: object,
    ) -> None:
        rater = Rater(len(self.raters), "", seconds, scripted)
        self.raters.append(rater)
        self.answers += answers_of(self.study, rater, is_right, **told)

    def figures(self, *, of_scripts: bool = True) -> Figures:
        return figures_of(self.study, self.raters, self.answers, of_scripts=of_scripts)


@pytest.fixture
def asked(study: Study) -> Asked:
    return Asked(study)


def skilled(fooled: float, seed: int) -> Callable[[Trial], bool]:
    """A rater who takes the colouring for the photograph with this probability, and no catch."""
    rng = Random(seed)
    return lambda trial: trial.kind == "catch" or rng.random() >= fooled


@pytest.mark.parametrize(("count", "total"), [(0, 10), (10, 10), (5, 10), (320, 1000), (1, 1)])
def test_the_interval_is_wilsons(count: int, total: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    wilson = stats.binomtest(count, total).proportion_ci(method="wilson")
    assert Rate(count, total).interval == pytest.approx((wilson.low, wilson.high), abs=1e-7)


def test_the_rate_of_nothing_is_no_number() -> None:
    assert math.isnan(Rate(0, 0).value)
    assert Rate(0, 0).interval == (0.0, 1.0)


@pytest.mark.parametrize("fooled", [0.0, 0.2, 0.5, 0.9])
def test_a_known_rate_is_found_within_its_interval(asked: Asked, fooled: float) -> None:
    for seed in range(12):
        asked.ask(skilled(fooled, seed))
    figures = asked.figures()
    (display,) = figures.displays
    assert display.fooled.total == 12 * 24
    low, high = display.fooled.interval
    assert low <= fooled <= high
    assert high - low < 0.13
    # Where answers have nothing in common, drawing raters and photographs anew says little more.
    wide = display.quoted[1] - display.quoted[0]
    assert high - low <= wide < 1.8 * (high - low)
    assert sum(rate.total for rate in display.sets.values()) == 12 * 24
    assert display.sets.keys() == {"faces", "places ü"}
    within = [r.interval[0] <= fooled <= r.interval[1] for r in display.sets.values()]
    assert all(within)
    found = [one.fooled.interval for one in figures.raters]
    assert sum(low <= fooled <= high for low, high in found) >= 10


def test_raters_who_are_unlike_each_other_make_the_interval_wider(asked: Asked) -> None:
    for seed in range(12):
        asked.ask(skilled((0.1, 0.9)[seed % 2], seed))
    (display,) = asked.figures().displays
    low, high = display.fooled.interval
    assert display.quoted[1] - display.quoted[0] > 2 * (high - low)


def test_who_finds_too_few_catches_is_left_out_as_was_said_before(asked: Asked) -> None:
    assert (asked.study.protocol.catches, asked.study.protocol.catches_right) == (6, 5)
    missed = iter([True, True, False, False, False, False])
    one_missed = iter([True, False, False, False, False, False])
    asked.ask(lambda t: t.kind != "catch" or not next(missed))
    asked.ask(lambda t: t.kind != "catch" or not next(one_missed))
    figures = asked.figures()
    assert [one.left_out for one in figures.raters] == ["caught 4 of 6", ""]
    assert [display.raters for display in figures.displays] == [1]
    assert figures.displays[0].fooled == Rate(0, 24)


def test_who_stops_is_left_out(asked: Asked) -> None:
    asked.ask(skilled(0.0, 0))
    del asked.answers[-1]
    figures = asked.figures()
    assert figures.raters[0].left_out == "stopped at 39 of 40"
    assert figures.displays == []


def test_scripts_are_never_among_people(asked: Asked) -> None:
    for seed in range(4):
        asked.ask(skilled(0.9, seed), scripted=True)
    asked.ask(skilled(0.0, 0), scripted=False)
    people = asked.figures(of_scripts=False)
    assert (len(people.raters), people.others) == (1, 4)
    assert people.displays[0].fooled == Rate(0, 24)
    scripts = asked.figures()
    assert (len(scripts.raters), scripts.others) == (4, 1)
    assert scripts.displays[0].fooled.value > 0.7


def test_timed_and_untimed_answers_are_never_added_up(asked: Asked) -> None:
    for seed in range(4):
        asked.ask(skilled(seed % 2, seed), seconds=None if seed % 2 == 0 else 1.0)
    figures = asked.figures()
    assert [(d.seconds, d.raters, d.fooled.value) for d in figures.displays] == [
        (1.0, 2, 1.0),
        (None, 2, 0.0),
    ]


def test_repeats_tell_who_answers_as_before_and_do_not_count_twice(asked: Asked) -> None:
    asked.ask(lambda trial: True)
    asked.ask(lambda trial: trial.truth_is_left)
    asked.ask(skilled(0.5, 5))
    perfect, leftist, guesser = asked.figures().raters
    assert perfect.agreed == Rate(8, 8)
    assert leftist.agreed == Rate(0, 8)  # the sides are swapped
    assert 0 < guesser.agreed.count < 8
    assert leftist.left == Rate(24, 24)
    low, high = perfect.left.interval
    assert low < 0.5 < high
    assert {one.fooled.total for one in (perfect, leftist, guesser)} == {24}


@pytest.mark.parametrize(
    "fault", [{"showings": 2}, {"was_hidden": True}, {"shown_ms": 1300.0}, {"shown_ms": 700.0}]
)
def test_a_pair_that_was_shown_otherwise_does_not_count(
    asked: Asked, fault: dict[str, object]
) -> None:
    asked.ask(skilled(0.0, 0), seconds=1.0, shown_ms=1017.0)
    asked.answers = [
        replace(one, chose_left=not one.truth_is_left, **fault)  # type: ignore[arg-type]
        if one.kind == "comparison" and one.n % 2
        else one
        for one in asked.answers
    ]
    figures = asked.figures()
    assert figures.raters[0].spoiled > 5
    assert figures.displays[0].fooled == Rate(0, 24 - figures.raters[0].spoiled)


def test_an_untimed_pair_may_be_seen_as_long_as_one_likes(asked: Asked) -> None:
    asked.ask(skilled(0.0, 0), shown_ms=40_000.0)
    assert asked.figures().displays[0].fooled == Rate(0, 24)


def test_photographs_that_fool_most_come_first(asked: Asked) -> None:
    fooling = {pair.id for pair in asked.study.of_role("comparison")[:5]}
    for _ in range(3):
        asked.ask(lambda trial: trial.pair not in fooling)
    photos = asked.figures().displays[0].photos
    assert {pair.id for pair, _ in photos[:5]} == fooling
    assert [rate for _, rate in photos] == [Rate(3, 3)] * 5 + [Rate(0, 3)] * 19


def test_the_interval_over_raters_is_wider_where_raters_differ(asked: Asked) -> None:
    for seed in range(8):
        asked.ask(skilled(seed % 2, seed))
    display = asked.figures().displays[0]
    low, high = display.fooled.interval
    assert display.quoted[1] - display.quoted[0] > 2 * (high - low)


@pytest.mark.parametrize("fooled", [0.0, 1.0])
@pytest.mark.parametrize("raters", [1, 3, 12])
def test_the_interval_to_quote_has_a_width_where_all_answers_are_alike(
    asked: Asked, raters: int, fooled: float
) -> None:
    for seed in range(raters):
        asked.ask(skilled(fooled, seed))
    display = asked.figures().displays[0]
    assert display.quoted == pytest.approx(display.fooled.interval)
    assert display.quoted[1] - display.quoted[0] > 0.01


def test_few_raters_are_no_result(asked: Asked) -> None:
    for seed in range(10):
        asked.ask(skilled(0.3, seed))
        display = asked.figures().displays[0]
        assert (display.raters, display.is_result) == (seed + 1, seed == 9)


def test_who_has_no_answer_that_counts_is_none_of_the_raters(asked: Asked) -> None:
    asked.ask(skilled(0.3, 0))
    asked.ask(skilled(0.3, 1), was_hidden=True)
    assert [one.left_out for one in asked.figures().raters] == ["", ""]
    assert asked.figures().displays[0].raters == 1
