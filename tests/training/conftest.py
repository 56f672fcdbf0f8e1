"""What tests of training share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from made.tiny_runs import write_photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of photographs to train on; files that want others have their own."""
    return write_photos(tmp_path / "photos")


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute in one thread: for toys, threads that meet cost more than they bring.

    Where something else runs on the cores they cost several times as much.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
