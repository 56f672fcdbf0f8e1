"""The run log: one JSON object a line and photograph, for programs and for later."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from ..errors import UsageError
from .outcome import Observer, Outcome
from .settings import RunSettings

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

    def __init__(self, path: Path | None) -> None:
        """Take a file to append to, `-` for standard output, or None for no log."""
        self._path = path
        self._file: TextIO | None = None
        self._run: dict[str, object] = {"seed": None, "model": None, "device": None}

    def __enter__(self) -> "RunLog":
        """Open the log; UsageError where it cannot be written to, or is a photograph, say."""
        path = self._path
        if path == Path("-"):
            self._file = sys.stdout
        elif path is not None:
            try:
                if path.is_file() and not _is_log(path):
                    raise UsageError(f"--log {path} is another file, not a log: name a new one.")
                # Line-buffered: what a killed run did stays known.
                self._file = path.open("a", encoding="utf-8", buffering=1)
            except OSError as error:
                raise UsageError(f"--log {path} cannot be written: {error.strerror}") from error
        return self

    def __exit__(self, *exception: object) -> None:
        if self._file is not None and self._file is not sys.stdout:
            self._file.close()

    def start(self, photos: int, settings: RunSettings) -> None:
        """Keep what the photographs from here on are made with."""
        model, device = settings.model_digest, settings.device
        self._run = {"seed": settings.seed, "model": model, "device": device}

    def outcome(self, outcome: Outcome) -> None:
        """Write the line of a photograph."""
        if self._file is None:
            return
        status, reason = _NOTHING_TO_DO.get(outcome.status, (outcome.status, outcome.reason))
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
            "warnings": list(outcome.warnings),
        }
        # What is not UTF-8 in a file name is escaped, in the way that JSON has for it.
        text = json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace").decode()
        self._file.write(text + "\n")


def _is_log(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) in (b"", b"{")
