"""A training leg on a lent GPU: what is packed, planned, copied, taken over and trained."""

import subprocess
import sys
import tarfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu.leg import machine
from benchmarks.gpu.leg.calls import (
    AWAY,
    CALL_MIB,
    LENT_S,
    MIB,
    Call,
    calls_of,
    check_limits,
    plan_lines,
    tree_files,
)
from benchmarks.gpu.leg.machine import TrainOptions, receive
from benchmarks.gpu.leg.pack import VALIDATION, WHEELS, making_room, pack
from benchmarks.gpu.leg.rehearsal import _made, _write_shard
from colorize_cli.errors import CheckError, UsageError
from training.checkpoint import RUN_FILE
from training.recipe import load_recipe

ROOT = Path(__file__).parents[2]
# What an image with PyTorch has of what training imports; tqdm is imported where it is there.
ON_THE_MACHINE = set(
    "numpy opencv-python-headless torch safetensors onnx protobuf ml-dtypes tqdm".split()
)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{name}.tar" for name in ("b", "a", "held-out")]
    for path, count in zip(paths, (4, 3, 16), strict=True):
        _write_shard(path, _made(rng, count))
    return paths


def test_each_call_brings_a_shard_and_a_damaged_one_is_told(
    shards: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    packed = tmp_path / "packed"
    manifest = pack(shards[:2], shards[2], packed, python=None)
    assert list(manifest["calls"][0]) == ["call-0/shards/a.tar", f"call-0/{VALIDATION}"]
    with tarfile.open(packed / "call-0" / VALIDATION) as archive:
        assert 5 <= len(archive.getnames()) < 16  # the half for choices
    monkeypatch.setattr(machine, "PACKED", packed)
    monkeypatch.setattr(machine, "PLACE", tmp_path / "place")
    receive(0)
    assert "1 of 2 shards are there: a.tar" in capsys.readouterr().out
    with (packed / "call-1" / "shards" / "b.tar").open("ab") as file:
        file.write(b"x")
    with pytest.raises(CheckError, match=r"call-1/shards/b\.tar"):
        receive(1)
    assert (tmp_path / "place" / "shards" / "a.tar").read_bytes() == shards[1].read_bytes()


def test_shards_are_tar_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="tar shards"):
        pack([tmp_path], tmp_path, tmp_path / "packed", python=None)


def test_training_without_a_folder_for_what_comes_back_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OUT", raising=False)
    with pytest.raises(UsageError, match="OUT names the folder"):
        machine.train(TrainOptions())


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_failure_is_tried_again(
    is_saved: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tries = []

    def fails_once(
        options: TrainOptions, minutes: float, changes: Iterable[str], **how: Any
    ) -> None:
        tries.append(([*changes][-1], how))
        if len(tries) == 1:
            raise RuntimeError("of the compiler")

    if is_saved:
        (tmp_path / RUN_FILE).touch()
    monkeypatch.setattr(machine, "_RUN", tmp_path)
    monkeypatch.setattr(machine, "_train", fails_once)
    monkeypatch.setattr(machine, "_stored_rate", lambda: 5e-4)
    machine._try_twice(TrainOptions())
    resumed = ("optim.lr=0.00025", {"resume_run": True})
    anew = ("optim.compile=false", {"init": "default"})
    assert tries[1] == (resumed if is_saved else anew)
    assert "of the compiler" in capsys.readouterr().err
    tries.clear()
    with pytest.raises(RuntimeError):  # no time is left for another
        machine._try_twice(TrainOptions(seconds=20))


def test_the_plan_of_five_full_shards_is_within_the_time() -> None:
    manifest = {"calls": [{"call-0/wheels/a.whl": ""}, {}, {}, {}, {}]}
    calls = calls_of(manifest, 500)
    assert [call.command.split("leg ")[1] for call in calls] == [
        *(f"receive {k}" for k in range(5)),
        "train --seconds 500",
    ]
    lines = list(plan_lines(calls, [63 * MIB] * 6))
    assert f"of {LENT_S} s in all" in lines[-1]
    assert float(lines[-1].split(" of 900 s in all")[0].split()[-1]) < LENT_S
    many = calls_of({"calls": [{}] * 40}, 500)
    assert "lower --seconds" in list(plan_lines(many, [63 * MIB] * 41))[-1]


@pytest.mark.parametrize(
    ("call", "size"),
    [
        (Call("a", ("b",), 60, 1), CALL_MIB * MIB + 1),
        (Call("a" * 2001, ("b",), 60, 1), 1),
        (Call("a", tuple("abcdefghi"), 60, 1), 1),
        (Call("a", ("b",), 591, 1), 1),
    ],
)
def test_calls_beyond_a_limit_are_refused(call: Call, size: int) -> None:
    with pytest.raises(UsageError):
        check_limits(call, size)


def test_no_call_copies_what_is_put_away_and_it_comes_back(tmp_path: Path) -> None:
    def git(command: str) -> str:
        return subprocess.check_output(command, shell=True, cwd=tmp_path, text=True)

    for name in (*AWAY[:-1], f"{AWAY[-1]}/a.json", "training/run.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    git("git init -q; git add .; git -c user.name=a -c user.email=a@b commit -qm a")
    before = git("cat .git/info/exclude")
    assert tree_files(tmp_path) == ["training/run.py"]
    *away, back = [line for line in making_room().splitlines() if line.startswith("  ")]
    git("\n".join(away))
    asked = "git ls-files --cached --others --exclude-standard"
    assert git(asked).split() == ["training/run.py"]
    assert git(back) == ""
    assert len(git(asked).split()) == 4
    assert git("cat .git/info/exclude") == before


def test_the_changes_are_of_keys_that_a_recipe_has() -> None:
    recipe = load_recipe("default", list(TrainOptions().recipe_changes()))
    assert recipe.optim.photos * recipe.optim.views == 512
    assert recipe.optim.compile
    assert recipe.validation.every_minutes == pytest.approx(500 / 60 / 5, abs=1e-3)


def test_the_wheels_are_all_that_training_imports_beside_the_machines_own() -> None:
    code = (
        "import sys, training.run, training.families.encoder, benchmarks.gpu.leg.parts\n"
        "files = {n: getattr(m, '__file__', None) or '' for n, m in list(sys.modules.items())}\n"
        "print(*{n.split('.')[0] for n, f in files.items() if 'site-packages' in f})"
    )
    names = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    owners = metadata.packages_distributions()
    # Of a folder that several packages fill, the one that is on the machine counts.
    unknown = {
        name
        for name in names
        if not {d.replace("_", "-") for d in owners.get(name, [])} & (ON_THE_MACHINE | set(WHEELS))
        and not name.startswith(("_", "google"))
    }
    assert unknown <= {"tqdm"}  # which PyTorch takes where it is
