"""What PyTorch can do on a device: bfloat16 at full speed, compiling, taking arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from colorize_cli.errors import UsageError

from .recipe_tables import Precision


def torch_device(name: str) -> str:
    """Choose the device that a name stands for: "auto" is the GPU where there is one."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def to_device(array: NDArray[Any], device: torch.device) -> Tensor:
    """Send an array to a device without waiting for what runs there; on the CPU it is shared."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type != "cuda":
        return tensor.to(device)
    # From other memory the copy waits for all that was launched before it.
    return tensor.pin_memory().to(device, non_blocking=True)


def has_bf16(device: torch.device) -> bool:
    """Tell whether bfloat16 is faster here than float32; where it is emulated it is not."""
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.cuda.is_bf16_supported(including_emulation=False)


def lower_precision(precision: Precision, device: torch.device) -> torch.dtype | None:
    """Give the type that a network computes in, below float32; None for float32."""
    if precision == "auto":
        return torch.bfloat16 if has_bf16(device) else None
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def computing(precision: Precision, device: torch.device) -> torch.autocast:
    """Make the context in which a network computes as precisely as the recipe says."""
    dtype = lower_precision(precision, device)
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


@contextmanager
def as_used(module: nn.Module) -> Iterator[None]:
    """Have a network in training for a while as it is when it is used: without dropout, eager.

    What is compiled would be compiled again for every other number of rows.
    """
    module.eval()
    try:
        with torch.compiler.set_stance("force_eager"):
            yield
    finally:
        module.train()


def compile_in_place(module: nn.Module, device: torch.device) -> None:
    """Have a module compiled at its first call.

    Raises:
        UsageError: torch.compile lacks what it needs here.
    """
    try:
        torch.compile(torch.neg)(torch.zeros(2, device=device))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"optim.compile needs a compiler that works ({reason}). Install one, or leave it out "
            "with --set optim.compile=false."
        ) from error
    module.compile()
