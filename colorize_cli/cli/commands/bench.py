"""`colorize bench`: what is fastest here."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..options import Size


def bench(
    photos: Annotated[
        list[Path] | None,
        Argument(metavar="PHOTOS", help="Photographs to measure with; a built-in one if none."),
    ] = None,
    model: Annotated[
        list[str] | None,
        Option(metavar="NAME|PATH", help="Bundle: a folder or a .zip; repeatable."),
    ] = None,
    device: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            help="As of `run`; repeatable; all that work here if none, but for tensorrt.",
        ),
    ] = None,
    batch: Annotated[
        str | None,
        Option(metavar="N,N", help="Batch sizes; the device's own and a larger one if not given."),
    ] = None,
    samples: Annotated[int, Option(min=1, metavar="N", help="Colourings a photo.")] = 1,
    size: Size = None,
    quick: Annotated[
        bool, Option("--quick", help="Measure for a third of the time, with more noise.")
    ] = False,
    json: Annotated[
        Path | None, Option(metavar="FILE", help="Write the figures as JSON; - is stdout.")
    ] = None,
    compare: Annotated[
        Path | None,
        Option(metavar="FILE", help="JSON of an earlier run, to say what is faster now."),
    ] = None,
) -> None:
    """Say what is fastest on this machine, what it takes, and which options to use."""
    from ...system.installed import require_runtime

    require_runtime()
    from ...bench.configurations import BenchOptions
    from ...bench.run import run as run_bench
    from ...model.view import parse_size
    from ..terminal import Terminal

    options = BenchOptions(
        photos=tuple(photos or ()),
        models=tuple(model or ()),
        devices=tuple(device or ()),
        batch=batch,
        samples=samples,
        size=parse_size(size),
        is_quick=quick,
        json=json,
        compare=compare,
    )
    run_bench(options, Terminal())
