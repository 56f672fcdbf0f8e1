"""`colorize status OUT`: what became of the photographs of an output folder."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def status(
    out: Annotated[Path, Argument(metavar="OUT", help="Folder that colourings went to.")],
    flagged: Annotated[
        bool,
        Option("--flagged", help="List what came out grey or all alike, and what has warnings."),
    ] = False,
) -> None:
    """Say what became of the photographs of an output folder."""
    from ...batch.records.inspect_folder import overview
    from ...system.messages import write_stdout
    from ..ledger_text import flagged_lines, status_lines

    found = overview(out)
    lines = flagged_lines(found) if flagged else status_lines(found)
    write_stdout("".join(f"{line}\n" for line in lines))
