"""Walk through the steps of the sampler with x_t on the host between them, or on the device."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from colorize_cli.diffusion.sampler import sample
from colorize_cli.imaging.lab import Float
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.families.diffusion import Condition, Diffusion
from colorize_cli.model.graphs import graph_set
from colorize_cli.runtimes import cuda, tensorrt
from colorize_cli.runtimes.ort import CPU_PROVIDER, OrtGraph, Providers, open_session
from colorize_cli.runtimes.runtime import Device, GraphFile, GraphSet, GraphSpec, Value

from .step_graph import is_random, step_graph, step_table


@dataclass
class Clock:
    """A clock of the seconds that the thread of the loop spends in the runtime's calls."""

    inside: float = 0.0

    def time(self, run: Callable[[], object]) -> None:
        """Run a call of the runtime and take its time."""
        started = perf_counter()
        run()
        self.inside += perf_counter() - started


class Way(Protocol):
    """A way to take all steps of a batch of photos, one sample each."""

    def draw(self, x_T: Float) -> Float:
        """Take (B, 2, h, w) noise to x_0."""


class TimedGraph(OrtGraph):
    """A graph as `colorize` runs it, with a clock that takes the time of the runtime's calls."""

    def __init__(
        self, session: ort.InferenceSession, spec: GraphSpec, device: Device, clock: Clock
    ) -> None:
        """Take a session."""
        super().__init__(session, spec, device)
        self._clock = clock

    def _compute(self, binding: ort.IOBinding) -> None:
        self._clock.time(lambda: super(TimedGraph, self)._compute(binding))


class OpenedModel:
    """A diffusion model on a device, each call of it timed.

    Attributes:
        bundle: The model.
        family: Its way of sampling, with the steps that are taken.
        device: What it runs on.
        options: Options that the device's preferred provider is given.
        graphs: What its runtime is told of its graphs.
        clock: Takes the time of the runtime's calls.
    """

    def __init__(
        self, bundle: Bundle, steps: int, device: Device, options: Mapping[str, str], photos: int
    ) -> None:
        """Open the graphs on a device, for so many photos a call."""
        family = bundle.family.with_steps(steps)
        if not isinstance(family, Diffusion):
            raise TypeError(f"the family {family.name} takes no steps")
        self.bundle, self.family, self.device, self.options = bundle, family, device, options
        self.graphs, self.clock = graph_set(bundle, photos), Clock()
        sessions = _open_sessions(self.graphs, device, options)
        self.opened = {
            file.spec.name: TimedGraph(sessions[file.spec.name], file.spec, device, self.clock)
            for file in self.graphs.files
        }

    def condition(self, L: Float) -> Condition:
        """Run what does not depend on the step, on (B, 1, H, W) L."""
        return self.family.condition(self.opened, L)


class RoundTrip:
    """The way of `colorize`: x_t goes to the device and the prediction comes back at each step."""

    def __init__(self, model: OpenedModel, condition: Condition) -> None:
        """Take the model and what it knows of the photos."""
        self._family = model.family
        self._denoise = model.family.denoiser(model.opened, condition)

    def draw(self, x_T: Float) -> Float:
        """Take (B, 2, h, w) noise to x_0."""
        rng = np.random.default_rng(0)
        return sample(
            self._denoise,
            x_T,
            self._family.schedule,
            lambda t: rng.standard_normal(x_T.shape, np.float32),
            self._family.sampler,
            prediction=self._family.prediction,
        )


class OnDevice:
    """The way in which x_t stays on the device: a step is a run of `step.onnx`."""

    def __init__(
        self, model: OpenedModel, condition: Condition, shape: tuple[int, ...], *, in_graph: bool
    ) -> None:
        """Open the graph of a step for one shape.

        Args:
            model: The model; its sampler adds no noise.
            condition: What it knows of the photos, on the device.
            shape: The shape of x_t, (B, 2, h, w).
            in_graph: Whether the step is captured as a CUDA graph and replayed.

        Raises:
            ValueError: The sampler is random; its noise would have to travel too.
            DeviceError: The device cannot run the graph.
        """
        family = model.family
        table = step_table(family.schedule, family.prediction, family.sampler)
        if is_random(table):
            raise ValueError("this measures a sampler without noise: eta = 0")
        self._clock, self._in_graph = model.clock, in_graph
        self._temperature = np.float32(family.sampler.temperature)
        memory = "cuda" if model.device.is_gpu else "cpu"
        maps = {name: _on(memory, value) for name, value in condition.maps.items()}
        self._session = _open_step(model, maps, shape, in_graph)
        self._rows = np.ascontiguousarray(table[::-1])
        self._bind(maps, shape, memory)

    def _bind(self, maps: Mapping[str, ort.OrtValue], shape: tuple[int, ...], memory: str) -> None:
        self._binding = self._session.io_binding()
        for name, value in maps.items():
            self._binding.bind_ortvalue_input(name, value)
        rows = [row.copy() for row in self._rows]
        self._values = [ort.OrtValue.ortvalue_from_numpy(row, memory, 0) for row in rows]
        # A captured graph knows addresses, so its coefficients change in one place.
        self._binding.bind_ortvalue_input("coefficients", self._values[0])
        self._x_t = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32), memory, 0)
        self._binding.bind_ortvalue_input("noisy_ab", self._x_t)
        self._binding.bind_ortvalue_output("x_s", self._x_t)

    def draw(self, x_T: Float) -> Float:
        """Take (B, 2, h, w) noise to x_0."""
        self._x_t.update_inplace(x_T * self._temperature)
        for row, value in zip(self._rows, self._values, strict=True):
            if self._in_graph:
                self._values[0].update_inplace(row)
            else:
                self._binding.bind_ortvalue_input("coefficients", value)
            self._clock.time(lambda: self._session.run_with_iobinding(self._binding))
        x_0: Float = self._x_t.numpy()
        return x_0


def _on(memory: str, value: Value) -> ort.OrtValue:
    is_there = isinstance(value, ort.OrtValue)
    return value if is_there else ort.OrtValue.ortvalue_from_numpy(value, memory, 0)


def _open_step(
    model: OpenedModel,
    maps: Mapping[str, ort.OrtValue],
    shape: tuple[int, ...],
    in_graph: bool,
) -> ort.InferenceSession:
    """Open a step for just these shapes, which lets the runtime fold all that computes shapes."""
    clamp = model.family.sampler.clamp
    data = step_graph(model.bundle.read("denoiser.onnx"), clamp, takes_noise=False)
    options = dict(model.options)
    if model.device.name != "tensorrt":
        known = {name: tuple(value.shape()) for name, value in maps.items()}
        data = _fixed(data, known | {"noisy_ab": shape})
        options |= {"enable_cuda_graph": "1"} if in_graph else {}
    spec = GraphSpec("step.onnx", ("noisy_ab", "coefficients", *maps), ("x_s",))
    file = GraphFile(spec, hashlib.sha256(data).hexdigest(), lambda: data)
    graphs = replace(model.graphs, files=(file,))
    return _open_sessions(graphs, model.device, options)["step.onnx"]


def _open_sessions(
    graphs: GraphSet, device: Device, options: Mapping[str, str]
) -> dict[str, ort.InferenceSession]:
    """Open graphs as their runtime does, with options of its preferred provider changed."""
    if device.name == "tensorrt":
        opened = tensorrt.RUNTIME.open(graphs, device)
        return {name: graph._session for name, graph in opened.items()}
    whole: Providers = cuda.PROVIDERS if device.is_gpu else ((CPU_PROVIDER, {}),)
    (name, own), *others = whole
    providers = ((name, {**own, **options}), *others)
    return {file.spec.name: open_session(file.read(), device, providers) for file in graphs.files}


def _fixed(data: bytes, shapes: Mapping[str, Sequence[int]]) -> bytes:
    """Write shapes of inputs into a graph, and their sizes wherever else they are named."""
    model = onnx.load_model_from_string(data)
    values = (*model.graph.input, *model.graph.output)
    sizes = {
        dim.dim_param: size
        for value in values
        for dim, size in zip(
            value.type.tensor_type.shape.dim, shapes.get(value.name, ()), strict=False
        )
        if dim.dim_param
    }
    for value in values:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in sizes:
                dim.dim_value = sizes[dim.dim_param]
    return model.SerializeToString()
