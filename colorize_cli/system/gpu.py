"""Ask the NVIDIA driver what the first GPU is."""

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
# CUdevice_attribute of cuda.h.
_COMPUTE_CAPABILITY_MAJOR = 75
_COMPUTE_CAPABILITY_MINOR = 76


@dataclass(frozen=True)
class Gpu:
    """What the driver says of a GPU.

    Attributes:
        name: The driver's name for it, such as "NVIDIA H200".
        compute_capability: Its version of NVIDIA's instructions, such as "9.0".
        driver_cuda: The newest major version of CUDA that the driver can run.
    """

    name: str
    compute_capability: str
    driver_cuda: int


def find_gpu() -> Gpu | None:
    """Describe GPU 0, or return None where there is no GPU or no driver that works."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return None
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return None
    device = ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    version = ctypes.c_int()
    failed = (
        driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDriverGetVersion(ctypes.byref(version))
    )
    if failed:
        return None
    major = _attribute(driver, _COMPUTE_CAPABILITY_MAJOR, device)
    minor = _attribute(driver, _COMPUTE_CAPABILITY_MINOR, device)
    return Gpu(
        name=name.value.decode(errors="replace"),
        compute_capability=f"{major}.{minor}",
        driver_cuda=version.value // 1000,  # 13020 is 13.2
    )


def _attribute(driver: Any, attribute: int, device: ctypes.c_int) -> int:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    return value.value
