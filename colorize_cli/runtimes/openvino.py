"""OpenVINO on the CPU, as a runtime; its package is imported only where it is used."""

import importlib.util
from importlib import metadata

from ..system.install import install_commands
from .ort import PROBE, threads_text
from .runtime import Device, DeviceName, Graph, GraphSet, Precision


class OpenVinoRuntime:
    """OpenVINO, a second runtime for the CPU, in single precision or in bfloat16."""

    is_gpu = False

    def problem(self, name: DeviceName, *, is_proven: bool) -> str | None:
        """Say why it cannot run here, as `Runtime.problem` does."""
        if importlib.util.find_spec("openvino") is None:
            commands = install_commands("openvino")
            return f"OpenVINO is not installed. Install it with one of\n{commands}"
        try:
            from .openvino_core import test_computation
        except ImportError as error:
            return f"OpenVINO cannot be loaded ({error})"
        return None if is_proven else test_computation(PROBE)

    def device(self, name: DeviceName, threads: int, precision: Precision) -> Device:
        """Describe the CPU: one thread a call, as many calls at once as there are cores."""
        from .openvino_core import version

        return Device(
            name=name,
            threads=1,
            lanes=threads,
            precision=precision,
            description=f"CPU ({threads_text(threads)}, OpenVINO {version()})",
        )

    def precisions(self) -> tuple[Precision | None, ...]:
        """List bfloat16 only where this CPU has instructions for it."""
        from .openvino_core import computes_bf16

        return ("fp32", "bf16") if computes_bf16() else ("fp32",)

    def versions(self) -> dict[str, str]:
        """Name OpenVINO's version."""
        return {"openvino": metadata.version("openvino")}

    def announcement(self, graphs: GraphSet) -> str | None:
        """Return None: a graph is compiled within seconds."""
        return None

    def open(self, graphs: GraphSet, device: Device) -> dict[str, Graph]:
        """Open the graphs, as `Runtime.open` says."""
        from .openvino_cache import CompiledGraphs
        from .openvino_graph import OpenVinoGraph

        cache = CompiledGraphs({file.spec.name: file.sha256 for file in graphs.files})
        return {file.spec.name: OpenVinoGraph(file, graphs, device, cache) for file in graphs.files}


RUNTIME = OpenVinoRuntime()
