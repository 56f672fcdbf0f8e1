"""The greys of old photographs stay greys of the same photograph."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from training.data import degrade
from training.data.lab import lab_from_linear, linear_from_levels
from training.data.row_draws import RowDraws


@pytest.fixture
def L() -> Tensor:
    """(5, 48, 64): the same ramp from dark to light five times."""
    return torch.linspace(5, 95, 64).expand(5, 48, 64)


def draws(seed: int, count: int) -> RowDraws:
    return RowDraws.alone(np.random.default_rng(seed), count)


def levels_of(*colours: tuple[int, int, int]) -> Tensor:
    """(len(colours), 3, 8, 8) uint8, each of one colour."""
    return torch.tensor(colours, dtype=torch.uint8)[:, :, None, None].expand(-1, 3, 8, 8)


@pytest.mark.parametrize("step", [step for step, _ in degrade.STEPS])
def test_every_step_keeps_the_shape_and_most_of_the_picture(
    step: Callable[[Tensor, RowDraws], Tensor], L: Tensor
) -> None:
    out = step(L, draws(0, 5))
    assert out.dtype == torch.float32
    assert out.shape == L.shape
    for photo in out:
        assert np.corrcoef(photo.ravel(), L[0].ravel())[0, 1] > 0.9


@pytest.mark.parametrize("step", [step for step, _ in degrade.STEPS])
def test_each_photo_of_a_batch_has_a_strength_of_its_own(
    step: Callable[[Tensor, RowDraws], Tensor],
) -> None:
    noisy = 50 + 20 * torch.randn((32, 32), generator=torch.Generator().manual_seed(0))
    out = step(noisy.expand(6, 32, 32), draws(0, 6))
    assert len({float(photo.std()) for photo in out}) > 3


def test_an_old_photo_stays_in_range_and_photos_age_apart(L: Tensor) -> None:
    many = L.repeat(10, 1, 1)
    out = degrade.old_photo(many, draws(0, 50))
    assert out.min() >= 0
    assert out.max() <= 100
    assert torch.equal(many, L.repeat(10, 1, 1))
    untouched = sum(torch.equal(photo, L[0]) for photo in out)
    assert 0 < untouched < 20


def test_soft_focus_is_the_gaussian_of_opencv(L: Tensor) -> None:
    edge = torch.where(L > 50, 90.0, 10.0)
    out = degrade.soften(edge, draws(3, 5))
    sigmas = np.random.default_rng(3).uniform(0.4, 1.6, 5)
    for photo, sigma in zip(out, sigmas, strict=True):
        wanted = cv2.GaussianBlur(edge[0].numpy(), (0, 0), sigma)
        np.testing.assert_allclose(photo, wanted, atol=0.05)


def test_grain_roughens(L: Tensor) -> None:
    assert degrade.grain(L, draws(0, 5))[:, :, 30].std(dim=1).min() > 0.5


def test_compression_is_that_of_a_jpeg() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.uniform(10, 90, (6, 9, 9)).astype(np.float32)
    photos = np.stack([cv2.resize(photo, (45, 37)) for photo in coarse])
    out = degrade.compress(torch.from_numpy(photos), draws(1, 6)).numpy()
    qualities = np.random.default_rng(1).integers(25, 81, 6)
    for photo, mine, quality in zip(photos, out, qualities, strict=True):
        levels = np.rint(photo * 2.55).astype(np.uint8)
        data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
        jpeg = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).astype(np.float32)
        lost = np.abs(jpeg - levels).mean()
        assert np.abs(jpeg - mine * 2.55).mean() < 0.25 * lost


def test_orthochromatic_film_sees_red_dark_and_blue_light() -> None:
    linear = linear_from_levels(levels_of((200, 30, 30), (30, 30, 200)).repeat(10, 1, 1, 1))
    seen = lab_from_linear(linear)[:, 0, 0, 0]
    film = degrade.orthochromatic_lightness(linear, draws(0, len(linear)))[:, 0, 0]
    assert (film[::2] < seen[::2] - 5).all()
    assert (film[1::2] > seen[1::2] + 5).all()


def test_neutral_grey_looks_the_same_on_every_film() -> None:
    linear = linear_from_levels(levels_of(*((level,) * 3 for level in range(0, 256, 5))))
    film = degrade.orthochromatic_lightness(linear, draws(0, len(linear)))
    torch.testing.assert_close(film, lab_from_linear(linear)[:, 0], atol=1e-2, rtol=0)


def test_shares_choose_between_the_greys() -> None:
    rng = np.random.default_rng(0)
    rgb = torch.from_numpy(rng.integers(0, 256, (4, 3, 8, 8)).astype(np.uint8))
    linear = linear_from_levels(rgb)
    L = lab_from_linear(linear)[:, 0]
    assert torch.equal(degrade.grey(rgb, linear, L, 0, 0, draws(0, 4)), L)
    luma = degrade.grey(rgb, linear, L, 1, 0, draws(0, 4))
    assert 1 < (luma - L).abs().mean() < 15


def test_what_a_photo_gets_does_not_depend_on_which_others_are_here() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (24, 3, 5, 5)).astype(np.float32)
    rgb = torch.from_numpy(colours).round().to(torch.uint8).repeat(1, 1, 8, 8)
    linear = linear_from_levels(rgb)
    L = lab_from_linear(linear)[:, 0]
    whole = degrade.grey(rgb, linear, L, 0.3, 0.6, draws(0, 24))
    assert 5 < sum(not torch.equal(a, b) for a, b in zip(whole, L, strict=True)) < 24
    for rows in (range(12), range(12, 24), range(3, 4), range(24)):
        own = slice(rows.start, rows.stop)
        some = RowDraws(np.random.default_rng(0), 24, rows)
        here = degrade.grey(rgb[own], linear[own], L[own], 0.3, 0.6, some)
        torch.testing.assert_close(here, whole[own], rtol=1e-6, atol=1e-4)
