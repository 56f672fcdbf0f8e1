"""The JSON of a benchmark: its keys, and what is read of it again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made.benched import figures, measurement

from colorize_cli.bench.compare import compare
from colorize_cli.bench.document import document, read_json
from colorize_cli.bench.figures import Figures
from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import load_bundle
from colorize_cli.system.figure_changes import Rate
from colorize_cli.system.figures_file import write_document

RECORDED = Path(__file__).parents[2] / "benchmarks" / "results" / "bench-cpu.json"


@pytest.fixture
def made(tiny_bundle: Path) -> Figures:
    digest = load_bundle(tiny_bundle).digest
    ones = [
        measurement("cpu fp32", 2, 1.0, digest=digest),
        measurement("openvino bf16", 2, 2.0, digest=digest),
    ]
    return figures(tiny_bundle, ones)


def keys(tree: Any, name: str = "") -> Iterator[str]:
    """Names of all that a document has, "stages.decode.timing.runs"; lists by their entries."""
    if isinstance(tree, dict) and name not in (".machine", ".models.precision"):
        for key, value in tree.items():
            yield from keys(value, f"{name}.{key}")
    elif isinstance(tree, list | tuple) and tree and isinstance(tree[0], dict):
        for entry in tree:
            yield from keys(entry, name)
    else:
        yield name


def test_the_keys_are_those_of_the_recorded_benchmark(made: Figures) -> None:
    recorded = json.loads(RECORDED.read_text())
    assert set(keys(document(made, made.measurements[1], []))) == set(keys(recorded))


def test_the_recorded_benchmark_can_still_be_compared_with(made: Figures) -> None:
    recorded, earlier = json.loads(RECORDED.read_text()), read_json(RECORDED)
    assert len(earlier.rates) == len(recorded["configurations"]) > 1
    assert earlier.samples == recorded["samples"]
    assert all(len(rate.part_seconds) > 1 for rate in earlier.rates.values())


def test_what_was_written_is_read_again(made: Figures, tmp_path: Path) -> None:
    write_document(tmp_path / "bench.json", document(made, None, []))
    earlier = read_json(tmp_path / "bench.json")
    assert list(earlier.rates.values()) == [one.rate for one in made.measurements]
    assert earlier.machine == made.machine
    assert earlier.photos == made.photos.digest
    assert earlier.models == {made.models[0].bundle.digest: "tiny-encoder"}


def test_the_json_has_the_verdicts_and_knows_no_infinity(made: Figures, tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    write_document(path, document(made, None, []))
    earlier = read_json(path)
    cut = {key: Rate(1.0, ()) for key in earlier.rates}
    changes = compare(replace(earlier, rates=cut), made)
    write_document(path, document(made, made.measurements[1], changes))
    tree = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert [one["verdict"] for one in tree["comparison"]] == ["the same within noise"] * 2
    assert [one["ratio"] for one in tree["comparison"]] == [1.0, 2.0]
    assert [one["noise"] for one in tree["comparison"]] == [None, None]
    assert tree["recommendation"]["options"] == "--device openvino"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("photos_per_second", "rate", "is damaged"),
        ('"samples": 1', '"samples": null', "is damaged"),
        ('"format": 2', '"format": 1', "measure again"),
    ],
)
def test_a_file_that_is_none_is_refused(
    old: str, new: str, said: str, made: Figures, tmp_path: Path
) -> None:
    path = tmp_path / "bench.json"
    write_document(path, document(made, None, []))
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UsageError, match=said):
        read_json(path)
