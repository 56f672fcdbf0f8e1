"""Describe the machine that figures are measured on, and the memory that the process takes."""

import ctypes
import os
import platform
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from .. import __version__
from .cpus import inference_threads, read_or_empty, usable_cpus
from .gpu import find_gpu

if sys.platform != "win32":
    import resource

# The instruction sets by which the runtimes choose their kernels, as Linux spells them.
_FLAGS = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("asimd", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)
_PACKAGES = "numpy opencv-python-headless onnxruntime onnxruntime-gpu openvino tifffile".split()


def describe_machine(root: Path = Path("/")) -> dict[str, Any]:
    """Say what figures depend on, whatever the model; `root` is the folder that /proc is in.

    Returns:
        `system`, `python`, `cpu` (name), `flags` (instruction sets; empty where the system does
        not tell), `cpus`, `usable_cpus`, `network_threads`, `memory_gb`, `gpu` (name or null),
        `load_average` (of the last minute; null on Windows), `packages` (version by distribution).
    """
    name, flags = describe_cpu(root)
    gpu = find_gpu()
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": name,
        "flags": flags,
        "cpus": os.cpu_count(),
        "usable_cpus": usable_cpus(),
        "network_threads": inference_threads(),
        "memory_gb": _memory_gb(),
        "gpu": gpu.name if gpu else None,
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "packages": {"colorize-cli": __version__, **_versions()},
    }


def describe_cpu(root: Path = Path("/")) -> tuple[str, list[str]]:
    """Return the name and the instruction sets of the first CPU, as `describe_machine` does."""
    first = read_or_empty(root / "proc/cpuinfo").split("\n\n")[0]
    pairs = [line.partition(":") for line in first.splitlines()]
    fields = {key.strip(): value.strip() for key, _, value in pairs}
    # A virtual machine may hide the model's name behind that of the family; the numbers tell.
    numbers = [f"{key} {fields[key]}" for key in ("cpu family", "model") if key in fields]
    name = fields.get("model name") or platform.processor() or platform.machine()
    found = set((fields.get("flags") or fields.get("Features") or "").split())
    return ", ".join([name, *numbers]), [flag for flag in _FLAGS if flag in found]


def peak_memory() -> int | None:
    """Return the largest resident memory of the process so far, in bytes; None on Windows."""
    for line in read_or_empty(Path("/proc/self/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    if sys.platform == "win32":
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def usable_memory(root: Path = Path("/")) -> int | None:
    """Return the bytes of memory that this process may have, its container's; None if unknown."""
    gigabytes = _memory_gb()
    limits = [round(gigabytes * 1e9)] if gigabytes else []
    for place in ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = read_or_empty(root / place).strip()
        limits += [int(text)] if text.isdecimal() else []
    return min(limits, default=None)


def return_memory() -> None:
    """Give freed memory back to the system; only glibc would keep it otherwise."""
    with suppress(OSError, AttributeError, TypeError):  # of Windows, and of other C libraries
        ctypes.CDLL(None).malloc_trim(0)


def seconds_without_core() -> float | None:
    """Return for how long the threads together had work but no core; Linux alone knows."""
    try:
        files = Path("/proc/self/task").glob("*/schedstat")
        return sum(int(file.read_text().split()[1]) for file in files) / 1e9
    except (OSError, IndexError):  # another system, or a thread that has just ended
        return None


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions
