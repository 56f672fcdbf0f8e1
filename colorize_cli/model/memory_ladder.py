"""What is tried where a device has too little memory: fewer at once, a smaller picture, the CPU.

Fewer calls at a time on the CPU change no bits. All else does, and is marked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from ..errors import OutOfMemoryError
from ..imaging.lab import Float
from ..photos.read import Photo
from ..runtimes.find_device import resolve
from .colorizer import Colorizer, Prepared
from .families.family import OnStep

_TOO_LITTLE = (OutOfMemoryError, MemoryError)
# Samples, seed, `on_step` and the first sample, as `Colorizer.colorize` takes them.
_How: TypeAlias = tuple[int, int, OnStep | None, int]


@dataclass(frozen=True, eq=False)
class Drawn:
    """The fields of a photo's samples, and what they were drawn with."""

    prepared: Prepared  # which they belong to
    fields: Float  # as of `Colorizer.colorize`
    less: str = ""  # what was less than asked for: "batch 4 instead of 8, size 96 instead of 192"
    is_degraded: bool = False  # whether they may differ from what was asked for


@dataclass(frozen=True, eq=False)
class _Rung:
    colorizer: Colorizer
    less: tuple[str, ...] = ()
    is_degraded: bool = False


class MemoryLadder:
    """A colorizer that goes on with less where memory is too little for what was asked for.

    First there are fewer at once, half as many each time. Then each photo goes alone, in half the
    working size; and then on the CPU, if that is allowed, or in half of the half while the network
    can. How far down photos of a shape had to go is kept, but the size and the device are not.
    """

    def __init__(self, colorizer: Colorizer, *, falls_to_cpu: bool = False) -> None:
        """Take a colorizer, and whether its device may be left for the CPU."""
        self._colorizer = colorizer
        self._falls_to_cpu = falls_to_cpu
        self._start: dict[tuple[int, ...], int] = {}  # number of the rung to begin with, by shape

    def draw(
        self,
        photos: Sequence[Photo],
        prepared: Sequence[Prepared],
        samples: int,
        seed: int,
        on_step: OnStep | None = None,
        first: int = 0,
    ) -> list[Drawn]:
        """Draw samples as `Colorizer.colorize`; its OutOfMemoryError is raised where nothing helps.

        `photos` are those that were `prepared`, to prepare them again in another size. `on_step` is
        called again for the steps of what is drawn again.
        """
        how = (samples, seed, on_step, first)
        shape = max((one.L.shape for one in prepared), key=lambda sides: sides[0] * sides[1])
        number = self._start.get(shape, 0)
        failure: Exception = OutOfMemoryError("there is too little memory")
        while number == 0 or number < len(self._fewer):
            rung = _Rung(self._colorizer) if number == 0 else self._fewer[number]
            try:
                drawn = _draw(rung, prepared, how)
            except _TOO_LITTLE as error:
                number, failure = number + 1, error
            else:
                self._start[shape] = number
                return drawn
        self._start[shape] = number - 1
        return [self._draw_alone(photo, how, failure) for photo in photos]

    def _draw_alone(self, photo: Photo, how: _How, failure: Exception) -> Drawn:
        height, width = photo.pixels.shape[:2]
        asked_size = self._colorizer.views.of(height, width).size
        for rung in (self._fewer[-1], *self._smaller):
            prepared = rung.colorizer.prepare(photo)
            try:
                drawn = _draw(rung, [prepared], how)[0]
            except _TOO_LITTLE as error:
                failure = error
                continue
            size = rung.colorizer.views.of(height, width).size
            less = "" if size == asked_size else f"size {size} instead of {asked_size}"
            return replace(drawn, less=", ".join(filter(None, (drawn.less, less))))
        if not self._falls_to_cpu:
            raise failure
        colorizer = self._on_cpu._colorizer
        again = [colorizer.prepare(photo)]
        drawn = self._on_cpu.draw([photo], again, *how)[0]
        asked = self._colorizer.device.description
        less = f"device {colorizer.device.description} instead of {asked}"
        return replace(drawn, less=", ".join(filter(None, (less, drawn.less))), is_degraded=True)

    @cached_property
    def _fewer(self) -> list[_Rung]:
        """The rungs with fewer at once, what was asked for among them."""
        full = self._colorizer
        is_gpu = full.device.is_gpu
        asked = count = full.batch if is_gpu else full.device.lanes
        rungs = [_Rung(full)]
        while count > 1:
            count //= 2
            device = full.device if is_gpu else replace(full.device, lanes=count)
            colorizer = full.changed(device=device, batch=count if is_gpu else 1)
            what = "batch" if is_gpu else "calls at a time"
            rungs.append(_Rung(colorizer, (f"{what} {count} instead of {asked}",), is_gpu))
        return rungs

    @cached_property
    def _smaller(self) -> list[_Rung]:
        """The rungs in a smaller size; one, where the CPU comes next."""
        last = self._fewer[-1]
        views, rungs = last.colorizer.views.halved(), []
        while views.usual.size >= last.colorizer.bundle.multiple:
            colorizer = last.colorizer.changed(views=views)
            rungs.append(_Rung(colorizer, last.less, is_degraded=True))
            views = views.halved()
        return rungs[:1] if self._falls_to_cpu else rungs

    @cached_property
    def _on_cpu(self) -> "MemoryLadder":
        return MemoryLadder(self._colorizer.changed(device=resolve("cpu"), batch=1))


def _draw(rung: _Rung, prepared: Sequence[Prepared], how: _How) -> list[Drawn]:
    """Draw as many at once as the rung has."""
    batch = rung.colorizer.batch
    less = ", ".join(rung.less)
    return [
        Drawn(one, fields, less, rung.is_degraded)
        for i in range(0, len(prepared), batch)
        for one, fields in zip(
            prepared[i : i + batch],
            rung.colorizer.colorize(prepared[i : i + batch], *how),
            strict=True,
        )
    ]
