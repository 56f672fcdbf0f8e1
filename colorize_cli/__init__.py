"""Turn folders of black-and-white photographs into colour with a diffusion model."""

import os
import sys
from typing import Any

__version__ = "0.1.0"

# Nothing is sent at run time, and that has to be said before the runtimes are imported: the wheels
# of ONNX Runtime and OpenVINO report their use to their makers otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
_modules: dict[str, Any] = sys.modules
_modules.setdefault("openvino_telemetry", None)  # OpenVINO then takes a stub of its own


def leave_converter_out() -> None:
    """Keep OpenVINO from importing its converter of other frameworks' models: 40 ms of a start.

    For processes of the command line alone: `openvino.convert_model` is not there afterwards.
    """
    _modules.setdefault("openvino.tools.ovc", None)
