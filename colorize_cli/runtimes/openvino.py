"""OpenVINO, a second runtime for the CPU; its package is imported only where it is used."""

import importlib.util
from importlib import metadata

from ..system.installed import install_commands
from ..system.wording import count_text
from .ort import PROBE
from .runtime import Device, Graph, GraphSet, Precision, Runtime


def _problem(is_proven: bool) -> str | None:
    if importlib.util.find_spec("openvino") is None:
        commands = install_commands("openvino")
        return f"OpenVINO is not installed. Install it with one of\n{commands}"
    try:
        from .openvino_core import test_computation
    except ImportError as error:
        return f"OpenVINO cannot be loaded ({error})"
    return None if is_proven else test_computation(PROBE)


def _device(threads: int, precision: Precision) -> Device:
    """Describe the CPU: one thread a call, as many calls at once as there are cores."""
    version = metadata.version("openvino")
    description = f"CPU ({count_text(threads, 'thread')}, OpenVINO {version})"
    return Device("openvino", 1, description, lanes=threads, precision=precision)


def _precisions() -> tuple[Precision | None, ...]:
    """List bfloat16 only where this CPU has instructions for it."""
    from .openvino_core import computes_bf16

    return ("fp32", "bf16") if computes_bf16() else ("fp32",)


def _versions() -> dict[str, str]:
    return {"openvino": metadata.version("openvino")}


def _open(graphs: GraphSet, device: Device) -> dict[str, Graph]:
    from .openvino_graph import OpenVinoGraph

    opened = {file.spec.name: OpenVinoGraph(file, graphs, device) for file in graphs.files}
    # What comes from the cache was checked before it came there, all graphs together.
    graphs.check({name: graph.names for name, graph in opened.items() if graph.names})
    return dict(opened)


RUNTIME = Runtime(_problem, _device, _open, precisions=_precisions, versions=_versions)
