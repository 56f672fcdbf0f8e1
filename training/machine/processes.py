"""The processes that train one network together: which one this is, and what they tell each other.

`torchrun` and `accelerate launch` start them, Accelerate lets them meet. Each has a share of a
step's photos, and all take the same step with the mean of their gradients, so their weights are
the same at any time. A process alone imports nothing for it: the functions here then do nothing.
"""

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from colorize_cli.errors import DeviceError, MissingExtraError

# How long the others wait while the first one judges, saves or reads; a process that ended is
# noticed at once.
_PATIENCE = timedelta(hours=12)


@dataclass(frozen=True)
class Share:
    """Which part of a step's photos is here.

    Attributes:
        index: of this process.
        of: number of processes.
    """

    index: int = 0
    of: int = 1

    def rows(self, count: int) -> range:
        """Give the numbers of the rows that are here, of `count` rows in each process."""
        return range(self.index * count, (self.index + 1) * count)


ALL = Share()
_joined = ALL
_talk: Any = None  # the group for what is not on the device, so that nothing waits for that


def share() -> Share:
    """Tell which part of a step this process has: all of it where it is alone."""
    return _joined


def is_first() -> bool:
    """Tell whether this is the process that writes, reports and judges."""
    return _joined.index == 0


def processes_here() -> int:
    """Count the processes of this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if _joined.of > 1 else 1


def is_restarted() -> bool:
    """Tell whether `torchrun --max-restarts` runs the same command once more."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def launch() -> str:
    """Name the launch of `torchrun` that this process is of, whatever was restarted in it.

    Empty where there is none.
    """
    name = os.environ.get("TORCHELASTIC_RUN_ID", "")
    if name != "none":  # what torchrun says where it was given no name
        return name
    return f"{os.getppid()} on {platform.node()}"


@contextmanager
def together(device: str) -> Iterator[str]:
    """Meet the other processes that were started with this one, if there are any.

    Args:
        device: "cpu" or "cuda".

    Yields:
        The device of this process, such as "cuda:1".

    Raises:
        MissingExtraError: Accelerate is not installed.
        DeviceError: the processes do not find each other.
    """
    global _joined, _talk
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        yield device
        return
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise MissingExtraError(
            "several processes need Accelerate, which the extra 'train' brings: install it with "
            "pip install accelerate, or start one process."
        ) from error
    with _meeting():
        if is_restarted():
            _meet_anew(device)
        state = PartialState(cpu=device == "cpu", timeout=_PATIENCE)
        _talk = torch.distributed.new_group(backend="gloo", timeout=_PATIENCE)
    _joined = Share(state.process_index, state.num_processes)
    try:
        yield str(state.device)
    finally:
        _joined, _talk = ALL, None
        state.destroy_process_group()


def _meet_anew(device: str) -> None:
    """Meet under another name than before: torchrun keeps the addresses of those that ended."""
    store, rank, world_size = next(rendezvous("env://", timeout=_PATIENCE))
    name = f"start-{os.environ['TORCHELASTIC_RESTART_COUNT']}"
    torch.distributed.init_process_group(
        backend="nccl" if device == "cuda" else "gloo",
        store=PrefixStore(name, store),
        rank=rank,
        world_size=world_size,
        timeout=_PATIENCE,
    )


@contextmanager
def alone() -> Iterator[None]:
    """Let this process do something without the others."""
    global _joined
    before, _joined = _joined, ALL
    try:
        yield
    finally:
        _joined = before


@torch.no_grad()
def average_gradients(parameters: Iterable[Tensor]) -> None:
    """Give every process the mean of the gradients of all; where this one is alone, leave them."""
    _average(p.grad for p in parameters if p.grad is not None)


@torch.no_grad()
def average_buffers(module: nn.Module) -> None:
    """Give every process the mean of the buffers of all, such as statistics of batch norms."""
    _average(buffer for buffer in module.buffers() if buffer.is_floating_point())


def _average(tensors: Iterable[Tensor]) -> None:
    """Average tensors over the processes, in place."""
    own = [*tensors]
    if _joined.of == 1 or not own:
        return
    # One message instead of hundreds; memory layouts differ, the order of the numbers does not.
    flat = mean_of(torch.cat([tensor.reshape(-1) for tensor in own]))
    for tensor, part in zip(own, flat.split([t.numel() for t in own]), strict=True):
        tensor.copy_(part.view(tensor.shape))


def mean_of(tensor: Tensor) -> Tensor:
    """Average a tensor over the processes."""
    if _joined.of == 1:
        return tensor
    from accelerate.utils import reduce

    with _meeting():
        return reduce(tensor, "mean")


def gathered(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put values of each sample, all (N,), of all processes together: (processes * N,)."""
    if _joined.of == 1:
        return dict(values)
    from accelerate.utils import gather

    with _meeting():
        rows = gather(torch.stack([value.float() for value in values.values()], dim=1))
    return dict(zip(values, rows.unbind(dim=1), strict=True))


@torch.no_grad()
def spread(tensors: Iterable[Tensor]) -> None:
    """Give all processes the first one's tensors, in place."""
    if _joined.of > 1:
        with _meeting():
            for tensor in tensors:
                # Not every tensor lies as its numbers are ordered.
                whole = tensor.contiguous()
                torch.distributed.broadcast(whole, 0)
                tensor.copy_(whole)


def objects(value: Any) -> list[Any]:
    """Collect a small value of each process."""
    if _joined.of == 1:
        return [value]
    found: list[Any] = [None] * _joined.of
    with _meeting():
        torch.distributed.all_gather_object(found, value, group=_talk)
    return found


def wait() -> None:
    """Wait until all processes are here."""
    objects(None)


@contextmanager
def _meeting() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        # Gloo begins with a place in its own code, and ends with advice to its developers.
        reason = re.sub(r"\[/.*?\] ?", "", str(error).strip()).split(". ")[0]
        raise DeviceError(
            f"The processes of this run lost each other ({reason}). One of them ended, whose own "
            "message says why: start all of them again, with --resume where the run was saved."
        ) from error
