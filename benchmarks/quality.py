"""Fill the tables of `benchmarks/quality.md` from files of `colorize evaluate --json`.

Run it from the repository's root, with the results of all models that are to be compared. Runs on
the same photographs with the same kind of input and number of samples share a table.

    python -m benchmarks.quality RESULT.json...
"""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorize_cli.system.figure_changes import Interval
from training.evaluation.figures import MAIN, RATIOS, REST, Column

PAGE = Path(__file__).with_name("quality.md")
BEGIN = "<!-- what follows was written by benchmarks/quality.py -->\n"
END = "<!-- end -->\n"
FORMAT = 2
OTHER_ROWS = {"grey": "grey input", "mean_colour": "mean colour"}
# The rest in two tables, of figures against the truth and of what else they tell.
REST_HALVES = (REST[:10], REST[10:])
# What the tables by set have besides the main figures.
BESIDE = (
    ("grey", MAIN[0], "grey's LPIPS"),
    ("grey", MAIN[2], "grey's PSNR, dB"),
    ("truth", MAIN[4], "truth's colourfulness"),
)

Result = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """A bar that the default is held to.

    Attributes:
        key: The key of the figure, in the ratios or in the model's row.
        text: The figure and its bar in words.
        least: The smallest value that holds.
        most: The largest value that holds.
        digits: The number of digits after the point.
        scale: The factor of the value as shown.
    """

    key: str
    text: str
    least: float = -math.inf
    most: float = math.inf
    digits: int = 1
    scale: float = 1.0


# Of default settings and four samples.
CLEAN_BARS = (
    Bar("lpips_first_below_grey", "LPIPS below grey's, first: at least 27%", 27),
    Bar("lpips_best_below_grey", "best of four: 39%", 39),
    Bar("psnr_best_above_grey", "PSNR above grey's, best of four: at least 3.6 dB", 3.6, digits=2),
    Bar("colourfulness_of_truth", "colourfulness of the truth's: 90 to 110%", 90, 110),
    Bar("kernel_below_grey", "kernel distance below grey's: at least 85%", 85),
    Bar("diversity", "diversity: at least 0.06", 0.06, digits=3),
    Bar("alike", "all alike: at most 5%", most=5, scale=100),
    Bar("bleeding", "bleeding: at most 1.15", most=1.15, digits=2),
)
DEGRADED_BARS = (Bar("lpips_first_below_grey", "LPIPS below the print's, first: at least 20%", 20),)


def main(paths: Sequence[str]) -> None:
    """Write the tables of the results at `paths` into the page."""
    tables = tables_of([json.loads(Path(path).read_text()) for path in paths])
    head, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(tables) + "\n" + END + rest.split(END)[1])


def tables_of(results: Sequence[Result]) -> list[str]:
    """Write the tables of results, those of the same photographs together."""
    if not results or any(result.get("format") != FORMAT for result in results):
        sys.exit("name files of `colorize evaluate --json`, of this version alone")
    groups: dict[object, list[Result]] = {}
    for result in results:
        groups.setdefault(_kind(result), []).append(result)
    return [table for group in groups.values() for table in _tables(group)]


def _kind(result: Result) -> object:
    """Tell what results must have in common to share a table."""
    photos = frozenset(photo["sha256"] for photo in result["photos"])
    features = result["metrics"]["frechet, kernel"]
    return photos, features, result["settings"]["samples"], result["settings"]["degraded"]


def _tables(results: Sequence[Result]) -> list[str]:
    settings, overall = results[0]["settings"], results[0]["overall"]
    inputs = "Degraded inputs" if settings["degraded"] else "Clean inputs"
    truth = MAIN[4].text_with(_interval(overall["rows"]["truth"]["colourfulness"]))
    limit = settings["limit"]
    limited = f", the first {limit} of each set (`--limit {limit}`)" if limit else ""
    title = (
        f"## {inputs}\n\n{overall['photos']} photographs in {len(results[0]['sets'])} sets, split "
        f"`{settings['split']}`{limited}, {settings['samples']} samples; truth's colourfulness "
        f"{truth}. Behind each figure its 95% interval.\n"
    )
    rows = [(_name(result), result["overall"]["rows"]["model"]) for result in results]
    rows += [(name, overall["rows"][row]) for row, name in OTHER_ROWS.items()]
    ratios = [(_name(result), result["overall"]["ratios"]) for result in results]
    return [
        title,
        f"### Against the bars\n\n{_bars(results)}",
        f"### Main figures\n\n{_table(MAIN, rows)}",
        f"### Against grey and truth\n\n{_table(RATIOS, ratios)}",
        "### Other figures\n\n" + "\n".join(_table(half, rows) for half in REST_HALVES),
        *(_sets(result) for result in results),
    ]


def _table(columns: Sequence[Column], rows: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    cells = [
        [name, *(_cell(column, row.get(column.key)) for column in columns)] for name, row in rows
    ]
    return _markdown(["", *(column.heading for column in columns)], cells)


def _bars(results: Sequence[Result]) -> str:
    """Hold each result against the bars, by the figure itself, whatever its interval."""
    bars = DEGRADED_BARS if results[0]["settings"]["degraded"] else CLEAN_BARS
    cells = []
    for result in results:
        figures = result["overall"]["rows"]["model"] | result["overall"]["ratios"]
        row = [_held(bar, _interval(figures[bar.key]).value * bar.scale) for bar in bars]
        cells.append([_name(result), *row])
    return _markdown(["", *(bar.text for bar in bars)], cells)


def _held(bar: Bar, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.{bar.digits}f}" + ("" if bar.least <= value <= bar.most else " FAIL")


def _sets(result: Result) -> str:
    cells = []
    for name, scope in result["sets"].items():
        beside = [_cell(column, scope["rows"][row].get(column.key)) for row, column, _ in BESIDE]
        figures = [_cell(column, scope["rows"]["model"].get(column.key)) for column in MAIN]
        cells.append([name, str(scope["photos"]), str(scope["edges"]), *figures, *beside])
    headings = [column.heading for column in MAIN] + [heading for _, _, heading in BESIDE]
    settings, machine = result["settings"], result["machine"]
    made_with = f"{settings['steps']} steps, size {settings['size']}"
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"### {_name(result)} by set\n\n{made_with}; {result['device']}; {versions}, torch "
        f"{result['torch']}. LPIPS: {result['metrics']['lpips']}. Distances: "
        f"{result['metrics']['frechet, kernel']}.\n\n"
        f"{_markdown(['set', 'photos', 'edges', *headings], cells)}"
    )


def _name(result: Result) -> str:
    """Name the model and how it ran, and tell it from others of its name."""
    name = f"{result['model']['name']} ({result['model']['digest'][:12]}), {result['computed_in']}"
    candidates = result["settings"]["candidates"]
    return f"{name}, of {candidates} candidates" if candidates else name


def _interval(figure: Mapping[str, float | None]) -> Interval:
    numbers = {key: math.nan if value is None else value for key, value in figure.items()}
    return Interval(**numbers)


def _cell(column: Column, figure: Mapping[str, float | None] | None) -> str:
    return "-" if figure is None else column.text_with(_interval(figure))


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    escaped = [heading.replace("|", "\\|") for heading in headings]
    lines = [escaped, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
