"""Rehearse a leg on the CPU: each call in a copy of the tree made as the machine would get it."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from colorize_cli.errors import CheckError
from training.checkpoint import WEIGHTS_FILE
from training.recipe_tables import ValidationTable
from training.validation.run import run as validate

from ...page import ROOT
from .calls import (
    BACK_FILE_MIB,
    BACK_FILES,
    BACK_MIB,
    MIB,
    PACKED,
    Call,
    call_bytes,
    calls_of,
    carried_path,
    check_limits,
    files_below,
    plan_lines,
    transfer_s,
    tree_files,
)
from .machine import INFO, TrainOptions
from .pack import VALIDATION, commit, pack
from .parts import join_run
from .record import curve

_LEG_S = 500.0  # of training, on the machine
_THREADS = 2  # that prepare photos here
_MORE_THREADS = (
    _THREADS / TrainOptions.workers
)  # what is left of the time with those of the machine
_NEAR = 0.01  # part by which the loss after joining may be off, since weights were halved
_MADE_SHARDS, _MADE, _MADE_HELD_OUT = 2, 150, 100


@dataclass(frozen=True)
class Rehearsal:
    """How a leg is rehearsed.

    Attributes:
        minutes: of training.
        python: the interpreter that plays the machine's.
        data: shards to train on; photos are made where there are none.
        held_out: what is judged by; likewise.
        judged: validation photos.
    """

    minutes: float
    python: Path
    data: Sequence[Path]
    held_out: Path | None
    judged: int

    @property
    def train(self) -> list[str]:
        """Give the options of the call that trains, which a CPU needs."""
        small = f"--device cpu --no-compile --photos 8 --workers {_THREADS} --judged {self.judged}"
        return small.split()


def rehearse(settings: Rehearsal) -> dict[str, Any]:
    """Run every call of the plan, join what comes back, and judge it as a user would.

    Returns:
        What `record.rehearsal_section` writes down.

    Raises:
        UsageError: a call is over a limit.
        CheckError: a call failed, too much came back, or the loss is another after joining.
    """
    with TemporaryDirectory(prefix="colorize-leg-") as folder:
        stage = _Stage(Path(folder), settings.python)
        given = settings if settings.data else _with_made_photos(settings, stage.home)
        assert given.held_out is not None, "the command line asks for both"
        manifest = pack(given.data, given.held_out, stage.home / PACKED, stage.python_version())
        calls = calls_of(manifest, settings.minutes * 60, settings.train)
        sizes = [call_bytes(call, ROOT, stage.home) for call in calls]
        for line in plan_lines(calls, sizes):
            print(line, flush=True)
        done = [stage.play(call, size) for call, size in zip(calls, sizes, strict=True)]
        # The last call trains. All else of it is shared by threads, or is the GPU's there.
        around = done[-1]["here_s"] - settings.minutes * 60
        done[-1]["there_s"] += _LEG_S + around * _MORE_THREADS - done[-1]["here_s"]
        return _result(settings, stage, done)


class _Stage:
    """The folders of a rehearsal: at home, and on the machine."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.home, self.root, self.out = (folder / name for name in ("home", "machine", "out"))
        self._temp, self._python = folder / "temp", python
        for path in (self.home, self.root, self.out, self._temp):
            path.mkdir()

    def python_version(self) -> str:
        """Ask the machine's Python for its version, for the wheels."""
        asked = "import sys; print('{}.{}'.format(*sys.version_info))"
        return subprocess.check_output([self._python, "-c", asked], text=True).strip()

    def play(self, call: Call, size: int) -> dict[str, Any]:
        """Copy what a call copies and run its command.

        Raises:
            UsageError: it is over a limit.
            CheckError: it failed, or left too much behind.
        """
        check_limits(call, size)
        print(f"\n$ {call.command}", flush=True)
        self._copy(call)
        shutil.rmtree(self.out)
        self.out.mkdir()
        started = time.monotonic()
        code = subprocess.run(
            call.command, shell=True, cwd=self.root, env=self._environment()
        ).returncode
        seconds = time.monotonic() - started
        if code:
            raise CheckError(f"`{call.command}` ended with {code}.")
        check_back(self.out)
        name = " ".join(call.command.split("benchmarks.gpu.leg ")[1].split()[:2])
        there = transfer_s(call, size) + seconds
        return {"name": name.split(" --")[0], "bytes": size, "here_s": seconds, "there_s": there}

    def _copy(self, call: Call) -> None:
        for name in tree_files(ROOT):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, self.root / name)
        for name in call.carry:
            source = carried_path(name, ROOT, self.home)
            shutil.rmtree(self.root / name, ignore_errors=True)
            for file in files_below(source):
                target = self.root / name / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)

    def _environment(self) -> dict[str, str]:
        """Let `python3` be the machine's, and nothing be found but what it has."""
        bin_folder = self._temp / "bin"
        bin_folder.mkdir(exist_ok=True)
        script = bin_folder / "python3"
        script.write_text(f'#!/bin/sh\nexec "{self._python}" "$@"\n')
        script.chmod(0o755)
        own = {"OUT": str(self.out), "TMPDIR": str(self._temp)}
        own["PATH"] = os.pathsep.join([str(bin_folder), os.environ["PATH"]])
        return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | own


def check_back(out: Path) -> None:
    """Refuse what the machine would not send back.

    Raises:
        CheckError: there are too many files, or too large ones.
    """
    files = files_below(out)
    sizes = [path.stat().st_size for path in files]
    if (
        len(files) > BACK_FILES
        or sum(sizes) > BACK_MIB * MIB
        or max(sizes, default=0) > BACK_FILE_MIB * MIB
    ):
        raise CheckError(
            f"{len(files)} files of {sum(sizes) / MIB:.1f} MiB, the largest {max(sizes) / MIB:.1f},"
            f" would come back; the limits are {BACK_FILES}, {BACK_MIB} and {BACK_FILE_MIB}."
        )


def _result(settings: Rehearsal, stage: _Stage, done: list[dict[str, Any]]) -> dict[str, Any]:
    run = stage.home / "run"
    back = files_below(stage.out)
    join_run(stage.out, run)
    lines: list[str] = []
    photos = next((stage.home / PACKED).glob(f"call-*/{VALIDATION}"))
    table = ValidationTable(data=str(photos), half="tune", photos=settings.judged)
    # At the size of the first one's crops, which is the leg's.
    validate([str(run / WEIGHTS_FILE), "default"], table, "cpu", lines.append)
    entries = curve(run)
    told = [line.replace(str(run) + "/", "") for line in lines[1:]]
    _compare(entries[-1]["validation"]["loss"], told[0])
    info = json.loads((run / INFO).read_text())
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": commit(),
        "command": _command(settings),
        "versions": info["versions"],
        "calls": done,
        "leg_s": _LEG_S,
        "files": len(back),
        "back_mib": sum(path.stat().st_size for path in back) / MIB,
        "curve": entries,
        "judged": settings.judged,
        "validated": told,
    }


def _compare(trained: float, line: str) -> None:
    """Hold the loss that training wrote last against the one after joining.

    Raises:
        CheckError: they are further apart than halving explains.
    """
    found = re.search(r"loss ([\d.]+)", line)
    assert found is not None, line
    if abs(float(found[1]) / trained - 1) > _NEAR:
        raise CheckError(f"the run ended at a loss of {trained}, but after joining: {line}")


def _command(settings: Rehearsal) -> str:
    """Tell how it was called, without where things lie."""
    data = " --data SHARDS --held-out PHOTOS" if settings.data else ""
    python = "" if settings.python == Path(sys.executable) else " --python PATH"
    return f"python -m benchmarks.gpu.leg rehearse --minutes {settings.minutes:g}{data}{python}"


def _with_made_photos(settings: Rehearsal, home: Path) -> Rehearsal:
    rng = np.random.default_rng(0)
    shards = [home / f"made-{number}.tar" for number in range(_MADE_SHARDS)]
    for path in shards:
        _write_shard(path, _made(rng, _MADE))
    held_out = home / "held-out.tar"
    _write_shard(held_out, _made(rng, _MADE_HELD_OUT))
    return replace(settings, data=shards, held_out=held_out)


def _made(rng: np.random.Generator, count: int) -> Iterator[bytes]:
    """Make smooth colourful pictures of 192 x 160 pixels with some grain, as JPEG."""
    for _ in range(count):
        coarse = rng.integers(0, 256, (5, 6, 3)).astype(np.uint8)
        smooth = cv2.resize(coarse, (192, 160), interpolation=cv2.INTER_CUBIC)
        grain = rng.normal(0, 6, (160, 192, 1))
        yield cv2.imencode(".jpg", np.clip(smooth + grain, 0, 255).astype(np.uint8))[1].tobytes()


def _write_shard(path: Path, photos: Iterator[bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for number, data in enumerate(photos):
            member = tarfile.TarInfo(f"made/{path.stem}-{number:03}.jpg")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
