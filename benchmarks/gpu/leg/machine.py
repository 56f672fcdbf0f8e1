"""What runs on the machine: take over what a call brought, then train and send weights out.

The first calls find no more there than Python and PyTorch, so all else is imported where needed.
"""

import hashlib
import importlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorize_cli.errors import CheckError, UsageError

from .background import begin, end, told
from .calls import MANIFEST, PACKED, SIZE, SMALLEST

PLACE = Path(tempfile.gettempdir()) / "leg"  # outside the tree, so that no call replaces it
INFO = "leg.json"
_SITE = PLACE / "site"
_RUN = PLACE / "run"
_VALIDATION = PLACE / "validation.tar"
_BACKBONE = PLACE / "backbone.safetensors"  # there where a perceptual loss is wanted
_JUDGEMENTS = 5  # of the validation photos; each is a checkpoint that is sent out
_SHORTEST_S = 30.0  # for a second try


@dataclass(frozen=True)
class TrainOptions:
    """How the call that trains does so.

    Attributes:
        seconds: for how long.
        device: "cuda" or "cpu".
        photos: photos a step.
        views: noise levels of each.
        judged: validation photos, at most.
        workers: threads that decode photos and cut crops.
        memory: GB that decoded photos may take.
        compile: whether the network is compiled.
        overrides: further changes of the recipe.
    """

    seconds: float = 500.0
    device: str = "cuda"
    photos: int = 256
    views: int = 2
    judged: int = 512
    workers: int = 8
    memory: float = 8.0
    compile: bool = True
    overrides: tuple[str, ...] = ()

    def recipe_changes(self) -> Iterator[str]:
        """Give the changes of the default's recipe; its rates are rescaled to the batch by it."""
        yield f"data.size={SIZE}"
        yield f"data.smallest={SMALLEST}"
        yield f"optim.photos={self.photos}"
        yield f"optim.views={self.views}"
        yield "optim.lr=3e-4"  # between the rates of the default's first run and of its last
        yield "optim.tuned_stages=7"
        yield "optim.backbone_lr=0.3"
        yield "optim.frozen_steps=0"
        yield f"optim.compile={str(self.compile).lower()}"
        yield f"validation.data={_VALIDATION}"
        yield "validation.half=tune"
        yield f"validation.photos={self.judged}"
        yield "samples.every_steps=0"  # lent time is for training; samples are drawn at home
        yield f"validation.every_minutes={self.seconds / 60 / _JUDGEMENTS:.4f}"
        if _BACKBONE.exists():
            yield f"perceptual.backbone={_BACKBONE}"
            yield "perceptual.weight=1.0"  # its gradient is two thirds as long as the diffusion's
        yield from self.overrides


def receive(number: int) -> None:
    """Check what a call brought and move it out of the tree; with the wheels, try them.

    Raises:
        CheckError: a file is missing or damaged; the whole ones were taken over.
    """
    manifest = _manifest(PACKED / MANIFEST)
    files: dict[str, str] = manifest["calls"][number]
    wrong = []
    for name, digest in files.items():
        target = PLACE / Path(name).relative_to(f"call-{number}")
        if not _has_digest(PACKED / name, digest):
            wrong.append(name)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(PACKED / name, target)
    shutil.copyfile(PACKED / MANIFEST, PLACE / MANIFEST)
    there = sorted(path.name for path in (PLACE / "shards").glob("*.tar"))
    print(f"{len(there)} of {len(manifest['calls'])} shards are there: {', '.join(there)}")
    if wrong:
        raise CheckError(f"missing or damaged: {', '.join(wrong)}; make the same call again.")
    if (PLACE / "wheels").is_dir() and any(name.endswith(".whl") for name in files):
        _install_wheels()
        _try_machine()
        if _BACKBONE.exists():  # whose way back from the loss is what is least known
            begin(PLACE, dict(os.environ))
    print(told(PLACE), flush=True)


def warm(options: TrainOptions) -> None:
    """Take first steps on what is there so far, in the process that `begin` starts."""
    from .warm import warm as warmed

    changes = [*options.recipe_changes(), "validation.data="]
    shards = sorted((PLACE / "shards").glob("*.tar"))
    for line in warmed(shards, changes, options.device, options.workers):
        print(time.strftime("%H:%M:%S"), line, flush=True)


def train(options: TrainOptions) -> None:
    """Train from the default model, and send the weights out after each validation.

    Raises:
        UsageError: OUT names no folder, or no photos are there.
    """
    out = Path(os.environ.get("OUT", ""))
    if not os.environ.get("OUT") or not out.is_dir():
        raise UsageError("OUT names the folder whose files come back; it is not set, or missing.")
    _use_wheels()
    from .parts import Publisher

    print(told(PLACE), flush=True)
    end(PLACE)
    shutil.rmtree(_RUN, ignore_errors=True)
    _RUN.mkdir(parents=True)
    manifest = _manifest(PLACE / MANIFEST)
    info = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": manifest["commit"],
        "command": shlex.join(["python", "-m", "benchmarks.gpu.leg", *sys.argv[1:]]),
        "recipe": list(options.recipe_changes()),
        "shards": sorted(path.name for path in (PLACE / "shards").glob("*.tar")),
        **_machine(options.device),
    }
    (out / INFO).write_text(json.dumps(info, indent=1) + "\n")
    with Publisher(_RUN, out):
        _try_twice(options)


def _try_twice(options: TrainOptions) -> None:
    """Train, and after a failure once more for the time left: minutes on a GPU are dear.

    From a checkpoint it goes on at half the rate; without one it begins anew, not compiled.
    """
    from training.checkpoint import RUN_FILE

    started = time.monotonic()
    try:
        _train(options, options.seconds / 60, options.recipe_changes(), init="default")
        return
    except Exception:
        traceback.print_exc()
        left = options.seconds - (time.monotonic() - started)
        if left < _SHORTEST_S:
            raise
    if (_RUN / RUN_FILE).exists():
        print("goes on from the checkpoint at half the rate", flush=True)
        _train(options, left / 60, [f"optim.lr={_stored_rate() / 2!r}"], resume_run=True)
    else:
        print("begins anew, not compiled", flush=True)
        changes = [*options.recipe_changes(), "optim.compile=false"]
        _train(options, left / 60, changes, init="default")


def _train(options: TrainOptions, minutes: float, changes: Any, **how: Any) -> None:
    from training.run import run

    run(
        recipe=None if how.get("resume_run") else "default",
        data=sorted((PLACE / "shards").glob("*.tar")),
        out=_RUN,
        minutes=minutes,
        overrides=list(changes),
        device=options.device,
        workers=options.workers,
        memory=options.memory,
        report=lambda line: print(time.strftime("%H:%M:%S"), line, flush=True),
        **how,
    )


def _stored_rate() -> float:
    from training.checkpoint import RUN_FILE, load_checkpoint

    return load_checkpoint(_RUN / RUN_FILE).recipe.optim.lr


def _install_wheels() -> None:
    wheels = sorted(str(path) for path in (PLACE / "wheels").glob("*.whl"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    command += ["--no-compile", "--no-cache-dir", "--upgrade", "--target", str(_SITE), *wheels]
    subprocess.run(command, check=True)


def _use_wheels() -> None:
    """Let imports find the wheels first, in processes that this one starts too."""
    paths = [str(_SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    sys.path.insert(0, str(_SITE))
    importlib.invalidate_caches()


def _try_machine() -> None:
    """Import what training needs, and say what the machine is; it fails now rather than later."""
    _use_wheels()
    for module in ("training.run", "training.families.encoder", "benchmarks.gpu.leg.parts"):
        importlib.import_module(module)
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(json.dumps(_machine(device)), flush=True)
    try:
        torch.compile(torch.neg)(torch.zeros(2, device=device))
        print("torch.compile works")
    except Exception as error:  # training goes without
        print(f"torch.compile does not work: {error}")


def _machine(device: str) -> dict[str, Any]:
    import cv2
    import numpy as np
    import torch

    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def _manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _has_digest(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest
