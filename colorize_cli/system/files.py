"""Write files that appear whole or not at all, and keep the user's cache folder small."""

import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_DOOMED = ".doomed"  # end of the hidden names that folders have while they are deleted


def write_atomic(path: Path, data: bytes, before: Callable[[], None] = lambda: None) -> None:
    """Write a file so that nobody ever sees a part of it, not even after a power cut.

    The bytes go to a hidden file of the same folder, reach the disk, and take the name in one
    step, replacing a file that has it. On failure, an interrupt included, nothing is left behind.
    `before` is called just before the name is taken; what it raises is passed on, like OSError
    where the folder cannot be written to or the disk is full.
    """
    # A name of its own: two runs may write to one folder. Short: names may have 255 bytes at most.
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        before()
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name != "nt":  # which opens no folder; elsewhere the name itself is made durable
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def cache_folder() -> Path:
    """Return the folder for what can be made again; it need not exist yet.

    A user without a home, as in some containers, has it among the temporary files.
    """
    is_windows = sys.platform == "win32"
    named = os.environ.get("LOCALAPPDATA" if is_windows else "XDG_CACHE_HOME")
    try:
        root = Path(named or Path.home() / ("AppData/Local" if is_windows else ".cache"))
    except RuntimeError:
        root = Path(tempfile.gettempdir())
    return root / "colorize"


def prune(folder: Path, limit: int) -> None:
    """Delete the entries of a cache that were used longest ago until `limit` bytes are left.

    An entry is a file, or a folder with all that it holds. What another process deletes or holds
    meanwhile, or may not be looked into, is left; the next call deletes the rest of a folder.
    """
    entries: list[Path] = []
    with suppress(OSError):
        entries.extend(folder.iterdir())
    found = []
    for entry in entries:
        if entry.name.startswith(".") and entry.name.endswith(_DOOMED):
            shutil.rmtree(entry, ignore_errors=True)
            continue
        with suppress(OSError):
            found.append((*_usage(entry), entry))
    total = sum(size for _, size, _ in found)
    for _, size, entry in sorted(found):
        if total <= limit:
            return
        with suppress(OSError):
            _delete(entry)
            total -= size


def _delete(entry: Path) -> None:
    """Delete a file or a folder so that it goes or stays as a whole under its name."""
    if entry.is_symlink() or not entry.is_dir():
        entry.unlink()
        return
    doomed = entry.rename(entry.with_name(f".{secrets.token_hex(8)}{_DOOMED}"))
    shutil.rmtree(doomed, ignore_errors=True)


def _usage(entry: Path) -> tuple[float, int]:
    """Tell when a file, or anything in a folder, was used last, and how many bytes there are."""
    # A folder's own time of access says only that somebody looked into it, as is done here.
    used, size = entry.stat().st_mtime, 0
    for path in (entry, *entry.rglob("*")):
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            used = max(used, status.st_atime, status.st_mtime)
            size += status.st_size
    return used, size
