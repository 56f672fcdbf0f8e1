"""Files of several pages that grow page by page, on the disk where they are large."""

import os
import tempfile
from pathlib import Path

from ..errors import ImageError
from .formats import FORMATS

_IN_MEMORY = 1 << 24  # bytes of a file above which it goes to the disk


class GrowingFiles:
    """The files of a photo's samples, by their number; nobody else can see them.

    They have no name where the file system can do that, and are gone with the process.
    """

    def __init__(self, format: str, pages: int, folder: Path) -> None:
        """Take a name in `FORMATS`, the number of pages, and where large files may lie, or above.

        ImageError is raised where a file of the format holds a single page.
        """
        append = FORMATS[format].append
        if append is None:
            raise ImageError(
                f"the file has {pages} pages, and {FORMATS[format].title} holds one: choose "
                "--format tiff, or keep"
            )
        self._append = append
        self._folder = folder
        self._files: dict[int, tempfile.SpooledTemporaryFile[bytes]] = {}

    def add(self, k: int, page: bytes) -> None:
        """Add a page, a file as `encode_photo` gives it, to the file of sample k."""
        if k not in self._files:
            # A folder that is not there is not made: it may have been removed meanwhile.
            above = (self._folder, *self._folder.parents)
            folder = next((each for each in above if each.is_dir()), self._folder)
            self._files[k] = tempfile.SpooledTemporaryFile(
                _IN_MEMORY, prefix=".", suffix=".part", dir=str(folder)
            )
        self._append(self._files[k], page)

    def take(self, k: int) -> bytes:
        """Return the bytes of the file of sample k, which is closed."""
        with self._files.pop(k) as file:
            file.seek(0, os.SEEK_SET)
            return file.read()

    def close(self) -> None:
        """Let go of all files."""
        for k in list(self._files):
            self._files.pop(k).close()
