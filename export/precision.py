"""The precisions of a bundle, and half precision in PyTorch."""

import copy
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from .trace import HALF_FROM

# What a bundle's last graph computes in; "bf16" and "int8" leave a pretrained encoder in fp32.
Precision: TypeAlias = Literal["fp32", "fp16", "bf16", "int8"]


def round_to_half(network: nn.Module) -> None:
    """Round the weights that a bundle stores in half precision, in place."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() >= HALF_FROM:
                parameter.copy_(parameter.half().float())


def half_copy(network: nn.Module) -> nn.Module:
    """Copy a network to compute in half precision, but for its float32 islands."""
    return copy.deepcopy(network).half().eval()


class HalfArithmetic(TorchDispatchMode):
    """Compute in half precision as a GPU does, at the speed of single precision on a CPU.

    Every operation on float16 sums up in float32 and rounds its result to float16, overflow
    included. CPUs without half-precision arithmetic are ten times slower by themselves, and ONNX
    Runtime's CPU provider leaves out the rounding between operations.
    """

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation."""
        kwargs = kwargs or {}
        has_half = any(map(_is_half, tree_leaves((args, kwargs))))
        is_cast = func.overloadpacket is torch.ops.aten._to_copy
        if not has_half or is_cast or func.is_view:
            return func(*args, **kwargs)
        single = tree_map(lambda x: x.float() if _is_half(x) else x, (args, kwargs))
        result = func(*single[0], **single[1])
        return tree_map(
            lambda x: x.half() if isinstance(x, Tensor) and x.dtype == torch.float32 else x, result
        )


def _is_half(value: object) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.float16
