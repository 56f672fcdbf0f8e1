"""Photos of any shape lie on the working grid at one exact scale.

The properties of `frame_for` are held on drawn sizes, the same ones in every run.
"""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colorize_cli.imaging.frame import Frame, frame_for

SIDES = st.integers(1, 6000)
SIZES = st.integers(32, 512)
MULTIPLES = st.sampled_from([1, 4, 8, 16, 32])
drawn = settings(deadline=None, derandomize=True, database=None)


def nominal_scale(height: int, width: int, size: int, multiple: int) -> float:
    return min(size / math.sqrt(height * width), longest(size, multiple) / max(height, width))


def longest(size: int, multiple: int) -> float:
    """The most that the long side of a working image may be."""
    return max(size * size / multiple, 8 * size)


def nominal_sides(height: int, width: int, size: int, multiple: int) -> tuple[int, int]:
    """Padded sides of a photo that gets just size * size pixels; its rounding is on our side."""
    scale = nominal_scale(height, width, size, multiple) * (1 + 1e-12)
    first, second = (math.ceil(side * scale / multiple) * multiple for side in (height, width))
    return first, second


def share(frame: Frame) -> float:
    covered = frame.height * frame.width * frame.scale**2
    return covered / (frame.padded_height * frame.padded_width)


@drawn
@given(SIDES, SIDES, SIZES, MULTIPLES)
def test_frame_covers_the_photo_and_no_multiple_more(
    height: int, width: int, size: int, multiple: int
) -> None:
    frame = frame_for(height, width, size, multiple)
    for side, work, padded in (
        (height, frame.work_height, frame.padded_height),
        (width, frame.work_width, frame.padded_width),
    ):
        assert work - 1 < side * frame.scale <= work + 1e-6
        assert padded % multiple == 0
        assert work <= padded < work + multiple


@drawn
@given(SIDES, SIDES, SIZES, MULTIPLES)
def test_scale_is_close_to_the_one_that_gives_the_area_asked_for(
    height: int, width: int, size: int, multiple: int
) -> None:
    scale = frame_for(height, width, size, multiple).scale / nominal_scale(
        height, width, size, multiple
    )
    assert 1 / 1.08 <= scale * (1 + 1e-9)
    assert scale <= 1.08 * (1 + 1e-9)


@drawn
@given(SIDES, SIDES, SIZES, MULTIPLES)
def test_the_network_never_computes_more_and_sees_no_more_mirror_image_than_at_the_nominal_scale(
    height: int, width: int, size: int, multiple: int
) -> None:
    frame = frame_for(height, width, size, multiple)
    nominal_height, nominal_width = nominal_sides(height, width, size, multiple)
    assert frame.padded_height <= nominal_height
    assert frame.padded_width <= nominal_width
    covered = height * width * nominal_scale(height, width, size, multiple) ** 2
    assert share(frame) >= covered / (nominal_height * nominal_width) * (1 - 1e-9)


@drawn
@given(SIDES, SIDES, SIZES, SIZES, MULTIPLES)
def test_a_larger_size_never_gives_a_smaller_picture(
    height: int, width: int, size: int, other: int, multiple: int
) -> None:
    smaller, larger = (
        frame_for(height, width, s, multiple).scale for s in (min(size, other), max(size, other))
    )
    assert smaller <= larger * (1 + 1e-9)


@drawn
@given(SIDES, SIDES, SIZES, MULTIPLES)
def test_a_photo_on_its_side_has_its_frame_on_its_side(
    height: int, width: int, size: int, multiple: int
) -> None:
    upright, lying = (frame_for(*s, size, multiple) for s in ((height, width), (width, height)))
    assert (lying.padded_width, lying.padded_height) == (
        upright.padded_height,
        upright.padded_width,
    )
    assert lying.scale == pytest.approx(upright.scale, rel=1e-9)


@drawn
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 500), SIZES)
def test_photos_of_one_shape_share_a_working_shape(
    height: int, width: int, factor: int, size: int
) -> None:
    frame, other = (frame_for(k * height, k * width, size) for k in (1, factor))
    assert (frame.padded_height, frame.padded_width) == (other.padded_height, other.padded_width)
    assert frame.scale == pytest.approx(factor * other.scale, rel=1e-9)


@pytest.mark.parametrize(
    ("height", "width", "padded", "work"),
    [
        (3000, 4000, (160, 224), (160, 214)),  # shrinks until the shorter side fits
        (2400, 3000, (192, 224), (180, 224)),  # grows until the longer side fills the padding
        (1000, 2000, (128, 256), (128, 256)),  # covers all
        (2000, 2000, (192, 192), (192, 192)),
        (218, 178, (224, 192), (224, 183)),
        (100, 2000, (64, 864), (44, 864)),  # a panorama
    ],
)
def test_usual_photos_are_mostly_photo(
    height: int, width: int, padded: tuple[int, int], work: tuple[int, int]
) -> None:
    frame = frame_for(height, width, 192)
    assert (frame.padded_height, frame.padded_width) == padded
    assert (frame.work_height, frame.work_width) == work


def test_share_of_the_photo_is_weighed_against_the_distance_from_the_nominal_scale() -> None:
    enough = frame_for(3000, 4000, 384)  # 96% at 0.94 of the nominal scale, 95% at 1.01
    assert (enough.work_height, enough.work_width) == (336, 448)
    worth_it = frame_for(5000, 7000, 160)  # 93% at 0.95 of the nominal scale, 86% at 1.01
    assert (worth_it.padded_height, worth_it.padded_width) == (128, 192)


def test_a_size_that_is_no_multiple_gives_a_square_photo_the_nearest() -> None:
    sides = [frame_for(1000, 1000, size).padded_height for size in (192, 200, 207, 208, 216, 224)]
    assert sides == [192, 192, 192, 224, 224, 224]


def test_working_size_of_a_square_photo_is_the_size_itself() -> None:
    for side in (50, 192, 193, 1000, 4001):
        frame = frame_for(side, side, 192)
        assert (frame.work_height, frame.padded_width) == (192, 192)


@pytest.mark.parametrize("numbers", [(0, 5, 192, 32), (5, 0, 192, 32), (5, 5, 0, 32), (5, 5, 9, 0)])
def test_frame_refuses_sizes_below_one(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="start at 1"):
        frame_for(*numbers)


@drawn
@given(st.integers(1, 10_000_000), st.integers(1, 10_000_000), SIZES, MULTIPLES)
def test_no_shape_makes_a_working_image_of_many_times_the_area(
    height: int, width: int, size: int, multiple: int
) -> None:
    frame = frame_for(height, width, size, multiple)
    most = longest(size, multiple) * 1.08 + multiple
    assert max(frame.padded_height, frame.padded_width) <= most
    assert frame.padded_height * frame.padded_width <= (size * 1.08 + multiple) ** 2 + (
        multiple * most
    )


def test_shapes_of_photographs_are_seen_as_large_as_before() -> None:
    for aspect in (1, 4, 16, 36):
        assert frame_for(100, 100 * aspect, 192).scale > 0.9 * 192 / (100 * aspect**0.5)
