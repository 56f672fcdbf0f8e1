"""Colour photographs in memory: decoded once as far as they find room, and drawn at random."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from colorize_cli.errors import UsageError
from colorize_cli.imaging.lab import lab_from_rgb

from ..machine.processes import objects
from .shards import Place, iter_placed, set_of

RGB = NDArray[np.uint8]
# Why a photo teaches nothing.
Fault: TypeAlias = Literal[
    "damaged", "too small", "grey or of one tint", "gone or changed since the run began"
]

# Photos that teach no colour, by a thumbnail: mean chroma and deviation of ab, in Lab units. The
# photos that the default model was trained on have at least 3.59 and 2.46.
_MIN_CHROMA = 3.0
_MIN_SPREAD = 2.0
_THUMBNAIL = 64  # pixels, short side
# Short side, in crops, of the largest photo that is kept: what is larger is shrunk.
_LARGEST = 4
_AT_ONCE = 256  # files in memory that are not decoded yet
_NAMED = 3  # photos that a line names, at most
_TRIES = 2000  # photos drawn before the data are given up


class Photos:
    """Colour photographs, drawn with a weight for each set.

    A photo is decoded when the run begins, and held in memory up to a limit; those beyond it are
    read and decoded at each draw. What is drawn is the same either way. One that is not what it was
    when the run began, or is gone, is a fault from then on.

    Attributes:
        names: `SET/STEM.suffix` of each.
        size: side of the crops that are to be cut, in pixels.
        digest: SHA-256 (hex) of all names and files, in their order.
        faults: why photos that were looked at teach nothing, by place; they are never drawn.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        weights: Mapping[str, float],
        size: int,
        *,
        smallest: float = 1.0,
        memory: float = 6e9,
        workers: int = 1,
    ) -> None:
        """Read all photos.

        Args:
            paths: shards and folders, as `training.data.shards.iter_placed` takes them.
            weights: share of the draws that each set gets (they need not sum to 1). Empty, or
                of other sets than there are: every photo is as likely as any other.
            size: side of the crops in pixels. Photos with a short side of over four times that
                are shrunk to it.
            smallest: short side, in crops, of the smallest photo that is taken.
            memory: bytes that decoded photos may take.
            workers: threads that decode.

        Raises:
            UsageError: no photos, or weights for some of the sets only.
        """
        self.size = size
        self._smallest = smallest
        self.names: list[str] = []
        self.faults: dict[int, Fault] = {}
        self._places: list[Place] = []
        self._digests: list[bytes] = []  # SHA-256 of each file
        self._decoded: dict[int, RGB] = {}
        self._told: set[int] = set()  # faults that were reported
        self._sound: set[int] = set()  # photos without room that are known to teach colour
        self._read(paths, memory, workers)
        named = zip(self.names, self._digests, strict=True)
        lines = "".join(f"{name}\0{digest.hex()}\n" for name, digest in named)
        self.digest = sha256(lines.encode()).hexdigest()
        self._cumulative = np.cumsum(_chances(self.names, weights))

    def __len__(self) -> int:
        return len(self.names)

    def draw(self, rng: Generator) -> RGB:
        """Draw a photo that teaches colour: (H, W, 3) uint8, at least `size` on its short side."""
        return self.draw_named(rng)[1]

    def draw_named(self, rng: Generator) -> tuple[str, RGB]:
        """Draw a photo with its name, which are a function of the generator's state alone.

        Raises:
            UsageError: hardly any photo can be learnt from.
        """
        for _ in range(_TRIES):
            i = min(int(np.searchsorted(self._cumulative, rng.random())), len(self) - 1)
            rgb = self._photo(i)
            if rgb is not None:
                return self.names[i], rgb
        raise UsageError(
            f"Hardly a photo teaches colour: {'; '.join(self.left_out())}. Give others, or lower "
            f"data.size, now {self.size}."
        )

    def left_out(self) -> list[str]:
        """Say how many photos teach nothing and why, as far as they were looked at: a line each."""
        examples: dict[Fault, list[str]] = {}
        for i, fault in sorted(dict(self.faults).items()):
            examples.setdefault(fault, []).append(self.names[i])
        return [
            f"left out as {fault}: {len(names):,} of {len(self):,} photos, {names[0]} for one"
            for fault, names in examples.items()
        ]

    def share_faults(self, report: Callable[[str], None]) -> None:
        """Report the faults that were found since the last time, in any of the processes.

        A photo that one process found faulty is drawn by none from then on.

        Args:
            report: takes a line for each reason, that counts the photos and names the new ones.
        """
        for found in objects(dict(self.faults)):
            self.faults |= found
        known = dict(self.faults)  # as of now: the threads that decode go on to find some
        new: dict[Fault, list[str]] = {}
        for i in sorted(known.keys() - self._told):
            new.setdefault(known[i], []).append(self.names[i])
        for fault, names in new.items():
            count = sum(each == fault for each in known.values())
            listed = ", ".join(names[:_NAMED])
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            report(f"left out as {fault}: {count:,} of {len(self):,} photos, {listed}{more}")
        self._told |= known.keys()

    def _photo(self, i: int) -> RGB | None:
        """Give a photo out of memory, or read and decode it; None where it teaches nothing."""
        if i in self.faults:
            return None
        if i in self._decoded:
            return self._decoded[i]
        try:
            data = self._places[i].read()
        except OSError:
            data = b""
        if sha256(data).digest() != self._digests[i]:
            self.faults[i] = "gone or changed since the run began"
            return None
        return self._looked_at(i, data)

    def _looked_at(self, i: int, data: bytes) -> RGB | None:
        rgb = decode(data, self.size, self._smallest, is_sound=i in self._sound)
        if isinstance(rgb, str):
            self.faults[i] = rgb
            return None
        self._sound.add(i)
        return rgb

    def _read(self, paths: Sequence[Path], memory: float, workers: int) -> None:
        """Read all files, and decode until there is no more room; faults are known as far."""
        found, left = iter_placed(paths), memory
        with ThreadPoolExecutor(workers) as pool:
            while block := list(islice(found, _AT_ONCE)):
                numbers = range(len(self.names), len(self.names) + len(block))
                names, places, data = zip(*block, strict=True)
                self.names += names
                self._places += places
                self._digests += [sha256(each).digest() for each in data]
                decoded = pool.map(self._looked_at, numbers, data) if left > 0 else ()
                for i, rgb in zip(numbers, decoded, strict=False):
                    if rgb is not None and left > 0:
                        left -= rgb.nbytes
                        if left >= 0:
                            self._decoded[i] = rgb


def decode(data: bytes, size: int, smallest: float = 1.0, *, is_sound: bool = False) -> RGB | Fault:
    """Decode a photo to (H, W, 3) uint8, its short side `size` to four times that, or say why not.

    It is not enlarged unless `smallest` is below 1, for the network would learn to expect soft
    pictures. Whether one teaches colour takes longer than decoding it, so one that `is_sound` is
    not asked again.
    """
    # OpenCV raises on an empty buffer and gives None for any other that it cannot decode.
    try:
        array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    except cv2.error:  # more pixels than it takes
        array = None
    if array is None:
        return "damaged"
    rgb = np.asarray(array, np.uint8)
    if min(rgb.shape[:2]) < smallest * size:
        return "too small"
    if not (is_sound or has_colour(rgb)):
        return "grey or of one tint"
    if min(rgb.shape[:2]) < size:
        return _with_short_side(rgb, size, cv2.INTER_CUBIC)
    return shrunk(rgb, _LARGEST * size)


def centre_crop(rgb: RGB, size: int) -> RGB:
    """Cut out the largest square in the middle, and scale it down to `size` pixels."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    y, x = (height - side) // 2, (width - side) // 2
    square = rgb[y : y + side, x : x + side]
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def shrunk(rgb: RGB, short: int) -> RGB:
    """Shrink a photo (H, W, 3) to a short side of `short` pixels, if it is larger."""
    if min(rgb.shape[:2]) <= short:
        return rgb
    return _with_short_side(rgb, short, cv2.INTER_AREA)


def _with_short_side(rgb: RGB, short: int, interpolation: int) -> RGB:
    height, width = rgb.shape[:2]
    scale = short / min(height, width)
    sides = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(rgb, sides, interpolation=interpolation), np.uint8)


def has_colour(rgb: RGB) -> bool:
    """Tell whether a photo (H, W, 3) teaches colour: it is neither grey nor of one tint."""
    ab = lab_from_rgb(shrunk(rgb, _THUMBNAIL))[..., 1:].reshape(-1, 2)
    chroma = np.hypot(ab[:, 0], ab[:, 1]).mean()
    return bool(chroma >= _MIN_CHROMA and np.sqrt(ab.var(axis=0).sum()) >= _MIN_SPREAD)


def _chances(names: Sequence[str], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Give each photo its chance to be drawn: (len(names),), which sum to 1."""
    sets, index, counts = np.unique(
        [set_of(name) for name in names], return_inverse=True, return_counts=True
    )
    share = np.ones(len(sets)) * counts
    if set(sets) & set(weights):
        unknown = sorted(set(sets) - set(weights))
        if unknown:
            raise UsageError(
                f"The recipe's [data.sets] gives no weight to {', '.join(unknown)}: "
                "add them, or draw all photos evenly with --set 'data.sets={}'."
            )
        share = np.array([weights[name] for name in sets])
        if not share.any():
            raise UsageError("data.sets gives all sets the weight 0: no photo would be drawn.")
    p = (share / counts)[index]
    return np.asarray(p / p.sum())
