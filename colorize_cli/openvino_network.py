"""A bundle's networks in OpenVINO, on the CPU."""

from collections import OrderedDict
from threading import Lock, local
from typing import Any

import numpy as np
import openvino as ov  # type: ignore[import-untyped]

from .bundle import Bundle
from .devices import Device
from .errors import DeviceError
from .files import cache_folder, prune
from .network import Condition, Denoise, Float, expect, grid_mean

# Photos' shapes whose compiled graphs stay in memory, some 60 MB each.
_SHAPES = 6
_CACHE_BYTES = 2 << 30
_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoNetwork:
    """The graphs of a bundle, compiled for each shape that comes along.

    A graph of fixed shape runs a fifth faster than one of any shape. Compiling takes a second or
    two; OpenVINO keeps the result in the user's cache folder, from where it takes half a second.
    """

    def __init__(self, bundle: Bundle, device: Device) -> None:
        """Open the graphs.

        Raises:
            ModelError: the bundle is damaged, or its graphs are not of the bundle's format.
            DeviceError: OpenVINO cannot read them.
        """
        self.device = device
        self._grid = bundle.grid
        folder = cache_folder() / "openvino"
        prune(folder, _CACHE_BYTES)
        self._core = ov.Core()
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
        self._compiled: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = Lock()
        self._of_thread = local()

    def encode(self, L: Float) -> Condition:
        """Compute what the denoiser has to know of the photos, as `OnnxNetwork.encode` does."""
        if "encoder.onnx" not in self._graphs:
            return Condition(maps={"L": grid_mean(L, self._grid)}, batch=len(L))
        request = self._request("encoder.onnx", {"L": L.shape})
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
            request = self._request("denoiser.onnx", shapes)
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

    def _request(self, name: str, shapes: dict[str, tuple[int, ...]]) -> Any:
        """Give the calling thread's own request of a graph for these shapes."""
        key = (name, tuple(sorted(shapes.items())))
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self._compile(name, shapes)
                if len(self._compiled) > _SHAPES * len(self._graphs):
                    self._compiled.popitem(last=False)
            self._compiled.move_to_end(key)
            compiled = self._compiled[key]
        mine: dict[Any, Any] = self._of_thread.__dict__.setdefault("requests", {})
        if mine.get(name, (None,))[0] is not compiled:
            mine[name] = (compiled, compiled.create_infer_request())
        return mine[name][1]

    def _compile(self, name: str, shapes: dict[str, tuple[int, ...]]) -> Any:
        graph = self._graphs[name].clone()
        try:
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
