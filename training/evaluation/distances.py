"""Frechet and kernel distance between the features of two lots of pictures.

Both are computed from inner products of features alone, photo by photo, so that a resample of the
photos costs a weighting of small matrices and no second pass over the features.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from colorize_cli.imaging.lab import Float

from .bootstrap import Draws

# Every photo is compared with every other.
MAX_PHOTOS = 2000
# Resamples of the Frechet distance, each of which takes singular values of an n x n matrix.
FRECHET_DRAWS = 100


@dataclass(frozen=True, eq=False)
class Products:
    """Inner products of the features of n truths x and n pictures y, photo i being both's i-th.

    Attributes:
        xx: (n, n) of truths with truths.
        xy: (n, n) of truths (rows) with pictures (columns).
        yy: (n, n) of pictures with pictures.
        channels: length of a feature vector.
    """

    xx: Draws
    xy: Draws
    yy: Draws
    channels: int

    @classmethod
    def of(cls, truth: Float, picture: Float) -> Self:
        """Multiply features.

        Args:
            truth: (n, d) of the colour photographs.
            picture: (n, d) of what was made of their greys.
        """
        x, y = truth.astype(np.float64), picture.astype(np.float64)
        return cls(x @ x.T, x @ y.T, y @ y.T, x.shape[1])

    def at(self, photos: NDArray[np.intp]) -> Self:
        """Keep some of the photos."""
        block = np.ix_(photos, photos)
        return type(self)(self.xx[block], self.xy[block], self.yy[block], self.channels)


def frechet(products: Products, counts: Draws) -> Draws:
    """Frechet distance between Gaussians fitted to the features (Heusel et al. 2017).

    With X and Y the centred features over sqrt(n - 1), the trace of the root of the product of
    their covariances is the sum of the singular values of X Y^T, an n x n matrix. (The eigenvalues
    of X^T X Y^T Y are those of (X Y^T)(X Y^T)^T.)

    The distance of few photos is too large, and that of a resample, which holds fewer different
    ones, is larger still. So the resamples are moved until their mean is the figure itself; the
    figure keeps the bias of its number of photos, and is compared at equal numbers only.

    Args:
        products: of the features of n photos.
        counts: (1 + D, n); at most the first 100 resamples are used.

    Returns:
        (1 + min(D, 100),), NaN for fewer than two photos.
    """
    if counts.shape[1] < 2:
        return np.full(1, np.nan)
    draws = np.array([_frechet(products, row) for row in counts[: 1 + FRECHET_DRAWS]])
    draws[1:] += draws[0] - draws[1:].mean() if len(draws) > 1 else 0.0
    return draws


def _frechet(products: Products, counts: Draws) -> float:
    drawn = np.flatnonzero(counts)
    products, counts = products.at(drawn), counts[drawn]
    xx, xy, yy, n = products.xx, products.xy, products.yy, counts.sum()
    p = counts / n
    between_means = p @ (xx - xy - xy.T + yy) @ p
    traces = p @ (np.diag(xx) + np.diag(yy)) - p @ (xx + yy) @ p
    centred = xy - (xy @ p)[:, None] - (p @ xy)[None, :] + p @ xy @ p
    root = np.sqrt(p)
    trace_of_root = np.linalg.norm(root[:, None] * centred * root[None, :], "nuc")
    return float(between_means + n / (n - 1) * (traces - 2 * trace_of_root))


def kernel(products: Products, counts: Draws) -> Draws:
    """Kernel distance: squared maximum mean discrepancy with the kernel (x . y / d + 1)^3.

    The kernel is that of Binkowski et al. 2018 (KID). The estimator is the U-statistic over all
    pairs of different photos of Gretton et al. 2012 ("A kernel two-sample test"), equation 4, which
    leaves a photo's similarity to its own colouring out. The usual estimator takes that in, for it
    supposes that the two lots are of different photos; here, where they are of the same ones, it
    would come out too low. No subsets are drawn: their mean estimates the same with more noise.

    Args:
        products: of the features of n photos.
        counts: (1 + D, n).

    Returns:
        (1 + D,), unbiased whatever n, so at times below 0; NaN where all photos drawn are one.
    """
    h = _core(products)
    # A photo that is drawn twice makes no pair with itself.
    pairs = np.square(counts.sum(axis=1)) - np.square(counts).sum(axis=1)
    sums = np.einsum("dn,dn->d", counts @ h, counts)
    return np.divide(sums, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)


def kernel_parts(products: Products) -> Draws:
    """Split the kernel distance up by photo: (n,) values whose mean it is.

    To first order they vary as the distance does (Hoeffding's decomposition: twice a photo's mean
    over its pairs, less the distance), so two models can be compared photo by photo.
    """
    n = len(products.xx)
    if n < 2:
        return np.full(n, np.nan)
    by_photo = _core(products).sum(axis=1) / (n - 1)
    return np.asarray(2 * by_photo - by_photo.mean(), np.float64)


def _core(products: Products) -> Draws:
    xy = _cubic(products.xy, products.channels)
    h = _cubic(products.xx, products.channels) + _cubic(products.yy, products.channels)
    h -= xy + xy.T
    np.fill_diagonal(h, 0)
    return h


def _cubic(inner: Draws, channels: int) -> Draws:
    return np.asarray((inner / channels + 1) ** 3, np.float64)
