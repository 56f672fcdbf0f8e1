"""The run log: one JSON object a line and photograph, for programs and for later."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from ..errors import UsageError
from ..system.messages import write_stdout
from ..system.paths import absolute, shown
from .outcome import Observer, Outcome
from .settings import RunSettings

_STDOUT = Path("-")
_BEGINNING = b'{"time": "'
_LONGEST_LINE = 1 << 24
# What the log calls what is neither done nor failed, and the reason that it states.
_NOTHING_TO_DO = {
    "there": ("skipped", "all outputs exist"),
    "left out": ("skipped", "it is in colour"),
    "copied": ("copied", "it is in colour"),
}


class RunLog(Observer):
    """Append a line for every photograph: what became of it, and what it was made with.

    `docs/log.md` tells the keys of a line. What is not known, because the photo was not opened or
    no sample was drawn, is null.
    """

    def __init__(self, path: Path | None, out: Path | None = None) -> None:
        """Take a file to append to, `-` for standard output, or None for no log.

        Where the file is to lie in the output folder `out`, that folder need not be there yet.
        """
        self.name = f"--log {shown(path or '')}"
        self._path = path
        self._out = out
        self._file: TextIO | None = None
        self._run: dict[str, object] = {"seed": None, "model": None, "device": None}

    def __enter__(self) -> "RunLog":
        """Open the log; UsageError where it cannot be written to, or is a photograph, say."""
        path = self._path
        if path is None or path == _STDOUT:
            return self
        try:
            if path.is_file() and not _is_log(path):
                raise UsageError(f"{self.name} is another file, not a log: name a new one.")
            make_room(path, self._out)
            # Line-buffered: what a killed run did stays known.
            self._file = path.open("a", encoding="utf-8", buffering=1)
            if _is_torn(path):  # by a disk that was full, or a machine that went out
                self._file.write("\n")
        except OSError as error:
            raise UsageError(f"{self.name} cannot be written: {error.strerror}") from error
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def start(self, photos: int, settings: RunSettings) -> None:
        """Keep what the photographs from here on are made with."""
        model, device = settings.model_digest, settings.device
        self._run = {"seed": settings.seed, "model": model, "device": device}

    def outcome(self, outcome: Outcome) -> None:
        """Write the line of a photograph."""
        if self._path is None:
            return
        status, reason = _NOTHING_TO_DO.get(outcome.status, (outcome.status, outcome.reason))
        if outcome.status == "there" and outcome.job and outcome.job.gone:
            reason = "outputs were deleted or renamed, and stay away"
        choice, there = outcome.choice, outcome.job.there if outcome.job else ()
        line = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "input": str(outcome.source),
            "outputs": [
                {"sample": k + 1, "path": str(path), "is_kept": k in there}
                for k, path in enumerate(outcome.outputs)
                if k in there or k in outcome.written
            ],
            "status": status,
            "reason": reason,
            "seconds": round(outcome.seconds, 3),
            **self._run,
            "digest": outcome.digest,
            "kind": outcome.kind,
            "chosen": [k + 1 for k in choice.order] if choice else None,
            "grey_samples": [k + 1 for k in choice.grey] if choice else None,
            "is_alike": choice.is_alike if choice else None,
            "less": outcome.less or None,
            "is_degraded": outcome.is_degraded,
            "warnings": list(outcome.warnings),
        }
        # What is not UTF-8 in a file name is escaped, in the way that JSON has for it.
        text = json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace").decode()
        if self._file is None:
            write_stdout(text + "\n")
        else:
            self._file.write(text + "\n")


def make_room(path: Path, out: Path | None) -> None:
    """Make the folder of a file that is to lie in the output folder; OSError where it cannot be."""
    if out is not None and absolute(path).parent.is_relative_to(absolute(out)):
        path.parent.mkdir(parents=True, exist_ok=True)


def _is_log(path: Path) -> bool:
    """Whether a file is empty, or begins with a line of a log."""
    with path.open("rb") as file:
        first = file.readline(_LONGEST_LINE)
    if not first.strip():
        return not first or path.stat().st_size == len(first)
    try:
        found = json.loads(first)
    except ValueError:  # a torn line may be all that there is
        return first.startswith(_BEGINNING)
    return isinstance(found, dict) and {"input", "status"} <= found.keys()


def _is_torn(path: Path) -> bool:
    """Whether a file's last line has no end."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
