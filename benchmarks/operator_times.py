"""Tell where the time of a denoiser step goes, by the runtimes' own profiles of operators."""

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import TypeAlias

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
import openvino as ov  # type: ignore[import-untyped]
from numpy.typing import NDArray

from colorize_cli.imaging.area_resample import cell_means
from colorize_cli.model.bundle import Bundle
from colorize_cli.runtimes.runtime import Device

CONVOLUTIONS, PRODUCTS = "convolutions", "matrix products"
_PRODUCTS = ("matmul", "gemm", "fullyconnected", "attention", "mha")
_WARM_UP = 3

Feed: TypeAlias = dict[str, NDArray[np.float32]]


def time_operators(
    bundle: Bundle, device: Device, height: int, width: int, runs: int = 20
) -> dict[str, float]:
    """Profile a step of one sample on one thread.

    Args:
        bundle: The model.
        device: ONNX Runtime's or OpenVINO's CPU.
        height: The height of the working image in pixels.
        width: The width of the working image in pixels.
        runs: The number of runs that the times are the means of.

    Returns:
        The milliseconds of a step by group of operators, the longest first. Fused operators count
        under the name that the runtime gives them: what follows a convolution is part of it, and
        OpenVINO's "Subgraph" holds elementwise work and attention.
    """
    feed = _feed(bundle, height, width)
    profile = _profile_openvino if device.name == "openvino" else _profile_ort
    times: dict[str, float] = defaultdict(float)
    for name, milliseconds in profile(bundle, device, feed, runs).items():
        times[group_of(name)] += milliseconds
    return dict(sorted(times.items(), key=lambda item: -item[1]))


def group_of(operator: str) -> str:
    """Group a runtime's own name of an operator: convolutions, products, or the name itself."""
    name = operator.lower()
    if "conv" in name and not name.startswith("convert"):
        return CONVOLUTIONS
    return PRODUCTS if any(word in name for word in _PRODUCTS) else operator


def _feed(bundle: Bundle, height: int, width: int) -> Feed:
    """Make inputs of the denoiser, of which only the shapes matter."""
    rng = np.random.default_rng(0)
    L = 100 * rng.random((1, 1, height, width), np.float32)
    if "encoder.onnx" in bundle.files:
        session = ort.InferenceSession(
            bundle.read("encoder.onnx"), providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        maps: Feed = dict(zip(names, session.run(names, {"L": L}), strict=True))
    else:
        maps = {"L": cell_means(L, bundle.grid)}
    noisy_ab = rng.standard_normal((1, 2, height // bundle.grid, width // bundle.grid), np.float32)
    return {"noisy_ab": noisy_ab, "gamma": np.full(1, 0.5, np.float32), **maps}


def _profile_ort(bundle: Bundle, device: Device, feed: Feed, runs: int) -> dict[str, float]:
    """Take the times out of ONNX Runtime's trace."""
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "trace")
        session = ort.InferenceSession(
            bundle.read("denoiser.onnx"), options, providers=["CPUExecutionProvider"]
        )
        for _ in range(_WARM_UP + runs):
            session.run(None, feed)
        events = json.loads(Path(session.end_profiling()).read_text())
    kernels = [e for e in events if e["cat"] == "Node" and e["name"].endswith("_kernel_time")]
    timed = kernels[-runs * (len(kernels) // (_WARM_UP + runs)) :]
    times: dict[str, float] = defaultdict(float)
    for event in timed:
        times[event["args"]["op_name"]] += event["dur"] / 1000 / runs
    return times


def _profile_openvino(bundle: Bundle, device: Device, feed: Feed, runs: int) -> dict[str, float]:
    """Add up OpenVINO's counters of each call."""
    core = ov.Core()
    graph = core.read_model(bundle.read("denoiser.onnx"))
    graph.reshape({name: list(value.shape) for name, value in feed.items()})
    config = {
        "INFERENCE_PRECISION_HINT": "bf16" if device.precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": 1,
        "PERF_COUNT": True,
    }
    request = core.compile_model(graph, "CPU", config).create_infer_request()
    times: dict[str, float] = defaultdict(float)
    for run in range(_WARM_UP + runs):
        request.infer(feed)
        if run >= _WARM_UP:
            for node in request.get_profiling_info():
                times[node.node_type] += node.real_time.total_seconds() * 1000 / runs
    return times
