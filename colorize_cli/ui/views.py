"""What the page shows of a photograph and its colourings: small JPEGs that any browser shows."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..batch.sheet.thumbnails import encode_jpeg
from ..imaging.thumbnail import thumbnail
from ..photos.read import read_pages
from ..photos.transparency import GREY, laid_on

MOST_PAGES = 10  # that are shown of a file
_SIDE, _QUALITY = 1400, 90


@dataclass(frozen=True)
class Shown:
    """A colouring on the page, or a page of one."""

    caption: str
    before: Path  # JPEG of the photograph
    after: Path  # JPEG of the colouring
    file: Path  # the colouring itself, as it is taken away


def shown_of(source: Path, files: Sequence[Path], folder: Path) -> Iterator[Shown]:
    """Make what is shown of a photograph and its colourings, in a folder that is there.

    Errors are those of `read_pages` and of writing.
    """
    number = sum(1 for _ in folder.iterdir())
    befores = [*_jpegs(source, folder / f"{number}-0")] if files else []
    for k, file in enumerate(files, 1):
        for page, after in enumerate(_jpegs(file, folder / f"{number}-{k}")):
            parts = [source.name]
            if len(befores) > 1:
                parts.append(f"page {page + 1}")
            if len(files) > 1:
                parts.append(str(k))
            yield Shown(", ".join(parts), befores[page], after, file)


def _jpegs(source: Path, name: Path) -> Iterator[Path]:
    for page, photo in enumerate(islice(read_pages(source.read_bytes()), MOST_PAGES), 1):
        target = name.with_name(f"{name.name}-{page}.jpg")
        target.write_bytes(
            encode_jpeg(thumbnail(laid_on(GREY, photo.pixels, photo.alpha), _SIDE), _QUALITY)
        )
        yield target


def zipped(files: Iterable[Path], folder: Path, target: Path) -> Path:
    """Put files below a folder into a zip, as they are: pictures are compressed already."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return target
