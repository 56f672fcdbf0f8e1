"""What made a checkpoint: the commit of this program, and the versions of what it computes with."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from colorize_cli import __version__

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = (
    "torch",
    "numpy",
    "opencv-python-headless",
    "safetensors",
    "accelerate",
    "pydantic",
    "onnx",
)


@cache
def versions() -> dict[str, str]:
    """Give the versions of Python, of this program and of those packages that are installed."""
    found = {"python": platform.python_version(), "colorize-cli": __version__}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def commit(root: Path = _ROOT) -> str | None:
    """Name the commit that the program is of, with "+" where files differ from it.

    It is None where the program was installed, or git is missing; its version says then what it is.
    """
    if not (root / ".git").exists():
        return None
    try:
        name = _git(root, "rev-parse", "HEAD").strip()
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{name}+" if changed else name


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
