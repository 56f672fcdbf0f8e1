"""`colorize sheet OUT`: a page from which the colourings of a folder are looked at and picked."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def sheet(
    out: Annotated[Path, Argument(metavar="OUT", help="Folder that colourings went to.")],
    zoom: Annotated[
        list[str] | None,
        Option(
            metavar="GLOB",
            help="Make JPEGs of full size of TIFFs and 16-bit pictures of this name; repeatable.",
        ),
    ] = None,
) -> None:
    """Make a page to look at all photographs of an output folder, and to pick colourings.

    It is OUT/colorize-sheet/index.html, and opens without a server or network.
    """
    from ....batch.sheet.build import build
    from ....batch.sheet.observer import built_text
    from ...terminal import Terminal

    terminal = Terminal()
    terminal.note(built_text(build(out, terminal, zoom=zoom or ()), out))
