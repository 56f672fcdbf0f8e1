"""The tables: what they say, that they fit, and what stands out."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from made.benched import figures as made_figures
from made.benched import measurement
from rich.console import Console

from colorize_cli.bench import tables
from colorize_cli.bench.compare import RateChange
from colorize_cli.bench.figures import Figures
from colorize_cli.cli.terminal import Terminal
from colorize_cli.model.bundle import load_bundle
from colorize_cli.system.figure_changes import Change, Rate, increase


@pytest.fixture
def made(tiny_bundle: Path) -> Figures:
    """Made-up figures of three configurations, one of them with wrong colours."""
    digest = load_bundle(tiny_bundle).digest
    return made_figures(
        tiny_bundle,
        [
            measurement("cpu fp32", 2, 1.7, digest=digest),
            measurement("openvino int8+bf16", 8, 3.1, digest=digest, is_default_batch=False),
            measurement("openvino bf16", 2, 4.0, digest=digest, difference=2.5),
        ],
    )


def shown(made: Figures, width: int = 80) -> str:
    """What the tables look like on a terminal in colour."""
    console = Console(width=width, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        tables.show_figures(made, made.measurements[0], Terminal(console=console))
    return capture.get()


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit(width: int, made: Figures) -> None:
    found = re.sub(r"\x1b\[[\d;]*m", "", shown(made, width=width))
    shown_tables = found[found.index("Stages") : found.index("p50, p95: ms")]
    assert max(map(len, shown_tables.splitlines())) <= width
    assert "…" not in shown_tables
    assert len(re.findall(r"^openvino int8\+bf16 +8 ", shown_tables, re.MULTILINE)) == 2


def test_the_recommended_stands_out_and_wrong_colours_do(made: Figures) -> None:
    lines = shown(made).partition("From file to file")[2].splitlines()
    style = {
        word: line.count("\x1b[1;32m") - line.count("\x1b[33m")
        for line in lines
        for word in ("cpu fp32", "int8+bf16", "openvino bf16")
        if word in line
    }
    assert style["cpu fp32"] > 0
    assert style["int8+bf16"] == 0
    assert style["openvino bf16"] < 0


def test_the_target_is_marked_only_when_it_is_missed(
    made: Figures, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row() -> str:
        return next(line for line in shown(made).splitlines() if "target" in line)

    measured = made.after_network_core_ms
    assert f"{measured:.1f}" in row()
    yellow = "\x1b[33m"
    monkeypatch.setattr(tables, "TARGET_CORE_MS", measured + 1)
    assert yellow not in row()
    monkeypatch.setattr(tables, "TARGET_CORE_MS", measured - 0.1)
    assert yellow in row()


@pytest.mark.parametrize(
    ("core", "waiting", "share"),
    [(50, 0.0, 50), (99, 0.4, 40), (50, None, 50), (99, 0.1, None), (180, None, None)],
)
def test_cores_that_others_held_meanwhile_are_told(
    core: float, waiting: float | None, share: int | None, made: Figures
) -> None:
    render = replace(made.stages["render"], wall_ms_per_megapixel=100, core_ms_per_megapixel=core)
    one = made.measurements[0]
    one = replace(one, network=replace(one.network, waiting=waiting))
    stages = {**made.stages, "render": render}
    text = shown(replace(made, stages=stages, measurements=(one,)), width=200)
    told = re.findall(r"held the cores for up to (\d+)%", text)
    assert told == ([] if share is None else [str(share)])


def test_nothing_is_recommended_where_the_right_colours_are_not_known(
    made: Figures, capfd: pytest.CaptureFixture[str]
) -> None:
    tables.show_recommendation(None, made, Terminal())
    assert "nothing to recommend" in capfd.readouterr().err


def test_verdicts_have_their_colours(made: Figures) -> None:
    console = Console(width=120, force_terminal=True, color_system="standard")
    changes: list[RateChange] = []
    for one, rate in zip(made.measurements, (1.0, 6.0, 4.0), strict=True):
        difference = increase(Rate(rate, (1 / rate,) * 5), one.rate)
        changes.append(Change(one.configuration, rate, one.rate.per_second, difference))
    with console.capture() as capture:
        tables.show_changes(changes, made, "b.json", Terminal(console=console))
    lines = capture.get().splitlines()
    (faster,) = (line for line in lines if "faster" in line)
    (slower,) = (line for line in lines if "slower" in line)
    (same,) = (line for line in lines if "the same within noise" in line)
    assert "\x1b[32m" in faster
    assert "+70%" in faster
    assert "\x1b[31m" in slower
    assert "-48%" in slower
    assert "\x1b[3" not in same
