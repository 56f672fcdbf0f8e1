"""The single colouring of a photograph becomes the first of several."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...system.files import sync_folder, take_name
from ...system.paths import composed

if TYPE_CHECKING:
    from .photo_rows import PhotoRows


def rename_first(rows: "PhotoRows", single: Path, first: Path) -> None:
    """Give a colouring the name of the first of several; both are known until it has it.

    A name that somebody else has by now is left to them. OSError where nothing can be written.
    """
    row = rows.below(single.parent)[composed(single.name)]
    rows.copy(single, first, "intended")
    if single.exists():
        try:
            take_name(single, first)
        except FileExistsError:
            if not first.samefile(single):
                rows.forget(first)
                return
        single.unlink(missing_ok=True)
        sync_folder(first.parent)
    rows.copy(single, first, row.state)
    rows.forget(single)
