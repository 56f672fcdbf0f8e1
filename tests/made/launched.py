"""Several processes of one run, each with the environment that `torchrun` gives it."""

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import torch

from colorize_cli.errors import ColorizeError
from training import run as command
from training.data.batches import Batch
from training.run_state import RunState

_PATIENCE_S = 300


@dataclass(frozen=True)
class Ended:
    """What became of a process.

    Attributes:
        code: 0, the number of what an error said, or minus the signal that ended it.
        told: what it reported, and the error.
    """

    code: int
    told: list[str]


def train_together(
    folder: Path, count: int = 2, before: Callable[[], None] | None = None, **options: Any
) -> list[Ended]:
    """Run `training.run.run` in processes that meet, and wait for them.

    Args:
        folder: where they write what they report.
        count: how many there are.
        before: is called in each before it trains; a function of a module.
        options: of the run.
    """
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
    world = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1"}
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, **world}
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"told-{i}" for i in range(count)]
    started = []
    for i, file in enumerate(files):
        file.unlink(missing_ok=True)
        environment = {**common, "RANK": str(i), "LOCAL_RANK": str(i)}
        started.append(_server().Process(target=_train, args=(environment, file, before, options)))
        started[-1].start()
    for process in started:
        process.join(_PATIENCE_S)
        process.kill()
        process.join()
    told = [file.read_text("utf-8").splitlines() if file.exists() else [] for file in files]
    return [Ended(p.exitcode, lines) for p, lines in zip(started, told, strict=True)]


def die_before_the_fifth_step() -> None:
    """Have the second process killed before its fifth step."""
    step = RunState.train_step

    def steps_or_dies(self: RunState, batch: Batch, rate: float) -> Any:
        if self.step == 4 and os.environ["RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, batch, rate)

    RunState.train_step = steps_or_dies  # type: ignore[method-assign]


def keep_what_each_has(folder: Path) -> None:
    """Have each process write its networks after each step, as `RANK.pt` into a folder."""
    step = RunState.train_step

    def steps_and_keeps(self: RunState, batch: Batch, rate: float) -> Any:
        values = step(self, batch, rate)
        parts = torch.nn.ModuleDict(self.objective.parts)
        torch.save(parts.state_dict(), folder / f"{os.environ['RANK']}.pt")
        return values

    RunState.train_step = steps_and_keeps  # type: ignore[method-assign]


@cache
def _server() -> ForkServerContext:
    """Import once what all processes need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.run", "training.families.encoder", "accelerate"])
    return context


def _train(
    environment: dict[str, str],
    file: Path,
    before: Callable[[], None] | None,
    options: dict[str, Any],
) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    if before:
        before()
    with file.open("a", encoding="utf-8") as told:
        try:
            command.run(device="cpu", report=lambda line: print(line, file=told), **options)
        except ColorizeError as error:
            print(error, file=told)
            raise SystemExit(error.exit_code) from error
