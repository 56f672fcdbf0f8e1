"""The curves of runs as one picture: a panel for each figure, a colour for each run."""

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Curve = Sequence[tuple[int, float]]
Canvas = NDArray[np.uint8]

_WIDTH, _HEIGHT = 960, 300  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 34, 34  # margins around its axes
_LEGEND = 22  # pixels a run
_TICKS = 4
_GREY, _BLACK, _PALE = (120, 120, 120), (0, 0, 0), (225, 225, 225)
# Blue, green and red: Okabe and Ito's colours, which the colour-blind tell apart.
_COLOURS = (
    *((178, 114, 0), (0, 94, 213), (115, 158, 0), (167, 121, 204)),
    *((0, 159, 230), (233, 180, 86), (66, 228, 240), (0, 0, 0)),
)


def draw_curves(runs: Sequence[tuple[str, Mapping[str, Curve]]]) -> bytes:
    """Draw figures over steps.

    Args:
        runs: names, with curves by the figure's name; figures of which there is nothing are left
            out.

    Returns:
        A PNG.
    """
    figures = list(dict.fromkeys(name for _, curves in runs for name in curves))
    panels = [_legend([name for name, _ in runs])]
    for figure in figures:
        curves = [
            [point for point in curves.get(figure, ()) if math.isfinite(point[1])]
            for _, curves in runs
        ]
        if any(curves):
            panels.append(_panel(figure, curves))
    _, data = cv2.imencode(".png", np.concatenate(panels))
    return data.tobytes()


def _legend(names: Sequence[str]) -> Canvas:
    canvas = np.full((_LEGEND * len(names) + 10, _WIDTH, 3), 255, np.uint8)
    for i, name in enumerate(names):
        y = _LEGEND * i + 16
        cv2.line(canvas, (_LEFT, y), (_LEFT + 24, y), _colour(i), 2, cv2.LINE_AA)
        _write(canvas, name, (_LEFT + 32, y + 5))
    return canvas


def _panel(figure: str, curves: Sequence[Curve]) -> Canvas:
    """Draw one figure of all runs; a single point is a dot."""
    canvas = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    steps = [step for curve in curves for step, _ in curve]
    values = [value for curve in curves for _, value in curve]
    right, (low, high) = max(1, *steps), _range(values)
    inner = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(step: float, value: float) -> tuple[int, int]:
        x, y = step / right, (min(max(value, low), high) - low) / (high - low)
        return _LEFT + round(inner[0] * x), _TOP + round(inner[1] * (1 - y))

    for i in range(_TICKS + 1):
        value, step = low + (high - low) * i / _TICKS, right * i / _TICKS
        cv2.line(canvas, place(0, value), place(right, value), _PALE)
        _write(canvas, f"{value:.4g}", (8, place(0, value)[1] + 4), _GREY)
        _write(canvas, f"{step:,.0f}", (place(step, low)[0] - 16, _HEIGHT - 12), _GREY)
    _write(canvas, figure, (_LEFT, 20))
    for i, curve in enumerate(curves):
        points = np.array([place(*point) for point in curve], np.int32).reshape(-1, 1, 2)
        if len(points):
            cv2.polylines(canvas, [points], False, _colour(i), 2, cv2.LINE_AA)
        for x, y in points[:, 0].tolist() if len(points) < 40 else ():
            cv2.circle(canvas, (x, y), 3, _colour(i), -1, cv2.LINE_AA)
    return canvas


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Give the ends of an axis: a tenth beyond the values, which a few wild ones do not decide."""
    low, high = min(values), float(np.quantile(values, 0.98))
    margin = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _colour(i: int) -> tuple[int, int, int]:
    return _COLOURS[i % len(_COLOURS)]


def _write(
    canvas: Canvas, text: str, place: tuple[int, int], colour: tuple[int, int, int] = _BLACK
) -> None:
    plain = text.encode("ascii", "replace").decode()  # the font has no other letters
    cv2.putText(canvas, plain, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
