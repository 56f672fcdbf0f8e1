"""Patches are changes of colour where the photograph has none, whatever its grain and its size."""

import cv2
import numpy as np
import pytest

from colorize_cli.imaging.lab import Float
from training.evaluation.patches import Patches, patch_draws, patches

SKIN = (65.0, 14.0, 18.0)


def picture(*halves: tuple[float, float, float], grain: float = 1.0, side: int = 128) -> Float:
    """Stripes side by side, (side, side, 3) Lab, with grain that is always the same."""
    width = side // len(halves)
    lab = np.concatenate([np.full((side, width, 3), half) for half in halves], axis=1)
    noise = np.random.default_rng(0).normal(0, 1, (128, 128, 3))
    return (lab + grain * cv2.resize(noise, (side, side), interpolation=cv2.INTER_AREA)).astype(
        np.float32
    )


def ratio(found: Patches, *, skin: bool = False) -> float:
    return found.output_skin / found.truth_skin if skin else found.output / found.truth


def test_the_photo_itself_has_a_ratio_of_one() -> None:
    truth = picture(SKIN, (50.0, -30.0, 20.0))
    found = patches(truth, truth)
    assert ratio(found) == 1
    assert ratio(found, skin=True) == 1


def test_skin_that_is_coloured_in_part_is_patchy_and_a_true_edge_is_not() -> None:
    truth = picture(SKIN, SKIN, (50.0, -30.0, 20.0), (50.0, -30.0, 20.0))
    even = picture((65.0, 10.0, 12.0), (65.0, 10.0, 12.0), (50.0, 5.0, -30.0), (50.0, 5.0, -30.0))
    partly = picture(SKIN, (65.0, 0.0, 0.0), (50.0, -30.0, 20.0), (50.0, -30.0, 20.0))
    assert ratio(patches(truth, even)) == pytest.approx(1, abs=0.1)
    assert ratio(patches(truth, partly)) > 1.5
    of_skin = patches(truth, partly)
    assert ratio(of_skin, skin=True) > ratio(of_skin)


def test_it_is_the_same_whatever_the_size_of_the_photo() -> None:
    truth, partly = picture(SKIN, SKIN), picture(SKIN, (65.0, 0.0, 0.0))
    large = [cv2.resize(x, (512, 512), interpolation=cv2.INTER_NEAREST) for x in (truth, partly)]
    small = ratio(patches(truth, partly))
    assert ratio(patches(*large)) == pytest.approx(small, rel=1e-3)


def test_a_photo_without_a_flat_cell_adds_nothing() -> None:
    noisy = picture(SKIN, grain=200)
    found = patches(noisy, noisy)
    assert found == Patches(0, 0, 0, 0)
    counts = np.array([[1.0, 1.0], [0.0, 2.0]])
    assert patch_draws([6.0, 0.0], [4.0, 0.0], counts)[0] == 1.5
    assert np.isnan(patch_draws([6.0, 0.0], [4.0, 0.0], counts)[1])
