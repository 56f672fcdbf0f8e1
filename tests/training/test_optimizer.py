"""A step of the optimizer: left out where the gradient is not finite, and said so later."""

import pytest
import torch
from torch import nn

from colorize_cli.errors import UsageError
from training.optimizer import adamw, check_gradients, descend, set_rate
from training.recipe_tables import OptimTable

OPTIM = OptimTable(lr=0.1)


def made() -> tuple[nn.Linear, torch.optim.AdamW]:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    return network, adamw(OPTIM, [([network.weight], 1.0), ([network.bias], 0.5)])


def test_the_rate_is_a_factor_on_the_peak_of_each_group() -> None:
    _, optimizer = made()
    set_rate([optimizer], 0.2)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.02, 0.01])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_changes_nothing_and_is_told_at_the_next_look(
    bad: float,
) -> None:
    network, optimizer = made()
    descend(optimizer, network(torch.ones(2, 3)).sum(), network, OPTIM)
    check_gradients([optimizer])
    before = [p.detach().clone() for p in network.parameters()]
    moments = optimizer.state[network.weight]["exp_avg"].clone()
    descend(optimizer, network(torch.full((2, 3), bad)).sum(), network, OPTIM)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert torch.equal(optimizer.state[network.weight]["exp_avg"], moments)
    with pytest.raises(UsageError, match=r"1 gradients were not finite.*optim\.lr"):
        check_gradients([optimizer])


def test_the_first_step_may_be_the_one_that_is_not_finite() -> None:
    network, optimizer = made()
    descend(optimizer, network(torch.full((2, 3), float("nan"))).sum(), network, OPTIM)
    assert all(torch.isfinite(p).all() for p in network.parameters())
    descend(optimizer, network(torch.ones(2, 3)).sum(), network, OPTIM)
    assert all(torch.isfinite(p).all() for p in network.parameters())
