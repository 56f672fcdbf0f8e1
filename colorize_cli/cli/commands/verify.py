"""`colorize verify OUT`: whether the colourings of an output folder are those that were written."""

from collections import Counter
from pathlib import Path
from typing import Annotated

from typer import Argument, Exit


def verify(
    out: Annotated[Path, Argument(metavar="OUT", help="Folder that colourings went to.")],
) -> None:
    """Read all colourings of an output folder, and name those that are missing or were altered."""
    from itertools import chain

    from ...batch.records.inspect_folder import check_files, open_ledgers
    from ...errors import EXIT_FAILED, EXIT_OK
    from ...system.messages import write_stdout
    from ...system.paths import one_line
    from ..ledger_text import verdict
    from ..terminal import Terminal

    terminal = Terminal()
    counts: Counter[str] = Counter()
    with open_ledgers(out) as databases:
        files = sum(each.rows("SELECT count(*) FROM files")[0][0] for each in databases)
        with terminal.progress(files, "reading") as progress:
            for path, found in chain(*map(check_files, databases)):
                counts[found] += 1
                progress.advance()
                if found not in ("as made", "unknown"):
                    write_stdout(f"{found}\t{one_line(path)}\n")
    terminal.note(verdict(counts))
    raise Exit(EXIT_OK if counts.keys() <= {"as made", "unknown"} else EXIT_FAILED)
