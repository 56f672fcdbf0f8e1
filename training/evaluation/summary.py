"""From the figures of photos to those of sets and of all together, each with its interval.

Figures are means over the photos of a set, then over the sets. What cannot be averaged photo by
photo is pooled: the widths of edges are medians over all edges of a set, whose means over the sets
make the ratio; Frechet and kernel distance are of all photos of a set, or of all sets, at once.
Ratios to grey and truth are ratios, and differences are differences, of the results.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from colorize_cli.system.figure_changes import Interval

from ..data.shards import set_of
from .bleeding import median_draws
from .bootstrap import Draws, Resamples, interval_of, mean_draws, quotient, resamplable, resample
from .distances import Products, frechet, kernel, kernel_parts
from .figures import OF_PICTURES, OF_SAMPLES, ROWS, MeasuredPhoto, PhotoFigures, Row
from .metrics import Counts, class_weights
from .patches import patch_draws

Figures: TypeAlias = dict[str, Draws]
Table: TypeAlias = dict[str, Figures]


@dataclass(frozen=True)
class Scope:
    """The figures of one set, or of all together.

    Attributes:
        photos: how many there are.
        edges: at how many edges bleeding was measured.
        rows: figures by the keys of `figures.MAIN` and `figures.REST`, for each of `figures.ROWS`,
            and the colourfulness of the row "truth".
        ratios: the model beside grey and truth, by the keys of `figures.RATIOS`.
    """

    photos: int
    edges: int
    rows: Mapping[str, Mapping[str, Interval]]
    ratios: Mapping[str, Interval]


@dataclass(frozen=True)
class Summary:
    """Figures by set, sorted by name, and of all sets together; the kernel distance by photo."""

    sets: Mapping[str, Scope]
    overall: Scope
    kernel_parts: Sequence[float]


def summarise(photos: Sequence[MeasuredPhoto], seed: int = 0) -> Summary:
    """Compute all figures with their intervals.

    Args:
        photos: of one or more sets, at least one.
        seed: of the resamples.
    """
    resamples = resample([set_of(photo.figures.name) for photo in photos], seed)
    weights, products = _weights(photos, resamples), _products(photos)
    tables: dict[str, Table] = {}
    for name, positions in resamples.members.items():
        counts, group = resamples.of_set(name), [photos[i] for i in positions]
        tables[name] = _table(group, counts, weights)
        for row, of_row in products.items():
            tables[name][row] |= _distances(of_row.at(positions), counts)
    everywhere = _means_of_sets(list(tables.values()))
    for row, of_row in products.items():
        everywhere[row] |= _distances(of_row, resamples.counts)
    figures = [photo.figures for photo in photos]
    return Summary(
        sets={
            name: _scope([figures[i] for i in positions], tables[name])
            for name, positions in resamples.members.items()
        },
        overall=_scope(figures, everywhere),
        kernel_parts=kernel_parts(products["model"]).tolist() if products else (),
    )


def row_figures(photos: Sequence[PhotoFigures], row: Row, counts: Draws) -> Figures:
    """Average, over the photos of a set, what is a mean over photos.

    Args:
        photos: n of one set.
        row: of the table.
        counts: (1 + D, n).
    """
    values = {**OF_PICTURES, **(OF_SAMPLES if row == "model" else {})}
    return {
        key: mean_draws([value(photo, photo.pictures(row)) for photo in photos], counts)
        for key, value in values.items()
    }


def mean_of_sets(draws: Sequence[Draws]) -> Draws:
    """Average over the sets, draw by draw; a set without the figure is passed over."""
    stack = np.stack(draws)
    known = np.isfinite(stack)
    total, count = np.where(known, stack, 0).sum(axis=0), known.sum(axis=0)
    return np.divide(total, count, out=np.full(stack.shape[1], np.nan), where=count > 0)


def _weights(photos: Sequence[MeasuredPhoto], resamples: Resamples) -> Counts:
    """Weights of the classes of colour, after their mean share over photos, then sets."""
    shares = np.stack([photo.parts.classes for photo in photos])
    by_set = [shares[positions].mean(axis=0) for positions in resamples.members.values()]
    return class_weights(np.mean(by_set, axis=0))


def _products(photos: Sequence[MeasuredPhoto]) -> dict[Row, Products]:
    features = [photo.parts.features for photo in photos if photo.parts.features is not None]
    if len(features) < len(photos):
        return {}
    truth, *of_rows = np.stack(features, axis=1)
    return {row: Products.of(truth, lot) for row, lot in zip(ROWS, of_rows, strict=True)}


def _table(photos: Sequence[MeasuredPhoto], counts: Draws, weights: Counts) -> Table:
    """All figures of a set but the distances."""
    figures = [photo.figures for photo in photos]
    table: Table = {row: row_figures(figures, row, counts) for row in ROWS}
    table["truth"] = {
        "colourfulness": mean_draws([photo.truth_colourfulness for photo in figures], counts)
    }
    weight = mean_draws([float(weights @ photo.parts.classes) for photo in photos], counts)
    for row in ROWS:
        hits = mean_draws([float(weights @ photo.parts.hits[row]) for photo in photos], counts)
        table[row]["auc_balanced"] = hits / weight
    widths = [photo.parts.widths for photo in photos]
    table["model"] |= {
        "width": median_draws(np.stack([w.output for w in widths]), counts),
        "width_reference": median_draws(np.stack([w.reference for w in widths]), counts),
    }
    found = [photo.parts.patches for photo in photos]
    table["model"] |= {
        "patches": patch_draws([p.output for p in found], [p.truth for p in found], counts),
        "patches_skin": patch_draws(
            [p.output_skin for p in found], [p.truth_skin for p in found], counts
        ),
    }
    return table


def _distances(products: Products, counts: Draws) -> Figures:
    return {"frechet": frechet(products, counts), "kernel": kernel(products, counts)}


def _means_of_sets(tables: Sequence[Table]) -> Table:
    pooled = {"frechet", "kernel"}
    return {
        row: {
            key: mean_of_sets([table[row][key] for table in tables])
            for key in figures
            if key not in pooled
        }
        for row, figures in tables[0].items()
    }


def _scope(photos: Sequence[PhotoFigures], table: Table) -> Scope:
    table["model"]["bleeding"] = table["model"]["width"] / table["model"]["width_reference"]

    count = resamplable([set_of(photo.name) for photo in photos])

    def intervals(figures: Figures) -> dict[str, Interval]:
        return {key: interval_of(draws, count) for key, draws in figures.items()}

    return Scope(
        photos=len(photos),
        edges=sum(photo.edges for photo in photos),
        rows={row: intervals(figures) for row, figures in table.items()},
        ratios=intervals(_ratios(table)),
    )


def _ratios(table: Table) -> Figures:
    model, grey, truth = table["model"], table["grey"], table["truth"]
    ratios = {f"{key}_above_grey": model[key] - grey[key] for key in ("psnr_first", "psnr_best")}
    below = ("lpips_first", "lpips_best", "ciede2000_first", "ciede2000_best", "frechet", "kernel")
    for key in below:
        if key in model:
            ratios[f"{key}_below_grey"] = 100 * (1 - quotient(model[key], grey[key]))
    of_truth = quotient(model["colourfulness"], truth["colourfulness"])
    return ratios | {"colourfulness_of_truth": 100 * of_truth}
