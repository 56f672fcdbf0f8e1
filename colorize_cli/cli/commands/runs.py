"""`colorize runs`: what became of training runs, and their curves."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def runs(
    folder: Annotated[
        Path, Argument(metavar="[DIR]", help="Folder of a run, or of many.", show_default=False)
    ] = Path("runs"),
    plot: Annotated[
        Path | None, Option(metavar="FILE.png", help="Draw the curves of all of them.")
    ] = None,
) -> None:
    """List training runs: recipe, step, best validation figures, state, when."""
    from ...system.installed import require_package

    require_package("training")  # of which this part needs no PyTorch
    from training.runs.run import run

    from ..terminal import Terminal

    run(folder, plot, Terminal())
