"""`colorize pick OUT picks.csv --to chosen/`: the chosen colourings in a folder of their own."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option


def pick(
    to: Annotated[Path, Option(metavar="DIR", help="Where the chosen ones go, in the same tree.")],
    out: Annotated[
        Path | None, Argument(metavar="OUT", help="Folder that colourings went to.")
    ] = None,
    picks: Annotated[
        Path | None,
        Argument(metavar="PICKS.csv", help="What was picked, as the sheet saves it."),
    ] = None,
    copy: Annotated[
        bool, Option("--copy", help="Copy all, for who edits them in place; else links, if it can.")
    ] = False,
    undo: Annotated[
        bool,
        Option("--undo", help="Take back from DIR what picks put there, those of OUT or all."),
    ] = False,
) -> None:
    """Put the chosen colourings of an output folder into another, and list photos without a pick.

    Each is a hard link where the file system has them, and takes no room.
    """
    from ....batch.picks.choose import choose
    from ....batch.picks.undo import undo as take_back
    from ....errors import EXIT_FAILED, EXIT_OK, UsageError
    from ....system.messages import write_stdout
    from ....system.paths import one_line
    from ...picks_text import tell_picked, tell_undone
    from ...terminal import Terminal

    terminal = Terminal()
    if undo:
        if picks:
            raise UsageError("--undo takes back all picks of OUT: leave the table out.")
        undone = take_back(to, out)
        tell_undone(terminal, to, undone)
        raise Exit(EXIT_OK if undone.is_whole else EXIT_FAILED)
    if out is None or picks is None:
        raise UsageError("name folder and table: colorize pick OUT picks.csv --to DIR.")
    picked = choose(out, picks, to, terminal, as_copies=copy)
    lines = [f"no pick\t{one_line(Path(photo))}\n" for photo in picked.without]
    lines += [f"no colouring\t{one_line(Path(photo))}\n" for photo in picked.failed]
    write_stdout("".join(lines))
    tell_picked(terminal, to, picked)
    raise Exit(EXIT_FAILED if picked.problems or not picked.earlier.is_whole else EXIT_OK)
