"""A bundle's networks in OpenVINO, on the CPU."""

import os
from contextlib import suppress
from threading import Lock, local
from typing import Any

import numpy as np
import openvino as ov  # type: ignore[import-untyped]

from .bundle import Bundle
from .devices import Device
from .errors import DeviceError
from .files import cache_folder, prune
from .geometry import frame_for
from .network import Condition, Denoise, Float, expect, grid_mean

# Height over width of photos whose denoiser is compiled for just their shape.
_USUAL = ((1, 1), (3, 4), (4, 3), (2, 3), (3, 2))
_CACHE_BYTES = 2 << 30
_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoNetwork:
    """The graphs of a bundle; the denoiser once more for each of the usual shapes of photos.

    Of a fixed shape it runs a fifth faster than for any shape, and takes 80 MB and a second or two
    to compile; OpenVINO keeps the result in the user's cache folder, from where it takes half a
    second. Which graph serves a photo depends on its shape alone, since the bits do on the graph.
    """

    def __init__(self, bundle: Bundle, device: Device, *, size: int | None = None) -> None:
        """Open the graphs.

        Args:
            bundle: the model.
            device: OpenVINO, in a precision.
            size: working size in pixels, which decides the usual shapes; the bundle's by default.

        Raises:
            ModelError: the bundle is damaged, or its graphs are not of the bundle's format.
            DeviceError: OpenVINO cannot read them.
        """
        self.device = device
        self._grid = bundle.grid
        folder = cache_folder() / "openvino"
        prune(folder, _CACHE_BYTES)
        self._core = ov.Core()
        with suppress(OSError):  # without a cache each run compiles anew, nothing else
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                self._core.set_property({"CACHE_DIR": str(folder)})
        # The encoder runs once a photo, and what it finds decides all: in bfloat16 it moved colours
        # by 0.7 CIEDE2000 where the denoiser alone moves them by 0.1.
        self._hints = {"encoder.onnx": "f32", "denoiser.onnx": _HINTS[str(device.precision)]}
        self._config = {
            "INFERENCE_NUM_THREADS": device.threads * device.lanes,
            "NUM_STREAMS": device.lanes,
            "ENABLE_CPU_PINNING": False,  # decoding and encoding want the cores too
        }
        names = ["denoiser.onnx", *(["encoder.onnx"] if bundle.family == "encoder" else [])]
        self._graphs = {name: self._read(bundle, name) for name in names}
        encoder = self._graphs.get("encoder.onnx")
        self._maps = [o.get_any_name() for o in encoder.outputs] if encoder else ["L"]
        denoiser = self._graphs["denoiser.onnx"]
        inputs = {node.get_any_name() for node in denoiser.inputs}
        expect(bundle, inputs, {"noisy_ab", "gamma", *self._maps})
        expect(bundle, {node.get_any_name() for node in denoiser.outputs}, {"prediction"})
        frames = [
            frame_for(1000 * a, 1000 * b, size or bundle.working_size, bundle.multiple)
            for a, b in _USUAL
        ]
        self._usual = {
            (1, 2, f.padded_height // bundle.grid, f.padded_width // bundle.grid) for f in frames
        }
        self._compiled: dict[tuple[str, tuple[int, ...] | None], Any] = {}
        self._lock = Lock()
        self._of_thread = local()

    def encode(self, L: Float) -> Condition:
        """Compute what the denoiser has to know of the photos, as `OnnxNetwork.encode` does."""
        if "encoder.onnx" not in self._graphs:
            return Condition(maps={"L": grid_mean(L, self._grid)}, batch=len(L))
        request = self._request("encoder.onnx", None)
        self._infer(request, {"L": np.ascontiguousarray(L, np.float32)})
        maps = {name: request.get_tensor(name).data.copy() for name in self._maps}
        return Condition(maps=maps, batch=len(L))

    def denoiser(self, condition: Condition) -> Denoise:
        """Make the function that `sampler.sample` calls, as `OnnxNetwork.denoiser` does."""

        def denoise(x_t: Float, gamma: Float) -> Float:
            if len(x_t) % condition.batch:
                raise ValueError(f"{len(x_t)} rows for {condition.batch} photos")
            feed = {
                "noisy_ab": np.ascontiguousarray(x_t, np.float32),
                "gamma": np.ascontiguousarray(gamma, np.float32),
                **condition.maps,
            }
            shapes = {name: value.shape for name, value in feed.items()}
            is_usual = x_t.shape in self._usual and condition.batch == 1
            request = self._request("denoiser.onnx", shapes if is_usual else None)
            self._infer(request, feed)
            prediction: Float = request.get_tensor("prediction").data.copy()
            return prediction

        return denoise

    def _read(self, bundle: Bundle, name: str) -> Any:
        try:
            return self._core.read_model(bundle.read(name))
        except RuntimeError as error:
            raise DeviceError(
                f"{self.device.description} cannot read {name} of {bundle.path} "
                f"({_last_line(error)}); --device cpu can."
            ) from error

    def _request(self, name: str, shapes: dict[str, tuple[int, ...]] | None) -> Any:
        """Give the calling thread's own request of a graph, for these shapes or for any."""
        key = (name, shapes["noisy_ab"] if shapes else None)
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self._compile(name, shapes)
        mine: dict[Any, Any] = self._of_thread.__dict__.setdefault("requests", {})
        if key not in mine:
            mine[key] = self._compiled[key].create_infer_request()
        return mine[key]

    def _compile(self, name: str, shapes: dict[str, tuple[int, ...]] | None) -> Any:
        graph = self._graphs[name].clone()
        try:
            if shapes:
                graph.reshape({key: list(shape) for key, shape in shapes.items()})
            config = {**self._config, "INFERENCE_PRECISION_HINT": self._hints[name]}
            return self._core.compile_model(graph, "CPU", config)
        except RuntimeError as error:
            raise DeviceError(
                f"{self.device.description} cannot compile {name} ({_last_line(error)}); "
                "--device cpu can run it."
            ) from error

    def _infer(self, request: Any, feed: dict[str, Any]) -> None:
        try:
            request.infer(feed, share_inputs=True)
        except RuntimeError as error:
            raise DeviceError(
                f"{self.device.description} failed: {_last_line(error)}. Try a smaller --size, or "
                "--device cpu."
            ) from error


def computes_bf16() -> bool:
    """Whether this CPU has instructions for bfloat16 that OpenVINO uses."""
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def version() -> str:
    """Version of OpenVINO, without the number of its build."""
    return str(ov.__version__).partition("-")[0]


def test_computation(model: bytes) -> str | None:
    """Compute with a model of one input x: what is wrong with the result of x = 1, or None."""
    try:
        core = ov.Core()
        request = core.compile_model(core.read_model(model), "CPU").create_infer_request()
        result = next(iter(request.infer({"x": np.ones(1, np.float32)}).values()))
    except RuntimeError as error:
        return f"a test computation failed ({_last_line(error)})"
    return None if result[0] == 2 else "a test computation gave a wrong result"


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]
