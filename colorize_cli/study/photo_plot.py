"""The plot of which photographs fool: a dot and a 95% interval for each, set beside set, as SVG."""

from collections.abc import Collection
from html import escape
from itertools import groupby

from .design import Pair
from .figures import DisplayFigures, Rate

_STEP, _LEAST_STEP, _WIDE = 12.0, 3.0, 900.0  # pixels from a photograph to the next, and of all
_LEFT, _TOP, _HEIGHT, _GAP, _BELOW = 48.0, 14.0, 260.0, 28.0, 40.0


def photo_plot(display: DisplayFigures, number: int, pictured: Collection[str]) -> str:
    """Draw the fool rate of each photograph, by set, those that fool most first.

    Args:
        display: whose photographs.
        number: of the display on the page: dots lead to `#pNUMBER-ID`.
        pictured: ids of pairs that the page has a picture of, to which dots can lead.

    Returns:
        A `figure` with an `svg`, all text escaped.
    """
    photos = sorted(display.photos, key=lambda one: one[0].set)  # stable: by rate within a set
    step = max(_LEAST_STEP, min(_STEP, _WIDE / len(photos)))
    parts, x = [], _LEFT + _GAP / 2
    for name, group in groupby(photos, key=lambda one: one[0].set):
        start = x
        for pair, rate in group:
            dot = _dot(pair, rate, x + step / 2, min(3.5, step / 2))
            is_link = pair.id in pictured
            parts.append(f'<a href="#p{number}-{pair.id}">{dot}</a>' if is_link else dot)
            x += step
        width = max(x - start, 7.0 * len(name))  # names keep out of each other's way
        parts.append(_text((start + x) / 2, _TOP + _HEIGHT + 24, name, "middle"))
        x = start + width + _GAP
    width = x - _GAP / 2
    grid = "".join(_line(tenth / 4, width) for tenth in range(5))
    return (
        f'<figure><svg width="{width:.0f}" height="{_TOP + _HEIGHT + _BELOW:.0f}" role="img" '
        'aria-label="Fool rate of each photograph, with its interval; the list below has the same">'
        f"{grid}{''.join(parts)}</svg><figcaption>A dot is a photograph, with its 95% interval by "
        "Wilson; a dot leads to its picture, where that is shown. Dashes: at 50% raters can only "
        "guess.</figcaption></figure>"
    )


def _y(share: float) -> float:
    return _TOP + _HEIGHT * (1 - share)


def _dot(pair: Pair, rate: Rate, x: float, radius: float) -> str:
    low, high = rate.interval
    title = escape(f"{pair.name}: fooled {rate.count} of {rate.total}")
    return (
        f"<g><title>{title}</title>"
        f'<path class="bar" d="M{x:.1f} {_y(low):.1f}V{_y(high):.1f}"/>'
        f'<circle class="dot" cx="{x:.1f}" cy="{_y(rate.value):.1f}" r="{radius:.1f}"/></g>'
    )


def _line(share: float, width: float) -> str:
    y = _y(share)
    of_class = "chance" if share == 0.5 else "grid"
    label = _text(_LEFT - 6, y + 4, f"{100 * share:.0f}%", "end")
    return f'<path class="{of_class}" d="M{_LEFT} {y:.1f}H{width:.0f}"/>{label}'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
