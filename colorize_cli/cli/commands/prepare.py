"""`colorize prepare`: photographs of any origin become shards to train on."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def prepare(
    sources: Annotated[
        list[Path],
        Argument(
            metavar="SOURCE...", help="Folders and tar shards; CelebA and LFW as distributed."
        ),
    ],
    out: Annotated[Path, Option("--out", "-o", metavar="DIR", help="Where the shards go.")],
    smallest: Annotated[
        int, Option(metavar="PX", help="Short side below which photos are dropped.")
    ] = 64,
    largest: Annotated[
        int, Option(metavar="PX", help="Short side above which photos are shrunk.")
    ] = 256,
    validation: Annotated[
        float, Option(metavar="SHARE", help="Share of the photos to validate on.")
    ] = 0.02,
    test: Annotated[float, Option(metavar="SHARE", help="Share of the photos to test on.")] = 0.0,
    near: Annotated[
        int,
        Option(metavar="BITS", help="Bits of 64 by which near-duplicates differ; -1 keeps all."),
    ] = 3,
    shard_size: Annotated[
        int, Option(min=1, metavar="MB", help="Size after which a new shard is begun.")
    ] = 256,
    workers: Annotated[
        int | None, Option(min=1, metavar="N", help="Threads; one a core if not given.")
    ] = None,
) -> None:
    """Check, shrink and split photographs, and measure their colours."""
    from ...system.installed import require

    require("train")
    from training.prepare.examine import Sizes
    from training.prepare.run import PrepareOptions, run

    from ..terminal import Terminal

    options = PrepareOptions(
        sources=sources,
        out=out,
        sizes=Sizes(smallest, largest),
        validation=validation,
        test=test,
        near=near,
        shard_bytes=shard_size * 1_000_000,
        workers=workers,
    )
    run(options, Terminal())
