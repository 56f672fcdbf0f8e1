"""The picture has the photo's L at every pixel and the network's colour in every cell."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from colorize_cli.imaging import render as render_module
from colorize_cli.imaging.area_resample import resample, to_grid, to_working
from colorize_cli.imaging.frame import Frame, frame_for
from colorize_cli.imaging.lab import Float, Pixels, lab_from_rgb, lightness
from colorize_cli.imaging.render import render, render_samples

BITS = [np.uint8, np.uint16]


def noisy_photo(shape: tuple[int, ...], dtype: type[np.unsignedinteger] = np.uint8) -> Pixels:
    top = np.iinfo(dtype).max + 1
    return np.random.default_rng(sum(shape)).integers(0, top, shape).astype(dtype)


def cells_of(frame: Frame) -> tuple[int, int]:
    return frame.padded_height // 4, frame.padded_width // 4


def rough_field(frame: Frame, sigma: float) -> Float:
    rng = np.random.default_rng(7)
    return rng.normal(0, sigma, (2, *cells_of(frame))).astype(np.float32)


def smooth_field(frame: Frame, sigma: float) -> Float:
    smooth = np.stack([cv2.GaussianBlur(c, (0, 0), 3) for c in rough_field(frame, 1)])
    return smooth * np.float32(sigma / smooth.std())


def down(plane: Float, frame: Frame) -> Float:
    return to_grid(resample(lambda top, bottom: plane[top:bottom], frame), 4)


@pytest.mark.parametrize(("dtype", "off"), [(np.uint8, 0), (np.uint16, 1)])
def test_without_colour_the_photo_comes_back(dtype: type[np.unsignedinteger], off: int) -> None:
    photo = noisy_photo((120, 170), dtype)
    frame = frame_for(120, 170, 96)
    rgb = render(photo, np.zeros((2, *cells_of(frame)), np.float32), frame)
    assert rgb.dtype == dtype
    assert np.abs(rgb.astype(int) - photo[..., None]).max() <= off


@pytest.mark.parametrize("sigma", [10, 40, 150])
@pytest.mark.parametrize("field", [rough_field, smooth_field])
@pytest.mark.parametrize(("dtype", "bound"), [(np.uint8, 0.3), (np.uint16, 0.01)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_lightness_is_the_photos(field, sigma, dtype, bound, channels) -> None:  # type: ignore[no-untyped-def]
    photo = noisy_photo((150, 200, *channels), dtype)
    frame = frame_for(150, 200, 96)
    rgb = render(photo, field(frame, sigma), frame)
    change = np.abs(lightness(rgb) - lightness(photo))
    assert change.mean() <= bound
    assert np.percentile(change, 99.9) <= 1.2


def test_smallest_and_longest_photos_can_be_coloured() -> None:
    for shape in ((1, 1), (2, 2), (3, 7), (1, 700), (700, 1), (4, 1, 3)):
        photo = noisy_photo(shape)
        frame = frame_for(*shape[:2], 64)
        rgb = render(photo, rough_field(frame, 20), frame)
        assert rgb.shape == (*shape[:2], 3)
        assert np.abs(lightness(rgb) - lightness(photo)).max() < 1


@pytest.mark.parametrize("shape", [(157, 203), (97, 33, 3), (40, 1000)])
@pytest.mark.parametrize("dtype", BITS)
def test_picture_does_not_depend_on_the_strips(
    shape: tuple[int, ...], dtype: type[np.unsignedinteger], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = noisy_photo(shape, dtype)
    frame = frame_for(*shape[:2], 96)
    ab = rough_field(frame, 40)
    expected = render(photo, ab, frame)
    for pixels in (1, 777, 5000, 10**9):
        monkeypatch.setattr(render_module, "STRIP_PIXELS", pixels)
        np.testing.assert_array_equal(render(photo, ab, frame), expected)


def test_threads_do_not_disturb_each_other() -> None:
    photos = [noisy_photo((200, 150 + k)) for k in range(6)]
    frames = [frame_for(*photo.shape, 96) for photo in photos]
    fields = [rough_field(frame, 40) for frame in frames]
    expected = list(map(render, photos, fields, frames))
    with ThreadPoolExecutor(4) as pool:
        for rgb, alone in zip(pool.map(render, photos, fields, frames), expected, strict=True):
            np.testing.assert_array_equal(rgb, alone)


def test_samples_are_rendered_as_each_alone() -> None:
    photo = noisy_photo((90, 120))
    frame = frame_for(90, 120, 64)
    fields = np.stack([rough_field(frame, 30), smooth_field(frame, 30)])
    working = to_working(photo, frame)
    for rgb, field in zip(render_samples(photo, fields, frame), fields, strict=True):
        np.testing.assert_array_equal(rgb, render(photo, field, frame, working=working))


def test_a_ramp_of_colour_is_not_shifted() -> None:
    height, width = 210, 330
    photo = np.full((height, width), 120, np.uint16) * np.uint16(257)
    frame = frame_for(height, width, 96)
    ramp = np.broadcast_to(np.linspace(-20, 20, width, dtype=np.float32), (height, width))
    cells = down(np.ascontiguousarray(ramp), frame)
    lab = lab_from_rgb(render(photo, np.stack([cells, 0 * cells]), frame))
    inside = np.s_[60:150, 60:270]  # away from the edges, where the mirrored ramp turns
    np.testing.assert_allclose(lab[..., 1][inside], ramp[inside], atol=0.1)


def test_colour_ends_where_the_lightness_ends() -> None:
    # A dark red object before a light grey wall: its edge lies within a grid cell, at column 101.
    photo = np.full((160, 240), 190, np.uint8)
    photo[:, :101] = 90
    frame = frame_for(160, 240, 96)
    a = np.where(photo == 90, 40, 0).astype(np.float32)
    cells = down(a, frame)
    found = lab_from_rgb(render(photo, np.stack([cells, 0 * cells]), frame))[80, :, 1]
    assert found[:101].min() > 31
    assert found[101:].max() < 10
    # Half the error of the bilinear enlargement of the same cells.
    across = (np.arange(240) + 0.5) * frame.scale / 4 - 0.5
    bilinear = np.interp(across, np.arange(cells.shape[1]), cells[5])
    assert np.abs(found - a[80]).sum() < 0.5 * np.abs(bilinear - a[80]).sum()


def test_grey_beside_colour_gets_no_fringe() -> None:
    photo = np.full((160, 240), 128, np.uint8)  # no edge of lightness to follow
    frame = frame_for(160, 240, 96)
    a = np.zeros((160, 240), np.float32)
    a[:, :101] = 60
    found = lab_from_rgb(render(photo, np.stack([down(a, frame)] * 2), frame))
    assert found[..., 1:].min() > -3
    assert found[:, 130:, 1:].max() < 1


def test_cells_keep_the_networks_colour() -> None:
    frame = frame_for(192, 256, 64)
    texture = np.random.default_rng(0).normal(0, 12, (192, 256))
    photo = np.clip(125 + texture, 0, 255).astype(np.uint8)
    ab = smooth_field(frame, 8)
    lab = lab_from_rgb(render(photo, ab, frame))
    covered = np.s_[:, : frame.work_height // 4, : frame.work_width // 4]
    found = np.stack([down(np.ascontiguousarray(lab[..., k]), frame) for k in (1, 2)])
    assert np.abs(found - ab)[covered].mean() < 0.3


def test_grain_and_glints_do_not_colour_the_picture() -> None:
    frame = frame_for(160, 240, 96)
    photo = np.full((160, 240), 120, np.uint8)
    photo[:, 120:] = 160
    a = np.where(photo == 120, 30, 0).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 10, photo.shape)
    grainy = np.clip(photo + grain, 0, 255).astype(np.uint8)
    grainy[70:72, 40] = 255  # glints, far above the L of every cell around
    found = lab_from_rgb(render(grainy, np.stack([down(a, frame), 0 * down(a, frame)]), frame))
    far = np.s_[:, :100]
    assert found[..., 1][far].std() < 2
    assert np.abs(found[..., 1][:, 140:]).max() < 3


def test_a_flipped_photo_gives_the_flipped_picture() -> None:
    frame = frame_for(192, 768, 96, multiple=4)
    assert (frame.work_height, frame.work_width) == (frame.padded_height, frame.padded_width)
    photo = noisy_photo((192, 768))
    ab = rough_field(frame, 20)
    flipped = render(photo[:, ::-1].copy(), ab[..., ::-1].copy(), frame)
    difference = flipped[:, ::-1].astype(int) - render(photo, ab, frame)
    assert np.abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.001


def test_no_float_array_of_the_full_size_is_made() -> None:
    photo = np.full((3000, 2000), 100, np.uint8)
    frame = frame_for(3000, 2000, 192)
    ab = np.zeros((2, *cells_of(frame)), np.float32)
    render(photo, ab, frame)  # makes the tables
    tracemalloc.start()
    try:
        render(photo, ab, frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - 3 * photo.size < 2.5 * photo.size  # a float32 plane takes 4 bytes a pixel


@pytest.mark.parametrize("wrong", ["pixels", "field"])
def test_what_does_not_belong_together_is_refused(wrong: str) -> None:
    frame = frame_for(60, 80, 64)
    photo = noisy_photo((60, 81) if wrong == "pixels" else (60, 80))
    ab = rough_field(frame, 1)
    with pytest.raises(ValueError, match="do not fit"):
        render(photo, ab[:, :-1] if wrong == "field" else ab, frame)


@pytest.mark.parametrize("shape", [(2, 70_000), (70_000, 2), (70_000, 40)])
def test_a_very_long_photo_is_rendered_in_parts_that_do_not_show(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.linspace(0, 255, shape[0] * shape[1]).reshape(shape).astype(np.uint8)
    frame = frame_for(*shape, 64)
    ab = np.random.default_rng(3).normal(
        0, 20, (2, frame.padded_height // 4, frame.padded_width // 4)
    )
    parts = render(pixels, ab.astype(np.float32), frame)
    monkeypatch.setattr("colorize_cli.imaging.frame._TALL", 1 << 20)
    monkeypatch.setattr("colorize_cli.imaging.render._WIDEST", 1 << 20)
    whole = render(pixels, ab.astype(np.float32), frame)
    assert np.abs(parts.astype(int) - whole).max() <= 1


@pytest.mark.parametrize("dtype", BITS)
def test_saturation_scales_a_and_b_of_every_pixel_that_has_room(
    dtype: type[np.unsignedinteger],
) -> None:
    photo = noisy_photo((60, 90), dtype) // 3 + np.iinfo(dtype).max // 3  # no blacks and whites
    frame = frame_for(60, 90, 96)
    ab = smooth_field(frame, 5)
    plain = render(photo, ab, frame)
    assert np.array_equal(render(photo, ab, frame, saturation=1), plain)
    double = render(photo, ab, frame, saturation=2)
    off = 0.6 if dtype == np.uint8 else 0.02
    np.testing.assert_allclose(
        np.median(lab_from_rgb(double)[..., 1:] - 2 * lab_from_rgb(plain)[..., 1:]), 0, atol=off
    )
    assert np.abs(lightness(double) - lightness(photo)).mean() < 0.3
    none = render(photo, ab, frame, saturation=0)
    assert np.abs(none.astype(int) - photo[..., None]).max() <= 1


def test_more_saturation_than_there_is_room_for_keeps_the_lightness() -> None:
    photo = noisy_photo((60, 90))
    frame = frame_for(60, 90, 96)
    vivid = render(photo, smooth_field(frame, 40), frame, saturation=4)
    assert np.abs(lightness(vivid) - lightness(photo)).mean() < 0.3
