"""A bundle's networks on a device.

What the encoder finds in a photo stays where it was computed, over all steps and samples; only
noisy ab goes in and the prediction comes out at each step.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ..errors import DeviceError, ModelError
from ..model.bundle import GRAPHS, Bundle
from .device import Device, graph_inputs, open_session
from .tensorrt import node_counts, provider_options

Float = NDArray[np.float32]
Denoise: TypeAlias = Callable[[Float, Float], Float]


@dataclass(frozen=True, eq=False)
class Condition:
    """What the denoiser has to know of a batch of photos.

    Attributes:
        maps: values of the runtime by the denoiser's input name, (B, c, ...) each.
        batch: the number B of photos.
    """

    maps: dict[str, Any]
    batch: int


class Network(Protocol):
    """The graphs of a bundle, opened on one device; its methods may be called from any thread."""

    def encode(self, L: Float) -> Condition:
        """Compute what the denoiser has to know of the photos, as `OnnxNetwork.encode` does."""

    def denoiser(self, condition: Condition) -> Denoise:
        """Make the function that `sampler.sample` calls, as `OnnxNetwork.denoiser` does."""


def open_network(
    bundle: Bundle, device: Device, *, batch: int = 1, size: int | None = None
) -> Network:
    """Open the graphs of a bundle with the runtime of a device.

    Args:
        bundle: the model.
        device: what to run it on.
        batch: photos a call, for which TensorRT builds its engines.
        size: working size in pixels likewise; the bundle's by default.

    Raises:
        ModelError: the bundle is damaged, or its graphs are not of the bundle's format.
        DeviceError: the device cannot run them.
    """
    if device.name == "openvino":
        from .openvino import OpenVinoNetwork

        return OpenVinoNetwork(bundle, device, size=size)
    return OnnxNetwork(bundle, device, batch=batch, size=size)


class OnnxNetwork:
    """The graphs of a bundle in onnxruntime.

    Attributes:
        device: what it runs on.
        node_counts: by graph, how many nodes each provider really runs; empty but for TensorRT.
    """

    def __init__(
        self, bundle: Bundle, device: Device, *, batch: int = 1, size: int | None = None
    ) -> None:
        """Open the graphs, as `open_network` does.

        Raises:
            ModelError: the bundle is damaged, or its graphs are not of the bundle's format.
            DeviceError: the device cannot run them.
        """
        self.device = device
        self.node_counts: dict[str, dict[str, int]] = {}
        self._grid = bundle.grid
        # TensorRT hands over memory of the CUDA device that it runs on.
        self._memory = "cuda" if device.is_gpu else "cpu"

        def opened(name: str) -> ort.InferenceSession:
            model = bundle.read(name)
            if device.name != "tensorrt":
                return open_session(model, device)
            shapes = graph_inputs(model)
            options = provider_options(bundle, name, shapes, batch, size or bundle.working_size)
            session = open_session(model, device, options)
            self.node_counts[name] = node_counts(session, name)
            return session

        names = GRAPHS[bundle.family]
        with ThreadPoolExecutor(len(names), "open") as pool:
            # Not at once on a GPU, where TensorRT chooses kernels by their times.
            *encoder, self._denoiser = (map if device.is_gpu else pool.map)(opened, names)
        self._encoder = encoder[0] if encoder else None
        self._maps = [o.name for o in self._encoder.get_outputs()] if self._encoder else ["L"]
        inputs = {node.name for node in self._denoiser.get_inputs()}
        expect(bundle, inputs, {"noisy_ab", "gamma", *self._maps})
        expect(bundle, {node.name for node in self._denoiser.get_outputs()}, {"prediction"})

    def encode(self, L: Float) -> Condition:
        """Compute what the denoiser has to know of the photos.

        Args:
            L: (B, 1, H, W) float32, 0..100; H and W multiples of the bundle's `multiple`.

        Raises:
            DeviceError: the device failed, for want of memory say.
        """
        if self._encoder is None:
            values = [ort.OrtValue.ortvalue_from_numpy(grid_mean(L, self._grid), self._memory, 0)]
        else:
            binding = self._encoder.io_binding()
            binding.bind_cpu_input("L", np.ascontiguousarray(L, np.float32))
            for name in self._maps:
                binding.bind_output(name, self._memory, 0)
            self._run(self._encoder, binding)
            values = binding.get_outputs()
        return Condition(maps=dict(zip(self._maps, values, strict=True)), batch=len(L))

    def denoiser(self, condition: Condition) -> Denoise:
        """Make the function that `sampler.sample` calls.

        Returns:
            (x_t, gamma) -> prediction: x_t (rows, 2, h, w) float32, the samples of a photo side
            by side, rows a multiple of the condition's batch; gamma (rows,) float32; the
            prediction is a new array like x_t. Raises DeviceError when the device fails.
        """
        binding = self._denoiser.io_binding()
        for name, value in condition.maps.items():
            binding.bind_ortvalue_input(name, value)

        def denoise(x_t: Float, gamma: Float) -> Float:
            if len(x_t) % condition.batch:
                raise ValueError(f"{len(x_t)} rows for {condition.batch} photos")
            binding.bind_cpu_input("noisy_ab", np.ascontiguousarray(x_t, np.float32))
            binding.bind_cpu_input("gamma", np.ascontiguousarray(gamma, np.float32))
            binding.bind_output("prediction", "cpu")
            self._run(self._denoiser, binding)
            prediction: Float = binding.copy_outputs_to_cpu()[0]
            return prediction

        return denoise

    def _run(self, session: ort.InferenceSession, binding: ort.IOBinding) -> None:
        try:
            session.run_with_iobinding(binding)
        except Exception as error:  # onnxruntime's errors share no narrower base
            reason = str(error).strip().splitlines()[-1]
            raise DeviceError(
                f"{self.device.description} failed: {reason}. Try a smaller --batch or --size, "
                "or --device cpu."
            ) from error


def grid_mean(L: Float, grid: int) -> Float:
    """Average (B, 1, H, W) over cells of `grid` x `grid` pixels: (B, 1, H / grid, W / grid)."""
    batch, _, height, width = L.shape
    cells = L.reshape(batch, 1, height // grid, grid, width // grid, grid)
    mean: Float = cells.mean(axis=(3, 5), dtype=np.float32)
    return mean


def expect(bundle: Bundle, found: set[str], names: set[str]) -> None:
    """Check the names of the denoiser's inputs or outputs.

    Raises:
        ModelError: they are others.
    """
    if found != names:
        raise ModelError(
            f"{bundle.path}: denoiser.onnx has {sorted(found)} where {sorted(names)} are expected. "
            "Make the bundle anew with `colorize export`."
        )
