"""A bundle's networks in OpenVINO, on the CPU."""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import numpy as np

from ..errors import DeviceError
from ..imaging.frame import frame_for
from ..model.bundle import Bundle
from ..system.machine import return_memory
from .device import Device
from .openvino_cache import CompiledGraphs, Key
from .openvino_core import CORE, last_line
from .ort import Condition, Denoise, Float, expect, grid_mean

# Height over width of photos whose denoiser is compiled for just their shape.
_USUAL = ((1, 1), (3, 4), (4, 3), (2, 3), (3, 2))
# How many denoisers are kept open; each holds its weights anew, 80 MB and more.
_KEPT = 4
_HINTS = {"fp32": "f32", "bf16": "bf16"}
_ENCODER, _DENOISER = "encoder.onnx", "denoiser.onnx"


class OpenVinoNetwork:
    """The graphs of a bundle; the denoiser once more for each of the usual shapes of photos.

    Of a fixed shape it runs a fifth faster than for any shape, and takes 80 MB and a second or two
    to compile; what was compiled is kept in the user's cache folder, from where it takes a fifth of
    a second. So only those used last are kept in memory. Which graph serves a photo depends on its
    shape alone, since the bits do on the graph.
    """

    def __init__(self, bundle: Bundle, device: Device, *, size: int | None = None) -> None:
        """Open the graphs.

        Args:
            bundle: the model.
            device: OpenVINO, in a precision.
            size: working size in pixels, which decides the usual shapes; the bundle's by default.

        Raises:
            ModelError: the bundle is damaged, or its graphs are not of the bundle's format.
            DeviceError: OpenVINO cannot read or compile them.
        """
        self.device = device
        self._bundle = bundle
        self._cache = CompiledGraphs(bundle)
        frames = [
            frame_for(1000 * a, 1000 * b, size or bundle.working_size, bundle.multiple)
            for a, b in _USUAL
        ]
        self._usual = {
            (1, 2, f.padded_height // bundle.grid, f.padded_width // bundle.grid) for f in frames
        }
        # In the order of their last use.
        self._compiled: dict[Key, _Compiled] = {}
        self._coming: set[Key] = set()
        self._lock = Lock()  # of both
        self._opening: defaultdict[Key, Lock] = defaultdict(Lock)
        self._ahead = ThreadPoolExecutor(1, "open")
        self._maps = ["L"]
        if bundle.family == "encoder":
            self._encoder = self._opened((_ENCODER, None))
            self._maps = self._encoder.outputs
        # To refuse a wrong bundle here; what is in the cache was checked before it came there.
        if not any(self._is_kept((_DENOISER, shape)) for shape in (None, *self._usual)):
            self._read(_DENOISER)

    def encode(self, L: Float) -> Condition:
        """Compute what the denoiser has to know of the photos, as `OnnxNetwork.encode` does."""
        self._open_ahead(L)
        if self._bundle.family != "encoder":
            return Condition(maps={"L": grid_mean(L, self._bundle.grid)}, batch=len(L))
        maps = self._infer(self._encoder, {"L": np.ascontiguousarray(L, np.float32)})
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
            return self._infer(graph(x_t.shape), feed)["prediction"]

        # Held for as long as this photo is drawn, whatever the other threads open meanwhile.
        @cache
        def graph(shape: tuple[int, ...]) -> _Compiled:
            shapes = {name: value.shape for name, value in condition.maps.items()}
            shapes |= {"noisy_ab": shape, "gamma": shape[:1]}
            return self._opened(self._key(shape, condition.batch), shapes)

        return denoise

    def _key(self, shape: tuple[int, ...], batch: int) -> Key:
        """Say which denoiser serves noisy ab of a shape."""
        return (_DENOISER, shape if shape in self._usual and batch == 1 else None)

    def _config(self, name: str) -> dict[str, object]:
        # The encoder runs once a photo, and what it finds decides all: in bfloat16 it moved colours
        # by 0.7 CIEDE2000 where the denoiser alone moves them by 0.1.
        precision = "fp32" if name == _ENCODER else str(self.device.precision)
        return {
            "INFERENCE_NUM_THREADS": self.device.threads * self.device.lanes,
            "NUM_STREAMS": self.device.lanes,
            "ENABLE_CPU_PINNING": False,  # decoding and encoding want the cores too
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
        }

    def _is_kept(self, key: Key) -> bool:
        return self._cache.has(key, self._config(key[0]))

    def _open_ahead(self, L: Float) -> None:
        """Take the denoiser for these photos from the cache while the encoder runs."""
        batch, _, height, width = L.shape
        key = self._key((batch, 2, height // self._bundle.grid, width // self._bundle.grid), batch)
        if key not in self._compiled and self._is_kept(key):
            self._ahead.submit(self._load, key)

    def _opened(self, key: Key, shapes: dict[str, tuple[int, ...]] | None = None) -> "_Compiled":
        """Give a compiled graph; `shapes` of all its inputs are for one of a fixed shape."""
        with self._opening[key]:
            graph = self._compiled.get(key)
            if graph is None:
                with self._room_for(key):
                    graph = self._cached(key) or self._compile(key, shapes)
            self._keep(key, graph)
            return graph

    def _load(self, key: Key) -> None:
        """Take a graph from the cache, if it is there and not open yet."""
        with self._opening[key]:
            if key not in self._compiled:
                with self._room_for(key):
                    graph = self._cached(key)
                if graph:
                    self._keep(key, graph)

    @contextmanager
    def _room_for(self, key: Key) -> Iterator[None]:
        """Let go of denoisers before one comes, not after: the peak of memory is here."""
        with self._lock:
            self._coming.add(key)
            self._let_go()
        try:
            yield
        finally:
            with self._lock:
                self._coming.remove(key)

    def _keep(self, key: Key, graph: "_Compiled") -> None:
        """Keep a graph as the one used last, and let go of what is too many."""
        with self._lock:
            is_new = self._compiled.pop(key, None) is None
            self._compiled[key] = graph
            self._let_go()
        if is_new:
            return_memory()  # of reading, compiling, and what was let go

    def _let_go(self) -> None:
        """Let go of the denoisers used longest ago that are too many and come back."""
        denoisers = [key for key in self._compiled if key[0] == _DENOISER]
        too_many = max(0, len(denoisers) + len(self._coming) - _KEPT)
        for longest_ago in denoisers[:too_many]:
            if self._is_kept(longest_ago):
                del self._compiled[longest_ago]

    def _cached(self, key: Key) -> "_Compiled | None":
        graph = self._cache.load(key, self._config(key[0]))
        return None if graph is None else _Compiled(graph)

    def _compile(self, key: Key, shapes: dict[str, tuple[int, ...]] | None) -> "_Compiled":
        """Compile a graph, and where the cache took it, take it from there: it is smaller."""
        graph = self._built(key, shapes)
        self._cache.keep(graph, key, self._config(key[0]))
        return self._cached(key) or _Compiled(graph)

    def _built(self, key: Key, shapes: dict[str, tuple[int, ...]] | None) -> Any:
        """Read a graph and compile it."""
        name, shape = key
        graph = self._read(name)
        try:
            if shape and shapes:
                graph.reshape({name: list(sides) for name, sides in shapes.items()})
            return CORE.compile_model(graph, "CPU", self._config(name))
        except RuntimeError as error:
            raise DeviceError(
                f"{self.device.description} cannot compile {name} ({last_line(error)}); "
                "--device cpu can run it."
            ) from error

    def _read(self, name: str) -> Any:
        """Read a graph, and check the denoiser's names."""
        try:
            graph = CORE.read_model(self._bundle.read(name))
        except RuntimeError as error:
            raise DeviceError(
                f"{self.device.description} cannot read {name} of {self._bundle.path} "
                f"({last_line(error)}); --device cpu can."
            ) from error
        if name == _DENOISER:
            inputs = {node.get_any_name() for node in graph.inputs}
            expect(self._bundle, inputs, {"noisy_ab", "gamma", *self._maps})
            outputs = {node.get_any_name() for node in graph.outputs}
            expect(self._bundle, outputs, {"prediction"})
        return graph

    def _infer(self, graph: "_Compiled", feed: dict[str, Any]) -> dict[str, Float]:
        try:
            return graph.infer(feed)
        except RuntimeError as error:
            raise DeviceError(
                f"{self.device.description} failed: {last_line(error)}. Try a smaller --size, or "
                "--device cpu."
            ) from error


class _Compiled:
    """A compiled graph, and as many requests as there were ever calls of it at once."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._idle: list[Any] = []  # requests that no call is using; one that failed is dropped
        self.outputs: list[str] = [node.get_any_name() for node in graph.outputs]

    def infer(self, feed: dict[str, Any]) -> dict[str, Float]:
        """Compute all outputs, by name; safe in any thread."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._graph.create_infer_request()
        request.infer(feed, share_inputs=True)
        found = {name: request.get_tensor(name).data.copy() for name in self.outputs}
        self._idle.append(request)
        return found
