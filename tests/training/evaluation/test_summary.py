"""Figures of photos become those of sets and of all together, and of one run against another."""

from dataclasses import replace

import numpy as np
import pytest
from made.measured import figures, photo

from colorize_cli.system.figure_changes import Interval
from training.evaluation.comparison import ComparedRun, compare, verdict
from training.evaluation.figures import MAIN, RATIOS, REST, Column
from training.evaluation.summary import summarise


def test_every_figure_of_the_tables_is_there() -> None:
    summary = summarise([photo(figures(f"set/{i}", (0.3, 0.2), (1, 2)), seed=i) for i in range(5)])
    for scope in (summary.overall, summary.sets["set"]):
        assert {column.key for column in (*MAIN, *REST)} == set(scope.rows["model"])
        assert {column.key for column in RATIOS} == set(scope.ratios)
        assert set(scope.rows["grey"]) <= set(scope.rows["model"])
        assert list(scope.rows["truth"]) == ["colourfulness"]
        for interval in scope.rows["model"].values():
            assert interval.low <= interval.high
    assert len(summary.kernel_parts) == 5


def test_the_best_sample_is_chosen_for_each_figure() -> None:
    model = summarise(
        [photo(figures(lpips=(0.3, 0.2, 0.25), psnr=(22.0, 23.0, 24.0)))]
    ).overall.rows["model"]
    assert (model["lpips_first"].value, model["lpips_best"].value) == (0.3, 0.2)
    assert (model["psnr_first"].value, model["psnr_best"].value) == (22.0, 24.0)
    assert model["diversity"].value == pytest.approx(0.1)
    assert model["alike"].value == 1.0


def test_every_set_counts_the_same_whatever_its_number_of_photos() -> None:
    small = [photo(figures("small/1", (0.1,), (30.0,)), widths=(8.0, 4.0))]
    large = [
        photo(figures(f"large/{i}", (0.3,), (20.0,)), widths=(4.0, 4.0), seed=i) for i in range(9)
    ]
    summary = summarise(small + large)
    assert list(summary.sets) == ["large", "small"]
    assert (summary.overall.photos, summary.overall.edges) == (10, 20)
    model = summary.overall.rows["model"]
    assert model["lpips_first"].value == pytest.approx(0.2)
    assert model["psnr_first"].value == pytest.approx(25.0)
    assert model["bleeding"].value == pytest.approx(6 / 4, abs=0.02)
    assert np.isnan(summary.sets["small"].rows["model"]["kernel"].value)
    assert np.isfinite(model["kernel"].value)


def test_ratios_are_ratios_of_means() -> None:
    lot = [
        photo(figures("set/1", (0.1, 0.1), (20.0, 21.0))),
        photo(figures("set/2", (0.3, 0.2), (22.0, 25.0)), seed=1),
    ]
    ratios = summarise(lot).overall.ratios
    assert ratios["lpips_first_below_grey"].value == pytest.approx(50.0)
    assert ratios["lpips_best_below_grey"].value == pytest.approx(62.5)
    assert ratios["psnr_first_above_grey"].value == pytest.approx(1.0)
    assert ratios["psnr_best_above_grey"].value == pytest.approx(3.0)
    assert ratios["colourfulness_of_truth"].value == pytest.approx(50.0)


def test_colourfulness_differs_both_ways() -> None:
    lot = [
        photo(figures("set/1", colourfulness=10.0)),
        photo(figures("set/2", colourfulness=60.0)),
    ]
    model = summarise(lot).overall.rows["model"]
    assert model["colourfulness_difference"].value == pytest.approx(-5.0)
    assert model["colourfulness_distance"].value == pytest.approx(25.0)


def test_classes_weigh_by_their_share_in_all_photos() -> None:
    # Class 300 is a twentieth of all pixels and all wrong; class 10 is all right.
    lot = [photo(figures("set/1"), shares=(1.0, 0.0)), photo(figures("set/2"), shares=(0.9, 0.1))]
    assert summarise(lot).overall.rows["model"]["auc_balanced"].value == pytest.approx(0.5)


def test_what_was_left_out_stays_out() -> None:
    bare = photo(figures(lpips=(np.nan,)))
    bare = replace(bare, parts=replace(bare.parts, features=None))
    summary = summarise([bare, bare])
    model = summary.overall.rows["model"]
    assert np.isnan(model["lpips_first"].value)
    assert np.isnan(model["alike"].value), "of a single sample"
    assert "kernel" not in model
    assert "kernel_below_grey" not in summary.overall.ratios
    assert np.isnan(summary.overall.ratios["lpips_first_below_grey"].value)
    assert not summary.kernel_parts


def test_cells_show_figure_and_interval() -> None:
    column = Column("alike", "samples all alike, %", 1, scale=100)
    assert column.text_with(Interval(0.05, 0.01, 0.1)) == "5.0 [1.0, 10.0]"
    assert column.text_with(Interval(0.05, np.nan, np.nan)) == "5.0"
    assert column.text_with(Interval(np.nan, np.nan, np.nan)) == "-"


def made_run(shift: float, spread: float = 0.01, parts: float = 0.1) -> ComparedRun:
    rng = np.random.default_rng(5)
    base = rng.uniform(0.1, 0.4, 80)
    noise = np.random.default_rng(6).normal(shift, spread, 80) if spread else shift
    lot = [
        figures(f"{'ab'[i % 2]}/{i}", (lp,), (20 + 10 * lp,), colourfulness=20.0)
        for i, lp in enumerate(base + noise)
    ]
    return ComparedRun("made", 1, False, lot, [parts] * 80)


def test_a_difference_beyond_its_interval_is_named_by_its_direction() -> None:
    photos, changes = compare(made_run(0, 0), made_run(0.02))
    verdicts = {change.figure.key: verdict(change) for change in changes}
    assert photos == 80
    # The photos differ by ten times as much, but each is compared with itself.
    assert verdicts["lpips_first"] == "worse"
    assert verdicts["psnr_first"] == "better"
    assert verdicts["ssim_first"] == "within the interval"
    assert verdicts["kernel"] == "within the interval"
    (lpips,) = (change for change in changes if change.figure.key == "lpips_first")
    assert lpips.after - lpips.before == pytest.approx(lpips.difference.value)
    assert lpips.difference.low < 0.02 < lpips.difference.high


def test_chance_is_called_within_the_interval() -> None:
    _, changes = compare(made_run(0, 0), made_run(0, 0.02))
    assert {verdict(change) for change in changes} == {"within the interval"}


def test_colourfulness_improves_towards_the_truth() -> None:
    before = made_run(0, 0)
    brighter = [
        replace(f, samples=(replace(f.samples[0], colourfulness=44.0),)) for f in before.photos
    ]
    _, changes = compare(before, replace(before, photos=brighter))
    (off,) = (change for change in changes if change.figure.key == "colourfulness_off_truth")
    assert (off.before, off.after) == pytest.approx((50.0, 10.0))
    assert verdict(off) == "better"


def test_only_photos_of_both_runs_are_compared() -> None:
    before = made_run(0, 0)
    fewer = replace(before, photos=before.photos[10:], kernel_parts=before.kernel_parts[10:])
    photos, changes = compare(fewer, before)
    assert photos == 70
    assert all(change.difference.value == pytest.approx(0) for change in changes)


def test_runs_without_a_network_are_compared_by_the_rest() -> None:
    before = replace(made_run(0, 0), kernel_parts=())
    _, changes = compare(before, made_run(0.02))
    assert "kernel" not in {change.figure.key for change in changes}
