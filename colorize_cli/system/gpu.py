"""Ask the NVIDIA driver what the first GPU is."""

import ctypes
import sys
from dataclasses import dataclass
from typing import Any

_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_COMPUTE_CAPABILITY = (75, 76)  # CUdevice_attribute of cuda.h: major and minor


@dataclass(frozen=True)
class Gpu:
    """What the driver says of a GPU."""

    name: str  # such as "NVIDIA H200"
    compute_capability: str  # the version of its instructions, such as "9.0"
    driver_cuda: int  # the newest major version of CUDA that the driver can run


def find_gpu() -> Gpu | None:
    """Describe GPU 0, or return None where there is no GPU or no driver that works."""
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return None
    count, device, version = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    if (
        driver.cuInit(0)
        or driver.cuDeviceGetCount(ctypes.byref(count))
        or not count.value
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDriverGetVersion(ctypes.byref(version))
    ):
        return None
    capability = ".".join(_attribute(driver, number, device) for number in _COMPUTE_CAPABILITY)
    newest = version.value // 1000  # 13020 is 13.2
    return Gpu(name.value.decode(errors="replace"), capability, newest)


def _attribute(driver: Any, attribute: int, device: ctypes.c_int) -> str:
    value = ctypes.c_int()
    driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    return str(value.value)
