"""Graphs that OpenVINO has compiled, kept in the user's cache folder.

OpenVINO has such a cache itself, but finds a graph there by its content, for which it first has to
be read and brought to its shapes: 0.3 s of every start. Here a file's name says all that its
content depends on, so that it is taken at once. A checksum goes behind the graph, whose weights
OpenVINO takes as they are.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import openvino as ov  # type: ignore[import-untyped]

from ..system.files import cache_folder, prune, write_atomic
from ..system.machine import describe_cpu
from .openvino_core import CORE
from .runtime import Shape

_CACHE_BYTES = 2 << 30
_CHECKSUM_BYTES = 4

# File name of a graph, and the shape of its first input that it is for; None for any shape.
Key: TypeAlias = tuple[str, Shape | None]


class CompiledGraphs:
    """The compiled graphs of a model on this CPU."""

    def __init__(self, graphs: Mapping[str, str]) -> None:
        """Find the folder, and delete in it what was used longest ago.

        Args:
            graphs: SHA-256 (hex) of each file by name, of all graphs together: that the names of
                one are those of the other was checked of these.
        """
        self._folder = cache_folder() / "openvino"
        prune(self._folder, _CACHE_BYTES)
        self._origin = {"graphs": dict(graphs), "openvino": ov.__version__, "cpu": describe_cpu()}

    def has(self, key: Key, config: Mapping[str, object]) -> bool:
        """Tell whether a graph is there that was compiled with this configuration."""
        with suppress(OSError):
            return self._place(key, config).exists()
        return False

    def load(self, key: Key, config: Mapping[str, object]) -> Any | None:
        """Take a compiled graph; None where it is not there, is damaged, or OpenVINO refuses it."""
        with suppress(OSError, RuntimeError), self._place(key, config).open("rb") as file:
            # The weights stay in the tensor, which therefore has to have memory of its own. Of a
            # mapped file it would die, should another machine cut or replace that in a shared home.
            size = max(0, os.fstat(file.fileno()).st_size - _CHECKSUM_BYTES)
            content = ov.Tensor(ov.Type.u8, [size])
            file.readinto(content.data)
            if _checksum(content.data) == file.read():
                return CORE.import_model(content, "CPU", dict(config))
        return None

    def keep(self, compiled: Any, key: Key, config: Mapping[str, object]) -> None:
        """Keep a compiled graph; where that fails, each run compiles anew, nothing else."""
        with suppress(OSError, RuntimeError):
            self._folder.mkdir(parents=True, exist_ok=True)
            if os.access(self._folder, os.W_OK):
                content = compiled.export_model()
                content.seek(0, os.SEEK_END)
                content.write(_checksum(content.getbuffer()))
                write_atomic(self._place(key, config), content.getbuffer())

    def _place(self, key: Key, config: Mapping[str, object]) -> Path:
        text = json.dumps([self._origin, key, dict(config)], sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.graph"


def _checksum(content: Any) -> bytes:
    return zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little")
