"""The forward process: what is noised and what is to be predicted fit the sampler's formulas."""

import numpy as np
import pytest
import torch

from colorize_cli.diffusion.sampler import predict_x_0
from colorize_cli.diffusion.schedule import tutorial_20
from training.families.diffusion_loss import (
    chroma_weight,
    draw_gammas,
    gaussian,
    per_row_loss,
    q_sample,
    row_weight,
    target,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("prediction", ["eps", "v", "x_0"])
def test_the_sampler_reads_x_0_back_out_of_a_perfect_prediction(prediction: str) -> None:
    rng = np.random.default_rng(0)
    x_0, eps = (gaussian((3, 2, 4, 5), rng, CPU) for _ in range(2))
    gamma = torch.full((3,), 0.3)
    x_t = q_sample(x_0, gamma, eps)
    wanted = target(prediction, x_0, gamma, eps)
    torch.testing.assert_close(predict_x_0(x_t, wanted, 0.3, prediction), x_0)


def test_noising_keeps_unit_variance() -> None:
    rng = np.random.default_rng(0)
    x_0, eps = (gaussian((64, 2, 32, 32), rng, CPU) for _ in range(2))
    for level in (0.0, 0.2, 1.0):
        assert q_sample(x_0, torch.full((64,), level), eps).std() == pytest.approx(1, abs=0.01)


def test_every_batch_sees_the_whole_range_of_noise() -> None:
    gammas = np.sort(draw_gammas("cosine", 10, np.random.default_rng(0)))
    t = np.arccos(np.sqrt(gammas)) * 2 / np.pi
    assert sorted((t * 10).astype(int)) == list(range(10))


def test_the_tutorials_levels_lie_between_its_neighbouring_gammas() -> None:
    gammas = draw_gammas("tutorial-20", 1000, np.random.default_rng(0))
    ends = tutorial_20().gammas
    assert gammas.min() >= ends[-1]
    assert gammas.max() <= ends[1]
    assert gammas.dtype == np.float32


def test_the_loss_is_the_mean_square_of_each_row() -> None:
    a = torch.zeros(2, 2, 2, 2)
    b = torch.stack([torch.ones(2, 2, 2), 3 * torch.ones(2, 2, 2)])
    assert per_row_loss(a, b).tolist() == [1, 9]


def test_colourful_cells_count_more_and_all_together_as_much() -> None:
    x_0 = torch.zeros(2, 2, 1, 2)
    x_0[0, :, 0, 1] = torch.tensor([0.6, 0.8])
    weight = chroma_weight(x_0, 2.0)
    assert weight.shape == (2, 1, 1, 2)
    weight = weight / weight.mean()
    assert (weight[0, 0, 0, 1] / weight[0, 0, 0, 0]).item() == pytest.approx(3)
    error = per_row_loss(torch.ones_like(x_0), torch.zeros_like(x_0), weight)
    assert error.tolist() == pytest.approx([4 / 3, 2 / 3])


def test_the_error_of_x_0_counts_up_to_the_limit_and_no_more() -> None:
    gamma = torch.tensor([0.0, 0.5, 0.75, 0.9, 0.99])
    counts = row_weight(gamma, limit=4) / (1 - gamma)  # SNR + 1 times under v, weighed
    torch.testing.assert_close(counts, torch.tensor([1.0, 2.0, 4.0, 4.0, 4.0]))
