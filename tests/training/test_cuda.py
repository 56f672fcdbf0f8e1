"""On a GPU a step never waits for the device."""

from pathlib import Path

import pytest
import torch
from made.tiny_runs import tiny_recipe, write_photos

from training.data.batches import make_batch
from training.data.photos import Photos
from training.run_state import RunState

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU is there")


def test_making_a_batch_and_a_step_of_it_does_not_wait_for_the_device(tmp_path: Path) -> None:
    run = RunState(tiny_recipe(photos=32), "cuda")
    photos = Photos([write_photos(tmp_path / "photos")], {}, 32)

    def step(number: int) -> None:
        batch = make_batch(photos, run.recipe.data, 32, 0, number, run.device)
        run.train_step(batch, 1.0)

    step(0)  # the first one sets up libraries
    torch.cuda.set_sync_debug_mode("error")
    try:
        for number in range(1, 4):
            step(number)
    finally:
        torch.cuda.set_sync_debug_mode("default")
