"""Weights in files of bounded size: halved, split, and whole again at whatever moment it ends."""

import re
import shutil
import threading
import traceback
from collections import defaultdict
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import torch
from torch import Tensor

from colorize_cli.errors import ModelError
from training.checkpoint import (
    BEST_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from training.checkpoint import halved as in_half_precision

from .calls import BACK_FILES, BACK_MIB, MIB, files_below

Kind = Literal["last", "best"]
FILES: dict[Kind, str] = {"last": WEIGHTS_FILE, "best": BEST_FILE}
LOG = "log.jsonl"
PART_BYTES = 15 * MIB
# KIND-VERSION-PARTofPARTS-DIGEST.part, with the SHA-256 of the whole.
_PART = re.compile(r"(last|best)-(\d+)-(\d+)of(\d+)-([0-9a-f]{64})\.part")
_EVERY_S = 1.0


class Publisher:
    """A thread that sends out the weights of a run each time they are saved; for a `with` block.

    What lies in the folder at any moment holds a whole version of the last weights: a new one is
    written beside the one before, which is removed then. That leaves no room for the best ones,
    which come at the end, if they are others.
    """

    def __init__(self, run: Path, out: Path, part_bytes: int = PART_BYTES) -> None:
        """Begin to watch with the `with` block.

        Args:
            run: folder of the run.
            out: what lies here comes back from the machine.
            part_bytes: size of the parts.
        """
        self._run, self._out, self._part_bytes = run, out, part_bytes
        self._seen = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self.publish()
        self._publish_best()

    def publish(self) -> None:
        """Send out the log, and the last weights if they changed since."""
        _bring_up_to_date(self._run / LOG, self._out / LOG)
        path = self._run / WEIGHTS_FILE
        changed = path.stat().st_mtime_ns if path.exists() else 0
        if changed != self._seen:
            data = halved(path, self._run / "half.safetensors")
            split(data, "last", self._out, self._part_bytes)
            self._seen = changed

    def _publish_best(self) -> None:
        path = self._run / BEST_FILE
        last = self._run / WEIGHTS_FILE
        if not path.exists() or (last.exists() and _are_same(path, last)):
            return
        data = halved(path, self._run / "half.safetensors")
        there = [file.stat().st_size for file in files_below(self._out)]
        files = len(there) + -(-len(data) // self._part_bytes)
        if files > BACK_FILES or sum(there) + len(data) > BACK_MIB * MIB:
            print("the best weights find no room beside the last; they stay here", flush=True)
        else:
            split(data, "best", self._out, self._part_bytes)

    def _watch(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.publish()
            except Exception:  # whatever it was, the next save may do
                traceback.print_exc()


def halved(path: Path, place: Path) -> bytes:
    """Read a checkpoint with its kernels and matrices in half precision.

    Args:
        path: of the checkpoint.
        place: where the halved one is put.
    """
    checkpoint = load_checkpoint(path)
    state = in_half_precision(checkpoint.state)
    save_checkpoint(place, Checkpoint(checkpoint.recipe, state, checkpoint.progress))
    return place.read_bytes()


def split(data: bytes, kind: Kind, out: Path, part_bytes: int = PART_BYTES) -> None:
    """Write a version in parts, then remove the one before it."""
    before = list(out.glob(f"{kind}-*.part"))
    found = (_PART.fullmatch(path.name) for path in before)
    version = 1 + max((int(match[2]) for match in found if match), default=0)
    starts = range(0, len(data), part_bytes)
    for number, start in enumerate(starts, 1):
        name = f"{kind}-{version:03}-{number}of{len(starts)}-{sha256(data).hexdigest()}.part"
        (out / name).write_bytes(data[start : start + part_bytes])
    for path in before:
        path.unlink()


def join(folder: Path, kind: Kind) -> bytes | None:
    """Put the newest whole version together; None where there is no part of any.

    Raises:
        ModelError: there are parts, but of no version all of them and undamaged.
    """
    versions: dict[tuple[int, int, str], dict[int, Path]] = defaultdict(dict)
    for path in folder.rglob(f"{kind}-*.part"):
        if match := _PART.fullmatch(path.name):
            versions[int(match[2]), int(match[4]), match[5]][int(match[3])] = path
    for (_, count, digest), parts in sorted(versions.items(), reverse=True):
        data = b"".join(parts[number].read_bytes() for number in sorted(parts))
        if len(parts) == count and sha256(data).hexdigest() == digest:
            return data
    if versions:
        raise ModelError(f"{folder} holds no whole version of the {kind} weights, only parts.")
    return None


def join_run(folder: Path, out: Path) -> list[Path]:
    """Make the folder of a run of what came back: checkpoints in single precision, and the log.

    Args:
        folder: what came back.
        out: folder of the run.

    Returns:
        The checkpoints, the last weights first; the best only where they are others.

    Raises:
        ModelError: no version is whole.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = []
    for kind, name in FILES.items():
        data = join(folder, kind)
        if data is not None:
            path = out / name
            path.write_bytes(data)
            checkpoint = load_checkpoint(path)
            state = {key: _single(tensor) for key, tensor in checkpoint.state.items()}
            save_checkpoint(path, Checkpoint(checkpoint.recipe, state, checkpoint.progress))
            made.append(path)
    if not made:
        raise ModelError(f"{folder} holds no weights; a run that was cut off early leaves none.")
    for path in folder.rglob("*.json*"):
        shutil.copyfile(path, out / path.name)
    return made


def _are_same(one: Path, other: Path) -> bool:
    """Tell whether the weights are the same, whatever else is known of them."""
    states = load_checkpoint(one).state, load_checkpoint(other).state
    return states[0].keys() == states[1].keys() and all(
        torch.equal(tensor, states[1][name]) for name, tensor in states[0].items()
    )


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _bring_up_to_date(source: Path, target: Path) -> None:
    """Bring a copy up to date, which only grows unless a second try began the file anew."""
    if source.exists():
        data, known = source.read_bytes(), target.read_bytes() if target.exists() else b""
        is_longer = data.startswith(known)
        with target.open("ab" if is_longer else "wb") as copy:
            copy.write(data[len(known) :] if is_longer else data)
