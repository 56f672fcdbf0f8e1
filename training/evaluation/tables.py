"""How the figures of an evaluation are shown on the console, within 100 columns."""

import sys
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from colorize_cli.system.figure_changes import Interval

from .bootstrap import LEVEL
from .comparison import FigureChange, verdict
from .evaluate import Evaluation, EvaluationSettings
from .figures import MAIN, RATIOS, REST, ROWS, Column
from .pretrained import inception
from .summary import Scope

# Wide enough for the tables where there is no terminal to ask.
_FILE_WIDTH = 100
_MAIN = {column.key: column for column in MAIN}
# What a figure that was measured has to be read with.
_NOTES = {
    "lpips_first": "LPIPS: version 0.1, AlexNet",
    "kernel": f"Frechet and kernel distance: {inception.NAME}",
    "colourfulness": "colourfulness: Hasler and Suesstrunk 2003, signed differences;\n"
    "  its diff. from the truth's is that of the means, |diff.| the mean over photos",
}
# What the table of the sets has: row, figure, heading.
_OF_SETS = (
    ("model", "lpips_first", "LPIPS"),
    ("model", "lpips_best", "best"),
    ("grey", "lpips_first", "grey"),
    ("model", "psnr_first", "PSNR"),
    ("model", "psnr_best", "best"),
    ("grey", "psnr_first", "grey"),
    ("model", "kernel", "kernel"),
    ("model", "bleeding", "bleeding"),
    ("model", "patches", "patches"),
    ("model", "diversity", "diversity"),
    ("model", "colourfulness", "colour"),
    ("truth", "colourfulness", "truth"),
)


def open_console(*, to_stderr: bool) -> Console:
    """Print on standard output, or on standard error where that is for something else."""
    file = sys.stderr if to_stderr else sys.stdout
    console = Console(file=file)
    return console if console.is_terminal else Console(file=file, width=_FILE_WIDTH)


def print_tables(
    console: Console, evaluation: Evaluation, settings: EvaluationSettings, model: str
) -> None:
    """Print which photos were measured, the figures over all sets, the ratios, the figures by set.

    Args:
        console: where to.
        evaluation: the figures.
        settings: what was measured.
        model: name of the bundle.
    """
    summary = evaluation.summary
    overall = summary.overall
    console.print("\n".join(_heading(evaluation, settings)), highlight=False)
    headings = {"model": model, "grey": "grey input", "mean_colour": "mean colour"}
    console.print(_rows_table("main figures", MAIN, overall, headings))
    console.print(_ratios_table(overall, model))
    console.print(_rows_table("other figures", REST, overall, headings))
    for key, note in _NOTES.items():
        if _cell(_MAIN[key], overall.rows["model"].get(key)) != "-":
            console.print(note, highlight=False)
    console.print(_sets_table(summary.sets))


def print_changes(
    console: Console, changes: Sequence[FigureChange], photos: int, before: str, after: str
) -> None:
    """Print how the figures moved since an earlier run, with a verdict each.

    Args:
        console: where to.
        changes: from `comparison.compare`.
        photos: of both runs.
        before: name of the earlier model.
        after: name of the later one.
    """
    table = _table(f"{before} (before) and {after} (after) on the same {photos} photographs")
    table.add_column("")
    for heading in ("before", "after", "difference"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for change in changes:
        column = change.figure
        table.add_row(
            column.heading,
            column.text(change.before),
            column.text(change.after),
            column.text_with(change.difference),
            verdict(change),
        )
    console.print(table)


def _heading(evaluation: Evaluation, settings: EvaluationSettings) -> list[str]:
    """Say which of the photos that were found the figures are of."""
    selection, sets = evaluation.selection, len(evaluation.summary.sets)
    inputs = ", degraded inputs" if settings.degraded else ""
    if settings.judge_at:
        inputs += f", judged at {settings.judge_at} px"
    lines = [
        f"{len(evaluation.photos)} of {selection.found} photographs in {sets} sets, "
        f"{selection.half}, {settings.samples} samples{inputs};",
        f"means over photos, then sets, with {LEVEL:.0f}% bootstrap intervals",
    ]
    if others := selection.left_out(len(evaluation.left_out)):
        lines.insert(1, f"not measured: {others};")
    return lines


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))


def _rows_table(
    title: str, columns: Sequence[Column], scope: Scope, headings: Mapping[str, str]
) -> Table:
    """Make a line of each figure: the rows of the protocol stand side by side."""
    table = _table(title)
    table.add_column("")
    for row in ROWS:
        table.add_column(headings[row], justify="right", no_wrap=True)
    for column in columns:
        figures = [scope.rows[row].get(column.key) for row in ROWS]
        cells = [_cell(column, figure) for figure in figures]
        if set(cells) != {"-"}:
            table.add_row(column.heading, *cells)
    return table


def _ratios_table(scope: Scope, model: str) -> Table:
    table = _table("against grey and truth")
    table.add_column("")
    table.add_column(model, justify="right", no_wrap=True)
    for column in RATIOS:
        if (cell := _cell(column, scope.ratios.get(column.key))) != "-":
            table.add_row(column.heading, cell)
    return table


def _cell(column: Column, figure: Interval | None) -> str:
    return "-" if figure is None else column.text_with(figure)


def _sets_table(sets: Mapping[str, Scope]) -> Table:
    table = _table("by set; intervals and all other figures are in the file of --json")
    table.padding = 0
    table.add_column("set", no_wrap=True)
    for heading in ("photos", *(heading for _, _, heading in _OF_SETS)):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, scope in sets.items():
        cells = []
        for row, key, _ in _OF_SETS:
            figure = scope.rows[row].get(key)
            cells.append("-" if figure is None else _MAIN[key].text(figure.value))
        table.add_row(name, str(scope.photos), *cells)
    return table
