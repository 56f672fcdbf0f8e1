"""The folder that a bundle goes to: an empty one, or that of a bundle to be replaced."""

import json
from collections.abc import Iterable
from pathlib import Path

from colorize_cli.errors import UsageError
from colorize_cli.model.bundle_files import MANIFEST


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """See to it, before any work, that a bundle may be written to a folder.

    Args:
        folder: of the new bundle; it need not exist.
        overwrite: whether it may hold a bundle, which is then replaced.

    Raises:
        UsageError: it is a file, cannot be looked into, or holds a bundle that is not to be
            replaced or something else.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--out {folder} is a file: name a folder.")
        if not folder.exists() or not any(folder.iterdir()):
            return
    except OSError as error:
        raise UsageError(
            f"--out {folder} cannot be looked into ({error.strerror}): name another folder."
        ) from error
    if bundle_files(folder) is None:
        raise UsageError(
            f"--out {folder} is not empty and holds no bundle: name another folder, or empty it."
        )
    if not overwrite:
        raise UsageError(
            f"--out {folder} holds a bundle already: name another folder, or replace it with "
            "--overwrite."
        )


def bundle_files(folder: Path) -> frozenset[str] | None:
    """Name the files of the bundle in a folder, as it says itself, whole or damaged.

    Returns:
        Plain file names, without that of the manifest in any case; None where there is no bundle.
    """
    try:
        fields = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    files = fields.get("files") if isinstance(fields, dict) and "format" in fields else None
    if not isinstance(files, dict):
        return None
    others = ("", "..", MANIFEST)
    return frozenset(n for n in files if Path(n).name == n and n.lower() not in others)


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Delete what a replaced bundle had and the new one has not."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
