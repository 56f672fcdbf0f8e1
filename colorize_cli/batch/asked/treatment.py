"""How every photograph of a run is treated."""

from dataclasses import dataclass

from ...photos.mark import Mark
from ..settings import OnColour, drawn
from ..sheet.thumbnails import Thumbnails
from ..traces.folder import Traces


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """How every photograph is treated, as in `Options`; 0 candidates are no choice."""

    samples: int = 1
    only: int | None = None  # the one of them, from 0, that is made; None for all
    seed: int = 0
    candidates: int = 0
    saturation: float = 1.0
    quality: int = 0
    on_colour: OnColour = "recolour"
    fail_fast: bool = False
    salvages: bool = False
    white: float | None = None
    marked_bundle: str | None = None  # the digest that the files name; None where they have no mark
    falls_to_cpu: bool = False  # where the device has too little memory
    traces: Traces | None = None  # where how the samples came about is shown
    thumbnails: Thumbnails | None = None  # of the sheet, where there is to be one

    @property
    def drawn(self) -> tuple[int, int]:
        """How many samples are drawn of a photo, and the number of the first, from 0."""
        return drawn(self.samples, self.candidates, self.only)

    def mark(self, k: int) -> Mark | None:
        """What the file of a sample, from 0, says of itself; None where it says nothing."""
        bundle = self.marked_bundle
        return None if bundle is None else Mark(bundle, self.seed, k + 1, self.saturation)
