"""AdamW by the recipe: groups, rate, clipping. Any objective takes it."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from colorize_cli.errors import UsageError

from .recipe_tables import OptimTable


def adamw(
    optim: OptimTable, groups: Sequence[tuple[Sequence[nn.Parameter], float]]
) -> torch.optim.AdamW:
    """Make an optimizer of groups of parameters, each with a factor on the rate."""
    return torch.optim.AdamW(
        [{"params": list(parameters), "peak": optim.lr * scale} for parameters, scale in groups],
        lr=optim.lr,
        betas=(0.9, optim.beta2),
        weight_decay=optim.weight_decay,
        fused=True,
    )


def set_rate(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Set the rate of every group of `adamw` to a factor on its peak."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor


def descend(
    optimizer: torch.optim.AdamW, loss: Tensor, network: nn.Module, optim: OptimTable
) -> None:
    """Lower a loss by one step, or leave the weights alone where the gradient is not finite.

    The device is not waited for: `check_gradients` tells later whether steps were left out.

    Args:
        optimizer: of `adamw`.
        loss: a scalar.
        network: whose gradient's norm is clipped.
        optim: the recipe's.
    """
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(network.parameters(), optim.clip)
    lost = (~torch.isfinite(norm)).float()
    optimizer.found_inf = lost  # type: ignore[attr-defined]  # what GradScaler tells it, too
    optimizer.step()
    group = optimizer.param_groups[0]
    group["norms"] = [*group.get("norms", []), norm.detach()]
    group["lost"] = group.get("lost", 0) + lost
    # Counts up from the first step that was left out; 0 so far where none was.
    group["since_lost"] = group.get("since_lost", 0) + (group["lost"] > 0).float()


def gradient_norm(optimizers: Sequence[torch.optim.Optimizer]) -> float | None:
    """Give the mean norm of the first one's gradients, before clipping, since the last look.

    It waits for the device; None without a step.
    """
    norms = [optimizer.param_groups[0].pop("norms", []) for optimizer in optimizers]
    return torch.stack(norms[0]).mean().item() if norms and norms[0] else None


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


def check_gradients(optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """Look back at the steps of `descend`; it waits for the device.

    Raises:
        LostStepError: a gradient was not finite.
    """
    groups = [optimizer.param_groups[0] for optimizer in optimizers]
    if lost := sum(float(group.get("lost", 0)) for group in groups):
        raise LostStepError(int(lost), int(max(float(g.get("since_lost", 0)) for g in groups)) - 1)
