"""Gaussian noise that depends on the seed, the photo, the sample and the step, and on nothing else.

Samples 4g .. 4g + 3 share a field of noise, turned in the ab plane by 0, 180, 90 and 270 degrees.
Turned noise is standard normal as well, so that each sample by itself is what it was. Together the
four lie evenly around what the photo leaves open: where one is too warm another is too cold. These
are antithetic variates (Hammersley & Morton 1956), of which the half turn is the plain case.

Philox is counter-based (Salmon et al. 2011): a key and a counter name a place in its stream, so
that no draw waits for another. The key is 128 bits of the SHA-256 of seed and photo. The counter
has 64 bits each for the field g and the step, and 128 for the values drawn there.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Steps count down to 1, so the start can take the number that no step has.
_START = 0

# Quarter turns of the samples that share a field: the second is the opposite of the first.
_QUARTERS = (0, 2, 1, 3)


@dataclass(frozen=True)
class SampleNoise:
    """The noise of a batch; an instance is the `noise` argument of `sampler.sample`.

    Attributes:
        seed: Any integer.
        digests: The digest of each photo's file.
        samples: The number of samples of each photo.
        shape: The shape of one sample, (2, h, w), a and b.
        first: The number of the first sample, for samples that are drawn in parts.
    """

    seed: int
    digests: Sequence[bytes]
    samples: int
    shape: tuple[int, ...]
    first: int = 0

    def start(self) -> NDArray[np.float32]:
        """Draw x_T: (photos * samples, 2, h, w) float32, the samples of a photo side by side."""
        return self(_START)

    def __call__(self, t: int) -> NDArray[np.float32]:
        """Draw the noise that is added on the way from step t to t - 1, of the shape of x_T."""
        rows = [
            _normal(self.seed, digest, k, t, self.shape)
            for digest in self.digests
            for k in range(self.first, self.first + self.samples)
        ]
        return np.stack(rows)


def _normal(
    seed: int, digest: bytes, k: int, t: int, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    group, place = divmod(k, len(_QUARTERS))
    key = hashlib.sha256(b"colorize %d " % seed + digest).digest()[:16]
    # Words of the counter, least significant first: the first two count the values themselves.
    stream = np.random.Philox(key=np.frombuffer(key, "<u8"), counter=[0, 0, t, group])
    field = np.random.Generator(stream).standard_normal(shape, dtype=np.float32)
    return _turned(field, _QUARTERS[place])


def _turned(field: NDArray[np.float32], quarters: int) -> NDArray[np.float32]:
    """Turn (2, h, w) in the ab plane exactly; 90 degrees take (a, b) to (-b, a)."""
    a, b = field
    return np.stack([(a, b), (-b, a), (-a, -b), (b, -a)][quarters])
