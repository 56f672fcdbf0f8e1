"""Locks of the system's on open files and on folders, which end with the process that holds them.

One run at a time works on an output folder: a file there is locked, and says by whom. Where a file
system has no locks the file itself is one, and its process is asked after.
"""

import errno
import json
import os
import platform
import sys
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path

from ..errors import UsageError
from .paths import shown

# Of a file system without locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_TAKEN = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
_FAR = 1 << 30  # the byte that Windows locks: what is locked can be read by nobody, the file can
LOCK_NAME = ".colorize.lock"
# A link is not followed: what it leads to would be emptied.
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


def lock(descriptor: int) -> bool:
    """Lock an open file for this process without waiting; False where somebody else has it.

    OSError is raised where it cannot be locked at all: `NO_LOCKS` has the numbers of file systems
    that have none.
    """
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FolderLock(AbstractContextManager["FolderLock"]):
    """The lock of an output folder, or of a shard's work there, held until `release`."""

    def __init__(self, folder: Path, shard: str = "") -> None:
        """Take it; UsageError where another run has it, OSError where no file can be made."""
        self._folder = folder
        self._path = folder / (f".colorize.{shard}.lock" if shard else LOCK_NAME)
        self._descriptor = self._take()
        holder = {
            **identity(),
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
        }
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, json.dumps(holder).encode())

    def __exit__(self, *exception: object) -> None:
        self.release()

    def release(self) -> None:
        """Let go of the lock, and of its file."""
        if sys.platform == "win32":  # which deletes no file that is open
            os.close(self._descriptor)
            with suppress(OSError):
                self._path.unlink()
            return
        # Deleted while it is locked: whoever waits for it finds that it is another file by now.
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)

    def _take(self) -> int:
        while True:
            descriptor = os.open(self._path, _FLAGS, 0o666)
            try:
                if not self._is_ours(descriptor):
                    raise UsageError(self._refusal())
                here, there = os.fstat(descriptor), _status(self._path)
                if there and os.path.samestat(here, there):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # its holder has deleted the file since it was opened

    def _is_ours(self, descriptor: int) -> bool:
        try:
            return lock(descriptor)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            return not _is_alive(_holder(self._path))

    def _refusal(self) -> str:
        holder = _holder(self._path)
        who = (
            f"process {holder.get('pid', 'unknown')} on host {shown(str(holder.get('host', '?')))}"
        )
        since = f", since {holder['since']}" if "since" in holder else ""
        return (
            f"--out {shown(self._folder)} is being written to by another run ({who}{since}). Wait "
            f"for it, or name another --out. If it is over, delete {shown(self._path)}."
        )


def require_folder(out: Path) -> None:
    """Raise UsageError where a file lies on the way to an output folder, or in its place."""
    try:
        lowest = next((place for place in (out, *out.parents) if place.exists()), None)
        if lowest and not lowest.is_dir():
            raise UsageError(f"--out {shown(out)}: {shown(lowest)} is a file; name a folder.")
    except OSError as error:
        raise UsageError(f"--out {shown(out)} cannot be used: {error.strerror}.") from error


def identity() -> dict[str, object]:
    """Give the number of this process and the name of its machine, as `may_run` takes them."""
    return {"pid": os.getpid(), "host": platform.node()}


def may_run(pid: object, host: object) -> bool:
    """Tell whether a process may run; of another machine's, that is assumed."""
    if not isinstance(pid, int):
        return False
    if host != platform.node() or sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # the latter: no system has such a number
        return False
    except OSError:
        pass
    return True


def _holder(path: Path) -> dict[str, object]:
    """Read whose lock it is; empty where that cannot be known."""
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes())
        if isinstance(found, dict):
            return found
    return {}


def _is_alive(holder: dict[str, object]) -> bool:
    """Whether the holder's process, another than this, may run."""
    pid = holder.get("pid")
    return pid != os.getpid() and may_run(pid, holder.get("host"))


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
