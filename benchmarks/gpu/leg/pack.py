"""Pack what the calls of a leg carry: photos to train on and to judge by, wheels, a manifest."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from colorize_cli.errors import UsageError
from training.data.shards import iter_photos
from training.recipe_tables import ValidationTable
from training.validation.losses import read_validation

from ...page import ROOT
from .calls import AWAY, MANIFEST, SIZE, files_below

VALIDATION = "validation.tar"
VALIDATION_PHOTOS = 512
# What training imports, and an image with PyTorch lacks or may have of an older version.
WHEELS = (
    *("pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions"),
    "simplejpeg",
)
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def pack(
    shards: Sequence[Path],
    held_out: Path,
    folder: Path,
    python: str | None,
    backbone: Path | None = None,
) -> dict[str, Any]:
    """Fill a folder with what the calls carry: one shard each, the smallest first.

    The first call also carries the wheels and the backbone, so that what is wrong with the machine
    shows at once.

    Args:
        shards: tar files of photographs to train on.
        held_out: folder or shard of photographs to judge by.
        folder: of the packed files; emptied first.
        python: version of the machine's Python, "3.12"; None for no wheels.
        backbone: ImageNet weights for a perceptual loss; None for none.

    Returns:
        The manifest: `commit`, and in `calls` for each call SHA-256 by the name of the file.

    Raises:
        UsageError: data that cannot be read, or wheels that cannot be had.
    """
    _copy_shards(shards, folder)
    if python is not None:
        _download_wheels(python, folder / "call-0" / "wheels")
    if backbone is not None:
        shutil.copyfile(backbone, folder / "call-0" / "backbone.safetensors")
    roomiest = min(folder.iterdir(), key=_bytes_below)
    _pack_validation(held_out, roomiest / VALIDATION)
    calls = [
        {path.relative_to(folder).as_posix(): file_digest(path) for path in files_below(call)}
        for call in (folder / f"call-{number}" for number in range(len(shards)))
    ]
    manifest = {"commit": commit(), "calls": calls}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def making_room() -> str:
    """Give the commands that take large files out of git's index for the calls, and put them back.

    They stay where they are on the disk.
    """
    paths = " ".join(AWAY)
    exclude = '"$(git rev-parse --git-path info/exclude)"'
    return (
        "Every call copies what git knows. Before the calls, and without a commit until the end:\n"
        f"  git rm -r --quiet --cached {paths}\n"
        f"  cp {exclude} {exclude}.kept; printf '/%s\\n' {paths} >> {exclude}\n"
        "After them:\n"
        f"  mv {exclude}.kept {exclude}; git reset --quiet -- {paths}; git status --short"
    )


def file_digest(path: Path) -> str:
    """Compute the SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_below(folder))


def commit() -> str:
    """Name the commit of the code."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    answer = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    return answer.stdout.strip() or "unknown"


def _copy_shards(shards: Sequence[Path], folder: Path) -> None:
    wrong = [str(path) for path in shards if path.suffix != ".tar" or not path.is_file()]
    if wrong or len({path.name for path in shards}) < len(shards) or not shards:
        raise UsageError(f"--data takes tar shards of different names, not {wrong or 'these'}.")
    if any(path.resolve().is_relative_to(folder.resolve()) for path in shards):
        raise UsageError(f"{folder} is emptied first; give shards that lie elsewhere.")
    shutil.rmtree(folder, ignore_errors=True)
    for number, path in enumerate(sorted(shards, key=lambda path: path.stat().st_size)):
        place = folder / f"call-{number}" / "shards"
        place.mkdir(parents=True)
        shutil.copyfile(path, place / path.name)


def _pack_validation(held_out: Path, path: Path) -> None:
    """Write the photos that a run would choose, so that it chooses the same of the tar file."""
    table = ValidationTable(data=str(held_out), half="tune", photos=VALIDATION_PHOTOS)
    chosen = read_validation(table, SIZE).digests
    left = set(chosen)
    with tarfile.open(path, "w") as archive:
        for name, data in iter_photos([held_out]):
            digest = hashlib.sha256(data).hexdigest()
            if digest in left:
                left.discard(digest)
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    again = ValidationTable(data=str(path), half="tune", photos=VALIDATION_PHOTOS)
    if read_validation(again, SIZE).digests != chosen:
        raise UsageError(f"{held_out} holds photos twice; leave one of each.")


def _download_wheels(python: str, folder: Path) -> None:
    """Get the wheels for the machine's Python, of the versions that are installed here."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    command += [word for platform in _PLATFORMS for word in ("--platform", platform)]
    command += ["--dest", str(folder), *(f"{name}=={metadata.version(name)}" for name in WHEELS)]
    if subprocess.run(command).returncode:
        raise UsageError("pip could not get the wheels; what it says stands above.")
