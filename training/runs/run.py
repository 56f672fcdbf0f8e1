"""The body of `colorize runs`: a table of runs, and a picture of their curves."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from colorize_cli.errors import UsageError
from colorize_cli.system.files import write_atomic
from colorize_cli.system.messages import Messages, write_stdout
from colorize_cli.system.paths import shown
from colorize_cli.system.wording import column_lines

from .curves import draw_curves
from .summaries import Point, RunSummary, runs_below

_HEAD = ("run", "recipe", "step", "best loss", "best ab MAE", "state", "when")


def run(folder: Path, plot: Path | None, messages: Messages) -> None:
    """Print a table of the runs below a folder, the latest last.

    Args:
        folder: of one run, or of many.
        plot: PNG to draw the curves of all of them into; None for none.
        messages: the user is told through them.

    Raises:
        UsageError: there is no such folder, or no run in it; or the plot is to be no PNG.
    """
    if plot is not None and plot.suffix.lower() != ".png":
        raise UsageError(f"--plot {plot}: name a file that ends in .png.")
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name that of `colorize train --out`, or above.")
    runs = runs_below(folder)
    if not runs:
        raise UsageError(f"No run in {folder}: `colorize train --out` makes one.")
    write_stdout("".join(f"{line}\n" for line in table_lines(runs, folder)))
    for one in runs:
        if one.reason:
            messages.note(f"{_name(one, folder)} {one.state}: {one.reason}")
    if plot is not None:
        names = [_name(one, folder) for one in runs]
        write_atomic(plot, draw_curves([(n, r.curves) for n, r in zip(names, runs, strict=True)]))
        messages.note(f"curves: {shown(plot)}")


def table_lines(runs: Sequence[RunSummary], folder: Path) -> Iterator[str]:
    """Lay the runs out in columns, with a head."""
    return column_lines([_HEAD, *(_row(run, folder) for run in runs)])


def _row(run: RunSummary, folder: Path) -> tuple[str, ...]:
    steps = f" of {run.steps:,}" if run.steps else ""
    return (
        _name(run, folder),
        run.recipe,
        f"{run.step:,}{steps}",
        _best(run.best, 4),
        _best(run.mae, 2),
        run.state or "-",
        f"{run.changed:%Y-%m-%d %H:%M}",
    )


def _best(point: Point | None, digits: int) -> str:
    return f"{point[1]:.{digits}f} at {point[0]:,}" if point else "-"


def _name(run: RunSummary, folder: Path) -> str:
    below = run.folder.relative_to(folder)
    return shown(str(below)) if below.parts else shown(run.folder.resolve().name)
