"""The options of `colorize PATHS... --out DIR`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from .photo_job import OnColour


@dataclass(frozen=True)
class Options:
    """What the user asked for; what is None comes from the folder's record or from the bundle.

    Attributes:
        samples: Colourings a photo.
        candidates: Samples to draw and choose them from; 0 for no choice.
        model: Name or path of a bundle.
        device: "auto" | "cpu" | "openvino" | "cuda" | "tensorrt".
        batch: Photographs for one run of the network.
        size: Working size in pixels.
        format: "keep" | "png" | "jpg" | "webp" | "tiff".
        recursive: Whether folders below a named folder are visited as well.
        overwrite: Whether existing outputs are made again.
    """

    paths: tuple[Path, ...]
    out: Path
    samples: int = 1
    candidates: int | None = None
    seed: int | None = None
    model: str | None = None
    device: str = "auto"
    batch: int | None = None
    size: int | None = None
    steps: int | None = None
    format: str = "keep"
    on_colour: "OnColour" = "recolour"
    recursive: bool = True
    overwrite: bool = False
    fail_fast: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        check_candidates(self.candidates or 0, self.samples)


def check_candidates(candidates: int, samples: int) -> None:
    """Raise UsageError where there are fewer candidates than samples to be chosen from them."""
    if 0 < candidates < samples:
        raise UsageError(
            f"{samples} samples cannot be chosen from {candidates} candidates: name more "
            "--candidates, or fewer --samples."
        )
