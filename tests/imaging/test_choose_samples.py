"""Which samples are kept, and what is said of them."""

from itertools import pairwise

import numpy as np
import pytest

from colorize_cli.imaging.choose_samples import judge
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.lab import Float

HEIGHT, WIDTH = 40, 90  # of a photo whose padding is a good part of what the network sees
FRAME = frame_for(HEIGHT, WIDTH, 64)
L = np.full((FRAME.padded_height, FRAME.padded_width), 60, np.float32)


def candidates(*colours: tuple[float, float]) -> Float:
    """(K, 2, h, w): each candidate of one colour."""
    shape = (len(colours), 2, FRAME.padded_height // 4, FRAME.padded_width // 4)
    return np.broadcast_to(np.asarray(colours, np.float32)[:, :, None, None], shape).copy()


def test_without_a_choice_the_first_samples_are_taken() -> None:
    choice = judge(L, FRAME, candidates((30, 0), (0, 30), (0, -30)), 2, choosing=False)
    assert choice.order == (0, 1)


def test_the_most_typical_comes_first_and_then_the_most_different() -> None:
    ab = candidates((8, 30), (17, 30), (22, 30), (27, 30), (36, 30))
    assert judge(L, FRAME, ab, 1, choosing=True).order == (2,)
    first, *others = judge(L, FRAME, ab, 3, choosing=True).order
    assert first == 2
    assert set(others) == {0, 4}


def test_a_smaller_count_keeps_the_beginning_of_a_larger_one() -> None:
    rng = np.random.default_rng(0)
    ab = candidates(*rng.normal((10, 20), 15, (8, 2)).tolist())
    orders = [judge(L, FRAME, ab, count, choosing=True).order for count in range(1, 9)]
    for shorter, longer in pairwise(orders):
        assert longer[: len(shorter)] == shorter
    assert sorted(orders[-1]) == list(range(8))


def test_strays_and_grey_ones_come_last() -> None:
    ab = candidates((25, 30), (28, 33), (-90, -90), (1, 0), (22, 28), (26, 35))
    order = judge(L, FRAME, ab, 6, choosing=True).order
    assert set(order[-2:]) == {2, 3}


def test_what_is_flagged_as_grey_never_comes_before_what_is_not() -> None:
    # More than half as colourful as the others, so not much paler, and the most typical.
    ab = candidates((3, 2), (-5, 2.5), (5, 4), (6, -3), (3, 7))
    assert judge(L, FRAME, ab, 1, choosing=False).grey == (0,)
    choice = judge(L, FRAME, ab, 5, choosing=True)
    assert choice.order[-1] == 0
    assert choice.grey == (4,)


def test_what_is_much_paler_than_the_others_still_comes_before_what_is_grey() -> None:
    choice = judge(L, FRAME, candidates((20, 0), (20, 3), (3, 0), (6, 0)), 4, choosing=True)
    assert choice.order[2:] == (3, 2)
    assert choice.grey == (3,)


def test_a_stray_in_colour_comes_before_grey_ones() -> None:
    ab = candidates((2, 0), (2, 0.5), (2, -0.5), (30, 30))
    choice = judge(L, FRAME, ab, 4, choosing=True)
    assert choice.order[0] == 3
    assert choice.grey == (1, 2, 3)


def test_a_vivid_sample_is_grey_by_what_is_shown_of_it() -> None:
    ab = candidates((4.5, 0), (3.5, 0))
    assert judge(L, FRAME, ab, 2, choosing=False, gains=(1.3, 0.7)).grey == ()
    assert judge(L, FRAME, ab, 2, choosing=False, gains=(0.7, 1.3)).grey == (1,)


def test_candidates_are_chosen_at_one_strength_and_kept_at_that_of_their_place() -> None:
    gains = (1.5, 0.5)
    # At one strength the second is in the middle of the others.
    alike = np.array([(30, 10), (30, 0), (30, -9), (24, 1)], np.float32)
    ab = candidates(*(alike * np.resize(gains, 4)[:, None]).tolist())
    choice = judge(L, FRAME, ab, 2, choosing=True, gains=gains)
    assert choice.order[0] == 1
    kept = choice.take(ab, (0, 1))
    expected = alike[list(choice.order)] * np.array(gains, np.float32)[:, None]
    np.testing.assert_allclose(kept[:, :, 0, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(choice.take(ab, (1,)), kept[1:])
    plain = judge(L, FRAME, ab, 3, choosing=False, gains=gains)
    np.testing.assert_array_equal(plain.take(ab, (0, 1, 2)), ab[:3])


def test_a_sample_is_not_grey_for_the_gain_that_it_was_given() -> None:
    ab = candidates((6.5, 0), (3.5, 0), (3.5, 0.5), (6.5, 1), (3.5, 0))
    gains = (1.3, 0.7, 1.0)
    assert judge(L, FRAME, ab, 5, choosing=False, gains=gains).grey == (2,)
    assert judge(L, FRAME, ab, 5, choosing=True, gains=gains).order[-1] == 2
    assert judge(L, FRAME, ab, 5, choosing=False).grey == (1, 2, 4)


def test_candidates_are_chosen_by_what_can_be_shown_of_them() -> None:
    # So dark, sRGB has no green: what the network painted vividly comes out grey, blue does not.
    dark = np.full_like(L, 1.5)
    choice = judge(dark, FRAME, candidates((-60, 60), (-55, 60), (9, -9)), 3, choosing=True)
    assert choice.order[0] == 2
    assert choice.grey == (1, 2)


def test_where_all_is_grey_the_typical_is_still_found() -> None:
    ab = candidates((0, 0), (0.1, 0), (0.2, 0))
    choice = judge(L, FRAME, ab, 3, choosing=True)
    assert choice.order[0] == 1
    assert choice.grey == (0, 1, 2)


def test_grey_and_alike_samples_are_found_among_those_that_are_kept() -> None:
    ab = candidates((20, 20), (20.5, 20), (0, 1), (-20, 5))
    assert judge(L, FRAME, ab, 2, choosing=False).is_alike
    assert judge(L, FRAME, ab, 2, choosing=False).grey == ()
    whole = judge(L, FRAME, ab, 4, choosing=False)
    assert not whole.is_alike
    assert whole.grey == (2,)
    assert not judge(L, FRAME, ab, 1, choosing=False).is_alike


def test_more_samples_than_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="3 samples of 2"):
        judge(L, FRAME, candidates((20, 20), (0, 9)), 3, choosing=True)


def test_what_lies_in_the_padding_does_not_count() -> None:
    ab = candidates((20, 20), (20, 20))
    rows = -(-FRAME.work_height // 4)
    assert rows < ab.shape[2]
    ab[1, :, rows:] = -80
    assert judge(L, FRAME, ab, 2, choosing=False).is_alike


@pytest.mark.parametrize("level", [0, 100])
def test_what_cannot_show_colours_is_grey_and_alike(level: int) -> None:
    ab = candidates((20, 20), (-30, 40))
    choice = judge(np.full_like(L, level), FRAME, ab, 2, choosing=False)
    assert choice.grey == (0, 1)
    assert choice.is_alike
