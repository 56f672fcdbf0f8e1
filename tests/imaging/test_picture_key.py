"""A picture is known by its lightness, not by its file."""

import cv2
import numpy as np
import pytest

from colorize_cli.imaging.area_resample import to_working
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.lab import Pixels
from colorize_cli.imaging.picture_key import picture_key


def key(pixels: Pixels, size: int = 64) -> bytes:
    frame = frame_for(*pixels.shape[:2], size)
    return picture_key(to_working(pixels, frame), frame)


def scene(seed: int, height: int = 300, width: int = 400) -> Pixels:
    """Make a picture of soft shapes and grain, as scans have them."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (5, 6)).astype(np.float32)
    shapes = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return (shapes + rng.normal(0, 5, shapes.shape)).clip(0, 255).astype(np.uint8)


def share_that_agrees(change: object) -> float:
    scenes = [scene(seed) for seed in range(60)]
    return sum(key(one) == key(change(one)) for one in scenes) / len(scenes)  # type: ignore[operator]


def test_a_deeper_copy_in_rgb_has_the_key_of_the_picture() -> None:
    one = scene(1)
    assert key(one) == key(one.astype(np.uint16) * 257) == key(np.dstack([one] * 3))


@pytest.mark.parametrize("quality", [75, 95])
def test_nearly_all_jpegs_have_the_key_of_their_picture(quality: int) -> None:
    def jpeg(pixels: Pixels) -> Pixels:
        data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)

    assert share_that_agrees(jpeg) >= 0.9


def test_most_pictures_of_half_the_size_have_the_same_key() -> None:
    def half(pixels: Pixels) -> Pixels:
        return cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    assert share_that_agrees(half) >= 0.75


def test_other_pictures_and_turned_ones_have_other_keys() -> None:
    scenes = [scene(seed) for seed in range(60)]
    turned = [np.ascontiguousarray(one[::-1]) for one in scenes]
    assert len({key(one) for one in (*scenes, *turned)}) == 120


@pytest.mark.parametrize("shape", [(1, 1), (3, 4000), (4000, 3), (2, 2)])
def test_photos_of_any_shape_have_a_key(shape: tuple[int, int]) -> None:
    white = key(np.full(shape, 255, np.uint8))
    assert len(white) == 16
    assert white != key(np.zeros(shape, np.uint8))


def test_what_lies_beyond_the_photo_does_not_count() -> None:
    pixels = scene(3, 100, 173)
    frame = frame_for(100, 173, 64)
    L = to_working(pixels, frame)
    known = picture_key(L, frame)
    assert frame.padded_height > frame.work_height or frame.padded_width > frame.work_width
    L[frame.work_height :] = 0
    L[:, frame.work_width :] = 0
    assert picture_key(L, frame) == known
