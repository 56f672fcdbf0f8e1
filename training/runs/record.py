"""`run.json` in a run's folder: what it is, whether it goes on, and how it ended."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from colorize_cli.errors import reason_of
from colorize_cli.system.files import write_atomic
from colorize_cli.system.locks import FolderLock, identity, may_run, require_folder

FILE = "run.json"


class RunRecord:
    """Notes how a run goes, in its folder."""

    def __init__(self, out: Path, **what: Any) -> None:
        """Note that the run begins or goes on, and what it is."""
        self._path = out / FILE
        out.mkdir(parents=True, exist_ok=True)
        known = read_record(out)
        began = known.get("began") or _now()
        self._facts = {"state": "running", **what, "began": began, **identity()}
        self._write()

    def end(self, state: str, reason: str = "") -> None:
        """Note how it ended: "finished", "stopped" or "failed"."""
        self._facts |= {"state": state, "reason": reason, "ended": _now()}
        self._write()

    def _write(self) -> None:
        write_atomic(self._path, (json.dumps(self._facts, indent=1) + "\n").encode())


@contextmanager
def sole_run(out: Path) -> Iterator[None]:
    """Let no other run into a folder within; one that is made for it goes if it stays empty.

    Raises:
        UsageError: another run is under way there, or a file lies in the way.
    """
    require_folder(out)
    is_new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FolderLock(out):
            yield
    finally:
        if is_new:
            with suppress(OSError):  # it is not empty
                out.rmdir()


@contextmanager
def recorded(out: Path, **what: Any) -> Iterator[RunRecord]:
    """Note that a run goes on as long as the block does, and that it failed where that raises."""
    record = RunRecord(out, **what)
    try:
        yield record
    except KeyboardInterrupt:
        record.end("stopped")
        raise
    except BaseException as error:
        record.end("failed", reason_of(error))
        raise


def read_record(out: Path) -> dict[str, Any]:
    """Read what is noted of a run; empty where nothing is, or where it is damaged."""
    try:
        facts = json.loads((out / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def state_of(record: Mapping[str, Any]) -> str:
    """Say how a run is: as it is noted, or "killed" where its process is gone; "" if unknown."""
    state = str(record.get("state", ""))
    if state == "running" and not may_run(record.get("pid"), record.get("host")):
        return "killed"
    return state


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
