"""Check that what a command needs is installed, and say how to install it."""

import importlib.util
import json
import shlex
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError

DISTRIBUTION = "colorize-cli"
# The modules that each extra brings.
EXTRAS = {
    "train": ("torch", "safetensors", "onnx"),
    "evaluate": ("torch", "safetensors"),
    "export": ("torch", "safetensors", "onnx", "onnxscript"),
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
    "study": ("starlette", "uvicorn"),
    "ui": ("gradio",),
}
# pipx and uv make the environment anew: without these extras in the command, the user's runtimes
# would be lost, and nothing but slowness would tell.
_RUNTIME_EXTRAS = ("openvino", "tensorrt")
# The packages of ours that what needs an extra imports.
_PACKAGES = {
    **dict.fromkeys(("train", "evaluate", "tensorboard", "wandb"), ("training",)),
    "export": ("training", "export"),
    "study": (),
    "ui": (),
}
_BASE_MODULES = ("numpy", "cv2", "onnxruntime", "tifffile", "simplejpeg")
_ROOT = Path(__file__).resolve().parents[2]


def require(extra: str) -> None:
    """Raise MissingExtraError, with the commands that help, where one of `EXTRAS` is not whole."""
    if missing := missing_modules(extra):
        raise MissingExtraError(
            f"this command needs {_listed(missing)}, which the extra '{extra}' brings. "
            f"Install it with one of\n{install_commands(extra)}"
        )
    for package in _PACKAGES[extra]:
        _check_ours(package, extra)


def require_package(package: str) -> None:
    """Raise MissingExtraError where a package of ours that needs no extra is not ours to import."""
    _check_ours(package)


def require_runtime() -> None:
    """Raise MissingExtraError, with the commands that help, where the base is not whole.

    Removing one of two distributions that share a folder (opencv-python and its headless twin,
    onnxruntime and onnxruntime-gpu) leaves the other one hollow.
    """
    if missing := [name for name in _BASE_MODULES if _is_missing(name)]:
        raise MissingExtraError(
            f"{_listed(missing)} cannot be imported: another distribution with the same folder was "
            f"removed, or the installation was interrupted. Repair:\n{repair_commands()}"
        )


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def missing_modules(extra: str) -> list[str]:
    """List the modules of an extra that are not installed."""
    return [name for name in EXTRAS[extra] if _is_missing(name)]


def _is_missing(module: str) -> bool:
    spec = importlib.util.find_spec(module)
    return spec is None or spec.origin is None  # a folder without code counts for nothing


def install_commands(*extras: str) -> str:
    """Write the commands for pip, pipx and uv, one a line, that install colorize with extras."""
    anew = _requirement(*extras, *_installed_runtimes())
    return (
        f"  pip:   {shlex.quote(sys.executable)} -m pip install {_requirement(*extras)}\n"
        f"  pipx:  pipx install --force {anew}\n"
        f"  uv:    uv tool install --force {anew}"
    )


def repair_commands() -> str:
    """Write the commands that put shared folders right, for pip, pipx and uv, one a line."""
    python, what = shlex.quote(sys.executable), _requirement(*_installed_runtimes())
    rivals = "onnxruntime onnxruntime-gpu opencv-python opencv-python-headless"
    return (
        f"  pip:   {python} -m pip uninstall -y {rivals}; {python} -m pip install {what}\n"
        f"  pipx:  pipx install --force {what}\n"
        f"  uv:    uv tool install --reinstall {what}"
    )


def _installed_runtimes() -> list[str]:
    return [extra for extra in _RUNTIME_EXTRAS if not _is_missing(extra)]


def _requirement(*wanted: str) -> str:
    """Write the requirement for these extras, quoted for a shell.

    It names what this installation came from, for the distribution is on no index.
    """
    extras = f"[{','.join(dict.fromkeys(wanted))}]" if wanted else ""
    origin = _origin()
    if origin is None:
        return shlex.quote(f"{_ROOT}{extras}")
    url = origin["url"]
    if origin.get("dir_info", {}).get("editable"):
        from urllib.parse import urlparse
        from urllib.request import url2pathname  # which imports HTTP and TLS

        return f"--editable {shlex.quote(url2pathname(urlparse(url).path) + extras)}"
    if vcs := origin.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return shlex.quote(f"{DISTRIBUTION}{extras} @ {url}")


def _origin() -> dict[str, Any] | None:
    """Read where this installation came from (PEP 610), or None when it runs from a checkout."""
    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None
    return json.loads(text) if text else None


def _check_ours(package: str, *extras: str) -> None:
    """Refuse a package of the same name that would be imported in the place of ours."""
    ours = _ROOT / package
    spec = importlib.util.find_spec(package)
    # A plain module has no folder of its own.
    found = (spec.submodule_search_locations or [spec.origin or "?"]) if spec else []
    places = [Path(place).resolve() for place in found]
    if places == [ours]:
        return
    if not places:
        raise MissingExtraError(
            f"the package '{package}' is missing from {_ROOT}: install colorize again with one of\n"
            f"{install_commands(*extras)}"
        )
    owners = set(metadata.packages_distributions().get(package, ())) - {DISTRIBUTION}
    owner = f"the distribution {' and '.join(sorted(owners))}" if owners else "another package"
    raise MissingExtraError(
        f"'import {package}' would give {places[0]}, of {owner}, and not {ours}. colorize needs an "
        "environment of its own, which pipx and uv make by themselves:\n"
        f"{install_commands(*extras)}"
    )
