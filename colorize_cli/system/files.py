"""Write files that appear whole or not at all, and keep the user's cache folder small."""

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_DOOMED = ".doomed"  # end of the hidden names that folders have while they are deleted
_LEFTOVER = re.compile(r"\.(?:(\d+-of-\d+)\.)?[0-9a-f]{16}\.part")
# What is said of a file and will be so of the next one: the disk is full, or has gone.
NO_MORE_FILES = {
    *(errno.ENOSPC, errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO, errno.ENOTCONN),
    *(getattr(errno, name) for name in ("EDQUOT", "ESTALE", "EHOSTDOWN") if hasattr(errno, name)),
}
# What file systems say that do not sync folders: CIFS, vboxsf and FUSE among them.
_NO_FOLDER_SYNC = {
    errno.EINVAL,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.ENOSYS,
    errno.EACCES,
    errno.EBADF,
}


def make_folders(folder: Path) -> None:
    """Make a folder and those above it, of which there may be thousands; OSError where one is not.

    `Path.mkdir` calls itself for each, and Python lets it do so a thousand times.
    """
    missing = [folder]
    while missing:
        try:
            missing[-1].mkdir(exist_ok=True)
        except FileNotFoundError:
            if missing[-1] == missing[-1].parent:
                raise
            missing.append(missing[-1].parent)
        else:
            missing.pop()


def _umask() -> int:
    """Return the bits that new files do not get, which can only be read by setting them."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK = _umask()  # at import, as other threads that make files meanwhile would get the wrong one


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it, not even after a power cut.

    The bytes go to a hidden file of the same folder, reach the disk, and take the name in one
    step, replacing a file that has it. On failure, an interrupt included, nothing is left behind;
    OSError where the folder cannot be written to or the disk is full.
    """
    with written_beside(path, data) as temporary:
        temporary.replace(path)
    sync_folder(path.parent)


@contextmanager
def written_beside(path: Path, data: bytes, shard: str = "") -> Iterator[Path]:
    """Write bytes to a hidden file of the same folder, durably, and give the file.

    Its name has that of the `shard` that writes it, for shards may share a folder. Whoever asked
    for the file moves it to its place; left where it is, it is deleted. Errors as of
    `write_atomic`.
    """
    # A name of its own: two runs may write to one folder. Short: names may have 255 bytes at most.
    mark = f".{shard}" if shard else ""
    temporary = path.with_name(f"{mark}.{secrets.token_hex(8)}.part")
    try:
        temporary.touch(0o600, exist_ok=False)  # nobody else reads it, or writes to it
        with temporary.open("r+b") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.name != "nt":
            with suppress(OSError):  # a file system without modes
                temporary.chmod(0o666 & ~_UMASK)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def copy_times(source: Path, target: Path) -> None:
    """Give a file the times of another, as far as that is there and the file system has them."""
    with suppress(OSError):
        status = source.stat()
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def is_leftover(name: str, shard: str = "") -> bool:
    """Whether a file has the name of one that a killed process was writing, of a shard if named."""
    match = _LEFTOVER.fullmatch(name)
    return match is not None and (not shard or match[1] == shard)


def delete_leftovers(folders: Iterable[Path], shard: str) -> None:
    """Delete what killed runs were writing; nobody else writes here now but other shards."""
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as inside:
            for entry in inside:
                if is_leftover(entry.name, shard):
                    with suppress(OSError):
                        Path(entry).unlink()


def take_name(temporary: Path, path: Path) -> None:
    """Move a file to a name that is free; FileExistsError where something has it by now."""
    if os.name == "nt":  # whose rename replaces nothing
        temporary.rename(path)
        return
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, as of memory cards. The name is taken by an empty file, which
        # counts for nothing if the process ends before the next line.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system and the file system know how to."""
    if os.name == "nt":  # which opens no folder
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def digest_of(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes; OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
