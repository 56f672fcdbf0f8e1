"""The body of `colorize compare`: the same photos by several models, on one sheet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2

from ..batch.scan import Source, scan
from ..errors import EXIT_FAILED, EXIT_OK, ImageError, UsageError, reason_of
from ..imaging.contact_sheet import Group, Row, contact_sheet
from ..imaging.lab import Pixels
from ..imaging.thumbnail import RGB, thumbnail
from ..model.bundle import Bundle, load_bundle
from ..model.colorizer import Colorizer, choose_device
from ..model.view import SizeChoice
from ..photos.read import SALVAGE_HINT, Photo, read_photo
from ..photos.transparency import GREY, laid_on
from ..system.files import write_atomic
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text

MOST_PHOTOS = 100  # rows, beyond which nobody looks, and a sheet takes much memory
MOST_PIXELS = 1 << 28  # of the sheet


@dataclass(frozen=True)
class Comparison:
    """What is compared, and how.

    Attributes:
        photos: files and folders.
        models: names or paths of bundles.
        out: the PNG that the sheet is written to.
        samples: colourings of each photo by each model.
        seed: of all of them.
        device: by name, or "auto".
        side: pixels of the square that a picture is fitted into.
        size: at which photos are seen; each model's own if None.
        overwrite: replace a file that is there.
    """

    photos: Sequence[Path]
    models: Sequence[str]
    out: Path
    samples: int = 4
    seed: int = 0
    device: str = "auto"
    side: int = 224
    size: SizeChoice | None = None
    overwrite: bool = False


def run(comparison: Comparison, messages: Messages) -> int:
    """Colour the photos with each model, and lay all pictures out on a sheet.

    Returns:
        The exit code: 1 where a photo could not be coloured, whose place is empty then. Where none
        could, there is no sheet.

    Raises:
        UsageError: There is nothing to compare, too much of it, or a file that is in the way.
        ModelError: A model cannot be used.
        DeviceError: A device cannot run it.
    """
    _check_out(comparison)
    # All of them now, so that a slip in the last name is said before any work.
    bundles = [load_bundle(model) for model in comparison.models]
    sources, problems = _sources(comparison, messages)
    columns = [
        _column(model, bundle, sources, comparison, messages)
        for model, bundle in zip(comparison.models, bundles, strict=True)
    ]
    failed = {path: reason for column in columns for path, reason in column.failed.items()}
    for path, reason in failed.items():
        messages.failure(path, reason)
    if not any(column.pictures for column in columns):
        return EXIT_FAILED
    rows = [_row(source, columns, comparison.samples) for source in sources]
    groups = [Group("", ["photo"]), *(column.group for column in columns)]
    sheet = contact_sheet(groups, rows, comparison.side)
    write_atomic(comparison.out, cv2.imencode(".png", sheet[..., ::-1])[1].tobytes())
    messages.note(f"sheet: {shown(comparison.out)}, {sheet.shape[1]} x {sheet.shape[0]} pixels")
    return EXIT_FAILED if failed or problems else EXIT_OK


@dataclass(frozen=True, eq=False)
class _Column:
    """What one model makes of the photos, by path; the photos themselves are in `greys`."""

    group: Group
    greys: dict[Path, RGB]
    pictures: dict[Path, list[RGB]]
    failed: dict[Path, str]


def _column(
    model: str,
    bundle: Bundle,
    sources: Sequence[Source],
    comparison: Comparison,
    messages: Messages,
) -> _Column:
    """Colour all photos with a model, which is open for so long alone."""
    device = choose_device(comparison.device, bundle, messages.note)
    colorizer = Colorizer(bundle, device, size=comparison.size, note=messages.note)
    messages.note(f"{shown(model)}: {count_text(len(sources), 'photo')} on {device.description}")
    labels = [f"{k}, seed {comparison.seed}" for k in range(1, comparison.samples + 1)]
    column = _Column(Group(f"{shown(model)} ({bundle.digest[:8]})", labels), {}, {}, {})
    with messages.progress(len(sources)) as progress:
        for source in sources:
            try:
                photo = read_photo(source.path.read_bytes())
                column.greys[source.path] = _small(photo.pixels, photo, comparison)
                column.pictures[source.path] = [*_pictures(colorizer, photo, comparison)]
            except ImageError as error:
                column.failed[source.path] = str(error).removesuffix(SALVAGE_HINT)
            except OSError as error:
                column.failed[source.path] = reason_of(error)
            progress.advance()
    return column


def _check_out(comparison: Comparison) -> None:
    out = comparison.out
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {shown(out)}: name a file that ends in .png.")
    if not out.parent.is_dir():
        raise UsageError(f"--out {shown(out)}: there is no folder {shown(out.parent)}; make it.")
    if out.exists() and not (comparison.overwrite and out.is_file()):
        raise UsageError(f"{shown(out)} exists: name another file, or say --overwrite.")
    if not comparison.models:
        raise UsageError("--models names no model: `colorize models` lists what there is.")


def _sources(comparison: Comparison, messages: Messages) -> tuple[list[Source], int]:
    """Find the photos, few enough for a sheet, and count what should have been photos."""
    found = scan([*comparison.photos], comparison.out)
    for source in found.sources:
        if comparison.out.exists() and source.path.samefile(comparison.out):
            raise UsageError(
                f"--out {shown(comparison.out)} lies among the photographs: name a file elsewhere."
            )
    for problem in found.problems:
        messages.failure(problem.source, problem.reason or "")
    for note in found.notes:
        messages.note(note)
    if not found.sources:
        named = ", ".join(shown(path) for path in comparison.photos)
        raise UsageError(f"no photographs in {named}.")
    count = len(found.sources)
    columns = 1 + len(comparison.models) * comparison.samples
    pixels = count * columns * comparison.side**2
    if count > MOST_PHOTOS or pixels > MOST_PIXELS:
        raise UsageError(
            f"{count_text(count, 'photo')} in {columns} columns make too large a sheet: name "
            f"fewer, {MOST_PHOTOS} at most, or take a smaller --side."
        )
    return found.sources, len(found.problems)


def _pictures(colorizer: Colorizer, photo: Photo, comparison: Comparison) -> Iterator[RGB]:
    for picture in colorizer.paint(photo, comparison.samples, comparison.seed):
        yield _small(picture, photo, comparison)


def _small(pixels: Pixels, photo: Photo, comparison: Comparison) -> RGB:
    return thumbnail(laid_on(GREY, pixels, photo.alpha), comparison.side)


def _row(source: Source, columns: Sequence[_Column], samples: int) -> Row:
    """Put the pictures of a photo side by side; what failed leaves its places empty."""
    none: list[RGB | None] = [None] * samples
    pictures = [p for column in columns for p in column.pictures.get(source.path, none)]
    return Row(shown(source.path), [columns[0].greys.get(source.path), *pictures])
