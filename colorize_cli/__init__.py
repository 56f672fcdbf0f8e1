"""Turn folders of black-and-white photographs into colour with a diffusion model.

from pathlib import Path
from colorize_cli import Colorizer, read_photo

photo = read_photo(Path("scan.tif").read_bytes())
pictures = list(Colorizer.open("default").paint(photo, samples=4))
"""

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model.colorizer import Colorizer as Colorizer
    from .model.colorizer import PaintingStoppedError as PaintingStoppedError
    from .photos.read import read_pages as read_pages
    from .photos.read import read_photo as read_photo
    from .photos.write import encode_photo as encode_photo

__version__ = "0.1.0"
__all__ = ["Colorizer", "PaintingStoppedError", "encode_photo", "read_pages", "read_photo"]

# Nothing is sent at run time, and that has to be said before the runtimes are imported: the wheels
# of ONNX Runtime and OpenVINO report their use to their makers otherwise.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
_modules: dict[str, Any] = sys.modules
_modules.setdefault("openvino_telemetry", None)  # OpenVINO then takes a stub of its own

# Imported when they are asked for: the command line must start without them.
_PLACES = {
    "Colorizer": ".model.colorizer",
    "PaintingStoppedError": ".model.colorizer",
    "encode_photo": ".photos.write",
    "read_pages": ".photos.read",
    "read_photo": ".photos.read",
}


def __getattr__(name: str) -> Any:
    """Import what the package offers to programs."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name], __name__), name)


def leave_converter_out() -> None:
    """Keep OpenVINO from importing its converter of other frameworks' models: 40 ms of a start.

    For processes of the command line alone: `openvino.convert_model` is not there afterwards.
    """
    _modules.setdefault("openvino.tools.ovc", None)
