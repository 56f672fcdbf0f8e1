"""The classifier of colours: what it compares with."""

import math

import pytest
import torch

from training.head import ColourHead, _cross_entropy


def test_the_loss_is_least_where_the_classes_mean_the_colour() -> None:
    ab = torch.tensor([12.0, -33.0])[None, :, None, None]
    probabilities = torch.full((1, 23 * 23, 1, 1), 1e-9)
    for a, share_a in ((12, 0.8), (13, 0.2)):  # 12 lies between the centres 10 and 20
        for b, share_b in ((7, 0.3), (8, 0.7)):  # -33 between -40 and -30
            probabilities[0, a * 23 + b] = share_a * share_b
    entropy = -sum(p * math.log(p) for p in (0.8 * 0.3, 0.8 * 0.7, 0.2 * 0.3, 0.2 * 0.7))
    assert _cross_entropy(probabilities.log(), ab).item() == pytest.approx(entropy, abs=1e-4)
    assert _cross_entropy(torch.zeros(1, 529, 1, 1), ab).item() == pytest.approx(math.log(529))


def test_colours_beyond_all_classes_are_the_nearest_ones() -> None:
    ab = torch.tensor([300.0, -300.0])[None, :, None, None]
    logits = torch.zeros(1, 529, 1, 1)
    logits[0, 22 * 23] = 50
    assert _cross_entropy(logits, ab).item() == pytest.approx(0, abs=0.01)


def test_maps_are_compared_at_their_own_resolution() -> None:
    head = ColourHead((4, 6, 8, 8))
    cond = [torch.randn(2, c, 16 >> i, 24 >> i) for i, c in enumerate((4, 6, 8, 8))]
    losses = head(cond, torch.randn(2, 2, 16, 24) * 20)
    assert losses.shape == (2,)
    assert (losses > 0).all()
    losses.sum().backward()
    assert len(head.classifiers) == 3
