"""The folder of a sheet: a page, and scripts with what it shows, which open from the disk.

A page that was opened from the disk may fetch nothing, but may have scripts. So what is known of
the photographs lies in scripts: `sheet.js` names the others, of some hundred photographs each.
"""

import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...errors import UsageError
from ...system.files import is_leftover, make_folders, write_atomic
from ...system.paths import absolute, shown
from .entries import Entry, Sample
from .names import below, common_folder, name_of_photo
from .thumbnails import FOLDER_NAME, Pictures, name_of

_BEGIN, _END = "sheet.begin(", ");\n"
_FOLDERS = ("thumbnails", "zoom", "data")  # that a sheet may have
_PART = 500  # photographs in a script
_OLD_SECONDS = 600.0  # after which what no sheet names any more is deleted


@dataclass(frozen=True)
class SheetFolder:
    """The folder of a sheet in an output folder."""

    out: Path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.out / FOLDER_NAME

    @property
    def index(self) -> Path:
        """The page that a person opens."""
        return self.path / "index.html"

    @property
    def zoomed(self) -> Pictures:
        """JPEGs of full size, of pictures that a browser cannot show."""
        return Pictures(self.path / "zoom")

    def require_own(self) -> None:
        """Raise UsageError where something else is in its place.

        Its folders alone are a sheet's too: a run goes on with thumbnails where `claim` failed.
        """
        if not os.path.lexists(self.path) or self._read() is not None:
            return
        if self.path.is_dir() and all(map(_is_own, self.path.iterdir())):
            return
        raise UsageError(
            f"{shown(self.path)} is there, and no sheet: the sheet goes there, so move it away."
        )

    def claim(self) -> str:
        """Write down that it is a sheet's, before anything else is there; give the sheet's name.

        However a run ends, the next one knows the folder by that. UsageError is raised where
        something else is in its place, OSError where nothing can be written.
        """
        self.require_own()
        known = self._read()
        if known is None:
            known = {"format": 1, "id": secrets.token_hex(8), "photos": 0, "parts": []}
            make_folders(self.path)
            self._say(known)
        return str(known["id"])

    def write(self, entries: Sequence[Entry], there: set[str]) -> None:
        """Write the page and what it shows; `there` names the thumbnails that there are.

        The page of a sheet keeps its picks by the sheet's own name, which stays. OSError where that
        cannot be written.
        """
        id = self.claim()
        make_folders(self.path / "data")
        base = common_folder([entry.photo for entry in entries])
        zoomed = self.zoomed.there()
        photos = [_photo(entry, base, there, zoomed) for entry in entries]
        parts = [self._part(start, photos[start : start + _PART]) for start in _starts(photos)]
        head = {
            "format": 1,
            "id": id,
            "out": shown(absolute(self.out)),
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "photos": len(photos),
            "samples": max((len(entry.samples) for entry in entries), default=0),
            "folder": shown(os.path.join(base, "")) if base else "",  # noqa: PTH118
            "base": f"{Path(base).as_uri().rstrip('/')}/" if base else "",
            "parts": parts,
        }
        for file in files(__package__).joinpath("page").iterdir():
            data = file.read_bytes()
            if not file.name.startswith("__"):
                self._replace(file.name, data)
        self._say(head)
        self._clear(parts)

    def _say(self, head: dict[str, Any]) -> None:
        self._replace("sheet.js", f"{_BEGIN}{json.dumps(head, indent=1)}{_END}".encode())

    def _replace(self, name: str, data: bytes) -> None:
        path = self.path / name
        with suppress(OSError):
            if path.read_bytes() == data:
                return
        write_atomic(path, data)

    def _part(self, start: int, photos: Sequence[dict[str, Any]]) -> str:
        lines = ",\n".join(json.dumps(photo, separators=(",", ":")) for photo in photos)
        data = f"sheet.add({start}, [\n{lines}\n]);\n".encode()
        name = f"data/{sha256(data).hexdigest()[:16]}.js"
        if not (self.path / name).exists():
            write_atomic(self.path / name, data)
        return name

    def _clear(self, parts: Sequence[str]) -> None:
        """Delete scripts of earlier sheets, but those that may be of one being written now."""
        for path in (self.path / "data").glob(f"{'[0-9a-f]' * 16}.js"):
            with suppress(OSError):
                if (
                    f"data/{path.name}" not in parts
                    and time.time() - path.stat().st_mtime > _OLD_SECONDS
                ):
                    path.unlink()

    def _read(self) -> dict[str, Any] | None:
        """What the sheet that is there says of itself; None where it is none."""
        try:
            text = (self.path / "sheet.js").read_text(encoding="utf-8")
            found = json.loads(text.removeprefix(_BEGIN).removesuffix(_END))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and {"id", "parts"} <= found.keys() else None


def _is_own(path: Path) -> bool:
    """Whether it may be there of a sheet that has not been claimed, or not wholly written."""
    return is_leftover(path.name) or (path.name in _FOLDERS and path.is_dir())


def photo_id(photo: str) -> str:
    """Name a photograph, by its absolute path, where a spreadsheet may see it."""
    return f"p{sha256(os.fsencode(photo)).hexdigest()[:15]}"


def _starts(photos: Sequence[object]) -> Iterator[int]:
    return iter(range(0, len(photos), _PART))


def _url(place: str) -> str:
    return quote(os.fsencode(place.replace(os.sep, "/")))


def _sample(sample: Sample, there: set[str], zoomed: set[str]) -> list[Any]:
    """What the page knows of a colouring; 0 is what is empty or said before."""
    place, url, made = shown(sample.place), _url(sample.place), name_of(sample.made)
    named = sample.thumbnail if sample.thumbnail != made else 1
    return [
        sample.number,
        place,
        url if url != place else 0,
        made or 0,
        named if sample.thumbnail in there else 0,
        int(sample.thumbnail in zoomed),
    ]


def _photo(entry: Entry, base: str, there: set[str], zoomed: set[str]) -> dict[str, Any]:
    """What the page knows of a photograph; what is empty is left out. `page/data.js` says more."""
    name, href = name_of_photo(entry.photo, base), _url(below(entry.photo, base))
    samples = [_sample(sample, there, zoomed) for sample in entry.samples]
    facts: dict[str, Any] = {
        "id": photo_id(entry.photo),
        "name": name,
        "href": href if href != name else None,
        "thumb": entry.thumbnail if entry.thumbnail in there else None,
        "zoom": int(entry.thumbnail in zoomed),
        "state": entry.state if entry.state != "done" else None,
        "reason": entry.reason,
        "flags": entry.remarks,
        "map": entry.map if entry.map in there else None,
        "samples": samples,
    }
    return {key: value for key, value in facts.items() if value}
