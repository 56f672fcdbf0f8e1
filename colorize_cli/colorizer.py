"""From photos to ab fields: the one place where bundle, device, noise and sampler meet."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bundle import Bundle
from .devices import Device
from .errors import UsageError
from .geometry import Frame, frame_for, to_working
from .images import Photo
from .lab import Float
from .network import Condition, Denoise, OnnxNetwork
from .noise import SampleNoise
from .sampler import sample
from .schedule import Schedule, respace


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


class Colorizer:
    """Draws ab fields for photos.

    What a device computes for a photo depends, in the last bits, on how many go through at once
    (onnxruntime's CPU provider too: it sums in another order for one than for several). So each
    call of the networks is of a fixed number of photos with one sample each: `batch` on a GPU,
    short batches filled up, and one on the CPU, which gains nothing from more.
    """

    def __init__(
        self,
        bundle: Bundle,
        device: Device,
        *,
        steps: int | None = None,
        size: int | None = None,
        batch: int = 1,
        network: OnnxNetwork | None = None,
    ) -> None:
        """Open the network.

        Args:
            bundle: the model.
            device: what to run it on.
            steps: sampling steps, the bundle's own by default.
            size: square root of the working area in pixels, the bundle's own by default.
            batch: photos a call.
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
        if self.size < bundle.multiple:
            raise UsageError(f"the size must be at least {bundle.multiple}, not {self.size}")
        if batch < 1:
            raise UsageError(f"the batch must be at least 1, not {batch}")
        self.batch = batch
        self._rows = 1 if device.name == "cpu" else batch
        self._network = network or OnnxNetwork(bundle, device)

    def prepare(self, photo: Photo) -> Prepared:
        """Take a photo's L down to the working size; safe in any thread."""
        height, width = photo.pixels.shape[:2]
        frame = frame_for(height, width, self.size, self.bundle.multiple)
        return Prepared(L=to_working(photo.pixels, frame), frame=frame, digest=photo.digest)

    def colorize(self, prepared: Sequence[Prepared], samples: int, seed: int) -> list[Float]:
        """Draw samples of the ab fields of photos of one padded shape.

        Args:
            prepared: 1 to `batch` photos.
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
        if len(shapes) != 1 or len(prepared) > self.batch:
            raise ValueError(f"{len(prepared)} photos of {len(shapes)} shapes, batch {self.batch}")
        drawn = []
        for start in range(0, len(prepared), self._rows):
            drawn += self._colorize(prepared[start : start + self._rows], samples, seed)
        return drawn

    def _colorize(self, prepared: Sequence[Prepared], samples: int, seed: int) -> list[Float]:
        """Draw for the photos of one call."""
        # What comes out for the filling is dropped.
        full = [*prepared, *[prepared[-1]] * (self._rows - len(prepared))]
        condition = self._network.encode(np.stack([p.L for p in full])[:, None])
        drawn = [self._draw(condition, full, k, seed) for k in range(samples)]
        return [np.stack([rows[i] for rows in drawn]) for i in range(len(prepared))]

    def _draw(self, condition: Condition, full: Sequence[Prepared], k: int, seed: int) -> Float:
        """Draw sample k of each photo: (photos, 2, h, w)."""
        grid = self.bundle.grid
        height, width = full[0].L.shape
        noise = SampleNoise(
            seed, [p.digest for p in full], 1, (2, height // grid, width // grid), first=k
        )
        return draw(self.bundle, self.schedule, self._network.denoiser(condition), noise)


def draw(bundle: Bundle, schedule: Schedule, denoise: Denoise, noise: SampleNoise) -> Float:
    """Draw ab fields with the sampler, the scale and the gain of a bundle.

    Args:
        bundle: says how to sample.
        schedule: noise levels to visit: the bundle's own, or those respaced.
        denoise: (x_t, gamma) -> prediction, as `OnnxNetwork.denoiser` gives it.
        noise: of the rows.

    Returns:
        (rows, 2, h, w) float32 in Lab units.
    """
    settings = bundle.sampler
    x_0: Float = sample(
        denoise,
        noise.start(),
        schedule,
        noise,
        prediction=bundle.prediction,
        method=settings.method,
        eta=settings.eta,
        variance=settings.variance,
        clamp=settings.clamp,
    )
    return x_0 * np.float32(bundle.ab_scale * settings.gain)
