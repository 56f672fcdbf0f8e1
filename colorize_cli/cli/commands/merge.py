"""`colorize merge OUT [OTHERS]...`: what shards made becomes one output folder."""

from pathlib import Path
from typing import Annotated

from typer import Argument


def merge(
    out: Annotated[Path, Argument(metavar="OUT", help="Folder that takes all.")],
    others: Annotated[
        list[Path] | None,
        Argument(metavar="[OTHERS]...", help="Output folders; what these others hold is copied."),
    ] = None,
) -> None:
    """Join the ledgers of shards in OUT, and files and ledgers of other folders, into OUT.

    Nothing is replaced or deleted: where two differ, nothing is done, and they are named.
    """
    from functools import partial

    from ...batch.records.merge import merge as join
    from ...system.paths import shown
    from ..ledger_text import merged_text
    from ..terminal import Terminal

    terminal = Terminal()
    merged = join(out, others or [], partial(terminal.progress, doing="copying"))
    terminal.note(f"{shown(out)}: {merged_text(merged)}")
    if merged.differences:
        terminal.warn(f"they were made with different settings ({merged.differences})")
    if merged.missing:
        named = ", ".join(map(str, merged.missing[:5]))
        terminal.warn(
            f"not joined: shard {named}{' ...' if merged.missing[5:] else ''}. What it has not "
            f"coloured elsewhere is coloured without --shard: colorize PATHS --out {shown(out)}"
        )
