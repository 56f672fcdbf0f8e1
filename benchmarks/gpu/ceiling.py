"""Time the product of two large matrices in PyTorch, which a denoiser can be held against."""

from collections.abc import Callable
from time import perf_counter

import numpy as np
import torch

_WARM_UPS, _RUNS = 3, 10
_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def matrix_ceiling(device: str, side: int) -> dict[str, float]:
    """Multiply two `side` x `side` matrices of normal numbers.

    Args:
        device: "cuda" or "cpu".
        side: The side of the matrices.

    Returns:
        10^12 operations a second by precision, the median of some runs. fp32 is without TF32.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    found = {}
    for name, kind in _TYPES.items():
        if device == "cpu" and name == "fp16":
            continue  # emulated
        a, b = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
        out = torch.empty_like(a)
        found[name] = 2 * side**3 / _seconds(lambda: torch.mm(a, b, out=out), device) / 1e12  # noqa: B023
    return found


def _seconds(run: Callable[[], object], device: str) -> float:
    for _ in range(_WARM_UPS):
        run()
    times = []
    for _ in range(_RUNS):
        if device == "cpu":
            started = perf_counter()
            run()
            times.append(perf_counter() - started)
            continue
        before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before.record()
        run()
        after.record()
        after.synchronize()
        times.append(before.elapsed_time(after) / 1000)
    return float(np.median(times))
