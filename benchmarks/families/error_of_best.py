"""The error of the best of n samples, and the variance of the samples.

"Learning Diverse Image Colorization" (Deshpande et al. 2017), section 5: a model whose samples
cover what is possible comes closer to the truth with each of them; one whose samples are all the
same does not. All is measured on squares of 64 pixels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from colorize_cli.imaging.lab import lab_from_rgb
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.colorizer import Colorizer, Prepared
from colorize_cli.model.families.vae_mdn import DECODER
from training.data.photos import centre_crop, decode
from training.data.shards import half_of, iter_photos, set_of
from training.evaluation.inputs import photo_of_crop

SIDE = 64
AB_SCALE = 128.0  # Lab units a unit of the errors, as published
CLUSTERS = 5  # of the codes that are drawn without a look at the photo
Field = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Square:
    """A photo as it is judged.

    Attributes:
        set: where it comes from.
        truth: (64, 64, 3) sRGB.
        ab: (2, 64, 64) the truth, in Lab units.
        digest: SHA-256 (hex) of its file.
    """

    set: str
    truth: NDArray[np.uint8]
    ab: Field
    digest: str


@dataclass(frozen=True, eq=False)
class Spread:
    """What came of the samples of a set's photos.

    Attributes:
        error_of_best: (n,) for the first 1 to n samples the mean absolute error of ab of the best
            of them, averaged over photos, in units of 128 Lab units.
        variance: of ab over the samples, averaged over places and photos, in these units squared.
    """

    error_of_best: Field
    variance: float


def read_squares(paths: Sequence[Path], sets: Sequence[str], most: int) -> list[Square]:
    """Read the middles of photos of some sets, of the half for published figures.

    Args:
        paths: folders and tar shards.
        sets: which sets.
        most: photos of each.
    """
    found: dict[str, list[Square]] = {name: [] for name in sets}
    for name, data in iter_photos(paths):
        squares = found.get(set_of(name))
        if squares is None or len(squares) == most or half_of(data) != "report":
            continue
        rgb = decode(data, SIDE)
        if isinstance(rgb, str):
            continue
        truth = centre_crop(rgb, SIDE)
        ab = np.moveaxis(lab_from_rgb(truth)[..., 1:], 2, 0)
        squares.append(Square(set_of(name), truth, ab, sha256(data).hexdigest()))
    return [square for squares in found.values() for square in squares]


def spread_of(square: Square, fields: Field) -> Spread:
    """Judge the samples of a photo.

    Args:
        square: the photo.
        fields: (n, 2, 64, 64) ab of its samples, in Lab units.
    """
    errors = np.abs(fields - square.ab).mean(axis=(1, 2, 3)) / AB_SCALE
    variance = float((fields / AB_SCALE).var(axis=0).mean())
    return Spread(np.minimum.accumulate(errors), variance)


def mean_spread(spreads: Sequence[Spread]) -> Spread:
    """Average over photos."""
    curves = np.mean([spread.error_of_best for spread in spreads], axis=0)
    return Spread(curves, float(np.mean([spread.variance for spread in spreads])))


class Drawn:
    """Samples of a model, taken to the size at which all are judged."""

    def __init__(self, model: str, device: str) -> None:
        """Open a model at the smallest size that its network takes, 64 pixels at least."""
        size = max(SIDE, load_bundle(model).multiple)
        self.colorizer = Colorizer.open(model, device=device, size=size)

    def fields(self, square: Square, samples: int) -> Field:
        """Draw the first samples of a photo: (samples, 2, 64, 64) in Lab units."""
        (drawn,) = self.colorizer.colorize([self._prepared(square)], samples, seed=0)
        return resized(drawn)

    def _prepared(self, square: Square) -> Prepared:
        multiple = self.colorizer.bundle.multiple
        photo = photo_of_crop(0, square.set, square.truth, square.digest, multiple)
        return self.colorizer.prepare(photo.grey)


class DrawnBlindly(Drawn):
    """The baseline CVAE: the decoder of a `vae-mdn` on codes of the standard normal distribution.

    Of a hundred or so fields that come out, the means of five clusters are the samples.
    """

    def fields(self, square: Square, samples: int) -> Field:
        """Decode so many codes, and give the means of their clusters, the largest first."""
        graphs = self.colorizer._graphs
        condition = self.colorizer.family.condition(graphs, self._prepared(square).L[None, None])
        rng = np.random.default_rng(0)
        latent = self.colorizer.family.sampling["latent"]
        z = rng.standard_normal((samples, latent)).astype(np.float32)
        decoded = np.asarray(graphs[DECODER].run({"z": z, "grey": condition.grey})["ab"])
        return clustered(resized(decoded), CLUSTERS)


def clustered(fields: Field, count: int) -> Field:
    """Give the means of clusters of fields (n, 2, h, w), the largest first: (count, 2, h, w)."""
    flat = np.ascontiguousarray(fields.reshape(len(fields), -1))
    cv2.setRNGSeed(0)
    enough = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-3)
    _, labels, means = cv2.kmeans(flat, count, None, enough, 4, cv2.KMEANS_PP_CENTERS)
    order = np.argsort(-np.bincount(labels[:, 0], minlength=count), kind="stable")
    return means[order].reshape(count, *fields.shape[1:])


def resized(fields: Field) -> Field:
    """Take fields (n, 2, h, w) of a square to (n, 2, 64, 64): averaged, or enlarged bilinearly."""
    way = cv2.INTER_AREA if fields.shape[-1] > SIDE else cv2.INTER_LINEAR
    planes = [cv2.resize(plane, (SIDE, SIDE), interpolation=way) for ab in fields for plane in ab]
    return np.stack(planes).reshape(len(fields), 2, SIDE, SIDE)


def measure(drawn: Drawn, squares: Sequence[Square], samples: int) -> Iterator[tuple[str, Spread]]:
    """Judge the samples of each photo, with the name of its set."""
    for square in squares:
        yield square.set, spread_of(square, drawn.fields(square, samples))


def by_set(spreads: Sequence[tuple[str, Spread]]) -> Mapping[str, Spread]:
    """Average over the photos of each set."""
    names = dict.fromkeys(name for name, _ in spreads)
    return {name: mean_spread([s for n, s in spreads if n == name]) for name in names}
