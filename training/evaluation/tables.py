"""How the figures of an evaluation are shown on the console, within 100 columns."""

import sys
from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from . import inception
from .bootstrap import LEVEL, Interval
from .comparison import Change
from .evaluate import Evaluation, EvaluationSettings
from .figures import MAIN, RATIOS, REST, ROWS, Column
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
    ("model", "diversity", "diversity"),
    ("model", "colourfulness", "colour"),
    ("truth", "colourfulness", "truth"),
)


def print_tables(evaluation: Evaluation, settings: EvaluationSettings, model: str) -> None:
    """Print the figures over all sets, the ratios and the figures by set on standard output."""
    console, summary = _console(), evaluation.summary
    overall = summary.overall
    half = "both halves" if settings.split == "all" else f"half {settings.split}"
    inputs = ", degraded inputs" if settings.degraded else ""
    console.print(
        f"{overall.photos} photographs in {len(summary.sets)} sets, {half}, {settings.samples} "
        f"samples{inputs};\nmeans over photos, then sets, with {LEVEL:.0f}% bootstrap intervals",
        highlight=False,
    )
    headings = {"model": model, "grey": "grey input", "mean_colour": "mean colour"}
    console.print(_rows_table("main figures", MAIN, overall, headings))
    console.print(_ratios_table(overall, model))
    console.print(_rows_table("other figures", REST, overall, headings))
    for key, note in _NOTES.items():
        if _cell(_MAIN[key], overall.rows["model"].get(key)) != "-":
            console.print(note, highlight=False)
    console.print(_sets_table(summary.sets))


def print_changes(changes: Sequence[Change], photos: int, before: str, after: str) -> None:
    """Print how the figures moved since an earlier run, with a verdict each.

    Args:
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
        column = change.column
        table.add_row(
            column.heading,
            column.text(change.before),
            column.text(change.after),
            column.text_with(change.difference),
            change.verdict,
        )
    _console().print(table)


def _console() -> Console:
    console = Console(file=sys.stdout)
    return console if console.is_terminal else Console(file=sys.stdout, width=_FILE_WIDTH)


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
