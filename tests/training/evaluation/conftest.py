"""Two sets of made photographs, and weights for the metrics."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from made.evaluated import SIZES, made_photo, write_png
from safetensors.torch import save_file

from training.evaluation.pretrained.lpips import Lpips


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of four made photographs."""
    folder = tmp_path_factory.mktemp("photos with spaces")
    for s, name in enumerate(("art", "zoo")):
        for i, (height, width) in enumerate(SIZES):
            write_png(folder / name / f"{i}.png", made_photo(height, width, 10 * s + i))
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LPIPS's network with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "lpips.safetensors"
    save_file(Lpips().state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def restore_random_state() -> Iterator[None]:
    with torch.random.fork_rng():
        yield
