"""Devices: what runs the network, proven by running something on it."""

from dataclasses import replace
from importlib import import_module

from ..errors import DeviceError, UsageError
from ..system.cpus import inference_threads
from .runtime import RUNTIMES, Device, DeviceName, Precision, Runtime

DEVICES = tuple(RUNTIMES)


def runtime_of(name: DeviceName) -> Runtime:
    """Load the runtime of a device; ImportError where its package is missing or damaged."""
    runtime: Runtime = import_module(f".{RUNTIMES[name]}", __package__).RUNTIME
    return runtime


def runs_on_gpu(name: str) -> bool:
    """Tell whether a device, by name, is a GPU; False for a name that is none."""
    return any(name == known and runtime_of(known).is_gpu for known in DEVICES)


def resolve(
    requested: str = "auto",
    *,
    threads: int | None = None,
    precision: Precision = "fp32",
    is_proven: bool = False,
) -> Device:
    """Choose the device to run on.

    Args:
        requested: A device by name, or "auto": CUDA where it works, else the CPU by ONNX Runtime.
            TensorRT is never chosen unasked, since it builds engines for minutes.
        threads: Threads of the network on the CPU; by default one for each core it may use.
        precision: Precision of a runtime that has several.
        is_proven: Whether it ran here before: then it is loaded, and not tested once more.

    Raises:
        DeviceError: The device asked for by name cannot run here; the message says why.
        UsageError: There is no device of that name.
    """
    threads = inference_threads() if threads is None else threads
    if requested == "auto":
        why_not = problem("cuda")
        best: DeviceName = "cpu" if why_not else "cuda"
        return replace(runtime_of(best).device(threads, precision), note=why_not)
    for name in DEVICES:
        if name == requested:
            if why_not := problem(name, is_proven=is_proven):
                raise DeviceError(
                    f"--device {name} cannot run here (--device cpu always can): {why_not}"
                )
            return runtime_of(name).device(threads, precision)
    raise UsageError(f"unknown device {requested!r}: choose auto, {', '.join(DEVICES)}")


def problem(name: DeviceName, *, is_proven: bool = False) -> str | None:
    """Say why a device cannot run here, as `Runtime.problem`; None when it has just run."""
    return runtime_of(name).problem(is_proven)
