"""Tar shards that can be gone on with: what was written after the last note is cut off again.

Members follow the WebDataset convention: what a sample consists of has one name up to the first
dot, so that stems have no dots. Headers hold no times nor owners: the same photographs give the
same bytes.
"""

import os
import tarfile
from pathlib import Path

from colorize_cli.system.files import sync_folder

_OPEN = ".part"


class ShardWriter:
    """Writes the shards of a part into a folder, `000000.tar` and so on."""

    def __init__(self, folder: Path, limit: int, *, shard: int = 0, position: int = 0) -> None:
        """Go on in a shard at a position; what lies behind it there is cut off.

        Args:
            folder: made where it is missing.
            limit: bytes after which a new shard is begun.
            shard: its number.
            position: bytes of it that are known to be good.
        """
        self._folder = folder
        self._limit = limit
        self.shard = shard
        self.position = position
        folder.mkdir(parents=True, exist_ok=True)
        # One that was closed after the note was taken is opened again.
        if position and not self._open_path.exists():
            self._path.rename(self._open_path)
        self._file = self._open_path.open("r+b" if position else "wb")
        self._file.truncate(position)
        self._file.seek(position)

    def add(self, name: str, data: bytes) -> None:
        """Write a photograph."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        padding = -len(data) % tarfile.BLOCKSIZE
        self._file.write(info.tobuf(tarfile.PAX_FORMAT) + data + bytes(padding))
        self.position = self._file.tell()
        if self.position >= self._limit:
            self.close()
            self.shard, self.position = self.shard + 1, 0
            self._file = self._open_path.open("wb")

    def sync(self) -> None:
        """Bring what was written to the disk, so that a note may say so."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """End the shard and give it its name; one without photographs is deleted."""
        self._file.write(bytes(2 * tarfile.BLOCKSIZE))
        self.sync()
        self._file.close()
        if self.position:
            self._open_path.replace(self._path)
        else:
            self._open_path.unlink()
        sync_folder(self._folder)

    def leave(self) -> None:
        """Leave the shard open for another time."""
        self._file.close()

    @property
    def _path(self) -> Path:
        return self._folder / f"{self.shard:06}.tar"

    @property
    def _open_path(self) -> Path:
        return self._path.with_name(self._path.name + _OPEN)
