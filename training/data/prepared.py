"""Folders of `colorize prepare`: what lies in them, and what they are known by."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from colorize_cli.errors import UsageError

Part: TypeAlias = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

MANIFEST = "manifest.json"
STATISTICS = "ab_statistics.safetensors"
FORMAT = 1
_LEAST = 50


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a prepared folder; None where there is none.

    Raises:
        UsageError: it is damaged, or of a later version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] != FORMAT:
            raise ValueError(f"format {tree['format']}, where {FORMAT} is known")
        return dict(tree)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UsageError(
            f"{path} cannot be read ({error}): prepare the photographs again."
        ) from error


def manifest_digest(folder: Path) -> str:
    """Return the SHA-256 (hex) of the manifest's content, which names all shards by theirs."""
    canonical = json.dumps(read_manifest(folder), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def shards_of(folder: Path, part: Part) -> list[Path]:
    """List the shards of a part of a prepared folder; UsageError where one is missing."""
    tree = read_manifest(folder) or {"parts": {}}
    shards = [
        folder / part / each["name"] for each in tree["parts"].get(part, {"shards": []})["shards"]
    ]
    for shard in shards:
        if not shard.is_file():
            raise UsageError(f"{shard} is missing: copy the folder again, or prepare it again.")
    return shards


def of_part(paths: Sequence[Path], part: Part) -> list[Path]:
    """Put the shards of a part in the place of each prepared folder; other paths stay.

    Raises:
        UsageError: a shard is missing, or a prepared folder has nothing in this part.
    """
    found: list[Path] = []
    for path in paths:
        is_prepared = path.is_dir() and (path / MANIFEST).is_file()
        shards = shards_of(path, part) if is_prepared else [path]
        if not shards:
            raise UsageError(f"{path} has no photographs in its part {part!r}: prepare it again.")
        found += shards
    return found


def validation_data(named: str, paths: Sequence[Path]) -> str:
    """Name what a run is judged on: what its recipe names, else a prepared folder with a share.

    A share of less than 50 photographs says too little. The result is empty where there is nothing.
    """
    for path in () if named else paths:
        parts = (read_manifest(path) or {"parts": {}})["parts"]
        if parts.get("validation", {"photos": 0})["photos"] >= _LEAST:
            return str(path)
    return named


def fill_in_statistics(module: nn.Module, paths: Sequence[Path]) -> None:
    """Give a module's buffers what `colorize prepare` measured of the colours, by their names.

    Of fewer numbers than there is room for, the rest stays as it is.

    Args:
        module: changed in place.
        paths: what is trained on; the first folder of it that is prepared is taken.

    Raises:
        UsageError: none is, or its statistics cannot be read.
    """
    folder = next((path for path in paths if read_manifest(path)), None)
    if folder is None:
        raise UsageError(
            "This family learns from the statistics of the colours: prepare the photographs with "
            "`colorize prepare`, and name its folder with --data."
        )
    try:
        stored = load_file(folder / STATISTICS)
        for name in module.state_dict():
            buffer = module.get_buffer(name)
            if stored[name].shape[1:] != buffer.shape[1:]:
                raise ValueError(f"{name} is of another shape")
            buffer[: len(stored[name])].copy_(stored[name])
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise UsageError(
            f"{folder / STATISTICS} cannot be read ({error}): prepare the photographs again."
        ) from error
