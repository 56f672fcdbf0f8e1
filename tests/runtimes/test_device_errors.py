"""What runtimes say where memory is too little is told from all else that they say."""

import subprocess
import sys
from pathlib import Path

import pytest

from colorize_cli.errors import DeviceError, OutOfMemoryError
from colorize_cli.runtimes.device_errors import device_error

ROOT = Path(__file__).parents[2]
# Gives a process little more memory than it has, and asks for more.
SCARCE = """
import resource, sys
import numpy as np
sys.path.insert(0, {root!r})
from pathlib import Path
from colorize_cli.errors import OutOfMemoryError
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.graphs import open_graphs
from colorize_cli.runtimes.find_device import resolve
device = resolve({device!r}, threads={threads})
encoder = open_graphs(load_bundle({bundle!r}), device)["encoder.onnx"]
encoder.run({{"L": np.zeros((1, 1, 64, 64), np.float32)}})
L = np.zeros((1, 1, 8192, 8192), np.float32)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (16 << 20), -1))
try:
    encoder.run({{"L": L}})
except OutOfMemoryError as error:
    print("too little:", error)
"""


@pytest.mark.parametrize(
    "said",
    [
        "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* AllocateRawInternal() "
        "Failed to allocate memory for requested buffer of size 67108864",
        "CUDA failure 2: out of memory ; GPU=0 ; hostname=x ; expr=cudaMalloc((void**)&p, size);",
        "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0",
        "CUDNN_STATUS_ALLOC_FAILED",
        "[CPU] MatMul node with name 'scores' Check 'ptr' failed at cpu_memory.cpp:257:\n"
        "Failed to allocate 1073741824 bytes of memory\n",
        "std::bad_alloc",
        "Error Code 2: OutOfMemory (Requested size was 1073741824 bytes.)",
    ],
)
def test_want_of_memory_is_known_by_its_words(said: str) -> None:
    assert isinstance(device_error("text", RuntimeError(said)), OutOfMemoryError)
    assert isinstance(device_error("text", MemoryError()), OutOfMemoryError)


@pytest.mark.parametrize(
    "said", ["CUDA failure 700: an illegal memory access was encountered", "Got invalid dimensions"]
)
def test_other_failures_are_none(said: str) -> None:
    error = device_error("text", RuntimeError(said))
    assert isinstance(error, DeviceError)
    assert not isinstance(error, OutOfMemoryError)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is of Linux")
@pytest.mark.parametrize(("device", "threads"), [("cpu", 1), ("openvino", 1), ("openvino", 2)])
def test_a_runtime_without_memory_says_what_is_understood(
    tiny_bundle: Path, device: str, threads: int
) -> None:
    facts = {"root": str(ROOT), "bundle": str(tiny_bundle), "device": device, "threads": threads}
    code = SCARCE.format(**facts)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("too little:"), done.stdout
