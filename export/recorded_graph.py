"""What a network is asked while a photograph is colorized: real inputs at every noise level."""

from dataclasses import dataclass

from colorize_cli.model.bundle import Bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.photos.read import Photo
from colorize_cli.runtimes.device import resolve
from colorize_cli.runtimes.ort import Condition, Denoise, Float, Network


@dataclass(frozen=True, eq=False)
class Calls:
    """A photograph's way through a network.

    Attributes:
        L: (1, 1, H, W), 0..100, what the encoder was asked.
        condition: what it answered.
        steps: (x_t, gamma) of each call of the denoiser, from the most noise on.
    """

    L: Float
    condition: Condition
    steps: list[tuple[Float, Float]]


def record_calls(bundle: Bundle, network: Network, photo: Photo) -> Calls:
    """Colorize a photograph once, as the command line would, and keep what was asked.

    Args:
        bundle: says how to sample.
        network: the bundle's, opened on the CPU, or one that stands in for it.
        photo: any photograph.

    Raises:
        DeviceError: the network failed.
    """
    recorder = _Recorder(network)
    colorizer = Colorizer(bundle, resolve("cpu", threads=1), network=recorder)
    colorizer.colorize([colorizer.prepare(photo)], 1, 0)
    (L, condition) = recorder.encoded
    return Calls(L, condition, recorder.steps)


class _Recorder:
    def __init__(self, network: Network) -> None:
        self._network = network
        self.steps: list[tuple[Float, Float]] = []

    def encode(self, L: Float) -> Condition:
        condition = self._network.encode(L)
        self.encoded = (L, condition)
        return condition

    def denoiser(self, condition: Condition) -> Denoise:
        denoise = self._network.denoiser(condition)

        def recorded(x_t: Float, gamma: Float) -> Float:
            self.steps.append((x_t.copy(), gamma.copy()))
            return denoise(x_t, gamma)

        return recorded
