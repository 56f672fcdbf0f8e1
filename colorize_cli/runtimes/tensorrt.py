"""TensorRT through ONNX Runtime: what its engines are built for, and where they are kept.

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
from functools import partial
from pathlib import Path

import onnxruntime as ort  # type: ignore[import-untyped]

from ..errors import DeviceError
from ..system.files import cache_folder, prune
from ..system.gpu import find_gpu
from ..system.installed import install_commands
from . import cuda
from .ort import OrtGraph, Providers, graph_inputs, open_session
from .runtime import Device, Graph, GraphSet, Precision, Runtime

_CACHE_BYTES = 8 << 30
_PROVIDER = "TensorrtExecutionProvider"
_LIBRARIES = ("libnvinfer.so.10", "libnvonnxparser.so.10")
_log = logging.getLogger(__name__)


def _problem(is_proven: bool) -> str | None:
    def cure() -> str:
        return f"{cuda.cure()}\nand TensorRT 10 beside them:\n{install_commands('tensorrt')}"

    preload = partial(cuda.preload_wheel, "tensorrt_libs", _LIBRARIES)
    return cuda.gpu_problem("tensorrt", _providers({}), cure, preload)


def _device(threads: int, precision: Precision) -> Device:
    return cuda.gpu_device("tensorrt", "TensorRT", threads)


def _announcement(graphs: GraphSet) -> str | None:
    """Say that engines are to be built, and about how long it takes; None when they are there.

    A graph that TensorRT takes in parts has several, of which one is enough here. One that is left
    to CUDA as a whole has none, and then this is said at each run.
    """
    folder = engine_folder(graphs)
    names = [Path(file.spec.name).stem for file in graphs.files]
    if all(any(folder.glob(f"{name}_*.engine")) for name in names):
        return None
    photos, size = graphs.best[:2]
    return (
        f"building TensorRT engines for batch {photos} and size {size}, once for this model and "
        "GPU: some minutes"
    )


def _open(graphs: GraphSet, device: Device) -> dict[str, Graph]:
    """Open one graph after the other, as TensorRT chooses kernels by their times."""
    caches = _cache_options(graphs)
    opened: dict[str, OrtGraph] = {}
    for file in graphs.files:
        model, name = file.read(), file.spec.name
        options = {
            **caches,
            # Else they have the graph's inner name, the same for all, and a hash of onnxruntime's.
            "trt_engine_cache_prefix": Path(name).stem,
            # Layers that must not run in half precision are in single in the graph, with casts.
            "trt_fp16_enable": "1" if graphs.compute == "fp16" else "0",
            **shape_options(graphs, name, graph_inputs(model)),
        }
        session = open_session(model, device, _providers(options), records_providers=True)
        opened[name] = OrtGraph(session, file.spec, device)
        opened[name].node_counts = node_counts(session, name)
    graphs.check({name: graph.names for name, graph in opened.items()})
    return dict(opened)


RUNTIME = Runtime(_problem, _device, _open, is_gpu=True, announcement=_announcement)


def _providers(options: Mapping[str, str]) -> Providers:
    return ((_PROVIDER, {"device_id": "0", **options}), *cuda.PROVIDERS)


def shape_options(
    graphs: GraphSet, name: str, inputs: Mapping[str, Sequence[int | str]]
) -> dict[str, str]:
    """State the range of shapes that an engine of the graph `name` is built for.

    The shapes of its inputs are as the file has them: dimensions that may vary are names.
    """
    options = {}
    for word, size in (("min", graphs.smallest), ("opt", graphs.best), ("max", graphs.largest)):
        shapes = []
        for key, fixed in inputs.items():
            asked = graphs.shape(name, key, size)
            sides = (n if isinstance(n, int) else asked[i] for i, n in enumerate(fixed))
            shapes.append(f"{key}:{'x'.join(map(str, sides))}")
        options[f"trt_profile_{word}_shapes"] = ",".join(shapes)
    return options


def _cache_options(graphs: GraphSet) -> dict[str, str]:
    """Make the folders of the caches, or raise DeviceError; delete what was used longest ago."""
    folder = engine_folder(graphs)
    # The models share how long layers take, by all for which TensorRT would refuse it.
    # onnxruntime puts the compute capability into the file's name, no more.
    timing = folder.with_name(f"timing-trt{_version()}-{_gpu_word()}")
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
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(timing),
    }


def engine_folder(graphs: GraphSet) -> Path:
    """Name the folder of a model's engines by all that makes them differ."""
    contents = "".join(file.sha256 for file in graphs.files)
    shapes = [
        graphs.shape(file.spec.name, file.spec.inputs[0], size)
        for file in graphs.files
        for size in (graphs.smallest, graphs.best, graphs.largest)
    ]
    model, sides = (hashlib.sha256(text.encode()).hexdigest() for text in (contents, repr(shapes)))
    built_by = f"ort{ort.__version__}-trt{_version()}-cuda{ort.cuda_version}-{_gpu_word()}"
    built_for = f"{graphs.compute}-b{graphs.best[0]}-s{graphs.best[1]}-{sides[:8]}"
    return cache_folder() / "tensorrt" / f"{model[:16]}-{built_by}-{built_for}"


def _gpu_word() -> str:
    """Name the GPU by capability and model: an H100 and an H200, both 9.0, may share a home."""
    gpu = find_gpu()
    if gpu is None:
        return "smunknown"
    return f"sm{gpu.compute_capability}-" + re.sub(r"\W+", "-", gpu.name.lower())


def node_counts(session: ort.InferenceSession, graph: str) -> dict[str, int]:
    """Tell how many nodes of a graph "TensorRT", "CUDA" and "CPU" really run.

    onnxruntime hands what TensorRT cannot take to the provider behind it, without a word. Where it
    names TensorRT for no node at all, that is logged as a warning and no error: how it counts
    engines has been seen on no machine with TensorRT. The session records providers; DeviceError,
    which names the file `graph`, is raised where it has no TensorRT.
    """
    counts: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        name = part.ep_name.removesuffix("ExecutionProvider").replace("Tensorrt", "TensorRT")
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
        return str(ctypes.CDLL(_LIBRARIES[0]).getInferLibVersion())
    except (OSError, AttributeError):
        return "unknown"
