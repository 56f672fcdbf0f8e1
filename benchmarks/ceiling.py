"""Measure what this machine can do at most: large matrix products and copies of memory."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
import openvino as ov  # type: ignore[import-untyped]
import torch
from onnx import TensorProto, helper, numpy_helper

SIDE = 2048
PRECISIONS = ("fp32", "bf16", "int8")
_COPY_BYTES = 256 << 20  # many times what the caches hold
_LEAST_RUNS = 3
_OPSET, _IR = 18, 9
_LEVELS = 255  # of OpenVINO's symmetric int8


@dataclass(frozen=True)
class Product:
    """A matrix product of a library, ready to run.

    Attributes:
        library: The library that computes it.
        precision: The precision of the factors, "fp32" | "bf16" | "int8".
        flop: The operations of one run.
        run: The function that runs it.
    """

    library: str
    precision: str
    flop: int
    run: Callable[[], object]


@dataclass(frozen=True)
class Rate:
    """How fast something ran, over some repetitions, in units of 10^9 a second."""

    median: float
    best: float


def products(threads: int, side: int = SIDE) -> list[Product]:
    """Make every product of two `side` x `side` matrices that can be computed here.

    One factor is constant, as weights are, so that a library may lay it out once.

    Args:
        threads: The threads of each product. PyTorch has one number for the process, so use the
            products of one call before those of another.
        side: The side of the matrices.
    """
    torch.set_num_threads(threads)
    a, b = (torch.rand(side, side) - 0.5 for _ in range(2))
    runs: list[tuple[str, str, Callable[[], object]]] = [
        ("torch", "fp32", lambda: torch.mm(a, b)),
        ("torch", "bf16", _torch_bf16(a, b)),
        ("torch", "int8", _torch_int8(side)),
        ("ONNX Runtime", "fp32", _ort_product(side, "fp32", threads)),
        ("ONNX Runtime", "int8", _ort_product(side, "int8", threads)),
        *(("OpenVINO", p, _openvino_product(side, p, threads)) for p in PRECISIONS),
    ]
    return [Product(library, precision, 2 * side**3, run) for library, precision, run in runs]


def measure(run: Callable[[], object], work: float, seconds: float) -> Rate:
    """Run for about so many seconds after one run that does not count.

    Args:
        run: The function to measure.
        work: The operations or bytes of a run.
        seconds: For how long, about.
    """
    run()
    times: list[float] = []
    end = perf_counter() + seconds
    while len(times) < _LEAST_RUNS or perf_counter() < end:
        started = perf_counter()
        run()
        times.append(perf_counter() - started)
    return Rate(work / float(np.median(times)) / 1e9, work / min(times) / 1e9)


def fastest(found: Sequence[Product], precision: str, seconds: float = 0.5) -> Product:
    """Choose the library whose product is fastest in a precision."""
    fit = [product for product in found if product.precision == precision]
    return max(fit, key=lambda product: measure(product.run, product.flop, seconds).median)


def measure_copy(threads: int, seconds: float) -> Rate:
    """Copy memory part by part in threads, and return gigabytes a second.

    Each byte counts twice, for it is read and written.
    """
    source = np.ones(_COPY_BYTES // threads * threads, np.uint8)
    target = np.empty_like(source)
    parts = list(zip(np.split(source, threads), np.split(target, threads), strict=True))
    with ThreadPoolExecutor(threads) as pool:

        def copy() -> None:
            list(pool.map(lambda part: np.copyto(part[1], part[0]), parts))

        return measure(copy, 2 * source.nbytes, seconds)


def _torch_bf16(a: torch.Tensor, b: torch.Tensor) -> Callable[[], object]:
    half_a, half_b = a.bfloat16(), b.bfloat16()
    return lambda: torch.mm(half_a, half_b)


def _torch_int8(side: int) -> Callable[[], object]:
    a, b = (torch.randint(-128, 128, (side, side), dtype=torch.int8) for _ in range(2))
    return lambda: torch._int_mm(a, b)


def _ort_product(side: int, precision: str, threads: int) -> Callable[[], object]:
    """Make a MatMul of float32, or a MatMulInteger of uint8 and int8, which is the fastest."""
    rng = np.random.default_rng(0)
    x: Any
    weights: Any
    if precision == "fp32":
        operator, kinds = "MatMul", (TensorProto.FLOAT, TensorProto.FLOAT)
        x, weights = rng.random((2, side, side), np.float32)
    else:
        operator, kinds = "MatMulInteger", (TensorProto.UINT8, TensorProto.INT32)
        x = rng.integers(0, 256, (side, side), np.uint8)
        weights = rng.integers(-127, 128, (side, side), np.int8)
    graph = helper.make_graph(
        [helper.make_node(operator, ["x", "weights"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", kinds[0], [side, side])],
        [helper.make_tensor_value_info("y", kinds[1], [side, side])],
        [numpy_helper.from_array(weights, "weights")],
    )
    opset = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=_IR)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"x": x})


def _openvino_product(side: int, precision: str, threads: int) -> Callable[[], object]:
    ops = ov.opset13
    x = np.random.default_rng(0).random((side, side), np.float32) - np.float32(0.5)
    parameter = ops.parameter([side, side], np.float32, name="x")
    left, right = parameter, ops.constant(x.T.copy())
    if precision == "int8":
        # Levels in front of both factors are what OpenVINO recognises as an int8 product.
        bounds = [np.float32(-0.5), np.float32(0.5)] * 2
        left, right = (ops.fake_quantize(node, *bounds, levels=_LEVELS) for node in (left, right))
    model = ov.Model([ops.matmul(left, right, False, False)], [parameter])
    config = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,
    }
    request = ov.Core().compile_model(model, "CPU", config).create_infer_request()
    return lambda: request.infer({0: x}, share_inputs=True)
