"""The small pictures of a sheet, kept by the content of the files that they are of.

A thumbnail is named by the SHA-256 of its photograph's or its colouring's bytes, so one that is
there is never out of date, whatever was made again, renamed or moved since. They can all be made
again from those files, and so reach the disk when the system likes, and their loss is no failure.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

import cv2
import numpy as np

from ...imaging.ambiguity import spread_map
from ...imaging.thumbnail import RGB, thumbnail
from ...system.files import make_folders

FOLDER_NAME = "colorize-sheet"  # in the output folder
SIDE = 320  # pixels of the longer side
_DIGITS = 20  # of a SHA-256: 80 bits, which no two pictures of a folder share
_QUALITY = 82


def name_of(digest: str) -> str:
    """Name a picture by the SHA-256 (hex) of the file that it is of."""
    return digest[:_DIGITS]


def map_name(digests: Sequence[str]) -> str:
    """Name the map of samples, by the SHA-256 (hex) of their files in order."""
    return name_of(sha256("".join(map(name_of, digests)).encode()).hexdigest())


def encode_jpeg(rgb: RGB, quality: int) -> bytes:
    """Encode (H, W, 3) sRGB as a JPEG; cv2.error where a side is longer than one may have."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return cv2.imencode(".jpg", rgb[..., ::-1], options)[1].tobytes()


@dataclass(frozen=True)
class Pictures:
    """Small JPEGs in a folder, spread over 256 folders below; safe in any thread."""

    folder: Path

    def path_of(self, name: str) -> Path:
        """Where the picture of a name lies."""
        return self.folder / name[:2] / f"{name}.jpg"

    def put(self, name: str, data: bytes) -> None:
        """Write a picture whole or not at all, though not durably; OSError where that fails."""
        path = self.path_of(name)
        temporary = path.with_name(f".{secrets.token_hex(8)}.part")
        make_folders(path.parent)
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def there(self) -> set[str]:
        """The names of all that are there."""
        return {path.stem for path in self.folder.glob("[0-9a-f][0-9a-f]/*.jpg")}

    def drop(self, names: set[str]) -> None:
        """Delete what nobody needs any more, as far as that is possible."""
        for name in names:
            with suppress(OSError):
                self.path_of(name).unlink()


@dataclass
class Smalls:
    """The thumbnails of a photograph that is being coloured, until its files are written."""

    photo: RGB
    samples: dict[int, RGB] = field(default_factory=dict)  # by their numbers from 0
    digests: dict[int, str] = field(default_factory=dict)  # SHA-256 (hex) of the files written


@dataclass(frozen=True)
class Thumbnails:
    """Makes the thumbnails of a sheet, of photographs that are being coloured or were."""

    pictures: Pictures

    @classmethod
    def of(cls, out: Path) -> Self:
        """Those of the sheet in an output folder."""
        return cls(Pictures(out / FOLDER_NAME / "thumbnails"))

    def put(self, digest: str, small: RGB) -> None:
        """Keep a thumbnail of the file with this SHA-256 (hex); OSError where that fails."""
        self.pictures.put(name_of(digest), encode_jpeg(small, _QUALITY))

    def put_map(self, digests: Sequence[str], smalls: Sequence[RGB]) -> None:
        """Keep the map of samples, two or more of one size, of files with these SHA-256.

        It is half as large, which is still finer than the grid that colours are drawn on.
        """
        if len(smalls) > 1 and len({small.shape for small in smalls}) == 1:
            painted = spread_map([thumbnail(small, SIDE // 2) for small in smalls])
            self.pictures.put(map_name(digests), encode_jpeg(painted, _QUALITY))

    def keep(self, photo: str, smalls: Smalls, *, is_whole: bool) -> None:
        """Keep those of a photograph that was coloured, as far as they can be; in any thread.

        What is missing after that is made from the files when the sheet is written, and so is the
        map of a photograph of which some samples were there before (not `is_whole`). `photo` is the
        SHA-256 (hex) of its file.
        """
        numbers = sorted(smalls.digests.keys() & smalls.samples.keys())
        digests = [smalls.digests[k] for k in numbers]
        samples = [smalls.samples[k] for k in numbers]
        with suppress(OSError, cv2.error, MemoryError):
            for digest, small in zip([photo, *digests], [smalls.photo, *samples], strict=True):
                self.put(digest, small)
            if is_whole:
                self.put_map(digests, samples)

    def read(self, name: str) -> RGB | None:
        """Read a thumbnail; None where it is not there, or torn."""
        try:
            data = np.frombuffer(self.pictures.path_of(name).read_bytes(), np.uint8)
        except OSError:
            return None
        found = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        return None if found is None else np.ascontiguousarray(found[..., ::-1], np.uint8)
