"""`colorize runs`: a table of what is in a folder, and a picture of the curves."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from made.tiny_runs import tiny_recipe

from colorize_cli.cli.app import main
from colorize_cli.errors import UsageError
from training.checkpoint import RUN_FILE, Checkpoint, save_checkpoint
from training.runs.curves import draw_curves
from training.runs.record import FILE, RunRecord, read_record, recorded, state_of
from training.runs.summaries import runs_below
from training.trackers.log_lines import LogLines

LOG = [
    {"step": 100, "loss": 0.5},
    {"step": 100, "validation": {"loss": 0.45}},
    {"step": 200, "loss": 0.3},
    {"step": 200, "validation": {"loss": 0.35}, "extra": None},
    {"step": 200, "samples_drawn": {"ab_mae_first": 7.5}},
    {"step": 300, "loss": 0.25, "loss_by_third": [0.5, 0.2, None]},
    {"step": 300, "validation": {"loss": None}},
    {"step": 300, "samples_drawn": {"ab_mae_first": 8.5}},
]


def write_run(folder: Path, when: float, **record: object) -> Path:
    folder.mkdir(parents=True)
    lines = "".join(f"{json.dumps(entry)}\n" for entry in LOG)
    (folder / "log.jsonl").write_text(lines + '{"step": 400, "lo')  # a crash
    if record:
        (folder / FILE).write_text(json.dumps(record))
    for path in folder.iterdir():
        os.utime(path, (when, when))
    return folder


def test_a_table_has_the_best_figures_and_the_state_of_every_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    write_run(runs / "b", 2e9, state="finished", recipe="default", steps=300)
    write_run(runs / "deep" / "a", 1e9, state="failed", reason="disk full", recipe="x")
    (runs / "notes").mkdir()
    (runs / "notes" / "readme.txt").write_text("no run")
    assert main(["runs", str(runs)]) == 0
    out, err = capfd.readouterr()
    head, *rows = [re.split(r"\s{2,}", line) for line in out.splitlines()]
    assert head == ["run", "recipe", "step", "best loss", "best ab MAE", "state", "when"]
    assert [row[:6] for row in rows] == [
        ["deep/a", "x", "300", "0.3500 at 200", "7.50 at 200", "failed"],
        ["b", "default", "300 of 300", "0.3500 at 200", "7.50 at 200", "finished"],
    ]
    assert rows[0][6].startswith("2001-09-09")
    assert "deep/a failed: disk full" in err
    curves = runs_below(runs)[0].curves
    assert (curves["loss, middle noise"], curves["loss, most noise"]) == ([(300, 0.2)], [])


def test_a_run_of_an_earlier_version_is_known_by_its_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "old"
    out.mkdir()
    save_checkpoint(out / RUN_FILE, Checkpoint(tiny_recipe(), {}, {"step": 3}))
    (run,) = runs_below(tmp_path)
    assert (run.recipe, run.step, run.steps, run.best, run.state) == ("tiny", 3, 4, None, "")
    foreign = json.dumps({"__metadata__": {"colorize": '{"recipe": "x", "progress": 3}'}}).encode()
    for data in (b"\xff" * 20, len(foreign).to_bytes(8, "little") + foreign):
        (out / RUN_FILE).write_bytes(data)
        assert runs_below(tmp_path)[0].recipe == "?"


def test_what_is_no_entry_of_ours_is_left_out_of_a_log_and_a_resume_goes_on_behind_the_rest(
    tmp_path: Path,
) -> None:
    cut = '{"step": 2, "validation": {"loss": 0.5}'
    lines = ['{"step": 1, "loss": 0.5}', cut, '{"event": "foreign"}', "[1]", '{"step": "x"}', "{"]
    path = tmp_path / "log.jsonl"
    path.write_bytes("\n".join([*lines, '{"step": 3, "loss": 0.4}', ""]).encode() + b"\xff{}")
    (run,) = runs_below(tmp_path)
    assert (run.step, run.curves["loss"]) == (3, [(1, 0.5), (3, 0.4)])
    LogLines(path, 2).close()
    assert path.read_text() == f"{lines[0]}\n"


def test_a_run_whose_process_is_gone_was_killed(tmp_path: Path) -> None:
    RunRecord(tmp_path, recipe="x")
    assert state_of(read_record(tmp_path)) == "running"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    record = read_record(tmp_path) | {"pid": ended.pid}
    assert state_of(record) == "killed"
    assert state_of(record | {"pid": 1 << 70}) == "killed"
    assert state_of(record | {"host": "another"}) == "running"
    assert state_of({}) == ""


def test_how_a_run_ended_is_noted_and_when_it_began_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UsageError), recorded(tmp_path, recipe="x"):
        raise UsageError("no photos")
    failed = read_record(tmp_path)
    assert (failed["state"], failed["reason"], failed["recipe"]) == ("failed", "no photos", "x")
    with pytest.raises(KeyboardInterrupt), recorded(tmp_path, recipe="x"):
        raise KeyboardInterrupt
    assert read_record(tmp_path)["state"] == "stopped"
    with recorded(tmp_path, recipe="x") as record:
        record.end("finished")
    assert read_record(tmp_path)["state"] == "finished"
    assert read_record(tmp_path)["began"] == failed["began"]
    (tmp_path / FILE).write_text("{")
    assert read_record(tmp_path) == {}


def test_the_curves_are_drawn_in_a_colour_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs" / "one", 1e9)
    write_run(tmp_path / "runs" / "two", 2e9)
    plot = tmp_path / "curves.png"
    assert main(["runs", str(tmp_path / "runs"), "--plot", str(plot)]) == 0
    assert "curves: " in capfd.readouterr().err
    picture = cv2.imdecode(np.fromfile(plot, np.uint8), 1)
    assert picture.shape[0] > 3 * 300  # loss, validation loss, ab MAE, and the legend
    found = {tuple(colour) for colour in picture.reshape(-1, 3)}
    assert {(178, 114, 0), (0, 94, 213)} <= found


def test_a_curve_falls_where_its_figure_does_and_wild_numbers_do_not_hide_it() -> None:
    falling = [(step, 1 - step / 100) for step in range(0, 100, 2)]
    data = draw_curves([("räl", {"loss": [(0, 1e9), *falling], "none": []})])
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), 1)[-300:]
    blue = np.argwhere((picture == (178, 114, 0)).all(axis=2))
    left, right = (blue[blue[:, 1] == x, 0].mean() for x in (120, 900))
    assert right - left > 150
    for wild in ([], [(1, float("inf"))], [(0, 2.0)], [(0, 0.0), (5, 0.0)]):
        assert draw_curves([("x", {"loss": wild})])[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "is no folder"),
        (["."], "No run in"),
        ([".", "--plot", "x.jpg"], "ends in .png"),
    ],
)
def test_what_is_no_folder_of_runs_is_said(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["runs", *words]) == 2
    assert said in capfd.readouterr().err


def test_the_table_needs_no_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "run", 1e9)
    monkeypatch.setattr("colorize_cli.system.installed.missing_modules", lambda extra: ["torch"])
    assert main(["runs", str(tmp_path)]) == 0
    code = "import sys, training.runs.run; print('torch' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.stdout == "False\n", told.stderr
