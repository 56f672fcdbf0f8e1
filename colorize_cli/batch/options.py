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
        paths: Photographs and folders of them.
        out: Output folder.
        samples: Colourings a photo.
        candidates: Samples to draw and choose them from; 0 for no choice.
        seed: Of the noise.
        model: Name or path of a bundle.
        device: "auto" | "cpu" | "openvino" | "cuda" | "tensorrt".
        batch: Photographs for one run of the network.
        size: Working size in pixels.
        steps: Denoising steps.
        format: "keep" | "png" | "jpg" | "webp" | "tiff".
        on_colour: What becomes of photographs in colour: "recolour" | "skip" | "copy".
        recursive: Whether folders below a named folder are visited as well.
        overwrite: Whether existing outputs are made again.
        fail_fast: Whether the first failure ends the run.
        dry_run: Whether to print the plan and do nothing.
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
    """Refuse to choose from fewer candidates than samples.

    Raises:
        UsageError: There are fewer.
    """
    if 0 < candidates < samples:
        raise UsageError(
            f"{samples} samples cannot be chosen from {candidates} candidates: name more "
            "--candidates, or fewer --samples."
        )
