"""CUDA through ONNX Runtime: why it does not run, and what to do about it."""

import contextlib
import ctypes
import importlib.util
import io
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort  # type: ignore[import-untyped]

from ..system.gpu import find_gpu
from ..system.installed import install_commands
from .ort import CPU_PROVIDER, Providers, as_graphs, open_session, reinstall, test_computation
from .runtime import Device, DeviceName, Graph, GraphSet, Precision, Runtime

CUDA_PROVIDER = "CUDAExecutionProvider"
# float32 means float32, and no benchmark of all algorithms at each new shape of a photo.
_OPTIONS = {"device_id": "0", "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
PROVIDERS: Providers = ((CUDA_PROVIDER, _OPTIONS), (CPU_PROVIDER, {}))
_PHOTOS_A_CALL = 8  # with one, a GPU is idle most of the time


def _problem(is_proven: bool) -> str | None:
    return gpu_problem("cuda", PROVIDERS, cure)


def _device(threads: int, precision: Precision) -> Device:
    return gpu_device("cuda", "CUDA", threads)


def _open(graphs: GraphSet, device: Device) -> dict[str, Graph]:
    sessions = (open_session(file.read(), device, PROVIDERS) for file in graphs.files)
    return as_graphs(graphs, device, sessions)


def gpu_device(name: DeviceName, title: str, threads: int) -> Device:
    """Describe a device that is a GPU, with its name where the driver tells it."""
    gpu = find_gpu()
    hardware = f"{gpu.name}, " if gpu else ""
    description = f"{title} ({hardware}onnxruntime {ort.__version__})"
    return Device(name, threads, description, photos_a_call=_PHOTOS_A_CALL)


def cure() -> str:
    """Say how to get the libraries of CUDA; it takes a while to find out."""
    return f"Install the CUDA libraries with one of\n{install_commands('cuda')}"


def gpu_problem(
    name: DeviceName,
    providers: Providers,
    cure: Callable[[], str],
    preload: Callable[[], None] = lambda: None,
) -> str | None:
    """Say why the first provider does not run here; None when it has just computed.

    It is tried each time, as drivers change. After the device `name`, onnxruntime names the
    provider's library; `cure` says how to install what it may lack, and `preload` loads what the
    provider needs beyond CUDA.
    """
    provider = providers[0][0]
    if provider not in ort.get_available_providers():
        return f"this onnxruntime was built without {provider}; {reinstall()}"
    gpu = find_gpu()
    if gpu is None:
        return "no NVIDIA GPU with a working driver was found"
    if gpu.driver_cuda < int(ort.cuda_version.split(".")[0]):
        return (
            f"the driver of the {gpu.name} runs CUDA up to version {gpu.driver_cuda}, and this "
            f"onnxruntime needs CUDA {ort.cuda_version}; update the NVIDIA driver"
        )
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it misses; the probe tells
        ort.preload_dlls()
    preload()
    failure = test_computation(providers)
    if failure is None:
        return None
    missing = _missing_library(name)
    if missing is None:
        return f"{gpu.name} was found, but {failure}; check the NVIDIA driver"
    return f"{gpu.name} was found, but a library is missing ({missing}). {cure()}"


def preload_wheel(package: str, libraries: tuple[str, ...]) -> None:
    """Load libraries out of the wheel that brought them, where it is installed."""
    wheel = importlib.util.find_spec(package)
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        for library in libraries:
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


RUNTIME = Runtime(_problem, _device, _open, is_gpu=True)
