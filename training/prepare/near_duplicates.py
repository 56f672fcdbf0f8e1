"""Near-duplicates: photographs whose perceptual hashes differ in a few bits.

The hash is pHash of 64 bits, by the library `imagehash`. Two hashes that differ in at most `d` bits
agree in at least one of `d + 1` bands of bits, so that only those that share a band are compared.
"""

from itertools import pairwise

import imagehash
from PIL import Image

from ..data.photos import RGB

_BITS = 64


def perceptual_hash(rgb: RGB) -> int:
    """Compute pHash of a picture (H, W, 3), 64 bits."""
    return int(str(imagehash.phash(Image.fromarray(rgb))), 16)


class NearDuplicates:
    """Hashes seen so far, and which of them a new one is near to."""

    def __init__(self, distance: int) -> None:
        """Take the most bits by which near-duplicates differ, 0 to 15; below 0 nothing is near."""
        self._distance = distance
        count = max(distance, 0) + 1
        edges = [_BITS * i // count for i in range(count + 1)]
        self._bands = [(low, (1 << (high - low)) - 1) for low, high in pairwise(edges)]
        self._seen: list[dict[int, list[int]]] = [{} for _ in self._bands]
        self._hashes: list[int] = []

    def find(self, value: int) -> int | None:
        """Return the number of the first hash added that is near this one."""
        if self._distance < 0:
            return None
        near = (
            number
            for seen, key in zip(self._seen, self._keys(value), strict=True)
            for number in seen.get(key, ())
            if (self._hashes[number] ^ value).bit_count() <= self._distance
        )
        return min(near, default=None)

    def add(self, value: int) -> None:
        """Add the next hash; the first is number 0."""
        for seen, key in zip(self._seen, self._keys(value), strict=True):
            seen.setdefault(key, []).append(len(self._hashes))
        self._hashes.append(value)

    def _keys(self, value: int) -> list[int]:
        return [value >> low & mask for low, mask in self._bands]
