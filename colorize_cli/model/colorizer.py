"""From photos to ab fields: the one place where bundle, device, noise and sampler meet."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..diffusion.noise import SampleNoise
from ..diffusion.sampler import sample
from ..diffusion.schedule import Schedule, respace
from ..errors import UsageError
from ..imaging.area_resample import to_working
from ..imaging.frame import Frame, frame_for
from ..imaging.lab import Float
from ..photos.read import Photo
from ..runtimes.device import Device
from ..runtimes.ort import Condition, Denoise, Network, open_network
from .bundle import Bundle
from .parallel import Lanes

_MAX_SIZE = 4096  # beyond, attention would take more memory than machines have


@dataclass(frozen=True, eq=False)
class Prepared:
    """A photo as the network takes it.

    Attributes:
        L: (padded_height, padded_width) float32, 0..100.
        frame: where the photo lies in it.
        digest: of the photo's file; half of what its noise depends on.
    """

    L: Float
    frame: Frame
    digest: bytes


def check_size(bundle: Bundle, size: int) -> None:
    """Check a working size in pixels.

    Raises:
        UsageError: it is smaller than the network can take, or larger than memory can.
    """
    if size < bundle.multiple:
        raise UsageError(f"the size must be at least {bundle.multiple}, not {size}")
    if size > _MAX_SIZE:
        raise UsageError(f"the size must be at most {_MAX_SIZE}, not {size}")


class Colorizer:
    """Draws ab fields for photos.

    What a device computes for a photo depends, in the last bits, on how many go through at once
    (onnxruntime's CPU provider too: it sums in another order for one than for several). So each
    call of the networks is of a fixed number of photos with one sample each: `batch` on a GPU,
    short batches filled up, and one on the CPU, which gains nothing from more but runs several
    calls side by side.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: Device,
        *,
        steps: int | None = None,
        size: int | None = None,
        batch: int = 1,
        network: Network | None = None,
    ) -> None:
        """Open the network.

        Args:
            bundle: the model.
            device: what to run it on.
            steps: sampling steps, the bundle's own by default.
            size: square root of the working area in pixels, about (see `frame_for`); the bundle's
                own by default.
            batch: photos that go through together.
            network: of this bundle on this device, where it is open already.

        Raises:
            UsageError: a number is out of range.
            ModelError: the bundle is damaged.
            DeviceError: the device cannot run it.
        """
        self.bundle = bundle
        self.device = device
        self.schedule = respace(bundle.schedule, bundle.schedule.steps if steps is None else steps)
        self.size = bundle.working_size if size is None else size
        check_size(bundle, self.size)
        if batch < 1:
            raise UsageError(f"the batch must be at least 1, not {batch}")
        self.batch = batch
        self._rows = batch if device.is_gpu else 1
        self._network = network or open_network(bundle, device, batch=self._rows, size=self.size)
        self._lanes = Lanes(device.lanes)

    @property
    def mixes_shapes(self) -> bool:
        """Whether photos of different shapes go through together."""
        return self._rows == 1

    def prepare(self, photo: Photo) -> Prepared:
        """Take a photo's L down to the working size; safe in any thread."""
        height, width = photo.pixels.shape[:2]
        frame = frame_for(height, width, self.size, self.bundle.multiple)
        return Prepared(L=to_working(photo.pixels, frame), frame=frame, digest=photo.digest)

    def colorize(self, prepared: Sequence[Prepared], samples: int, seed: int) -> list[Float]:
        """Draw samples of the ab fields of photos.

        Args:
            prepared: 1 to `batch` photos, of one padded shape unless `mixes_shapes`.
            samples: S, samples of each.
            seed: any integer; sample k depends on it, the photo's digest and k alone.

        Returns:
            For each photo (S, 2, h, w) float32 in Lab units, h and w the padded sides / grid.

        Raises:
            UsageError: fewer than one sample.
            ValueError: no photo, too many, or of several shapes.
            DeviceError: the device failed.
        """
        if samples < 1:
            raise UsageError(f"the number of samples must be at least 1, not {samples}")
        shapes = {p.L.shape for p in prepared}
        if not 1 <= len(prepared) <= self.batch or (len(shapes) > 1 and not self.mixes_shapes):
            raise ValueError(f"{len(prepared)} photos of {len(shapes)} shapes, batch {self.batch}")
        calls = [
            self._filled(prepared[i : i + self._rows]) for i in range(0, len(prepared), self._rows)
        ]
        conditions = self._lanes.map(self._encode, calls)
        drawn = self._lanes.map(
            lambda part: self._draw(*part, seed),
            [(*pair, k) for pair in zip(conditions, calls, strict=True) for k in range(samples)],
        )
        of_call = [np.stack(drawn[i : i + samples]) for i in range(0, len(drawn), samples)]
        rows = [ab[:, row] for ab in of_call for row in range(self._rows)]
        return rows[: len(prepared)]  # what came out for the filling is dropped

    def _filled(self, prepared: Sequence[Prepared]) -> Sequence[Prepared]:
        return [*prepared, *[prepared[-1]] * (self._rows - len(prepared))]

    def _encode(self, photos: Sequence[Prepared]) -> Condition:
        return self._network.encode(np.stack([p.L for p in photos])[:, None])

    def _draw(self, condition: Condition, photos: Sequence[Prepared], k: int, seed: int) -> Float:
        """Draw sample k of each photo: (photos, 2, h, w)."""
        grid = self.bundle.grid
        height, width = photos[0].L.shape
        noise = SampleNoise(
            seed, [p.digest for p in photos], 1, (2, height // grid, width // grid), first=k
        )
        denoise = self._network.denoiser(condition)

        def step(x_t: Float, gamma: Float) -> Float:
            self._lanes.check()
            return denoise(x_t, gamma)

        return draw(self.bundle, self.schedule, step, noise)


def draw(bundle: Bundle, schedule: Schedule, denoise: Denoise, noise: SampleNoise) -> Float:
    """Draw ab fields with the sampler, the scale, the gains and the sharpness of a bundle.

    Args:
        bundle: says how to sample.
        schedule: noise levels to visit: the bundle's own, or those respaced.
        denoise: (x_t, gamma) -> prediction, as `Network.denoiser` gives it.
        noise: of the rows.

    Returns:
        (rows, 2, h, w) float32 in Lab units.
    """
    settings = bundle.sampler
    x_0 = sample(denoise, noise.start(), schedule, noise, settings, prediction=bundle.prediction)
    numbers = range(noise.first, noise.first + noise.samples)
    gains = [settings.gains[k % len(settings.gains)] for k in numbers] * len(noise.digests)
    ab = x_0 * np.array(gains, np.float32)[:, None, None, None] * np.float32(bundle.ab_scale)
    return _sharpened(ab, settings.sharpness) if settings.sharpness else ab


def _sharpened(ab: Float, amount: float) -> Float:
    """Add to each plane of (N, 2, h, w) what a Gaussian of one cell takes from it."""
    planes = [
        plane + np.float32(amount) * (plane - cv2.GaussianBlur(plane, (0, 0), 1.0))
        for plane in ab.reshape(-1, *ab.shape[2:])
    ]
    return np.stack(planes).reshape(ab.shape)
