"""The page of figures is written from the files of `colorize evaluate`."""

import json
from pathlib import Path

import numpy as np
import pytest
from made.measured import figures, photo

from benchmarks import quality
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.system.figures_file import write_document
from training.evaluation.document import document
from training.evaluation.evaluate import Evaluation, EvaluationSettings
from training.evaluation.selection import Selection

HEAD = "# Quality\n\nWords.\n\n"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "quality.md"
    path.write_text(HEAD + quality.BEGIN + "old tables" + quality.END + "tail\n")
    monkeypatch.setattr(quality, "PAGE", path)
    return path


def write_result(path: Path, bundle: Path, lpips: float, *, degraded: bool = False) -> Path:
    lot = [photo(figures(f"set/{i}", (lpips,), (22.0,)), seed=i) for i in range(6)]
    settings = EvaluationSettings((0, 0), samples=1, degraded=degraded)
    colorizer = Colorizer(load_bundle(bundle), resolve("cpu"), steps=2)
    evaluation = Evaluation(Selection("all", frozenset(range(6)), frozenset()), tuple(lot), {})
    write_document(path, document(evaluation, settings, colorizer, [], None, True))
    return path


def test_results_on_the_same_photos_share_tables(
    page: Path, tiny_bundle: Path, tiny_palette_bundle: Path, tmp_path: Path
) -> None:
    one = write_result(tmp_path / "one.json", tiny_bundle, 0.1234)
    other = write_result(tmp_path / "other.json", tiny_palette_bundle, 0.2345)
    old = write_result(tmp_path / "old.json", tiny_bundle, 0.3456, degraded=True)
    quality.main([str(one), str(other), str(old)])
    text = page.read_text()
    assert text.startswith(HEAD)
    assert text.endswith(quality.END + "tail\n")
    assert "old tables" not in text
    clean, degraded = text.split("## Degraded inputs")
    main = clean.split("### Main figures")[1].split("###")[0]
    encoder, palette = (
        f"{name} ({load_bundle(bundle).digest[:12]}), fp32"
        for name, bundle in (("tiny-encoder", tiny_bundle), ("tiny-palette", tiny_palette_bundle))
    )
    assert [row.split(" | ")[0] for row in main.splitlines() if row.startswith("| ")][2:] == [
        *(f"| {encoder}", f"| {palette}", "| grey input", "| mean colour")
    ]
    assert f"| {encoder} | 0.1234 [0.1234, 0.1234] |" in main
    assert "0.3456" in degraded
    assert "0.3456" not in clean
    assert f"### {palette} by set" in clean
    widths = {row.count(" | ") for row in main.splitlines() if row.startswith("| ")}
    assert len(widths) == 1


def test_what_falls_short_of_a_bar_says_so(page: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    path = write_result(tmp_path / "one.json", tiny_bundle, 0.1234)
    result = json.loads(path.read_text())
    for value, kernel, told in ((27.04, 85.0, "| 27.0 |"), (26.96, 84.9, "| 27.0 FAIL |")):
        result["overall"]["ratios"]["lpips_first_below_grey"]["value"] = value
        result["overall"]["ratios"]["kernel_below_grey"]["value"] = kernel
        result["overall"]["rows"]["model"]["alike"]["value"] = kernel / 1700
        path.write_text(json.dumps(result))
        quality.main([str(path)])
        bars = page.read_text().split("### Against the bars")[1].split("###")[0]
        assert told in bars
        assert ("84.9 FAIL" in bars) == (kernel < 85)
        assert f"| {kernel / 17:.1f} |" in bars


def test_a_run_of_candidates_and_one_of_few_photos_are_told(
    page: Path, tiny_bundle: Path, tmp_path: Path
) -> None:
    path = write_result(tmp_path / "one.json", tiny_bundle, 0.1234)
    result = json.loads(path.read_text())
    result["settings"] |= {"candidates": 8, "limit": 15}
    path.write_text(json.dumps(result))
    quality.main([str(path)])
    assert ", fp32, of 8 candidates |" in page.read_text()
    assert "the first 15 of each set" in page.read_text()


def test_a_missing_figure_is_a_dash(page: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    path = write_result(tmp_path / "bare.json", tiny_bundle, np.nan)
    assert json.loads(path.read_text())["overall"]["rows"]["model"]["lpips_first"]["value"] is None
    quality.main([str(path)])
    assert ", fp32 | - | - | 22.00" in page.read_text()


def test_files_of_another_version_are_refused(page: Path, tmp_path: Path) -> None:
    (tmp_path / "first.json").write_text('{"format": 1}')
    with pytest.raises(SystemExit, match="of this version"):
        quality.main([str(tmp_path / "first.json")])
