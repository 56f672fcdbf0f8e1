"""The manifest of prepared photographs: what lies in a folder, and what it is known by."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colorize_cli.errors import UsageError
from colorize_cli.system.files import digest_of, write_atomic

from .sources import PARTS, Part
from .statistics import AbStatistics

MANIFEST = "manifest.json"
STATISTICS = "ab_statistics.safetensors"
_FORMAT = 1


def write_manifest(
    out: Path,
    settings: Mapping[str, Any],
    counts: Mapping[Part, int],
    dropped: Mapping[str, int],
    statistics: AbStatistics,
) -> dict[str, Any]:
    """Write the manifest of a folder whose shards and statistics are complete, and return it."""
    tree: dict[str, Any] = {
        "format": _FORMAT,
        "settings": dict(settings),
        "parts": {
            part: {"photos": counts[part], "shards": [_entry(shard) for shard in shards]}
            for part in PARTS
            if (shards := sorted((out / part).glob("*.tar")))
        },
        "dropped": dict(dropped),
        "ab": {
            "photos": statistics.photos,
            "mean": [round(float(each), 4) for each in statistics.mean],
            "histogram": [round(float(each), 8) for each in statistics.histogram],
            "variances": [round(float(each), 3) for each in statistics.variances],
        },
        "statistics": _entry(out / STATISTICS),
    }
    write_atomic(out / MANIFEST, (json.dumps(tree, indent=1) + "\n").encode())
    return tree


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
        if tree["format"] != _FORMAT:
            raise ValueError(f"format {tree['format']}, where {_FORMAT} is known")
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


def _entry(path: Path) -> dict[str, Any]:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest_of(path)}
