"""Make an output folder as runs leave it, without colouring anything: a ledger, and thumbnails.

Its files are hard links to few pictures, so that ten thousand photographs take no room; each has a
name and a digest of its own, so that a browser takes them for as many.
"""

import json
import os
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from colorize_cli.batch.records.database import Database
from colorize_cli.batch.sheet.folder import SheetFolder
from colorize_cli.batch.sheet.thumbnails import Thumbnails, encode_jpeg, map_name, name_of
from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.imaging.ambiguity import spread_map
from colorize_cli.imaging.thumbnail import RGB, thumbnail

_PICTURES = 12  # that are different, each with four tints
_PHOTO = (
    "INSERT INTO photos (path, sha256, state, reason, grey, is_alike, warnings) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_FILE = (
    "INSERT INTO files (folder, name, place, photo, sample, source, sha256, size, mtime_ns, state) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'placed')"
)


def make_folder(folder: Path, photos: int, samples: int = 4, side: int = 320) -> Path:
    """Make `folder`/scans and `folder`/out, which is returned.

    Every 50th photograph failed, from the 7th on, and every 20th is flagged, from the 3rd on. All
    pictures have `side` pixels.
    """
    scans, out = folder / "scans", folder / "out"
    scans.mkdir(parents=True)
    out.mkdir()
    kinds = _pictures(folder / "kinds", samples, side)
    SheetFolder(out).claim()
    store = Thumbnails.of(out).pictures
    photo_rows, file_rows = [], []
    for number in range(photos):
        kind = kinds[number % len(kinds)]
        path = scans / f"{number:05}.jpg"
        source = sha256(str(path).encode()).hexdigest()
        _link(kind[0], path)
        is_failed = number % 50 == 7
        warnings = json.dumps(["profile dropped"] if number % 20 == 3 else [])
        state, reason = ("failed", "the file is truncated") if is_failed else ("done", None)
        photo_rows.append((str(path), source, state, reason, "[]", 0, warnings))
        if is_failed:
            continue
        _link(kind[0], store.path_of(name_of(source)))
        digests = []
        for k in range(1, samples + 1):
            name = f"{path.stem}.{k}.jpg"
            _link(kind[k], out / name)
            digests.append(sha256(f"{path} {k}".encode()).hexdigest())
            _link(kind[k], store.path_of(name_of(digests[-1])))
            status = (out / name).stat()
            facts = (source, digests[-1], status.st_size, status.st_mtime_ns)
            file_rows.append((".", name, name, str(path), k, *facts))
        if samples > 1:
            _link(kind[-1], store.path_of(map_name(digests)))
    with Database(out) as database:
        database.keep()
        with database.change() as connection:
            connection.executemany(_PHOTO, photo_rows)
            connection.executemany(_FILE, file_rows)
    return out


def _pictures(folder: Path, samples: int, side: int) -> list[Sequence[Path]]:
    """Write photographs, each with its colourings and its map, as JPEGs."""
    folder.mkdir()
    grey = np.asarray(
        cv2.imdecode(np.frombuffer(synthetic_photo(), np.uint8), cv2.IMREAD_GRAYSCALE)
    )
    whole = thumbnail(grey, side)
    rng = np.random.default_rng(0)
    made = []
    for number in range(_PICTURES):
        small = np.roll(whole, number * side // _PICTURES, axis=1)
        tints = [_tinted(small, rng.uniform(0.6, 1.0, 3)) for _ in range(samples)]
        pictures = [small, *tints, *([spread_map(tints)] if samples > 1 else [])]
        paths = [folder / f"{number}.{k}.jpg" for k in range(len(pictures))]
        for path, picture in zip(paths, pictures, strict=True):
            path.write_bytes(encode_jpeg(picture, 82))
        made.append(paths)
    return made


def _tinted(picture: RGB, tint: np.ndarray) -> RGB:
    return np.asarray(picture * tint, np.uint8)


def _link(source: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, path)
