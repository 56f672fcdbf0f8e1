import ctypes
from typing import Any

import pytest

from colorize_cli.system import gpu as nvidia
from colorize_cli.system.gpu import Gpu, find_gpu


class Driver:
    """libcuda as ctypes sees it: results through pointers, 0 for success."""

    def __init__(self, devices: int = 1, init: int = 0) -> None:
        self.devices = devices
        self.init = init

    def cuInit(self, flags: int) -> int:
        return self.init

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self.devices
        return 0

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:
        return 0

    def cuDeviceGetName(self, name: Any, length: int, device: Any) -> int:
        name.value = b"NVIDIA H200"
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = 13020
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:
        value._obj.value = {75: 9, 76: 0}[attribute]
        return 0


def test_the_first_gpu_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia.ctypes, "CDLL", lambda name: Driver())

    assert find_gpu() == Gpu("NVIDIA H200", compute_capability="9.0", driver_cuda=13)


@pytest.mark.parametrize("driver", [Driver(devices=0), Driver(init=100)])
def test_a_driver_without_a_gpu_that_works_is_none(
    monkeypatch: pytest.MonkeyPatch, driver: Driver
) -> None:
    monkeypatch.setattr(nvidia.ctypes, "CDLL", lambda name: driver)

    assert find_gpu() is None


def test_no_driver_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(nvidia.ctypes, "CDLL", missing)

    assert find_gpu() is None
