"""What a century does to a photograph: the greys that training sees beside the clean ones.

All functions take and give a batch of L*, (B, H, W) float32, each photo with a strength of its
own; the ab target is never touched. Strengths are drawn so that most photographs stay readable:
the aim is scans of old prints, not ruins. Choices and strengths come from NumPy's generator,
noise for whole planes from the device's, each for all photos of a step, wherever they are.
"""

from collections.abc import Callable
from functools import cache
from math import ceil

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn import functional

from ..torch_device import to_device
from .lab import lightness_of_luma, lightness_of_luminance
from .row_draws import RowDraws

# ITU-T T.81, table K.1: steps of the luminance's frequencies at quality 50.
_JPEG_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)


def orthochromatic_lightness(linear: Tensor, draws: RowDraws) -> Tensor:
    """L* as film of before about 1930 saw it: blind to red, keen on blue.

    Args:
        linear: (B, 3, H, W) linear RGB in 0..1.
        draws: give each photo its film.

    Returns:
        (B, H, W) L*, 0..100.
    """
    red, blue = draws.uniform(0.0, 0.12), draws.uniform(0.3, 0.6)
    response = _column(np.stack([red, 1 - red - blue, blue], axis=1), linear)
    return lightness_of_luminance((response * linear).sum(dim=1))


def soften(L: Tensor, draws: RowDraws) -> Tensor:
    """Soft focus: a Gaussian of 0.4 to 1.6 pixels."""
    sigmas = draws.rng.uniform(0.4, 1.6, draws.count)
    return _blurred(L, draws.own(sigmas), sigmas.max())


def grain(L: Tensor, draws: RowDraws) -> Tensor:
    """Film grain: Gaussian noise of 1 to 7 L*, in single pixels, or a fifth weaker in clumps."""
    generator = torch.Generator(L.device).manual_seed(int(draws.rng.integers(2**62)))
    shape = (draws.count, *L.shape[1:])
    noise = draws.own_rows(torch.randn(shape, generator=generator, device=L.device))
    clumps = _places(draws.random() < 0.5, L)
    if len(clumps):  # the blur leaves 0.4 of the deviation
        noise[clumps] = _blurred(noise[clumps], np.full(len(clumps), 0.7), 0.7) * 2
    return L + _column(draws.uniform(1, 7), L) * noise


def fade(L: Tensor, draws: RowDraws) -> Tensor:
    """Faded print: blacks lifted, whites greyed, mid-tones shifted by a gamma of 0.75 to 1.35."""
    black, white = (_column(draws.uniform(*ends), L) for ends in ((0, 25), (80, 100)))
    tone = (L.clamp(0, 100) / 100) ** _column(draws.uniform(0.75, 1.35), L)
    return black + (white - black) * tone


def harden(L: Tensor, draws: RowDraws) -> Tensor:
    """Hard paper: contrast raised by 1.1 to 1.6 about the mean, highlights and shadows lost."""
    mean = L.mean(dim=(-2, -1), keepdim=True)
    return mean + _column(draws.uniform(1.1, 1.6), L) * (L - mean)


def vignette(L: Tensor, draws: RowDraws) -> Tensor:
    """Corners darker by up to 35 percent."""
    y, x = (torch.linspace(-1, 1, side, device=L.device) for side in L.shape[-2:])
    distance = y[:, None] ** 2 + x**2
    return L * (1 - _column(draws.uniform(0.05, 0.35) / 2, L) * distance)


def compress(L: Tensor, draws: RowDraws) -> Tensor:
    """JPEG at quality 25 to 80: its blocks lose what its steps round away (ITU-T T.81)."""
    height, width = L.shape[-2:]
    levels = (L * 2.55).round().clamp(0, 255) - 128
    levels = functional.pad(levels[:, None], (0, -width % 8, 0, -height % 8), mode="replicate")
    blocks = levels[:, 0].unflatten(2, (-1, 8)).unflatten(1, (-1, 8)).transpose(2, 3)
    quality = draws.integers(25, 81)
    # libjpeg's scale of the table.
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    scaled = np.clip((_JPEG_STEPS * percent[:, None, None] + 50) // 100, 1, 255)
    steps = _column(scaled[:, None, None], blocks)
    dct = to_device(_dct_8(), L.device)
    kept = (dct @ blocks @ dct.mT / steps).round() * steps
    blocks = (dct.mT @ kept @ dct + 128).round().clamp(0, 255)
    return blocks.transpose(2, 3).flatten(3, 4).flatten(1, 2)[:, :height, :width] / 2.55


# In the order in which light, film, print and scan do it.
STEPS: tuple[tuple[Callable[[Tensor, RowDraws], Tensor], float], ...] = (
    (soften, 0.4),
    (fade, 0.5),
    (harden, 0.2),
    (vignette, 0.25),
    (grain, 0.5),
    (compress, 0.4),
)


def old_photo(L: Tensor, draws: RowDraws) -> Tensor:
    """Apply to each photo (B, H, W), 0..100, a random choice of the degradations: same range."""
    L = L.clone()
    for step, probability in STEPS:
        places, of_chosen = draws.where(draws.rng.random(draws.count) < probability)
        if of_chosen.count:  # though none of them may be here
            chosen = to_device(places, L.device)
            L[chosen] = step(L[chosen], of_chosen)
    return L.clamp(0, 100)


def grey(
    rgb: Tensor, linear: Tensor, lab_L: Tensor, luma: float, old: float, draws: RowDraws
) -> Tensor:
    """Make the greys that the network sees of colour photos.

    Args:
        rgb: (B, 3, H, W) uint8 sRGB.
        linear: the same in linear light.
        lab_L: (B, H, W) L*, 0..100.
        luma: share of photos whose grey is Rec. 601 luma read as L*, the other grey there is.
        old: share of photos that are degraded; a third of those on orthochromatic film.
        draws: make the choices.

    Returns:
        (B, H, W) float32, 0..100.
    """
    rng, count = draws.rng, draws.count
    is_old = rng.random(count) < old
    is_film = is_old & (rng.random(count) < 1 / 3)
    is_luma = ~is_film & (rng.random(count) < luma)
    (film, of_film), (aged, of_aged) = draws.where(is_film), draws.where(is_old)
    L = lab_L.clone()
    if of_film.count:
        places = to_device(film, L.device)
        L[places] = orthochromatic_lightness(linear[places], of_film)
    from_luma = _places(draws.own(is_luma), L)
    if len(from_luma):
        L[from_luma] = lightness_of_luma(rgb[from_luma])
    if of_aged.count:
        places = to_device(aged, L.device)
        L[places] = old_photo(L[places], of_aged)
    return L


def _blurred(planes: Tensor, sigmas: NDArray[np.float64], largest: float) -> Tensor:
    """Blur (B, H, W), each by a Gaussian of its own in pixels, mirrored about the outer pixels."""
    if not len(planes):
        return planes
    # The mirror shows no more than the plane has.
    reach = min(ceil(4 * largest), min(planes.shape[1:]) - 1)
    kernels = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigmas[:, None]) ** 2)
    kernels /= kernels.sum(axis=1, keepdims=True)
    across = to_device(kernels[:, None, None].astype(np.float32), planes.device)
    x = functional.pad(planes[None], [reach] * 4, mode="reflect")
    x = functional.conv2d(x, across, groups=len(planes))
    return functional.conv2d(x, across.mT, groups=len(planes))[0]


def _column(values: ArrayLike, like: Tensor) -> Tensor:
    """Take a value (or several) of each photo to the device, to be spread over its plane."""
    column = to_device(np.asarray(values, np.float32), like.device)
    return column[(..., *[None] * (like.dim() - column.dim()))]


def _places(chosen: NDArray[np.bool_], like: Tensor) -> Tensor:
    """Take the places of the photos that were chosen to the device."""
    return to_device(np.flatnonzero(chosen), like.device)


@cache
def _dct_8() -> NDArray[np.float32]:
    """The orthonormal discrete cosine transform of 8 values: (8, 8), a frequency a row."""
    frequency, place = np.arange(8)[:, None], np.arange(8)
    matrix = np.cos(np.pi / 8 * frequency * (place + 0.5)) / 2
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)
