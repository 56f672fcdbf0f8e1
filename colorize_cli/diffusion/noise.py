"""Noise that depends on the seed, the photo, the sample and the step, and on nothing else.

Samples 4g .. 4g + 3 share a field of noise, turned in the ab plane by 0, 180, 90 and 270 degrees.
These are antithetic variates (Hammersley & Morton 1956): each is standard normal, and together they
lie evenly around what the photo leaves open.

Philox is counter-based (Salmon et al. 2011): a key and a counter name a place in its stream, so
that no draw waits for another. Its key is 128 bits of the SHA-256 of seed and photo. The counter
has 64 bits each for the field g and the step, and 128 for the values drawn there. What is no field
of noise (masks of dropout, codes) is drawn under other keys, with the sample's own number for g.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class SampleNoise:
    """The noise of a batch; an instance is the `noise` argument of `sampler.sample`."""

    seed: int  # any
    keys: Sequence[bytes]  # what each photo is known by
    samples: int  # of each photo
    shape: tuple[int, ...]  # of one sample, (2, h, w), a and b
    first: int = 0  # number of the first sample, for samples that are drawn in parts

    def start(self) -> Float:
        """Draw x_T: (photos * samples, 2, h, w) float32, the samples of a photo side by side."""
        return self(0)  # a number that no step has: they count down to 1

    def __call__(self, t: int) -> Float:
        """Draw the noise that is added on the way from step t to t - 1, of the shape of x_T."""
        return np.stack([self._normal(photo, k, t) for photo, k in self._rows()])

    def streams(self, number: int) -> list[np.random.Generator]:
        """Open a generator for each sample: (photos * samples), side by side.

        For what is no field of noise; `number` tells several uses of one family apart.
        """
        return [_stream(b"streams ", self.seed, photo, number, k) for photo, k in self._rows()]

    def _rows(self) -> Iterator[tuple[bytes, int]]:
        """Give the photo and the number of each sample, in the order of the rows."""
        return product(self.keys, range(self.first, self.first + self.samples))

    def _normal(self, photo: bytes, k: int, t: int) -> Float:
        group, turn = divmod(k, 4)
        a, b = _stream(b"", self.seed, photo, t, group).standard_normal(self.shape, np.float32)
        return np.stack(((a, b), (-a, -b), (-b, a), (b, -a))[turn])


def _stream(kind: bytes, seed: int, photo: bytes, place: int, group: int) -> np.random.Generator:
    """Open the stream of a kind of noise for a photo, at two words of the counter."""
    key = hashlib.sha256(kind + b"colorize %d " % seed + photo).digest()[:16]
    # Words of the counter, least significant first: the first two count the values themselves.
    stream = np.random.Philox(key=np.frombuffer(key, "<u8"), counter=[0, 0, place, group])
    return np.random.Generator(stream)
