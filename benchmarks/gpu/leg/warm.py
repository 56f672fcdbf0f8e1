"""Take first steps while the other shards are on their way: does it work, how fast, how large?

What is compiled on the way stays in PyTorch's cache, so that the run itself need not wait for it.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from training.data.batches import Batches, Draw, cut_crops
from training.data.photos import Photos
from training.recipe import load_recipe
from training.run_state import RunState
from training.validation.losses import ValidationPhotos, validation_losses

_STEPS, _JUDGED = 40, 32


def warm(shards: list[Path], changes: list[str], device: str, workers: int) -> Iterator[str]:
    """Take steps from random weights, judge them, and take some more, with a line for each part.

    Args:
        shards: photos to train on.
        changes: of the default's recipe.
        device: "cuda" or "cpu".
        workers: threads.
    """
    started = time.monotonic()
    recipe = load_recipe("default", changes)
    data = recipe.data
    photos = Photos(shards, data.sets, data.size, smallest=data.smallest, workers=workers)
    yield f"{len(photos)} photos in {time.monotonic() - started:.1f} s: {photos.left_out()}"
    state = RunState(recipe, device)
    held_out = ValidationPhotos(
        cut_crops(photos, range(_JUDGED), 1, 0), ("a",) * _JUDGED, ("",) * _JUDGED
    )
    with Batches(photos, Draw.of(recipe), 0, workers, state.device) as batches:
        with torch.backends.cudnn.flags(benchmark=False):
            yield _timed(state, batches, 1, "first step, compiled")
        yield _timed(state, batches, 1, "step with cuDNN's search")
        yield _timed(state, batches, _STEPS, "steps")
        started = time.monotonic()
        losses: np.ndarray = validation_losses(state.objective, held_out, data, state.device)
        yield f"judged {_JUDGED} photos in {time.monotonic() - started:.1f} s: {losses.mean():.3f}"
        yield _timed(state, batches, 1, "step after it")
        yield _timed(state, batches, _STEPS, "steps")


def _timed(state: RunState, batches: Batches, count: int, name: str) -> str:
    started, batches.waited = time.monotonic(), 0.0
    for _ in range(count):
        values = state.train_step(batches.next(), 1.0)
    loss = values["loss"].mean().item()  # which waits for the device
    seconds = time.monotonic() - started
    samples = count * state.recipe.optim.photos * state.recipe.optim.views
    line = f"{count} {name}: {seconds:.2f} s, {samples / seconds:.0f} samples a second, "
    line += f"waited {batches.waited:.2f} s for crops, loss {loss:.3f}"
    if state.device.type == "cuda":
        line += f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB"
    return line
