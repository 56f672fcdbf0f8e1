"""AdamW by the recipe: groups, rate, clipping, half precision. Any objective takes it."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from colorize_cli.errors import UsageError

from .machine.processes import average_gradients
from .recipe_tables import OptimTable

# A scale of the loss that still overflows here is not what overflows.
_LEAST_SCALE = 1.0


def adamw(
    optim: OptimTable, groups: Sequence[tuple[Sequence[nn.Parameter], float]]
) -> torch.optim.AdamW:
    """Make an optimizer of groups of parameters, each with a factor on the rate."""
    made = torch.optim.AdamW(
        [{"params": list(parameters), "peak": optim.lr * scale} for parameters, scale in groups],
        lr=optim.lr,
        betas=(optim.beta1, optim.beta2),
        weight_decay=optim.weight_decay,
        fused=True,
    )
    if optim.precision == "fp16":
        device = next(p.device for parameters, _ in groups for p in parameters)
        made.loss_scaler = torch.amp.GradScaler(device.type)  # type: ignore[attr-defined]
    return made


def loss_scaler(optimizer: torch.optim.Optimizer) -> torch.amp.GradScaler | None:
    """Find what scales the loss, so that float16 holds its gradients; None in other precisions."""
    return getattr(optimizer, "loss_scaler", None)


def set_rate(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Set the rate of every group of `adamw` to a factor on its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def descend(
    optimizer: torch.optim.AdamW,
    loss: Tensor | Iterable[Tensor],
    network: nn.Module,
    optim: OptimTable,
) -> None:
    """Lower a loss by one step, or leave the weights alone where the gradient is not finite.

    The device is not waited for: `check_gradients` tells later whether steps were left out. Where
    several processes train, all call this and take the same step, with the mean of the gradients.

    Args:
        optimizer: of `adamw`.
        loss: a scalar, or several that are made one after the other and summed, so that memory is
            needed for one at a time.
        network: whose gradient's norm is clipped.
        optim: the recipe's.
    """
    scaler = loss_scaler(optimizer)
    optimizer.zero_grad(set_to_none=True)
    for part in [loss] if isinstance(loss, Tensor) else loss:
        (scaler.scale(part) if scaler else part).backward()
    average_gradients(p for group in optimizer.param_groups for p in group["params"])
    if scaler:
        _step_scaled(optimizer, scaler, network, optim)
        return
    norm = nn.utils.clip_grad_norm_(network.parameters(), optim.clip)
    lost = (~torch.isfinite(norm)).float()
    optimizer.found_inf = lost  # type: ignore[attr-defined]  # what GradScaler tells it, too
    optimizer.step()
    _count(optimizer, norm, lost)


def _step_scaled(
    optimizer: torch.optim.AdamW, scaler: Any, network: nn.Module, optim: OptimTable
) -> None:
    """Take the step of a scaled loss; one that overflows lowers the scale instead."""
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(network.parameters(), optim.clip)
    scale = scaler._scale.clone()
    scaler.step(optimizer)
    scaler.update()
    _count(optimizer, norm, ((scale <= _LEAST_SCALE) & ~torch.isfinite(norm)).float())


def _count(optimizer: torch.optim.AdamW, norm: Tensor, lost: Tensor) -> None:
    group = optimizer.param_groups[0]
    group["norms"] = [*group.get("norms", []), norm.detach()]
    group["lost"] = group.get("lost", 0) + lost
    # Counts up from the first step that was left out; 0 so far where none was.
    group["since_lost"] = group.get("since_lost", 0) + (group["lost"] > 0).float()


def gradient_norm(optimizers: Sequence[torch.optim.Optimizer]) -> float | None:
    """Give the mean norm of gradients, before clipping, since the last look.

    It is of the first optimizer that took a step since.

    It waits for the device; None without a step whose gradient was finite.
    """
    norms = [optimizer.param_groups[0].pop("norms", []) for optimizer in optimizers]
    taken = next((each for each in norms if each), None)
    if taken is None:
        return None
    found = torch.stack(taken)
    finite = found[torch.isfinite(found)]  # where a loss is scaled, some steps overflow
    return finite.mean().item() if len(finite) else None


class LostStepError(UsageError):
    """A gradient was not finite.

    Attributes:
        count: how many there were.
        ago: steps since the first of them; 0 for the last step.
    """

    def __init__(self, count: int, ago: int) -> None:
        super().__init__(
            f"{count} gradients were not finite. Go on from the last save with --resume and a "
            "lower rate: --set optim.lr=..."
        )
        self.count, self.ago = count, ago


def parts(count: int, number: int) -> list[slice]:
    """Cut `count` rows into at most `number` parts of about the same size."""
    number = min(number, count)
    edges = [i * count // number for i in range(number + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def check_gradients(optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """Look back at the steps of `descend`; it waits for the device.

    Raises:
        LostStepError: a gradient was not finite.
    """
    groups = [optimizer.param_groups[0] for optimizer in optimizers]
    if lost := sum(float(group.get("lost", 0)) for group in groups):
        raise LostStepError(int(lost), int(max(float(g.get("since_lost", 0)) for g in groups)) - 1)
