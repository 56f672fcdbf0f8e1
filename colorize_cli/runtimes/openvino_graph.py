"""A graph in OpenVINO, once more for each of the usual shapes where it runs often."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

from ..system.machine import return_memory
from .device_errors import device_error
from .openvino_cache import CompiledForms
from .openvino_core import CORE, last_line
from .ort import plain
from .runtime import Device, Feeds, GraphFile, GraphSet, Shape, Size, Value

# How many forms of a graph are kept open; each holds its weights anew, 80 MB and more.
_KEPT = 4
_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoGraph:
    """A graph, compiled for any shape and, where it runs often, for each of the usual ones.

    A form of a fixed shape is faster, and takes 80 MB and a second or two to compile, or a fifth of
    a second from the cache; only those used last are kept in memory. Which form serves a photo
    depends on its shape alone, since the bits do on the form.
    """

    def __init__(self, file: GraphFile, graphs: GraphSet, device: Device) -> None:
        """Open the graph; ModelError if its file is damaged, DeviceError if OpenVINO refuses it."""
        self.spec = file.spec
        self._file, self._shape_of, self._description = file, graphs.shape, device.description
        precision = "fp32" if file.spec.needs_fp32 else str(device.precision)
        self._config = {
            "INFERENCE_NUM_THREADS": device.threads * device.lanes,
            "NUM_STREAMS": device.lanes,
            "ENABLE_CPU_PINNING": False,  # decoding and encoding want the cores too
            "INFERENCE_PRECISION_HINT": _HINTS[precision],
        }
        contents = {each.spec.name: each.sha256 for each in graphs.files}
        self._cache = CompiledForms(file.spec.name, contents, self._config)
        self._usual = {self._shape(size) for size in graphs.usual if file.spec.runs_often}
        # By shape of the first input, None for any, in the order of their last use.
        self._forms: dict[Shape | None, _Form] = {}
        self._coming: set[Shape | None] = set()
        self._lock = Lock()  # of both
        self._opening: defaultdict[Shape | None, Lock] = defaultdict(Lock)
        self._ahead = ThreadPoolExecutor(1, "open")
        self.names: tuple[set[str], set[str]] | None = None  # of inputs and outputs, once read
        if not self._usual:
            self._opened(None, {})
        # To refuse a wrong file here; what is in the cache was checked before it came there.
        elif not any(map(self._cache.has, (None, *self._usual))):
            self._read()

    def run(self, feeds: Feeds) -> dict[str, Value]:
        """Compute the outputs."""
        return self.bind({})(feeds)

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Value]]:
        """Give inputs ahead; the form is held as long as the function, whatever else is opened."""
        ahead = {name: plain(value) for name, value in feeds.items()}
        held: dict[Shape, _Form] = {}

        def run(others: Feeds) -> dict[str, Value]:
            inputs = ahead | {name: plain(value) for name, value in others.items()}
            shapes = {name: value.shape for name, value in inputs.items()}
            shape = shapes[self.spec.first_of(shapes)]
            if shape not in held:
                held[shape] = self._opened(self._form_of(shape), shapes)
            with self._told("failed: {}. Try a smaller --size, or --device cpu."):
                return held[shape].infer(inputs)

        return run

    def expect(self, size: Size) -> None:
        """Take the form for a size from the cache in the background."""
        shape = self._form_of(self._shape(size))
        if shape not in self._forms and self._cache.has(shape):
            self._ahead.submit(self._load, shape)

    def _shape(self, size: Size) -> Shape:
        return self._shape_of(self.spec.name, self.spec.inputs[0], size)

    def _form_of(self, shape: Shape) -> Shape | None:
        return shape if shape in self._usual else None

    def _opened(self, shape: Shape | None, shapes: dict[str, tuple[int, ...]]) -> "_Form":
        """Give a compiled form; `shapes` of all inputs are for one of a fixed shape."""
        with self._opening[shape]:
            form = self._forms.get(shape)
            if form is None:
                with self._room_for(shape):
                    form = self._cached(shape) or self._compile(shape, shapes)
            self._keep(shape, form)
            return form

    def _load(self, shape: Shape | None) -> None:
        """Take a form from the cache, if it is there and not open yet."""
        with self._opening[shape]:
            if shape not in self._forms:
                with self._room_for(shape):
                    form = self._cached(shape)
                if form:
                    self._keep(shape, form)

    @contextmanager
    def _room_for(self, shape: Shape | None) -> Iterator[None]:
        """Let go of forms before one comes, not after: the peak of memory is here."""
        with self._lock:
            self._coming.add(shape)
            self._let_go()
        try:
            yield
        finally:
            with self._lock:
                self._coming.remove(shape)

    def _keep(self, shape: Shape | None, form: "_Form") -> None:
        """Keep a form as the one used last, and let go of what is too many."""
        with self._lock:
            is_new = self._forms.pop(shape, None) is None
            self._forms[shape] = form
            self._let_go()
        if is_new:
            return_memory()  # of reading, compiling, and what was let go

    def _let_go(self) -> None:
        """Let go of the forms used longest ago that are too many and come back."""
        too_many = max(0, len(self._forms) + len(self._coming) - _KEPT)
        for longest_ago in list(self._forms)[:too_many]:
            if self._cache.has(longest_ago):
                del self._forms[longest_ago]

    def _cached(self, shape: Shape | None) -> "_Form | None":
        graph = self._cache.load(shape)
        return None if graph is None else _Form(graph)

    def _compile(self, shape: Shape | None, shapes: dict[str, tuple[int, ...]]) -> "_Form":
        """Compile a form, and where the cache took it, take it from there: it is smaller."""
        graph = self._built(shape, shapes)
        self._cache.keep(graph, shape)
        return self._cached(shape) or _Form(graph)

    def _built(self, shape: Shape | None, shapes: dict[str, tuple[int, ...]]) -> Any:
        graph = self._read()
        with self._told(f"cannot compile {self.spec.name} ({{}}); --device cpu can run it."):
            if shape:
                graph.reshape({name: list(sides) for name, sides in shapes.items()})
            return CORE.compile_model(graph, "CPU", self._config)

    def _read(self) -> Any:
        """Read the file, and check its names."""
        with self._told(f"cannot read {self.spec.name} ({{}}); --device cpu can."):
            graph = CORE.read_model(self._file.read())
        self.names = _names(graph.inputs), _names(graph.outputs)
        return graph

    @contextmanager
    def _told(self, text: str) -> Iterator[None]:
        """Make a DeviceError of what OpenVINO raises, whose words go into the text."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            told = f"{self._description} {text.format(last_line(error))}"
            raise device_error(told, error) from error


class _Form:
    """A compiled graph, and as many requests as there were ever calls of it at once."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self._idle: list[Any] = []  # requests that no call is using; one that failed is dropped
        self._outputs: list[str] = [node.get_any_name() for node in graph.outputs]

    def infer(self, inputs: dict[str, Any]) -> dict[str, Value]:
        """Compute all outputs, by name; safe in any thread."""
        try:
            request = self._idle.pop()
        except IndexError:
            request = self.graph.create_infer_request()
        # `infer` keeps an error to itself where there is one stream (OpenVINO 2026.4), for want of
        # memory say, and the outputs are those of the call before.
        request.start_async(inputs, share_inputs=True)
        request.wait()
        found = {name: request.get_tensor(name).data.copy() for name in self._outputs}
        self._idle.append(request)
        return found


def _names(nodes: Any) -> set[str]:
    return {node.get_any_name() for node in nodes}
