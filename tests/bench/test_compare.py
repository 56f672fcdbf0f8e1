"""Verdicts on what changed since an earlier benchmark, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made.benched import PHOTOS, figures, measurement

from colorize_cli.bench.compare import EarlierBench, check, compare, verdict, warnings
from colorize_cli.bench.document import document, read_json
from colorize_cli.bench.figures import Figures
from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import load_bundle
from colorize_cli.system.figures_file import write_document


@pytest.fixture
def now(tiny_bundle: Path) -> Figures:
    digest = load_bundle(tiny_bundle).digest
    return figures(
        tiny_bundle,
        [
            measurement("cpu fp32", 2, 1.0, digest=digest),
            measurement("cpu fp32", 4, 1.1, digest=digest, is_default_batch=False),
            measurement("openvino bf16", 2, 2.0, digest=digest),
        ],
    )


@pytest.fixture
def saved(now: Figures, tmp_path: Path) -> Callable[..., EarlierBench]:
    """Save figures with other rates, and read them again."""

    def save(*rates: float, spread: float = 0.0, figures: Figures = now) -> EarlierBench:
        measurements = [
            measurement(
                one.configuration.runs_on,
                one.configuration.batch,
                rate,
                spread=spread,
                digest=one.configuration.digest,
            )
            for one, rate in zip(figures.measurements, rates, strict=False)
        ]
        path = tmp_path / "before.json"
        write_document(path, document(replace(figures, measurements=tuple(measurements)), None, []))
        return read_json(path)

    return save


def verdicts(saved: EarlierBench, now: Figures) -> list[tuple[str, str]]:
    return [(c.figure.title, verdict(c)) for c in compare(saved, now)]


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
    (warning,) = warnings(renamed, now)
    assert "another model, older (eeeeeeeeeeee)" in warning
    # With several it is not known which is which.
    several = replace(renamed, models={"e" * 64: "older", "d" * 64: "oldest"})
    assert compare(several, now) == []


def test_the_same_machine_and_model_need_no_warning(now: Figures, saved: Any) -> None:
    assert warnings(saved(1.0), now) == []


def test_another_machine_is_told(now: Figures, saved: Any) -> None:
    machine = {**now.machine, "cpu": "Abacus", "packages": {"numpy": "1.0"}}
    other, packages = warnings(replace(saved(1.0), machine=machine), now)
    assert "another machine (CPU Abacus, here" in other
    assert "numpy 1.0, here" in packages


def test_other_work_is_refused(now: Figures, saved: Any) -> None:
    earlier = saved(1.0)
    planned = [one.configuration for one in now.measurements]
    check(earlier, planned, PHOTOS)
    with pytest.raises(UsageError, match="1 samples a photo, not 4: add --samples 1"):
        check(earlier, planned, replace(PHOTOS, samples=4))
    with pytest.raises(UsageError, match="measured without --size: do the same"):
        check(earlier, planned, PHOTOS, "fast")
    with pytest.raises(UsageError, match="measured with --size fine"):
        check(replace(earlier, size="fine"), planned, PHOTOS)
    with pytest.raises(UsageError, match="other photographs"):
        check(earlier, planned, replace(PHOTOS, digest="0" * 64))
    with pytest.raises(UsageError, match="but cpu fp32, batch 2"):
        check(earlier, planned[1:], PHOTOS)
