"""What a run will take: parameters, operations, memory, time, from a few measured steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from colorize_cli.system.machine import peak_memory
from colorize_cli.system.wording import count_text, duration_text

from ..data.batches import Batches, Draw
from ..data.photos import Photos
from ..machine.processes import share
from ..run_state import RunState

_MEASURED = 4  # steps of each phase


@dataclass(frozen=True)
class Phase:
    """Steps that take the same, as far as is known before.

    Attributes:
        steps: how many there are.
        seconds: that one takes, the median of those measured.
        waited: share of that in which no photos were there.
    """

    steps: int
    seconds: float
    waited: float


def dry_run(
    state: RunState,
    photos: Photos,
    minutes: float | None,
    workers: int,
    report: Callable[[str], None],
) -> None:
    """Take a few steps, and tell what all of them will take; the state is of no use after it.

    Args:
        state: of a run, fresh or loaded.
        photos: the training data.
        minutes: the time that the run is planned for; None for the recipe's steps.
        workers: threads that cut crops.
        report: takes the lines.
    """
    samples = share().of * state.recipe.optim.photos * state.recipe.optim.views
    trained = sum(p.numel() for p in _trained(state))
    whole = sum(p.numel() for p in state.model.parameters())
    report(f"parameters: {whole / 1e6:.2f} M, {trained / 1e6:.2f} M of them trained")
    phases = [_measured(state, photos, workers, *phase) for phase in _phases(state)]
    # Counted last, since counting takes memory and time of its own.
    flop = share().of * _operations(state, photos)
    last = phases[-1]
    report(
        f"a step: {count_text(samples, 'sample')}, {flop / 1e9:,.4g} GFLOP, "
        f"{' then '.join(f'{phase.seconds:.3g} s' for phase in phases)}, "
        f"{last.waited:.0%} of it waiting for photos"
    )
    report(f"memory: {_memory(state) / 1e9:.2f} GB at most so far, in each process")
    report(f"the run: {_told(phases, minutes)}; validating, sampling and saving come on top")
    report("nothing was written")


def _trained(state: RunState) -> list[torch.Tensor]:
    groups = [g for optimizer in state.objective.optimizers for g in optimizer.param_groups]
    return [parameter for group in groups for parameter in group["params"]]


def _phases(state: RunState) -> list[tuple[int, int]]:
    """Give first step and number of steps of each part of a run whose steps are alike."""
    steps = state.optim.steps
    changes = {state.optim.frozen_steps, *state.recipe.stages}
    edges = [state.step, *sorted(step for step in changes if state.step < step < steps), steps]
    phases = [(a, b - a) for a, b in pairwise(edges) if b > a]
    return phases or [(state.step, 0)]


def _measured(state: RunState, photos: Photos, workers: int, first: int, steps: int) -> Phase:
    recipe, device = state.recipe, state.device
    state.step, taken = first, []
    with Batches(photos, Draw.of(recipe), first, workers, device) as batches:
        for number in range(1 + _MEASURED):
            if number == 1:
                batches.waited = 0.0
            started = time.monotonic()
            state.train_step(batches.next(), 0.0)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken.append(time.monotonic() - started)
        waited = batches.waited / max(sum(taken[1:]), 1e-9)
    # The first one sets up, and compiles where that is asked for.
    return Phase(steps, float(np.median(taken[1:])), min(1.0, waited))


def _operations(state: RunState, photos: Photos) -> int:
    """Count the operations of products and convolutions of a step, forward and back."""
    draw = Draw.of(state.recipe)
    batch = draw.batch(draw.crops(photos, state.step), state.step, state.device)
    eager = torch.compiler.set_stance("force_eager")
    with eager, FlopCounterMode(display=False) as counter:
        state.train_step(batch, 0.0)
    return int(counter.get_total_flops())


def _memory(state: RunState) -> int:
    if state.device.type == "cuda":
        return torch.cuda.max_memory_allocated(state.device)
    return peak_memory() or 0


def _told(phases: list[Phase], minutes: float | None) -> str:
    if minutes is None:
        seconds = sum(phase.steps * phase.seconds for phase in phases)
        steps = sum(phase.steps for phase in phases)
        return f"{count_text(steps, 'step')}, about {duration_text(seconds)}"
    left, steps = minutes * 60, 0
    for number, phase in enumerate(phases, 1):
        fits = int(left / max(phase.seconds, 1e-9))
        taken = fits if number == len(phases) else min(fits, phase.steps)
        left, steps = left - taken * phase.seconds, steps + taken
    return f"{duration_text(minutes * 60)}, about {count_text(steps, 'step')}"
