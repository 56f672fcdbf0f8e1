"""The grey that is made of colour photographs."""

import numpy as np
from made.evaluated import made_photo

from colorize_cli.imaging.lab import lightness
from training.evaluation.inputs import grey_of, old_print_of


def test_grey_is_the_neutral_level_nearest_in_lightness() -> None:
    truth = made_photo(40, 48, 3)
    grey = grey_of(truth)
    assert grey.shape == (40, 48)
    off = np.abs(lightness(grey) - lightness(truth))
    for step in (-1, 1):
        other = np.clip(grey.astype(np.int16) + step, 0, 255).astype(np.uint8)
        assert np.all(off <= np.abs(lightness(other) - lightness(truth)) + 1e-5)
    neutral = np.arange(256, dtype=np.uint8)[None]
    assert np.array_equal(grey_of(np.repeat(neutral[..., None], 3, 2)), neutral)


def test_an_old_print_is_that_of_the_photo_alone() -> None:
    truth = made_photo(40, 48, 3)
    prints = [old_print_of(truth, bytes([seed] * 32)) for seed in range(20)]
    assert np.array_equal(prints[7], old_print_of(truth, bytes([7] * 32)))
    assert all(p.shape == (40, 48) and p.dtype == np.uint8 for p in prints)
    off = [np.abs(lightness(p) - lightness(truth)).mean() for p in prints]
    assert np.mean(off) > 3
    assert len({p.tobytes() for p in prints}) > 15
