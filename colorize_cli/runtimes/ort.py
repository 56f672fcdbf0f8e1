"""ONNX Runtime: its sessions as graphs, and the runtime of the device "cpu".

onnxruntime lists providers that it cannot load and then runs on the CPU without an error, so a
session counts only when it has kept the provider that was asked for.
"""

import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from ..errors import DeviceError
from ..system.wording import count_text
from .device_errors import device_error
from .runtime import Device, Feeds, Graph, GraphSet, GraphSpec, Precision, Runtime, Size, Value

_PIP = f"{sys.executable} -m pip"
_REPAIR = f"{_PIP} uninstall -y onnxruntime onnxruntime-gpu, then {_PIP} install onnxruntime-gpu"
if not hasattr(ort, "InferenceSession"):
    # What is left when one of two wheels, which share a folder, is uninstalled.
    raise DeviceError(f"the installation of onnxruntime is broken: {_REPAIR}")

CPU_PROVIDER = "CPUExecutionProvider"
_ERROR, _FATAL = 3, 4  # onnxruntime's levels of logging
# The ONNX model y = x + x of one float32 (IR version 9, opset 18), so that onnx is not needed.
PROBE = bytes.fromhex(
    "08093a390a0e0a01780a01781201792203416464120570726f62655a0f0a0178120a0a08080112040a0208016"
    "20f0a0179120a0a08080112040a02080142040a001012"
)
Providers = tuple[tuple[str, Mapping[str, str]], ...]
CPU_PROVIDERS: Providers = ((CPU_PROVIDER, {}),)


class OrtGraph:
    """A session as a graph."""

    def __init__(self, session: ort.InferenceSession, spec: GraphSpec, device: Device) -> None:
        self.node_counts: dict[str, int] = {}  # that each provider really runs, where looked at
        self._session = session
        self._description = device.description
        # TensorRT hands over memory of the CUDA device that it runs on.
        self._memory = "cuda" if device.is_gpu else "cpu"
        self._feeds_others = spec.feeds_others
        self._outputs = [node.name for node in session.get_outputs()]
        # Of the inputs and of the outputs.
        self.names = {node.name for node in session.get_inputs()}, set(self._outputs)

    def run(self, feeds: Feeds) -> dict[str, Value]:
        """Compute the outputs."""
        return self.bind({})(feeds)

    def bind(self, feeds: Feeds) -> Callable[[Feeds], dict[str, Value]]:
        """Give inputs ahead; they are copied to the device once."""
        binding = self._session.io_binding()
        ahead = {name: self._placed(value) for name, value in feeds.items()}

        def run(others: Feeds) -> dict[str, Value]:
            try:
                for name, value in ahead.items():
                    binding.bind_ortvalue_input(name, value)
                for name, value in others.items():
                    binding.bind_cpu_input(name, plain(value))
                for name in self._outputs:
                    binding.bind_output(name, self._memory if self._feeds_others else "cpu", 0)
                self._compute(binding)
            except Exception as error:  # onnxruntime's errors share no narrower base
                reason = str(error).strip().splitlines()[-1]
                raise device_error(
                    f"{self._description} failed: {reason}. Try a smaller --batch or --size, "
                    "or --device cpu.",
                    error,
                ) from error
            found = binding.get_outputs if self._feeds_others else binding.copy_outputs_to_cpu
            return dict(zip(self._outputs, found(), strict=True))

        return run

    def _placed(self, value: Value) -> ort.OrtValue:
        if isinstance(value, ort.OrtValue):
            return value
        return ort.OrtValue.ortvalue_from_numpy(plain(value), self._memory, 0)

    def expect(self, size: Size) -> None:
        """Do nothing: a session serves every size as it is."""

    def _compute(self, binding: ort.IOBinding) -> None:
        self._session.run_with_iobinding(binding)


def plain(value: Value) -> Any:
    """Give an array as the runtimes take it: float32, its rows behind each other."""
    return np.ascontiguousarray(value, np.float32)


def _problem(is_proven: bool) -> str | None:
    return None if is_proven else test_computation(CPU_PROVIDERS)


def _device(threads: int, precision: Precision) -> Device:
    """Describe the CPU: one thread a call, as many calls at once as there are cores."""
    hardware = f"{count_text(threads, 'thread')}, onnxruntime {ort.__version__}"
    return Device("cpu", threads=1, lanes=threads, description=f"CPU ({hardware})")


def _open(graphs: GraphSet, device: Device) -> dict[str, Graph]:
    """Open all graphs side by side."""
    with ThreadPoolExecutor(len(graphs.files), "open") as pool:
        sessions = list(pool.map(lambda file: open_session(file.read(), device), graphs.files))
    return as_graphs(graphs, device, sessions)


def as_graphs(
    graphs: GraphSet, device: Device, sessions: Iterable[ort.InferenceSession]
) -> dict[str, Graph]:
    """Give sessions as graphs by name, once the names of inputs and outputs have been checked."""
    pairs = zip(graphs.files, sessions, strict=True)
    opened = {file.spec.name: OrtGraph(session, file.spec, device) for file, session in pairs}
    graphs.check({name: graph.names for name, graph in opened.items()})
    return dict(opened)


RUNTIME = Runtime(_problem, _device, _open)


def open_session(
    model: bytes,
    device: Device,
    providers: Providers = CPU_PROVIDERS,
    *,
    records_providers: bool = False,
) -> ort.InferenceSession:
    """Open the content of an ONNX file with providers and their options, the preferred one first.

    The session has the device's threads and, where it `records_providers`, can tell which of them
    runs which node. DeviceError is raised where onnxruntime opens it elsewhere, or not at all.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = device.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERROR
    # Waiting threads sleep and leave the cores to decoding and encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if records_providers:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    chain = [(name, dict(values)) for name, values in providers]
    try:
        session = ort.InferenceSession(model, options, providers=chain, enable_fallback=0)
    except Exception as error:  # onnxruntime's errors share no narrower base
        raise device_error(f"{device.description} cannot open the model: {error}", error) from error
    if session.get_providers()[0] != providers[0][0]:
        raise DeviceError(
            f"{device.description}: onnxruntime fell back to {session.get_providers()[0]}; "
            "choose another --device"
        )
    return session


def graph_inputs(model: bytes) -> dict[str, list[int | str]]:
    """Return the shapes of a graph's inputs by name; dimensions that may vary are names."""
    options = ort.SessionOptions()
    options.log_severity_level = _ERROR
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model, options, providers=[CPU_PROVIDER])
    return {node.name: node.shape for node in session.get_inputs()}


def rival_wheels() -> list[str]:
    """Name the onnxruntime distributions installed here; two of them break each other."""
    names = ("onnxruntime", "onnxruntime-gpu")
    return [n for n in names if next(iter(importlib.metadata.distributions(name=n)), None)]


def test_computation(providers: Providers) -> str | None:
    """Compute 1 + 1 with providers: what is wrong, or None."""
    # What goes wrong is told by our own message, not by onnxruntime's on stderr.
    ort.set_default_logger_severity(_FATAL)
    try:
        session = open_session(PROBE, Device("cpu", 1, "the device"), providers)
        result = session.run(None, {"x": np.ones(1, np.float32)})[0]
    except Exception as error:  # whatever it was, the device does not work
        return f"a test computation failed ({str(error).strip().splitlines()[0]})"
    finally:
        ort.set_default_logger_severity(_ERROR)
    return None if result[0] == 2 else "a test computation gave a wrong result"


def reinstall() -> str:
    """Say how to get an onnxruntime that has the providers of GPUs."""
    if len(rival_wheels()) > 1:
        return f"onnxruntime and onnxruntime-gpu are both installed, which breaks them: {_REPAIR}"
    return "NVIDIA GPUs are used on Linux x86-64 and Windows, with onnxruntime-gpu"
