"""How processes meet that `torchrun` started once more."""

from collections.abc import Iterator

import pytest
import torch
from torch.distributed import HashStore

from training.machine import processes


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[HashStore]:
    """What torchrun keeps of a run while its processes are started again."""
    store = HashStore()
    monkeypatch.setattr(processes, "rendezvous", lambda *_, **__: iter([(store, 0, 1)]))
    yield store
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def test_every_start_meets_at_a_place_of_its_own(
    store: HashStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for count in ("1", "2"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", count)
        assert processes.is_restarted()
        processes._meet_anew("cpu")
        assert torch.distributed.get_world_size() == 1
        assert torch.distributed.get_backend() == "gloo"
        torch.distributed.destroy_process_group()
        found.append(store.num_keys())
    assert found == [found[0], 2 * found[0]]  # none of the first start's was taken for the second's
    assert found[0] > 0
