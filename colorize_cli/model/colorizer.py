"""Photo in, pictures out: the one place where bundle, device, noise and rendering meet."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Self

import numpy as np

from ..diffusion.noise import SampleNoise
from ..errors import UsageError
from ..imaging.area_resample import to_working
from ..imaging.choose_samples import Choice, judge, visible_lab
from ..imaging.frame import Frame, frame_for
from ..imaging.lab import Float, Pixels
from ..imaging.picture_key import picture_key
from ..imaging.render import render_samples
from ..photos.read import Photo
from ..runtimes.runtime import Device, Graph
from .bundle import Bundle, load_bundle
from .families.family import Condition, Family, OnStep, Step
from .fastest_device import choose
from .finite_graph import watched
from .graphs import open_graphs
from .parallel import Lanes
from .reference_photos import reference_photos
from .view import SizeChoice, View
from .views import Views, views_of

_RUNS = 3  # of a device that is tried; the first compiles and warms up


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photo as the network takes it."""

    L: Float  # (padded_height, padded_width), 0..100
    frame: Frame  # where the photo lies in it
    key: bytes  # what its noise depends on, `picture_key`
    view: View | None = None  # how it is seen; None for the colorizer's usual view

    @property
    def way(self) -> tuple[Hashable, ...]:
        """What photos have in common that go through the network together."""
        return self.L.shape, self.view


class PaintingStoppedError(Exception):
    """What an `on_step` raises to end the painting: no more pictures come, and no error."""


class Colorizer:
    """A model on a device: it gives colour pictures of photos.

    `paint` is all that a single photo needs. Whoever has many runs its parts on several threads:
    `prepare`, `colorize` for a batch, `pictures`.

    What a device computes for a photo depends, in the last bits, on how many go through at once. So
    each call of the networks is of a fixed number of photos with one sample each: `batch` on a GPU,
    short batches filled up, and one on the CPU, which runs several calls side by side.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: Device,
        *,
        steps: int | None = None,
        size: SizeChoice | None = None,
        batch: int = 1,
        graphs: Mapping[str, Graph] | None = None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Open a model on a device that is known to work; `open` finds both.

        Sampling steps and size, a name or the square root of the working area in pixels
        (`views_of`), are the bundle's by default. A `batch` of photos goes through together;
        `paint` takes one at a time. `graphs` are the bundle's where they are open already; `note`
        is told what takes long.

        Raises:
            UsageError: A number is out of range.
            ModelError: The bundle is damaged.
            DeviceError: The device cannot run it.
        """
        self.bundle = bundle
        self.device = device
        self.views = views_of(bundle, size, steps)
        self.family = self.views.usual.family
        if batch < 1:
            raise UsageError(f"the batch must be at least 1, not {batch}")
        self.batch = batch
        self._rows = batch if device.is_gpu else 1
        opened = graphs or open_graphs(bundle, device, photos=self._rows, size=size, note=note)
        self._graphs = watched(opened)
        self._lanes = Lanes(device.lanes)

    @classmethod
    def open(
        cls,
        model: str = "default",
        *,
        device: str = "auto",
        steps: int | None = None,
        size: SizeChoice | None = None,
        batch: int = 1,
        note: Callable[[str], None] = lambda text: None,
    ) -> Self:
        """Open a model by name or path (`load_bundle`), on a device by name or the fastest here.

        The numbers are those of `__init__`. `note` is told what takes longer once on a machine,
        such as the measurement for "auto".

        Raises:
            ModelError: The model cannot be used.
            DeviceError: The device asked for cannot run here.
            UsageError: A number is out of range, or there is no device of that name.
        """
        bundle = load_bundle(model)
        chosen = choose_device(device, bundle, note)
        return cls(bundle, chosen, steps=steps, size=size, batch=batch, note=note)

    def changed(
        self, *, device: Device | None = None, batch: int | None = None, views: Views | None = None
    ) -> Self:
        """The same model with other numbers, or on another device, which is opened.

        A device of the same name differs in its lanes alone. Errors are those of `__init__`.
        """
        other = copy(self)
        other.device, other.batch = device or self.device, batch or self.batch
        other.views = views or self.views
        other._rows = other.batch if other.device.is_gpu else 1
        other._lanes = Lanes(other.device.lanes)
        if other.device.name != self.device.name:
            other._graphs = watched(
                open_graphs(self.bundle, other.device, photos=other._rows, size=other.size)
            )
        return other

    @property
    def size(self) -> int:
        """The square root of the largest working area in pixels; `views` has all sizes."""
        return max(view.size for view in self.views)

    @property
    def mixes_shapes(self) -> bool:
        """Whether photos of different shapes go through together."""
        return self._rows == 1

    def paint(
        self,
        photo: Photo,
        samples: int = 4,
        seed: int = 0,
        on_step: OnStep | None = None,
        saturation: float = 1.0,
    ) -> Iterator[Pixels]:
        """Colour a photo.

        Args:
            photo: A photo, as `read_photo` gives it.
            samples: How many colourings; the seed, the picture and k alone decide sample k.
            seed: Any integer; another one gives other colourings.
            on_step: Called with a `Step` whenever the network has answered, in any thread, the
                samples mixed. It ends the painting by raising `PaintingStoppedError`: no picture
                comes then, not even of a sample that was drawn to its end.
            saturation: Factor on the colours, for taste; 1 leaves them as they are.

        Yields:
            (height, width, 3) RGB of the photo's type and size. All samples are drawn, and errors
            raised, when the first is asked for; each is rendered when it is asked for.

        Raises:
            UsageError: There is less than one sample.
            DeviceError: The device failed.
            ImageError: The network's answer is not finite.
        """
        prepared = self.prepare(photo)
        try:
            (ab,) = self.colorize([prepared], samples, seed, on_step)
        except PaintingStoppedError:
            return
        yield from self.pictures(photo.pixels, prepared, ab, saturation)

    def prepare(self, photo: Photo) -> Prepared:
        """Take a photo's L down to the working size of its view; safe in any thread."""
        height, width = photo.pixels.shape[:2]
        view = self.views.of(height, width)
        frame = frame_for(height, width, view.size, self.bundle.multiple)
        L = to_working(photo.pixels, frame)
        return Prepared(L, frame, picture_key(L, frame), view)

    def colorize(
        self,
        prepared: Sequence[Prepared],
        samples: int,
        seed: int,
        on_step: OnStep | None = None,
        first: int = 0,
    ) -> list[Float]:
        """Draw samples of the ab fields of photos; errors are those of `paint`.

        Args:
            prepared: 1 to `batch` photos, of one `way` unless `mixes_shapes` (ValueError).
            samples: S, the samples of each.
            seed: Any integer, as in `paint`.
            on_step: Called at each step, in any thread; what it raises ends the drawing.
            first: The number of the first one, from 0.

        Returns:
            For each photo (S, 2, h, w) float32 in Lab units, h and w the padded sides / grid.
        """
        if samples < 1:
            raise UsageError(f"the number of samples must be at least 1, not {samples}")
        ways = {p.way for p in prepared}
        if not 1 <= len(prepared) <= self.batch or (len(ways) > 1 and not self.mixes_shapes):
            raise ValueError(f"{len(prepared)} photos of {len(ways)} ways, batch {self.batch}")
        # A short batch is filled up.
        filled = [*prepared, *[prepared[-1]] * (-len(prepared) % self._rows)]
        calls = [filled[i : i + self._rows] for i in range(0, len(filled), self._rows)]
        L = [np.stack([p.L for p in photos])[:, None] for photos in calls]
        conditions = self._lanes.map(partial(self.family.condition, self._graphs), L)

        def checked(step: Step) -> None:
            self._lanes.check()
            if on_step is not None:
                on_step(step)

        numbers = range(first, first + samples)
        parts = [(*pair, k) for pair in zip(conditions, calls, strict=True) for k in numbers]
        drawn = self._lanes.map(lambda part: self._draw(*part, seed, checked), parts)
        of_call = [np.stack(drawn[i : i + samples]) for i in range(0, len(drawn), samples)]
        rows = [ab[:, row] for ab in of_call for row in range(self._rows)]
        return rows[: len(prepared)]  # what came out for the filling is dropped

    def choose(
        self, prepared: Prepared, fields: Float, samples: int, *, choosing: bool, first: int = 0
    ) -> Choice:
        """Choose which of the fields drawn become a photo's samples, as `choose_samples.judge`.

        They may have been drawn from a `first` on, other than 0: by its place, it is 0 here too.
        """
        L, frame, gains = prepared.L, prepared.frame, self._family_of(prepared).gains
        own = np.roll(gains, -first).tolist()
        return judge(L, frame, fields, samples, choosing=choosing, gains=own)

    def pictures(
        self, pixels: Pixels, prepared: Prepared, fields: Float, saturation: float = 1.0
    ) -> Iterator[Pixels]:
        """Colour a photo's pixels with fields of `colorize`, as `render_samples`, in any thread."""
        place, L = (prepared.frame, self.bundle.grid), prepared.L
        return render_samples(pixels, fields, *place, working=L, saturation=saturation)

    def _draw(
        self, condition: Condition, photos: Sequence[Prepared], k: int, seed: int, on_step: OnStep
    ) -> Float:
        """Draw sample k of each photo: (photos, 2, h, w)."""
        cells = tuple(side // self.bundle.grid for side in photos[0].L.shape)
        noise = SampleNoise(seed, [p.key for p in photos], 1, (2, *cells), first=k)
        family = self._family_of(photos[0])
        return family.sample(self._graphs, condition, noise, on_step)

    def _family_of(self, prepared: Prepared) -> Family:
        return (prepared.view or self.views.usual).family


def _try_out(bundle: Bundle, device: Device) -> tuple[float, list[Float]]:
    """Draw a sample of each reference photo, and time those of the first."""
    colorizer = Colorizer(bundle, device, size="fast", batch=device.lanes)
    prepared = [colorizer.prepare(photo) for photo in reference_photos().values()]
    laps = []
    for _ in range(_RUNS):
        started = perf_counter()
        colorizer.colorize([prepared[0]] * device.lanes, 1, seed=0)
        laps.append(perf_counter() - started)
    colours = [visible_lab(p.L, p.frame, colorizer.colorize([p], 1, seed=0)[0]) for p in prepared]
    return min(laps) / colorizer.family.steps / device.lanes, colours


# (requested, bundle, note, found), as `fastest_device.choose` takes them.
choose_device = partial(choose, try_out=_try_out)
