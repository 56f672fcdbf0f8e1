"""What the page shows of a photograph and its colourings: small JPEGs that any browser shows."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ..batch.outcome import Outcome
from ..imaging.bit_depth import eight_bits
from ..imaging.shrink import shrunk
from ..photos.read import read_photo

_SIDE, _QUALITY = 900, 92


@dataclass(frozen=True)
class Shown:
    """A colouring on the page."""

    caption: str
    before: Path  # JPEG of the photograph
    after: Path  # JPEG of the colouring
    file: Path  # the colouring itself, as it is taken away


def shown_of(outcome: Outcome, folder: Path) -> Iterator[Shown]:
    """Make what is shown of a photograph that is done, in a folder that is there.

    Its first page stands for a file of several. Errors are those of `read_photo`.
    """
    if outcome.job is None or not outcome.written:
        return
    number = sum(1 for _ in folder.iterdir())
    before = _jpeg(outcome.source, folder / f"{number}.jpg")
    for k in outcome.written:
        file = outcome.job.outputs[k]
        after = _jpeg(file, folder / f"{number}-{k + 1}.jpg")
        name = outcome.source.name
        caption = f"{name}, {k + 1}" if len(outcome.written) > 1 else name
        yield Shown(caption, before, after, file)


def _jpeg(source: Path, target: Path) -> Path:
    pixels = shrunk(np.ascontiguousarray(eight_bits(read_photo(source.read_bytes()).pixels)), _SIDE)
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)  # type: ignore[assignment]
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    target.write_bytes(data.tobytes())
    return target


def zipped(files: Sequence[Path], folder: Path, target: Path) -> Path:
    """Put files below a folder into a zip, as they are: pictures are compressed already."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return target
