"""The manifest of prepared photographs is written when all else is there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from colorize_cli.system.files import digest_of, write_atomic

from ..data.prepared import FORMAT, MANIFEST, PARTS, STATISTICS, Part
from .statistics import AbStatistics


def write_manifest(
    out: Path,
    settings: Mapping[str, Any],
    counts: Mapping[Part, int],
    dropped: Mapping[str, int],
    statistics: AbStatistics,
) -> dict[str, Any]:
    """Write the manifest of a folder whose shards and statistics are complete, and return it."""
    tree: dict[str, Any] = {
        "format": FORMAT,
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


def _entry(path: Path) -> dict[str, Any]:
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest_of(path)}
