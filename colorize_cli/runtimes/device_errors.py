"""What runtimes raise, as errors of ours: they have no type of their own for want of memory."""

from ..errors import DeviceError, OutOfMemoryError

# Words of ONNX Runtime and OpenVINO, of the C++ library, of CUDA, cuBLAS, cuDNN and TensorRT.
_SIGNS = (
    *("failed to allocate", "bad_alloc", "bad allocation", "bad array new length"),
    *("out of memory", "out_of_memory", "outofmemory", "memoryallocation", "alloc_failed"),
    *("cannot allocate memory", "not enough memory", "insufficient memory"),
)


def device_error(text: str, error: Exception) -> DeviceError:
    """Make the error with a text of what a runtime raised: one of memory where that tells."""
    told = str(error).lower()
    is_memory = isinstance(error, MemoryError) or any(sign in told for sign in _SIGNS)
    return OutOfMemoryError(text) if is_memory else DeviceError(text)
