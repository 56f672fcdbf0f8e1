"""What a sheet shows, read from its folder as a browser would."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def head_of(out: Path) -> dict[str, Any]:
    """What `sheet.js` says of the sheet of an output folder."""
    return dict(_argument((out / "colorize-sheet" / "sheet.js").read_text("utf-8")))


def photos_of(out: Path) -> list[dict[str, Any]]:
    """What the sheet knows of its photographs, in order."""
    found: list[dict[str, Any]] = []
    for part in head_of(out)["parts"]:
        text = (out / "colorize-sheet" / part).read_text("utf-8")
        start, _, rest = text.removeprefix("sheet.add(").partition(",")
        assert int(start) == len(found)
        found += _argument(f"sheet.begin({rest}")
    return found


def thumbnail_of(out: Path, name: str) -> np.ndarray:
    """A thumbnail by its name, (h, w, 3) RGB."""
    path = out / "colorize-sheet" / "thumbnails" / name[:2] / f"{name}.jpg"
    decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(decoded)[..., ::-1]


def _argument(text: str) -> Any:
    return json.loads(text.removeprefix("sheet.begin(").rstrip().removesuffix(");"))
