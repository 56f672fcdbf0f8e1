"""Fill the tables of `benchmarks/quality.md` from files of `colorize evaluate --json`.

Run from the repo's root, with all models that are to be compared, measured on the same photos:
    python -m benchmarks.quality RESULT.json...
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("quality.md")
BEGIN = "<!-- what follows was written by benchmarks/quality.py -->\n"
END = "<!-- end -->\n"
COLUMNS = ("LPIPS, first", "LPIPS, best", "PSNR, first", "PSNR, best", "colourfulness", "diversity")
FIELDS = ("lpips_first", "lpips_best", "psnr_first", "psnr_best", "colourfulness", "diversity")
DIGITS = (4, 4, 2, 2, 1, 3)

Result = Mapping[str, Any]


def main(paths: Sequence[str]) -> None:
    """Write the tables of the results at `paths` into the page."""
    results = [json.loads(Path(path).read_text()) for path in paths]
    if not results:
        sys.exit("name at least one file of `colorize evaluate --json`")
    if len({_photos(result) for result in results}) > 1:
        sys.exit("the results are of different photographs: they cannot share a table")
    head, rest = PAGE.read_text().split(BEGIN)
    tables = [_overall(results), _ratios(results), *(_sets(result) for result in results)]
    page = head + BEGIN + "\n" + "\n".join(tables) + "\n" + END + rest.split(END)[1]
    PAGE.write_text(page)


def _photos(result: Result) -> tuple[str, ...]:
    return tuple(sorted(photo["sha256"] for photo in result["photos"]))


def _overall(results: Sequence[Result]) -> str:
    means, settings = results[0]["overall"], results[0]["settings"]
    rows = [(_name(result), result["overall"]["model"]) for result in results]
    rows += [("grey input", means["grey"]), ("mean colour", means["mean_colour"])]
    title = (
        f"{means['photos']} photographs in {len(results[0]['sets'])} sets, split "
        f"`{settings['split']}`, {settings['samples']} samples; truth's colourfulness "
        f"{means['truth_colourfulness']:.1f}.\n"
    )
    cells = [[name, *_cells(row)] for name, row in rows]
    return f"## Means over the sets\n\n{title}\n{_table(['', *COLUMNS], cells)}"


def _ratios(results: Sequence[Result]) -> str:
    cells = []
    for result in results:
        ratios = result["overall"]["ratios"]
        cells.append(
            [
                _name(result),
                f"{_number(ratios['lpips_first_below_grey'], 1)}%",
                f"{_number(ratios['lpips_best_below_grey'], 1)}%",
                f"{ratios['psnr_first_above_grey']:+.2f} dB",
                f"{ratios['psnr_best_above_grey']:+.2f} dB",
                f"{ratios['colourfulness_of_truth']:.1f}%",
            ]
        )
    columns = [
        *("", "LPIPS below grey's, first", "best", "PSNR above grey's, first", "best"),
        "colourfulness of the truth's",
    ]
    return f"## Against grey and truth\n\n{_table(columns, cells)}"


def _sets(result: Result) -> str:
    cells = [
        [
            name,
            str(means["photos"]),
            *_cells(means["model"]),
            _number(means["grey"]["lpips_first"], 4),
            _number(means["grey"]["psnr_first"], 2),
            _number(means["truth_colourfulness"], 1),
        ]
        for name, means in result["sets"].items()
    ]
    columns = ["set", "photos", *COLUMNS, "grey LPIPS", "grey PSNR", "truth's colourfulness"]
    made_with = f"{result['settings']['steps']} steps, size {result['settings']['size']}"
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return (
        f"## {_name(result)} by set\n\n{made_with}; bundle `{result['model']['digest'][:12]}`; "
        f"{result['machine']['device']}; {versions}.\n\n{_table(columns, cells)}"
    )


def _name(result: Result) -> str:
    return str(result["model"]["name"])


def _cells(row: Mapping[str, float | None]) -> list[str]:
    return [_number(row[name], digits) for name, digits in zip(FIELDS, DIGITS, strict=True)]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    main(sys.argv[1:])
