"""How many photos of a step fit in memory at once, found by trying."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import torch

from colorize_cli.errors import OutOfMemoryError

from ..checkpoint import RUN_FILE
from ..data.batches import Batch
from ..machine.processes import alone, objects
from ..recipe_tables import Recipe
from ..run_state import RunState

# What PyTorch says where it has no class for it: on a CPU, and of CUDA's own libraries.
_WORDS = (
    *("not enough memory", "can't allocate memory", "cannot allocate memory"),
    *("out of memory", "alloc_failed"),
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that there is too little memory, of a GPU or of the machine."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _WORDS)


def photos_at_once(recipe: Recipe, device: str) -> int:
    """Find how many photos of a step fit in memory, by halves of what the recipe works through.

    A network is made for it and let go again. Where several processes share a machine, all call
    this, and the least of what fits in each counts.

    Returns:
        A number of photos; 0 where not even one fits.
    """
    count = ceil(recipe.optim.photos / recipe.optim.accumulate)
    with alone():
        while count and not _fits(recipe, count, device):
            count //= 2
    return min(objects(count))


def fitted(recipe: Recipe, device: str, report: Callable[[str], None]) -> Recipe:
    """Have a step's photos worked through in as many parts as memory asks for.

    The step stays the same. Where the photos fit as they are, the recipe does too.

    Raises:
        OutOfMemoryError: not even one photo fits.
    """
    fits, photos = photos_at_once(recipe, device), recipe.optim.photos
    if not fits:
        raise OutOfMemoryError(_hopeless(recipe))
    parts = ceil(photos / fits)
    if parts > 1 and not recipe.takes_parts:
        report(
            f"--auto-batch: {fits} photos fit in memory at once, and a step of this family is not "
            f"worked through in parts: it has {fits} instead of {photos}"
        )
        return replace(recipe, optim=replace(recipe.optim, photos=fits))
    if parts <= recipe.optim.accumulate:
        report(f"--auto-batch: {fits} photos fit in memory at once, as the recipe has it")
        return recipe
    report(
        f"--auto-batch: {fits} photos fit in memory at once, so the {photos} of a step are worked "
        f"through in {parts} parts (optim.accumulate={parts})"
    )
    return replace(recipe, optim=replace(recipe.optim, accumulate=parts))


@contextmanager
def memory_explained(recipe: Recipe, device: str, out: Path | None) -> Iterator[None]:
    """Say which batch fits where memory does not suffice for a step.

    Args:
        recipe: of the run.
        device: that it trains on.
        out: folder of the run, which may have a save to go on from by then; None for a dry one.

    Raises:
        OutOfMemoryError: memory did not suffice within.
    """
    reason = None
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else "out of memory"
    if reason is not None:  # and what the error held on to is free by now
        with alone():
            fits = photos_at_once(recipe, device)
        raise OutOfMemoryError(
            _advice(recipe, fits, reason, can_resume=bool(out and (out / RUN_FILE).exists()))
        )


def _advice(recipe: Recipe, fits: int, reason: str, *, can_resume: bool) -> str:
    optim = recipe.optim
    at_once = ceil(optim.photos / optim.accumulate)
    again = " with --resume" if can_resume else ""
    if not fits:
        return _hopeless(recipe)
    if fits >= at_once:
        fewer = f"optim.accumulate={optim.accumulate * 2} works through a step in smaller parts"
        if not recipe.takes_parts:
            fewer = f"optim.photos={ceil(optim.photos / 2)} makes a step smaller"
        return (
            f"Memory ran out ({reason}), though a step's photos fit by themselves: something else "
            f"needs it. Go on{again} and a smaller --memory, or with fewer photos: --set {fewer}."
        )
    parts = ceil(optim.photos / fits)
    if not recipe.takes_parts:
        return (
            f"Memory does not suffice for {at_once} photos at once ({reason}), but for {fits}: go "
            f"on{again} and --set optim.photos={fits}, which makes the step smaller."
        )
    return (
        f"Memory does not suffice for {at_once} photos at once ({reason}), but for {fits}: go on"
        f"{again} and --set optim.accumulate={parts}, which takes the same step in {parts} parts, "
        f"or --auto-batch, which finds that number; --set optim.photos={fits} makes the step "
        "itself smaller."
    )


def _hopeless(recipe: Recipe) -> str:
    return (
        f"Not even one photo of {recipe.data.size} pixels fits in memory with {recipe.optim.views} "
        "noise levels: free some, or lower optim.views, data.size or the width of the network."
    )


def _fits(recipe: Recipe, count: int, device: str) -> bool:
    """Take two steps of each stage with so many photos; the first makes the optimizer's moments."""
    optim = replace(recipe.optim, photos=count, accumulate=1, compile=False)
    reached = False
    try:
        state = RunState(replace(recipe, optim=optim), device)
        batch = _noise(recipe, count, state.device)
        for stage in (0, *recipe.stages):
            for _ in range(2):  # when the backbone is trained too, if ever
                state.objective.step(batch, max(stage, optim.frozen_steps))
        if state.device.type == "cuda":
            torch.cuda.synchronize(state.device)
        reached = True
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    state = batch = None  # type: ignore[assignment]
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return reached


def _noise(recipe: Recipe, count: int, device: torch.device) -> Batch:
    """Make a batch of nothing, as large as one of photos."""
    rng = np.random.default_rng(0)
    size, cells = recipe.data.size, recipe.data.size // recipe.data.grid
    L = rng.uniform(0, 100, (count, 1, size, size)).astype(np.float32)
    ab = rng.normal(0, 15, (count, 2, cells, cells)).astype(np.float32)
    return Batch(torch.from_numpy(L).to(device), torch.from_numpy(ab).to(device))
