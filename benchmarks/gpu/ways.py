"""Ways through the steps of the sampler: x_t on the host between them, or on the device."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from colorize_cli.diffusion.sampler import sample
from colorize_cli.diffusion.schedule import Schedule
from colorize_cli.imaging.lab import Float
from colorize_cli.model.bundle import Bundle
from colorize_cli.runtimes.device import Device, graph_inputs, open_session
from colorize_cli.runtimes.ort import Condition, OnnxNetwork
from colorize_cli.runtimes.tensorrt import provider_options

from .step_graph import is_random, step_graph, step_table


@dataclass
class Clock:
    """Seconds that the thread of the loop spent in the runtime's calls."""

    inside: float = 0.0

    def time(self, run: Callable[[], object]) -> None:
        """Run something of the runtime's."""
        started = perf_counter()
        run()
        self.inside += perf_counter() - started


class Way(Protocol):
    """All steps of a batch of photos, one sample each."""

    def draw(self, x_T: Float) -> Float:
        """Take (B, 2, h, w) noise to x_0."""


class TimedNetwork(OnnxNetwork):
    """The network as `colorize` runs it.

    Attributes:
        clock: takes the time of the runtime's calls.
    """

    def __init__(self, bundle: Bundle, device: Device, batch: int) -> None:
        """Open the graphs on a device."""
        super().__init__(bundle, device, batch=batch)
        self.clock = Clock()

    def _run(self, session: ort.InferenceSession, binding: ort.IOBinding) -> None:
        self.clock.time(lambda: super(TimedNetwork, self)._run(session, binding))


class RoundTrip:
    """The way of `colorize`: x_t goes to the device and the prediction comes back at each step."""

    def __init__(
        self, bundle: Bundle, schedule: Schedule, network: OnnxNetwork, condition: Condition
    ) -> None:
        """Take the network and what its encoder found in the photos."""
        self._bundle, self._schedule = bundle, schedule
        self._denoise = network.denoiser(condition)

    def draw(self, x_T: Float) -> Float:
        """Take (B, 2, h, w) noise to x_0."""
        rng = np.random.default_rng(0)
        return sample(
            self._denoise,
            x_T,
            self._schedule,
            lambda t: rng.standard_normal(x_T.shape, np.float32),
            self._bundle.sampler,
            prediction=self._bundle.prediction,
        )


class OnDevice:
    """x_t stays where it is: a run of `step.onnx` is all that a step takes."""

    def __init__(
        self,
        bundle: Bundle,
        schedule: Schedule,
        device: Device,
        condition: Condition,
        clock: Clock,
        *,
        shape: tuple[int, ...],
        in_graph: bool,
    ) -> None:
        """Open the graph of a step for one shape.

        Args:
            bundle: the model; its sampler adds no noise.
            schedule: noise levels to visit.
            device: where to.
            condition: of the photos, on the device.
            clock: takes the time of the runtime's calls.
            shape: (B, 2, h, w) of x_t.
            in_graph: capture the step as a CUDA graph, and replay it.

        Raises:
            ValueError: the bundle's sampler is random; its noise would have to travel too.
            DeviceError: the device cannot run the graph.
        """
        table = step_table(schedule, bundle.prediction, bundle.sampler)
        if is_random(table):
            raise ValueError("this measures a sampler without noise: eta = 0")
        self._clock, self._in_graph = clock, in_graph
        self._temperature = np.float32(bundle.sampler.temperature)
        memory = "cuda" if device.is_gpu else "cpu"
        data = step_graph(bundle.read("denoiser.onnx"), bundle.sampler.clamp, takes_noise=False)
        self._session = _open(data, bundle, device, condition, shape, in_graph)
        self._binding = self._session.io_binding()
        for name, value in condition.maps.items():
            self._binding.bind_ortvalue_input(name, value)
        rows = np.ascontiguousarray(table[::-1])
        self._rows = rows
        self._values = [ort.OrtValue.ortvalue_from_numpy(row.copy(), memory, 0) for row in rows]
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


def with_options(device: Device, options: Mapping[str, str]) -> Device:
    """Change options of the preferred provider of a device."""
    (name, own), *others = device.providers
    return replace(device, providers=((name, {**own, **options}), *others))


def _open(
    data: bytes,
    bundle: Bundle,
    device: Device,
    condition: Condition,
    shape: tuple[int, ...],
    in_graph: bool,
) -> ort.InferenceSession:
    """Open a step for just these shapes, which lets the runtime fold all that computes shapes."""
    if device.name == "tensorrt":
        inputs = graph_inputs(data)
        options = provider_options(bundle, "step.onnx", inputs, shape[0], bundle.working_size)
        return open_session(data, device, options)
    known = {name: tuple(value.shape()) for name, value in condition.maps.items()}
    options = {"enable_cuda_graph": "1"} if in_graph else {}
    return open_session(_fixed(data, known | {"noisy_ab": shape}), device, options)


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
