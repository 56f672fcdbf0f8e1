"""Locks of the system's on open files, which end with the process that holds them."""

import errno
import os
import sys

# Of a file system without locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_TAKEN = {errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK}
_FAR = 1 << 30  # the byte that Windows locks: what is locked can be read by nobody, the file can


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
