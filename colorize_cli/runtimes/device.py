"""Devices: what runs the network, proven by running something on it.

onnxruntime lists providers that it cannot load and then runs on the CPU without an error, so a
provider counts only after a session has been opened, has kept it, and has computed with it.
"""

import contextlib
import ctypes
import importlib.metadata
import importlib.util
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Literal, Self, TypeAlias, get_args

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from ..errors import DeviceError, UsageError
from ..system.cpus import inference_threads
from ..system.gpu import find_gpu
from ..system.install import install_commands

_PIP = f"{sys.executable} -m pip"
_REPAIR = f"{_PIP} uninstall -y onnxruntime onnxruntime-gpu, then {_PIP} install onnxruntime-gpu"
if not hasattr(ort, "InferenceSession"):
    # What is left when one of two wheels, which share a folder, is uninstalled.
    raise DeviceError(f"the installation of onnxruntime is broken: {_REPAIR}")

DeviceName: TypeAlias = Literal["cpu", "cuda", "tensorrt", "openvino"]

Precision: TypeAlias = Literal["fp32", "bf16"]

DEVICES: tuple[DeviceName, ...] = get_args(DeviceName)
_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
_GPU_BATCH = 8  # photos a call: with one, a GPU is idle most of the time
# float32 means float32, and no benchmark of all algorithms at each new shape of a photo.
_CUDA_OPTIONS = {"device_id": "0", "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
_ORT_ERROR, _ORT_FATAL = 3, 4
# The ONNX model y = x + x of one float32 (IR version 9, opset 18), so that onnx is not needed.
_PROBE = bytes.fromhex(
    "08093a390a0e0a01780a01781201792203416464120570726f62655a0f0a0178120a0a08080112040a0208016"
    "20f0a0179120a0a08080112040a02080142040a001012"
)


@dataclass(frozen=True)
class Device:
    """A device that has been seen to work.

    Attributes:
        name: "cpu", "cuda", "tensorrt" or "openvino".
        providers: onnxruntime's providers with their options, the preferred one first; none for
            OpenVINO, which is a runtime of its own.
        threads: of a call on the CPU.
        lanes: calls at the same time; on the CPU, `threads` x `lanes` are the cores to be used.
        precision: that it computes in where it is not the bundle that decides: "fp32" | "bf16".
        description: for people: "CUDA (NVIDIA H200, onnxruntime 1.31.1)".
        note: why `auto` did not take a better device, or None.
    """

    name: DeviceName
    providers: tuple[tuple[str, Mapping[str, str]], ...]
    threads: int
    description: str
    lanes: int = 1
    precision: Precision | None = None
    note: str | None = None

    @property
    def is_gpu(self) -> bool:
        """Whether calls are of many photos, one at a time."""
        return self.name in ("cuda", "tensorrt")

    def computes(self, compute: str) -> str:
        """Say what a bundle's numbers are computed in here.

        Args:
            compute: what the bundle says, "fp32" | "fp16" | "bf16" | "int8". Its graphs are of
                that, but for bfloat16, which only OpenVINO makes of graphs in single precision.
        """
        own = "fp32" if compute == "bf16" else compute
        if own == "fp32":
            return self.precision or own
        return f"{own}+{self.precision}" if self.precision == "bf16" else own

    def batch_for(self, samples: int) -> int:
        """Photos that should go through together when each gets so many samples."""
        return _GPU_BATCH if self.is_gpu else ceil(self.lanes / samples)

    def fitted(self, calls: int) -> Self:
        """Use fewer lanes with more threads each where there are hardly any calls to make.

        On the CPU bits do not depend on the number of threads.
        """
        lanes = max(1, min(self.lanes, calls))
        return replace(self, lanes=lanes, threads=self.threads * self.lanes // lanes)


def resolve(
    requested: str = "auto",
    *,
    threads: int | None = None,
    precision: Precision = "fp32",
    is_proven: bool = False,
) -> Device:
    """Choose the device to run on.

    Args:
        requested: "cpu", "cuda", "tensorrt", "openvino", or "auto": CUDA where it works, else the
            CPU; `auto.choose` chooses among all that run on the CPU. TensorRT is never chosen
            unasked, since it builds engines for minutes.
        threads: of the network on the CPU; as many as the process may use cores by default.
        precision: of OpenVINO.
        is_proven: whether this machine has run it with these packages before: then it is loaded,
            and not tested once more.

    Raises:
        DeviceError: the device asked for by name cannot run here; the message says why and
            what to do about it.
        UsageError: there is no device of that name.
    """
    threads = inference_threads() if threads is None else threads
    if requested == "auto":
        why_not = problem("cuda")
        if why_not is None:
            return _device("cuda", threads)
        return replace(_device("cpu", threads), note=why_not)
    for name in DEVICES:
        if name == requested:
            why_not = problem(name, is_proven=is_proven)
            if why_not is not None:
                raise DeviceError(
                    f"--device {name} cannot run here (--device cpu always can): {why_not}"
                )
            return _device(name, threads, precision)
    raise UsageError(f"unknown device {requested!r}: choose auto, {', '.join(DEVICES)}")


def problem(name: DeviceName, *, is_proven: bool = False) -> str | None:
    """Say why a device cannot run here and what to do about it; None when it has just run.

    With `is_proven`, on the CPU, None already when it can be loaded.
    """
    if name == "cpu":
        return None if is_proven else _probe("cpu")
    if name == "openvino":
        return _problem_of_openvino(is_proven)
    if _PROVIDERS[name] not in ort.get_available_providers():
        return f"this onnxruntime was built without {_PROVIDERS[name]}; {_reinstall()}"
    gpu = find_gpu()
    if gpu is None:
        return "no NVIDIA GPU with a working driver was found"
    if gpu.driver_cuda < int(ort.cuda_version.split(".")[0]):
        return (
            f"the driver of the {gpu.name} runs CUDA up to version {gpu.driver_cuda}, and this "
            f"onnxruntime needs CUDA {ort.cuda_version}; update the NVIDIA driver"
        )
    _preload(name)
    failure = _probe(name)
    if failure is None:
        return None
    missing = _missing_library(name)
    if missing is None:
        return f"{gpu.name} was found, but {failure}; check the NVIDIA driver"
    return f"{gpu.name} was found, but a library is missing ({missing}). {_fix(name)}"


def open_session(
    model: bytes, device: Device, options_of_first: Mapping[str, str] | None = None
) -> ort.InferenceSession:
    """Open an ONNX model on a device.

    Args:
        model: the content of the file.
        device: where to.
        options_of_first: options of the preferred provider for this model.

    Raises:
        DeviceError: onnxruntime opened it elsewhere, or not at all.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = device.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ORT_ERROR
    # Waiting threads sleep and leave the cores to decoding and encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if device.name == "tensorrt":  # for `tensorrt.node_counts`
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    providers = [(name, dict(values)) for name, values in device.providers]
    providers[0][1].update(options_of_first or {})
    try:
        session = ort.InferenceSession(model, options, providers=providers, enable_fallback=0)
    except Exception as error:  # onnxruntime's errors share no narrower base
        raise DeviceError(f"{device.description} cannot open the model: {error}") from error
    if session.get_providers()[0] != device.providers[0][0]:
        raise DeviceError(
            f"{device.description}: onnxruntime fell back to {session.get_providers()[0]}; "
            "choose another --device"
        )
    return session


def graph_inputs(model: bytes) -> dict[str, list[int | str]]:
    """Shapes of a graph's inputs by name; dimensions that may vary are names."""
    options = ort.SessionOptions()
    options.log_severity_level = _ORT_ERROR
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model, options, providers=[_PROVIDERS["cpu"]])
    return {node.name: node.shape for node in session.get_inputs()}


def rival_wheels() -> list[str]:
    """Names of the onnxruntime distributions installed here; two of them break each other."""
    names = ("onnxruntime", "onnxruntime-gpu")
    return [n for n in names if next(iter(importlib.metadata.distributions(name=n)), None)]


def _device(name: DeviceName, threads: int, precision: Precision = "fp32") -> Device:
    if name == "openvino":
        return _openvino(threads, precision)
    chain: dict[DeviceName, tuple[str, ...]] = {
        "cpu": ("cpu",),
        "cuda": ("cuda", "cpu"),
        "tensorrt": ("tensorrt", "cuda", "cpu"),
    }
    options = {"cpu": {}, "cuda": _CUDA_OPTIONS, "tensorrt": {"device_id": "0"}}
    if name == "cpu":
        hardware = f"{_threads_text(threads)}, "
    else:
        gpu = find_gpu()
        hardware = f"{gpu.name}, " if gpu else ""
    title = {"cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT"}[name]
    return Device(
        name=name,
        providers=tuple((_PROVIDERS[n], options[n]) for n in chain[name]),
        threads=1 if name == "cpu" else threads,
        lanes=threads if name == "cpu" else 1,
        description=f"{title} ({hardware}onnxruntime {ort.__version__})",
    )


def _openvino(threads: int, precision: Precision) -> Device:
    from .openvino_core import version

    return Device(
        name="openvino",
        providers=(),
        threads=1,
        lanes=threads,
        precision=precision,
        description=f"CPU ({_threads_text(threads)}, OpenVINO {version()})",
    )


def _threads_text(threads: int) -> str:
    return f"{threads} thread" if threads == 1 else f"{threads} threads"


def _problem_of_openvino(is_proven: bool) -> str | None:
    if importlib.util.find_spec("openvino") is None:
        return f"OpenVINO is not installed. Install it with one of\n{install_commands('openvino')}"
    try:
        from .openvino_core import test_computation
    except ImportError as error:
        return f"OpenVINO cannot be loaded ({error})"
    return None if is_proven else test_computation(_PROBE)


def _probe(name: DeviceName) -> str | None:
    """Compute 1 + 1 on a device; the failure in words, or None."""
    # What goes wrong is told by our own message, not by onnxruntime's on stderr.
    with _log_level(_ORT_FATAL):
        try:
            session = open_session(_PROBE, _device(name, 1))
            result = session.run(None, {"x": np.ones(1, np.float32)})[0]
        except Exception as error:  # whatever it was, the device does not work
            return f"a test computation failed ({str(error).strip().splitlines()[0]})"
    return None if result[0] == 2 else "a test computation gave a wrong result"


@contextlib.contextmanager
def _log_level(level: int) -> Iterator[None]:
    ort.set_default_logger_severity(level)
    try:
        yield
    finally:
        ort.set_default_logger_severity(_ORT_ERROR)


def _preload(name: DeviceName) -> None:
    """Load the libraries out of the wheels that brought them, wherever those lie."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses; the probe tells
        ort.preload_dlls()
    if name == "tensorrt":
        wheel = importlib.util.find_spec("tensorrt_libs")
        for folder in (wheel.submodule_search_locations or []) if wheel else []:
            for library in ("libnvinfer.so.10", "libnvonnxparser.so.10"):
                with contextlib.suppress(OSError):
                    ctypes.CDLL(str(Path(folder) / library), mode=ctypes.RTLD_GLOBAL)


def _missing_library(name: DeviceName) -> str | None:
    """Let the system's loader say which library the provider lacks."""
    prefix, suffix = ("", ".dll") if sys.platform == "win32" else ("lib", ".so")
    folder = Path(ort.__file__).parent / "capi"
    try:
        ctypes.CDLL(str(folder / f"{prefix}onnxruntime_providers_{name}{suffix}"))
    except OSError as error:
        return str(error)
    return None


def _fix(name: DeviceName) -> str:
    fix = f"Install the CUDA libraries with one of\n{install_commands('cuda')}"
    if name == "tensorrt":
        fix += f"\nand TensorRT 10 beside them:\n{install_commands('tensorrt')}"
    return fix


def _reinstall() -> str:
    if len(rival_wheels()) > 1:
        return f"onnxruntime and onnxruntime-gpu are both installed, which breaks them: {_REPAIR}"
    return "NVIDIA GPUs are used on Linux x86-64 and Windows, with onnxruntime-gpu"
