"""A network of a few lines of NumPy, which stands in for `Colorizer`."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from colorize_cli.imaging.area_resample import to_working
from colorize_cli.imaging.choose_samples import Choice, judge
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.lab import Float, Pixels
from colorize_cli.imaging.render import render_samples
from colorize_cli.model.colorizer import Prepared
from colorize_cli.model.families.family import OnStep
from colorize_cli.photos.read import Photo

Act = Callable[[Sequence[Prepared]], None]


class Network:
    """Stands in for `Colorizer`: ab that depends on the seed, the photo and the sample alone."""

    mixes_shapes = False

    def __init__(
        self,
        batch: int = 1,
        act: Act = lambda prepared: None,
        gains: tuple[float, ...] = (1.0,),
    ) -> None:
        self.batch = batch
        self.gains = gains
        self.groups: list[list[bytes]] = []
        self.prepared = 0
        self._act = act

    def prepare(self, photo: Photo) -> Prepared:
        self.prepared += 1
        frame = frame_for(*photo.pixels.shape[:2], 64)
        return Prepared(L=to_working(photo.pixels, frame), frame=frame, key=photo.digest)

    def colorize(
        self,
        prepared: Sequence[Prepared],
        samples: int,
        seed: int,
        on_step: OnStep | None = None,
        first: int = 0,
    ) -> list[Float]:
        assert len({p.L.shape for p in prepared}) == 1
        assert 1 <= len(prepared) <= self.batch
        assert threading.current_thread() is threading.main_thread()
        self.groups.append([p.key for p in prepared])
        self._act(prepared)
        numbers = range(first, first + samples)
        return [np.stack([self._field(p, k, seed) for k in numbers]) for p in prepared]

    def choose(
        self, prepared: Prepared, fields: Float, samples: int, *, choosing: bool, first: int = 0
    ) -> Choice:
        L, frame, gains = prepared.L, prepared.frame, np.roll(self.gains, -first).tolist()
        return judge(L, frame, fields, samples, choosing=choosing, gains=gains)

    def pictures(
        self, pixels: Pixels, prepared: Prepared, fields: Float, saturation: float = 1.0
    ) -> Iterator[Pixels]:
        frame, L = prepared.frame, prepared.L
        return render_samples(pixels, fields, frame, 4, working=L, saturation=saturation)

    @staticmethod
    def _field(prepared: Prepared, k: int, seed: int) -> Float:
        height, width = (side // 4 for side in prepared.L.shape)
        key = hashlib.sha256(prepared.key + bytes([k, seed])).digest()[:2]
        ab = np.frombuffer(key, np.int8).astype(np.float32)[:, None, None] / 4
        return np.broadcast_to(ab, (2, height, width))
