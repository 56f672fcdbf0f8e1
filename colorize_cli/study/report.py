"""The body of `colorize study report`: figures as a table, as a page, and as JSON."""

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from ..errors import UsageError
from ..system.figures_file import check_target, write_document
from ..system.files import write_atomic
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text
from .answers import Answers
from .design import Study, read_study
from .figures import DisplayFigures, Figures, Rate, RaterFigures, figures_of
from .report_page import display_text, few_text, page, percent, rate_text, span_text

FORMAT_VERSION = 1
REPORT_NAME, SCRIPTS_NAME = "report.html", "report-of-scripts.html"


def run(
    folder: Path, out: Path | None, json: Path | None, messages: Messages, *, of_scripts: bool
) -> None:
    """Report on a study; it may go on meanwhile.

    Args:
        folder: of the study.
        out: the page; in the folder if None.
        json: where all figures go as JSON; nowhere if None.
        messages: are shown the table.
        of_scripts: report on scripts that drive a browser, which is no result, and not on people.

    Raises:
        UsageError: There is no study, nobody has answered, or a file cannot be written.
    """
    out = out or folder / (SCRIPTS_NAME if of_scripts else REPORT_NAME)
    check_target(json)
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {shown(out)}: name a file that ends in .html.")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UsageError(f"--out {shown(out)}: name a file in a folder that exists.")
    study = read_study(folder)
    with Answers(folder, study, reads_only=True) as answers:
        figures = figures_of(study, answers.raters(), answers.answered(), of_scripts=of_scripts)
    if of_scripts:
        messages.warn("of scripts, not of people: a test of the study, and no result to publish")
    elif figures.others:
        messages.note(f"left out {count_text(figures.others, 'script')}, which are no people")
    if not figures.displays:
        messages.warn("no rater's answers count yet")
    for display in figures.displays:
        messages.table(_table(display))
        messages.note(_sentence(display))
        if not display.is_result:
            messages.warn(few_text(display))
    if figures.raters:
        messages.table(_raters(figures))
    write_atomic(out, page(study, figures, folder, of_scripts=of_scripts).encode())
    messages.note(f"page: {shown(out)}")
    if json:
        write_document(json, document(study, figures, of_scripts=of_scripts))


def document(study: Study, figures: Figures, *, of_scripts: bool) -> dict[str, Any]:
    """Write all figures as a tree for JSON."""
    return {
        "format": FORMAT_VERSION,
        "of": "scripts" if of_scripts else "people",
        "study": study.digest,
        "made": study.made,
        "protocol": vars(study.protocol),
        "model": dict(study.model),
        "displays": [_display_tree(display) for display in figures.displays],
        "raters": [_rater_tree(rater) for rater in figures.raters],
    }


def _display_tree(display: DisplayFigures) -> dict[str, Any]:
    return {
        "seconds": display.seconds,
        "raters": display.raters,
        "fooled": _tree(display.fooled),
        "quoted": display.quoted,
        "is_result": display.is_result,
        "sets": {name: _tree(rate) for name, rate in display.sets.items()},
        "agreed": _tree(display.agreed),
        "left": _tree(display.left),
        "answer_seconds": display.answer_seconds,
        "shown_ms": display.shown_ms,
        "photos": [
            {"name": pair.name, "set": pair.set, "sha256": pair.sha256, **_tree(rate)}
            for pair, rate in display.photos
        ],
    }


def _rater_tree(one: RaterFigures) -> dict[str, Any]:
    return {
        "rater": one.rater.id,
        "seconds": one.rater.seconds,
        "left_out": one.left_out,
        "fooled": _tree(one.fooled),
        "caught": _tree(one.caught),
        "agreed": _tree(one.agreed),
        "left": _tree(one.left),
        "spoiled": one.spoiled,
        "answer_seconds": one.seconds,
    }


def _tree(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval
    return {"count": rate.count, "total": rate.total, "share": rate.value, "low": low, "high": high}


def _sentence(display: DisplayFigures) -> str:
    return (
        f"over raters and photos drawn anew: {span_text(display.quoted)}; repeats answered as "
        f"before: {rate_text(display.agreed)}; left one chosen: {rate_text(display.left)}; median "
        f"answer after {display.answer_seconds:.1f} s"
    )


def _table(display: DisplayFigures) -> Table:
    title = f"Fool rate, pairs shown {display_text(display.seconds)}"
    table = Table(title=title, title_justify="left", box=None, min_width=len(title))
    for name in ("set", "answers", "fooled", "95% interval"):
        table.add_column(name, justify="left" if name == "set" else "right")
    for name, rate in [*display.sets.items(), ("all", display.fooled)]:
        row = (shown(name), str(rate.total), percent(rate.value), span_text(rate.interval))
        table.add_row(*map(Text, row))
    return table


def _raters(figures: Figures) -> Table:
    table = Table(title="Raters", title_justify="left", box=None)
    names = ("rater", "shown", "fooled", "95% interval", "caught", "as before", "left", "counts")
    for name in names:
        table.add_column(name, justify="left" if name in ("shown", "counts") else "right")
    for one in figures.raters:
        row = (
            str(one.rater.id),
            "untimed" if one.rater.seconds is None else f"{one.rater.seconds:g} s",
            percent(one.fooled.value),
            span_text(one.fooled.interval),
            f"{one.caught.count} of {one.caught.total}",
            f"{one.agreed.count} of {one.agreed.total}",
            percent(one.left.value),
            f"no: {one.left_out}" if one.left_out else "yes",
        )
        table.add_row(*map(Text, row))
    return table
