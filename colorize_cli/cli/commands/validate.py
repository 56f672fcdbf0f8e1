"""`colorize validate`: networks compared by their loss on photos that they did not learn from."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option


def validate(
    models: Annotated[
        list[str],
        Argument(metavar="MODEL...", help="Bundles or weights of runs; the first is the measure."),
    ],
    data: Annotated[
        Path, Option(metavar="PATH", help="Folder or tar shard of colour photographs.")
    ],
    half: Annotated[
        Literal["tune", "all"], Option(help="The half for choices, or all photos.")
    ] = "all",
    photos: Annotated[int, Option(min=5, metavar="N", help="Photos, at most.")] = 500,
    device: Annotated[Literal["auto", "cpu", "cuda"], Option(help="What to run on.")] = "auto",
) -> None:
    """Compare trained networks by their loss, in minutes."""
    from ...system.installed import require

    require("train")
    from training.recipe_tables import ValidationTable
    from training.validation.run import run

    from ..terminal import Terminal

    table = ValidationTable(data=str(data), half=half, photos=photos)
    run(models, table, device, Terminal().note)
