"""Runs into an output folder that go through plan and ledger, with words in place of pictures."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from made.pictures import encode, grey
from made.settings import run_settings

from colorize_cli.batch.ledger import Beginning, Ledger
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.plan import Plan, make_plan
from colorize_cli.batch.settings import Options, named_settings
from colorize_cli.errors import ColorizeError

OUT = Path("out")
JPEG = encode(grey(), "JPEG")


class Ran(NamedTuple):
    """What became of a run: its plan, the photographs worked on by name, and what was said."""

    plan: Plan
    became: dict[str, str]  # "done", or why a photograph failed
    said: list[str]


class EndedError(Exception):
    """The run ended as if its process were killed."""


def words(source: Path, seed: int, k: int) -> bytes:
    """The content of a colouring."""
    return f"{sha256(source.read_bytes()).hexdigest()} seed {seed} sample {k}".encode()


def colour(*paths: str, out: str = "out", ends_before: str = "", **options: Any) -> Ran:
    """Colour photographs; end, without settling, before the file `ends_before` would be written."""
    said: list[str] = []
    asked = Options(tuple(map(Path, paths or ("scans",))), Path(out), **options)
    with Ledger(asked.out, said.append, shard=asked.shard) as ledger:
        last = ledger.last_settings
        seed = asked.seed if asked.seed is not None else last.seed if last else 0
        plan = make_plan(asked, ledger, ledger.made_otherwise(named_settings(asked)))
        ledger.note_plan(plan.problems, plan.found)
        became = {problem.source.name: problem.reason or "" for problem in plan.problems}
        if plan.todo:
            settings = replace(run_settings(seed=seed), samples=asked.samples)
            how = (asked.overwrite, plan.is_entangled, asked.keep_times, plan.is_part)
            ledger.begin(Beginning(settings, plan.todo, *how))
        for job in plan.todo:
            outcome = _colour(ledger, job, seed, ends_before)
            ledger.settle(outcome)
            became[job.source.name] = outcome.reason or outcome.status
    return Ran(plan, became, [*said, *plan.notes])


def _colour(ledger: Ledger, job: Any, seed: int, ends_before: str) -> Outcome:
    status = job.source.stat()
    data = job.source.read_bytes()
    facts: dict[str, Any] = {
        "job": job,
        "digest": sha256(data).hexdigest(),
        "stamp": (status.st_size, status.st_mtime_ns),
    }
    written: list[int] = []
    job.folder.mkdir(parents=True, exist_ok=True)
    for k in job.missing:
        if job.names[k] == ends_before:
            raise EndedError
        try:
            ledger.put(job, k, words(job.source, seed, k), facts["digest"])
        except (ColorizeError, OSError) as error:
            return Outcome(job.source, "failed", str(error), written=tuple(written), **facts)
        written.append(k)
    return Outcome(job.source, "done", written=tuple(written), **facts)


def put(name: str, more: bytes = b"") -> Path:
    """Make a photograph, another one for other bytes."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(JPEG + more)
    return path


def edit(name: str) -> None:
    """Change a photograph in place, within its size, at another time."""
    path = Path(name)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    later(name)


def later(name: str) -> None:
    status = Path(name).stat()
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))


def files() -> dict[str, bytes]:
    return {
        path.relative_to(OUT).as_posix(): path.read_bytes()
        for path in OUT.rglob("*")
        if path.is_file() and not path.name.startswith(".colorize.")
    }


def todo(ran: Ran) -> dict[str, tuple[int, ...]]:
    return {job.source.name: job.missing for job in ran.plan.todo}
