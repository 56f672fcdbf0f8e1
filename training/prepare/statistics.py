"""Statistics of ab over the photographs that are trained on, which some objectives need.

The histogram has the 313 bins of Zhang et al. 2016, from which classes are rebalanced. The
principal components are those of whole ab fields of 64 x 64, as in "Learning Diverse Image
Colorization" (Deshpande et al. 2017), whose loss takes the first 20.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from colorize_cli.imaging.lab import lab_from_rgb
from colorize_cli.system.files import write_atomic

from ..data.ab_bins import AB_BINS, bin_of
from ..data.photos import centre_crop
from ..data.shards import iter_photos

SIDE = 64  # of a field, in pixels
COMPONENTS = 20
_FIELDS = 10_000  # photographs that the components are taken from, the first ones
_SPARE = 10  # components that are computed beyond those kept, for exactness
_BLOCK = 256

Field = NDArray[np.float32]


@dataclass(frozen=True)
class AbStatistics:
    """What is known of the ab of a set of photographs, in Lab units.

    Attributes:
        photos: how many were looked at.
        histogram: (313,), share of the pixels in each bin; they sum to 1.
        mean: (2,) of all pixels.
        mean_field: (2, 64, 64).
        components: (20, 2, 64, 64) or fewer, orthonormal, the largest variance first; by sign, the
            largest number of each is positive.
        variances: of the fields along each component, as many.
    """

    photos: int
    histogram: NDArray[np.float64]
    mean: NDArray[np.float64]
    mean_field: Field
    components: Field
    variances: Field

    def save(self, path: Path) -> None:
        """Write all of it as safetensors; OSError where that cannot be."""
        arrays = {
            "histogram": self.histogram.astype(np.float32),
            "bins": AB_BINS,
            "mean": self.mean.astype(np.float32),
            "mean_field": self.mean_field,
            "components": self.components,
            "variances": self.variances,
        }
        data = save({name: np.ascontiguousarray(each) for name, each in arrays.items()})
        write_atomic(path, data)


def ab_statistics(
    shards: Sequence[Path], workers: int, advance: Callable[[], None] = lambda: None
) -> AbStatistics:
    """Measure the photographs of shards; `advance` is called after each."""
    counts = np.zeros(len(AB_BINS), np.int64)
    total = np.zeros(2)
    photos = 0
    kept: list[Field] = []
    with ThreadPoolExecutor(workers) as pool:
        for block in _blocks(data for _, data in iter_photos(shards)):
            for field in pool.map(ab_field, block):
                counts += np.bincount(
                    bin_of(np.moveaxis(field, 0, -1)).ravel(), minlength=len(AB_BINS)
                )
                total += field.mean(axis=(1, 2), dtype=np.float64)
                photos += 1
                if len(kept) < _FIELDS:
                    kept.append(field)
                advance()
    mean_field, components, variances = principal_components(np.stack(kept))
    histogram = counts / counts.sum()
    return AbStatistics(photos, histogram, total / photos, mean_field, components, variances)


def ab_field(data: bytes) -> Field:
    """Decode a photograph of a shard to the ab of its middle, (2, 64, 64)."""
    rgb = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    square = centre_crop(np.asarray(rgb, np.uint8), SIDE)
    return np.ascontiguousarray(np.moveaxis(lab_from_rgb(square)[..., 1:], -1, 0), np.float32)


def principal_components(fields: Field) -> tuple[Field, Field, Field]:
    """Find the directions in which fields (N, 2, 64, 64) differ most.

    Returns:
        The mean field, the components and their variances, as in `AbStatistics`; of N photographs
        at most N - 1.
    """
    mean = fields.mean(axis=0)
    centred = torch.from_numpy((fields - mean).reshape(len(fields), -1))
    most = min(COMPONENTS, len(fields) - 1)
    if most < 1:
        return mean, np.zeros((0, *mean.shape), np.float32), np.zeros(0, np.float32)
    torch.manual_seed(0)  # of the random projection
    rank = min(most + _SPARE, *centred.shape)
    _, deviations, vectors = torch.pca_lowrank(centred, q=rank, center=False, niter=4)
    directions: Field = vectors[:, :most].T.numpy()
    signs = np.sign(np.take_along_axis(directions, abs(directions).argmax(1)[:, None], 1))
    variances: Field = (deviations[:most].square() / (len(fields) - 1)).numpy()
    return mean, (directions * signs).reshape(most, *mean.shape), variances


def _blocks(items: Iterator[bytes]) -> Iterator[list[bytes]]:
    while block := list(islice(items, _BLOCK)):
        yield block
