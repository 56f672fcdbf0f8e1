"""Graphs that OpenVINO has compiled, kept in the user's cache folder.

OpenVINO's own cache has to read a graph to find it. Here a file's name says all that its content
depends on. A checksum goes behind the graph, whose weights OpenVINO takes as they are.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import openvino as ov  # type: ignore[import-untyped]

from ..system.files import cache_folder, prune, write_atomic
from ..system.machine import describe_cpu
from .openvino_core import CORE
from .runtime import Shape

_CACHE_BYTES = 2 << 30
_CHECKSUM_BYTES = 4


class CompiledForms:
    """The forms of a graph that were compiled on this CPU, by its first input's shape, or None."""

    def __init__(
        self, name: str, contents: Mapping[str, str], config: Mapping[str, object]
    ) -> None:
        """Find the folder, and delete in it what was used longest ago.

        `contents` has the SHA-256 (hex) of all graphs of the model, as they were checked together.
        """
        self._folder = cache_folder() / "openvino"
        prune(self._folder, _CACHE_BYTES)
        origin = {"graphs": dict(contents), "openvino": ov.__version__, "cpu": describe_cpu()}
        self._origin, self._name, self._config = origin, name, dict(config)

    def has(self, shape: Shape | None) -> bool:
        """Tell whether a form is there."""
        with suppress(OSError):
            return self._place(shape).exists()
        return False

    def load(self, shape: Shape | None) -> Any | None:
        """Take a form; None where it is not there, is damaged, or OpenVINO refuses it."""
        with suppress(OSError, RuntimeError), self._place(shape).open("rb") as file:
            # Read and not mapped, as the weights stay in the tensor: the process would die, should
            # another machine cut or replace the file in a shared home.
            size = max(0, os.fstat(file.fileno()).st_size - _CHECKSUM_BYTES)
            content = ov.Tensor(ov.Type.u8, [size])
            file.readinto(content.data)
            if _checksum(content.data) == file.read():
                return CORE.import_model(content, "CPU", self._config)
        return None

    def keep(self, compiled: Any, shape: Shape | None) -> None:
        """Keep a form; where that fails, each run compiles anew, nothing else."""
        with suppress(OSError, RuntimeError):
            self._folder.mkdir(parents=True, exist_ok=True)
            if os.access(self._folder, os.W_OK):
                content = compiled.export_model()
                content.seek(0, os.SEEK_END)
                content.write(_checksum(content.getbuffer()))
                write_atomic(self._place(shape), content.getbuffer())

    def _place(self, shape: Shape | None) -> Path:
        text = json.dumps([self._origin, [self._name, shape], self._config], sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.graph"


def _checksum(content: Any) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little")
