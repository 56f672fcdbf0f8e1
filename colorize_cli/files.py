"""Files that appear whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it, not even after a power cut.

    The bytes go to a hidden file of the same folder, reach the disk, and take the name in one
    step, replacing a file that has it. On failure, an interrupt included, nothing is left behind.

    Args:
        path: Where to; its folder exists.
        data: The whole content.

    Raises:
        OSError: The folder is missing or cannot be written to, or the disk is full.
    """
    # A name of its own: two runs may write to one folder. Short: names may have 255 bytes at most.
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable, where the system lets a folder be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
