"""The report as a page: one file, that needs nothing else, with a plot of which photos fool."""

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from math import isnan
from pathlib import Path
from string import Template

import cv2
import numpy as np

from ..errors import ImageError
from ..imaging.thumbnail import thumbnail
from ..system.wording import count_text
from . import pictures
from .design import PICTURES, Pair, Study
from .figures import LEAST_RATERS, DisplayFigures, Figures, Rate
from .photo_plot import photo_plot

_CARDS = 60  # photographs that are shown of those that fool most, and as many of the others
_SIDE, _QUALITY = 240, 85  # of small pictures
_SCRIPTS = (
    '<p class="scripts"><strong>Of scripts, not of people.</strong> This tests the study itself; '
    "nothing here is a result, and no figure of it may be published.</p>"
)


def percent(share: float) -> str:
    """Write a share, 0..1, in percent; a dash where there is none."""
    return "–" if isnan(share) else f"{100 * share:.1f}%"


def rate_text(rate: Rate) -> str:
    """Write a rate with its interval and what it is of."""
    return f"{percent(rate.value)} ({span_text(rate.interval)}, {rate.count} of {rate.total})"


def span_text(interval: tuple[float, float]) -> str:
    """Write an interval of shares in percent."""
    low, high = interval
    return f"{100 * low:.1f}–{100 * high:.1f}%"


def display_text(seconds: float | None) -> str:
    """Say how long pairs were shown."""
    return "until the answer" if seconds is None else f"for {seconds:g} s"


def few_text(display: DisplayFigures) -> str:
    """Say that there are too few raters."""
    return (
        f"no result yet: answers of {count_text(display.raters, 'rater')} count, and fewer than "
        f"{LEAST_RATERS} do not show how people differ; ask more"
    )


def page(study: Study, figures: Figures, folder: Path, *, of_scripts: bool) -> str:
    """Write the page.

    Args:
        study: what was asked.
        figures: what came of it.
        folder: of the study, where its pictures are.
        of_scripts: whether scripts answered, which the page then says above all.

    Returns:
        HTML. Names of photographs and folders are text in it, whatever they are.
    """
    protocol, model = study.protocol, study.model
    lead = (
        f"Pairs of a photograph and a colouring of its grey by {model['name']} "
        f"({str(model['digest'])[:12]}). The fool rate is the share of comparisons in which the "
        "colouring was taken for the photograph: at 50% people only guess. Intervals are of 95%."
    )
    rule = (
        "Fixed before anybody was asked: answers count of who came to the end and found at least "
        f"{protocol.catches_right} of {protocol.catches} pairs in plainly wrong colour "
        f"(who tosses a coin does so with {percent(protocol.coin_passes)})."
    )
    count = len(figures.raters)
    counting = sum(not one.left_out for one in figures.raters)
    rule += f" Here {counting} of {count_text(count, 'rater')}."
    nothing = "<p>No rater’s answers count yet.</p>"
    return Template(_file("report.html")).substitute(
        style=_file("report.css"),
        banner=_SCRIPTS if of_scripts else "",
        lead=escape(lead),
        displays="".join(_display(one, folder, i) for i, one in enumerate(figures.displays))
        or nothing,
        rule=escape(rule),
        raters=_raters(figures),
        protocol=_protocol(study),
    )


def _file(name: str) -> str:
    return files(__package__).joinpath("pages", name).read_text(encoding="utf-8")


def _display(display: DisplayFigures, folder: Path, number: int) -> str:
    shortest, middle, longest = display.shown_ms
    few = (
        "" if display.is_result else f'<p class="few">{escape(few_text(display)).capitalize()}.</p>'
    )
    sentence = (
        f"of {count_text(display.fooled.total, 'comparison')} by "
        f"{count_text(display.raters, 'rater')} were answered with the colouring; "
        f"{span_text(display.fooled.interval)} by Wilson. Where raters and photographs are drawn "
        f"anew, {span_text(display.quoted)}: that allows for what answers of one rater, or to one "
        "photograph, have in common, and is the interval to quote."
    )
    facts = [
        ("answered as before when a pair came again, sides swapped", rate_text(display.agreed)),
        ("the left one chosen, where 50% are to be expected", rate_text(display.left)),
        ("median answer after", f"{display.answer_seconds:.1f} s"),
    ]
    if display.seconds is not None:
        measured = f"{middle:.0f} ms in the median, {shortest:.0f} to {longest:.0f}"
        facts.append(("pairs were seen for", measured))
    return (
        f"<section><h2>Pairs shown {escape(display_text(display.seconds))}</h2>"
        f'<p class="rate">{percent(display.fooled.value)}</p><p>{escape(sentence)}</p>{few}'
        f"<h3>By set</h3>{_sets(display)}<h3>How steady</h3>{_facts(facts)}"
        f"<h3>Which photographs fool</h3>"
        f"{photo_plot(display, number, {pair.id for pair, _ in _chosen(display)})}"
        f"{_gallery(display, folder, number)}</section>"
    )


def _sets(display: DisplayFigures) -> str:
    rows = [
        (name, str(rate.total), percent(rate.value), span_text(rate.interval))
        for name, rate in [*display.sets.items(), ("all", display.fooled)]
    ]
    return _table(
        ("set", "answers", "fooled", "95% interval"), rows, [""] * (len(rows) - 1) + ["all"]
    )


def _raters(figures: Figures) -> str:
    rows = [
        (
            str(one.rater.id),
            display_text(one.rater.seconds),
            percent(one.fooled.value),
            span_text(one.fooled.interval),
            f"{one.caught.count} of {one.caught.total}",
            f"{one.agreed.count} of {one.agreed.total}",
            percent(one.left.value),
            str(one.spoiled),
            "–" if one.seconds is None else f"{one.seconds:.1f} s",
            f"no: {one.left_out}" if one.left_out else "yes",
        )
        for one in figures.raters
    ]
    names = [
        *("rater", "shown", "fooled", "95% interval", "wrong colour found", "as before"),
        *("left chosen", "not counted", "median answer", "counts"),
    ]
    return _table(names, rows, ["out" if one.left_out else "" for one in figures.raters])


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], classes: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr class="{of_class}">' + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row, of_class in zip(rows, classes, strict=True)
    )
    return f'<div class="table"><table><thead><tr>{head}</tr></thead>{body}</table></div>'


def _facts(facts: Sequence[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(a)}</dt><dd>{escape(b)}</dd>' for a, b in facts)}</dl>"


def _chosen(display: DisplayFigures) -> list[tuple[Pair, Rate]]:
    """Give the photographs whose pictures are shown."""
    photos = display.photos
    return photos if len(photos) <= 2 * _CARDS else [*photos[:_CARDS], *photos[-_CARDS:]]


def _gallery(display: DisplayFigures, folder: Path, number: int) -> str:
    chosen = _chosen(display)
    left = len(display.photos) - len(chosen)
    note = f"; {count_text(left, 'photograph')} in between are not shown" if left else ""
    cards = "".join(_card(pair, rate, folder, number) for pair, rate in chosen)
    return (
        "<p>The photograph is on the left, the colouring on the right. Those that fool most come "
        f'first{note}.</p><ul class="photos">{cards}</ul>'
    )


def _card(pair: Pair, rate: Rate, folder: Path, number: int) -> str:
    images = "".join(
        f'<img alt="{what}" loading="lazy" src="{_small(folder / PICTURES / name)}">'
        for what, name in (("the photograph", pair.truth), ("the colouring", pair.other))
    )
    text = f"{pair.name}: fooled {rate.count} of {rate.total}"
    return f'<li id="p{number}-{pair.id}"><div>{images}</div><p>{escape(text)}</p></li>'


def _small(path: Path) -> str:
    """Make a small JPEG of a picture, as a URL that holds it; empty where it is gone."""
    try:
        picture = thumbnail(pictures.decode(path.read_bytes()), _SIDE)
    except (OSError, ImageError):
        return ""
    settings = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), settings)[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _protocol(study: Study) -> str:
    protocol, model = study.protocol, study.model
    shown = {
        "timed": display_text(protocol.seconds),
        "untimed": display_text(None),
        "both": f"{display_text(protocol.seconds)} and {display_text(None)}, half of raters each",
    }[protocol.display]
    size = model["size"] or "the model's own size"
    return _facts(
        [
            ("question", protocol.question),
            (
                "a rater sees",
                f"{protocol.practice} pairs for practice, with the answer; then, without, mixed: "
                f"{protocol.comparisons} of {len(study.of_role('comparison'))} to compare, "
                f"{protocol.catches} in plainly wrong colour, and {protocol.repeats} of those to "
                "compare once more, sides swapped",
            ),
            ("shown", f"{shown}; who needs it may have untimed pairs, which are counted apart"),
            ("size", f"{protocol.side} px at most on the longer side, both alike"),
            (
                "model",
                f"{model['name']} {model['digest']}, seed {model['seed']}, {model['steps']} steps, "
                f"{size}, {model['device']}, colorize {model['version']}",
            ),
            (
                "not counted",
                "answers to pairs that were shown twice, out of sight, or 20% too long or short",
            ),
            ("made", study.made),
            ("left out of the folder", count_text(len(study.left_out), "photograph")),
            ("agreed to", protocol.consent),
            ("study", study.digest),
        ]
    )
