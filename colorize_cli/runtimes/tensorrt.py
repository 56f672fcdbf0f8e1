"""TensorRT through onnxruntime: what its engines are built for, and where they are kept.

An engine is built for a range of shapes, on one model of GPU, by one TensorRT. onnxruntime neither
notices that one of these has changed nor throws an old engine out, so all of them name the folder.
"""

import ctypes
import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import onnxruntime as ort  # type: ignore[import-untyped]

from ..errors import DeviceError
from ..model.bundle import GRAPHS, Bundle
from ..system.files import cache_folder, prune
from ..system.gpu import find_gpu

# Sides of photos up to this many times the working size are in the range: aspects up to 4 : 1.
# What is longer still makes TensorRT build anew, for a wider range.
_LONGEST = 2
_CACHE_BYTES = 8 << 30
_PROVIDER = "TensorrtExecutionProvider"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Profile:
    """The shapes that engines are built for.

    Attributes:
        batch: photos a call, each with one sample; the smallest is 1.
        size: working size in pixels, at which the engines are fastest.
        multiple: the sides are multiples of it, and at least that.
        grid: working pixels per cell of the ab grid.
    """

    batch: int
    size: int
    multiple: int
    grid: int

    def options(self, inputs: Mapping[str, Sequence[int | str]]) -> dict[str, str]:
        """State the range for a graph's inputs, as onnxruntime wants it.

        Args:
            inputs: shape by name; dimensions that may vary are names. `cond_i` has sides of the
                grid's, halved i times.
        """
        longest = -(-_LONGEST * self.size // self.multiple) * self.multiple
        usual = -(-self.size // self.multiple) * self.multiple
        ranges = {
            "min": (1, self.multiple),
            "opt": (self.batch, usual),
            "max": (self.batch, longest),
        }
        # The encoder's L is of working pixels; all that a denoiser sees is on the grid.
        on_grid = "noisy_ab" in inputs
        options = {}
        for name, (batch, side) in ranges.items():
            shapes = []
            for key, shape in inputs.items():
                halvings = int(key.removeprefix("cond_")) if key.startswith("cond_") else 0
                cells = side // (self.grid << halvings) if on_grid else side
                varying = (batch, 0, cells, cells)
                sizes = (n if isinstance(n, int) else varying[i] for i, n in enumerate(shape))
                shapes.append(f"{key}:{'x'.join(map(str, sizes))}")
            options[f"trt_profile_{name}_shapes"] = ",".join(shapes)
        return options


def provider_options(
    bundle: Bundle, graph: str, inputs: Mapping[str, Sequence[int | str]], batch: int, size: int
) -> dict[str, str]:
    """Options of onnxruntime's provider for a graph of a bundle; makes the folders of its caches.

    Args:
        bundle: the model.
        graph: its file name, which its engines' names begin with.
        inputs: of the graph, as `Profile.options` takes them.
        batch: photos a call.
        size: working size in pixels.

    Raises:
        DeviceError: the folder cannot be made; without it every run would build for minutes.
    """
    folder, timing = engine_folder(bundle, batch, size), _timing_folder()
    with suppress(OSError):
        os.utime(folder)  # used now, also where the file system does not note that files are read
    prune(folder.parent, _CACHE_BYTES)
    try:
        for place in (folder, timing):
            place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeviceError(
            f"TensorRT's engines cannot be kept in {folder} ({error.strerror}): make it writable, "
            "or use --device cuda."
        ) from error
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        # Else they have the graph's inner name, the same for all, and a hash of onnxruntime's own.
        "trt_engine_cache_prefix": Path(graph).stem,
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(timing),
        # Layers that must not run in half precision are in single in the graph, with casts.
        "trt_fp16_enable": "1" if bundle.compute == "fp16" else "0",
        **Profile(batch, size, bundle.multiple, bundle.grid).options(inputs),
    }


def engine_folder(bundle: Bundle, batch: int, size: int) -> Path:
    """Name the folder of a bundle's engines by all that makes them differ."""
    graphs = "".join(bundle.files[name].sha256 for name in GRAPHS[bundle.family])
    key = (
        hashlib.sha256(graphs.encode()).hexdigest()[:16],
        f"ort{ort.__version__}",
        f"trt{_version()}",
        f"cuda{ort.cuda_version}",
        _gpu_word(),
        bundle.compute,
        f"b{batch}",
        f"s{size}",
        f"m{bundle.multiple}",
        f"g{bundle.grid}",
    )
    return cache_folder() / "tensorrt" / "-".join(key)


def _timing_folder() -> Path:
    """Name the folder of how long layers take, by all for which TensorRT would refuse it.

    The models share it. onnxruntime puts the compute capability into the file's name, no more.
    """
    return cache_folder() / "tensorrt" / f"timing-trt{_version()}-{_gpu_word()}"


def _gpu_word() -> str:
    """Name the GPU by capability and model: an H100 and an H200, both 9.0, may share a home."""
    gpu = find_gpu()
    if gpu is None:
        return "smunknown"
    return f"sm{gpu.compute_capability}-" + re.sub(r"\W+", "-", gpu.name.lower())


def building(bundle: Bundle, batch: int, size: int) -> str | None:
    """Say that engines are to be built, and about how long it takes; None when they are there.

    Each graph has an engine at least: several where TensorRT takes it in parts, of which one is
    enough here, as nobody knows their number before. One that is left to CUDA as a whole has none,
    and then this is said at each run.
    """
    folder = engine_folder(bundle, batch, size)
    if all(any(folder.glob(f"{Path(name).stem}_*.engine")) for name in GRAPHS[bundle.family]):
        return None
    return (
        f"building TensorRT engines for batch {batch} and size {size}, once for this model and "
        "GPU: some minutes"
    )


def node_counts(session: ort.InferenceSession, graph: str) -> dict[str, int]:
    """Tell which providers really run a graph that was opened for TensorRT.

    onnxruntime hands what TensorRT cannot take to the provider behind it, without a word. Where it
    names TensorRT for no node at all, that is logged as a warning and no error: how it counts
    engines has been seen on no machine with TensorRT.

    Args:
        session: of `devices.open_session` on the device "tensorrt".
        graph: its file name, for the message.

    Returns:
        Nodes of the graph by provider, as people name them: "TensorRT", "CUDA", "CPU".

    Raises:
        DeviceError: the session has no TensorRT.
    """
    counts: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        is_ours = part.ep_name == _PROVIDER
        name = "TensorRT" if is_ours else part.ep_name.removesuffix("ExecutionProvider")
        counts[name] += len(part.get_nodes())
    others = " and ".join(counts) or "nothing"
    if _PROVIDER not in session.get_providers():
        raise DeviceError(
            f"TensorRT takes no part of {graph}, which {others} would run: use --device cuda."
        )
    if "TensorRT" not in counts:
        _log.warning(
            "onnxruntime names %s, not TensorRT, for what runs %s: --device cuda may be as fast.",
            others,
            graph,
        )
    return dict(counts)


def _version() -> str:
    try:
        return str(ctypes.CDLL("libnvinfer.so.10").getInferLibVersion())
    except (OSError, AttributeError):
        return "unknown"
