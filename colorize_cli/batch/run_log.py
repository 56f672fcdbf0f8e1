"""The run log: one JSON object a line and photograph, for programs and for later."""

import json
import sys
from collections.abc import Container, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ..errors import UsageError
from .plan import Job
from .scan import Problem

if TYPE_CHECKING:
    from ..imaging.choose import Choice
    from .photo_job import Result

_REASONS = {"skipped": "it is in colour", "copied": "it is in colour"}


class RunLog(AbstractContextManager["RunLog"]):
    """Append a line for every photograph: what became of it, and what it was made with.

    The keys of a line: `time` (UTC), `input`, `outputs` (a list of `sample`, from 1, `path`, and
    `is_kept`: whether the file was there before and stayed as it was; of a photograph that failed,
    what had been written until then), `status` ("done" | "skipped" | "copied" | "failed"), `reason`
    (null when done), `seconds` of work, `seed`, `digest` (SHA-256 of the input's bytes), `model`
    (digest of the bundle), `device`, `kind` ("grey" | "toned" | "colour" | "bilevel"), `chosen`
    (numbers, from 1, of the candidates that became the samples), `grey_samples` (numbers of those
    that came out grey), `is_alike` (whether all look the same) and `warnings`. What is not known,
    because the photo was not opened or no sample was drawn, is null.
    """

    def __init__(self, path: Path | None) -> None:
        """Open the log.

        Args:
            path: File to append to, `-` for standard output, or None for no log.

        Raises:
            UsageError: The file cannot be written to, or is no log: a photograph, say.
        """
        self._file: TextIO | None = None
        self._run: Mapping[str, object] = {"seed": None, "model": None, "device": None}
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

    def __exit__(self, *exception: object) -> None:
        if self._file is not None and self._file is not sys.stdout:
            self._file.close()

    def start(self, *, seed: int, model: str, device: str) -> None:
        """Say what the photographs from here on are made with."""
        self._run = {"seed": seed, "model": model, "device": device}

    def result(self, result: "Result") -> None:
        """Write the line of a photograph that was worked on."""
        self._write(
            input=str(result.job.source),
            outputs=_outputs(result.job, result.written),
            status=result.status,
            reason=result.reason or _REASONS.get(result.status),
            seconds=round(result.seconds, 3),
            digest=result.digest,
            kind=result.kind,
            choice=result.choice,
            warnings=list(result.warnings),
        )

    def skipped(self, job: Job) -> None:
        """Write the line of a photograph whose files are all there."""
        self._write(str(job.source), _outputs(job), "skipped", "all outputs exist")

    def problem(self, problem: Problem) -> None:
        """Write the line of a path that could not be worked on at all."""
        self._write(str(problem.path), [], "failed", problem.reason)

    def _write(
        self,
        input: str,
        outputs: list[dict[str, object]],
        status: str,
        reason: str | None,
        *,
        seconds: float = 0.0,
        digest: str | None = None,
        kind: str | None = None,
        choice: "Choice | None" = None,
        warnings: list[str] | None = None,
    ) -> None:
        if self._file is None:
            return
        line = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "input": input,
            "outputs": outputs,
            "status": status,
            "reason": reason,
            "seconds": seconds,
            **self._run,
            "digest": digest,
            "kind": kind,
            "chosen": [k + 1 for k in choice.order] if choice else None,
            "grey_samples": [k + 1 for k in choice.grey] if choice else None,
            "is_alike": choice.is_alike if choice else None,
            "warnings": warnings or [],
        }
        text = json.dumps(line, ensure_ascii=False)
        try:
            text.encode()
        except UnicodeEncodeError:  # a file name that is not UTF-8
            text = json.dumps(line)
        self._file.write(text + "\n")


def _is_log(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) in (b"", b"{")


def _outputs(job: Job, written: Container[int] = ()) -> list[dict[str, object]]:
    return [
        {"sample": k + 1, "path": str(path), "is_kept": k not in job.missing}
        for k, path in enumerate(job.outputs)
        if k not in job.missing or k in written
    ]
