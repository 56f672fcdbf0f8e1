"""Where bundles lie: inside the package, among the user's own models, or at a path.

`colorize export --install` puts a model where it is found by its name. A model of the package may
share a file with another one, the condition encoder say, which is there once and found by its
SHA-256.
"""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..errors import ModelError, UsageError, reason_of
from .bundle_files import MANIFEST, BundleFile

_SHIPPED = Path(__file__).parent / "shipped"
_FOLDER_VARIABLE = "COLORIZE_MODELS"


def models_folder() -> Path:
    """Return the folder of the user's own models, which need not exist yet.

    ModelError is raised for a user without a home who names no folder in COLORIZE_MODELS.
    """
    if named := os.environ.get(_FOLDER_VARIABLE):
        return Path(named)
    is_windows = sys.platform == "win32"
    root = os.environ.get("LOCALAPPDATA" if is_windows else "XDG_DATA_HOME")
    try:
        home = Path(root or Path.home() / ("AppData/Local" if is_windows else ".local/share"))
    except RuntimeError as error:
        raise ModelError(f"there is no home folder: name one in {_FOLDER_VARIABLE}") from error
    return home / "colorize" / "models"


def shipped_names() -> list[str]:
    """Name the models inside the package."""
    return _names(_SHIPPED)


def installed_names() -> list[str]:
    """Name the user's own models, but for those that a model of the package hides."""
    shipped = shipped_names()
    try:
        return [name for name in _names(models_folder()) if name not in shipped]
    except (ModelError, OSError):
        return []


def own_place(name: Path | None) -> Path:
    """Return the folder that a model of the user's own gets, which is found by its name then.

    UsageError is raised for what is no plain name, or is that of a model of the package.
    """
    if name is None or str(name) != name.name or name.name.startswith(".") or "," in name.name:
        raise UsageError("--install takes a plain name in --out: --out mine, say")
    if name.name in shipped_names():
        raise UsageError(f"{name} is a model of the package: give yours another name in --out")
    return models_folder() / name


def locate(name_or_path: str | Path) -> Path:
    """Find a model of the package, of the user's own, or at a path; a name goes before a path.

    `./name` is always a path. ModelError is raised where there is none.
    """
    if name_or_path in shipped_names():
        return _SHIPPED / name_or_path
    if name_or_path in installed_names():
        return models_folder() / name_or_path
    path = Path(name_or_path)
    try:
        if path.is_dir() or path.is_file():
            return path
    except OSError as error:
        raise ModelError(f"--model cannot be read: {reason_of(error)}") from error
    names = ", ".join([*shipped_names(), *installed_names()])
    raise ModelError(
        f"there is no model {str(name_or_path)!r}: no folder or .zip of that path, and the models "
        f"by name are: {names or 'none'}"
    )


def place_of(path: Path, name: str, sha256: str) -> tuple[Path, str]:
    """Find the file of a bundle: in it, or in another model of the package.

    Args:
        path: of the bundle.
        name: of the file.
        sha256: of its content (hex), as the manifest has it.

    Returns:
        The bundle that it lies in, and its name there.
    """
    if path.parent != _SHIPPED or (path / name).exists():
        return path, name
    for other in shipped_names():
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):  # a damaged one
            files = json.loads((_SHIPPED / other / MANIFEST).read_bytes())["files"]
            for theirs, entry in files.items():
                if entry["sha256"] == sha256 and (_SHIPPED / other / theirs).exists():
                    return _SHIPPED / other, theirs
    return path, name


def own_bytes(path: Path, files: Mapping[str, BundleFile]) -> int:
    """Count the bytes of those files of a bundle that no other model has for it."""
    places = ((place_of(path, name, file.sha256), name, file) for name, file in files.items())
    return sum(file.bytes for place, name, file in places if place == (path, name))


def _names(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob(f"*/{MANIFEST}"))
