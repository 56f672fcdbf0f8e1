"""What OpenVINO is here: what the CPU can do with it, and whether it computes at all."""

import numpy as np
import openvino as ov  # type: ignore[import-untyped]

# One for the whole process, never let go: with it would go the stack for signals that it gives to
# the thread that compiles first, which would die of the next signal.
CORE = ov.Core()


def computes_bf16() -> bool:
    """Whether this CPU has instructions for bfloat16 that OpenVINO uses."""
    return "BF16" in CORE.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def test_computation(model: bytes) -> str | None:
    """Compute with a model of one input x: what is wrong with the result of x = 1, or None."""
    try:
        request = CORE.compile_model(CORE.read_model(model), "CPU").create_infer_request()
        result = next(iter(request.infer({"x": np.ones(1, np.float32)}).values()))
    except RuntimeError as error:
        return f"a test computation failed ({last_line(error)})"
    return None if result[0] == 2 else "a test computation gave a wrong result"


def last_line(error: Exception) -> str:
    """What is wrong, of an error of OpenVINO that begins with where in its code."""
    return str(error).strip().splitlines()[-1]
