"""Verdicts on what changed since an earlier benchmark, and what is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made.benched import figures, outcome

from colorize_cli.bench.compare import Saved, check, compare, warnings
from colorize_cli.bench.document import document, read_json, write_json
from colorize_cli.bench.figures import Figures
from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import load_bundle

Change: Any = Callable[[dict[str, Any]], object]


@pytest.fixture
def now(tiny_bundle: Path) -> Figures:
    digest = load_bundle(tiny_bundle).digest
    return figures(
        tiny_bundle,
        [
            outcome("cpu fp32", 2, 1.0, digest=digest),
            outcome("cpu fp32", 4, 1.1, digest=digest, is_default_batch=False),
            outcome("openvino bf16", 2, 2.0, digest=digest),
        ],
    )


@pytest.fixture
def saved(now: Figures, tmp_path: Path) -> Callable[..., Saved]:
    """Save figures with other rates, and read them again."""

    def save(*rates: float, spread: float = 0.0, figures: Figures = now) -> Saved:
        outcomes = [
            outcome(
                one.configuration.runs_on,
                one.configuration.batch,
                rate,
                spread=spread,
                digest=one.configuration.digest,
            )
            for one, rate in zip(figures.outcomes, rates, strict=False)
        ]
        path = tmp_path / "before.json"
        write_json(path, replace(figures, outcomes=tuple(outcomes)), None, [])
        return read_json(path)

    return save


def verdicts(saved: Saved, now: Figures) -> list[tuple[str, str]]:
    return [(c.configuration.title, c.verdict) for c in compare(saved, now)]


def test_each_configuration_of_both_gets_a_verdict(now: Figures, saved: Any) -> None:
    assert verdicts(saved(0.9, 1.2, 2.01), now) == [
        ("cpu fp32, batch 2", "faster"),
        ("cpu fp32, batch 4", "slower"),
        ("openvino bf16, batch 2", "the same within noise"),
    ]


def test_an_unsteady_run_needs_more_to_count(now: Figures, saved: Any) -> None:
    assert verdicts(saved(0.9, spread=0.05), now)[0][1] == "faster"
    assert verdicts(saved(0.9, spread=0.3), now)[0][1] == "the same within noise"


def test_what_only_one_of_them_has_gets_none(now: Figures, saved: Any) -> None:
    assert [title for title, _ in verdicts(saved(1.0), now)] == ["cpu fp32, batch 2"]


def test_the_one_model_of_each_counts_as_the_same(now: Figures, saved: Any) -> None:
    earlier = saved(0.5, 0.5, 0.5)
    renamed = replace(
        earlier,
        models={"e" * 64: "older"},
        rates={("e" * 64, *key[1:]): rate for key, rate in earlier.rates.items()},
    )
    assert len(compare(renamed, now)) == 3
    (warning,) = warnings(renamed, now.machine, now.models)
    assert "another model, older (eeeeeeeeeeee)" in warning
    # With several it is not known which is which.
    several = replace(renamed, models={"e" * 64: "older", "d" * 64: "oldest"})
    assert compare(several, now) == []


def test_the_same_machine_and_model_need_no_warning(now: Figures, saved: Any) -> None:
    assert warnings(saved(1.0), now.machine, now.models) == []


def test_another_machine_is_told(now: Figures, saved: Any) -> None:
    machine = {**now.machine, "cpu": "Abacus", "packages": {"numpy": "1.0"}}
    other, packages = warnings(replace(saved(1.0), machine=machine), now.machine, now.models)
    assert "another machine (CPU Abacus, here" in other
    assert "numpy 1.0, here" in packages


def test_other_work_is_refused(now: Figures, saved: Any) -> None:
    earlier = saved(1.0)
    planned = [one.configuration for one in now.outcomes]
    check(earlier, planned, photos="f" * 64, samples=1)
    with pytest.raises(UsageError, match="1 samples a photo, not 4: add --samples 1"):
        check(earlier, planned, photos="f" * 64, samples=4)
    with pytest.raises(UsageError, match="other photographs"):
        check(earlier, planned, photos="0" * 64, samples=1)
    with pytest.raises(UsageError, match="but cpu fp32, batch 2"):
        check(earlier, planned[1:], photos="f" * 64, samples=1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-9], "is no JSON"),
        (lambda text: text.replace('"format": 2', '"format": 1'), "measure again"),
        (lambda text: "[]", "measure again"),
        (lambda text: text.replace("photos_per_second", "rate"), "is damaged"),
        (lambda text: text.replace('"samples": 1', '"samples": null'), "is damaged"),
    ],
)
def test_a_file_that_is_none_is_refused(
    spoil: Callable[[str], str], said: str, now: Figures, saved: Any, tmp_path: Path
) -> None:
    saved(1.0)
    path = tmp_path / "before.json"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(UsageError, match=said):
        read_json(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--compare .*gone.json cannot be read"):
        read_json(tmp_path / "gone.json")


def test_the_json_has_the_verdicts_and_knows_no_infinity(now: Figures, saved: Any) -> None:
    earlier = saved(1.0, 1.0, 1.0)
    cut = {key: replace(rate, part_seconds=()) for key, rate in earlier.rates.items()}
    changes = compare(replace(earlier, rates=cut), now)
    tree = document(now, now.outcomes[2], changes)
    assert [one["verdict"] for one in tree["comparison"]] == ["the same within noise"] * 3
    assert tree["comparison"][2]["ratio"] == 2.0
    assert tree["comparison"][2]["noise"] is None
    assert tree["recommendation"]["options"] == "--device openvino"
    json.dumps(tree, allow_nan=False)
