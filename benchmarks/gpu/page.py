"""Write the figures of a GPU as a section of a page, the newest first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..page import machine_text, table
from .measure import GRAPH, ROUND_TRIP

_MARKER = "<!-- sections below were written by benchmarks/gpu, the newest first -->\n"
_NOT_ALIKE = 0.5  # Lab units of ab
_KEYS = ("provider", "precision", "layout", "way")
_HEAD = ("provider", "precision", "layout", "x_t")

Figures = Sequence[Mapping[str, Any]]


def line(figure: Mapping[str, Any]) -> str:
    """Tell what was just measured."""
    name = (
        f"{figure['provider']} {figure['precision']} {figure['layout']}, {figure['way']}, "
        f"batch {figure['batch']}"
    )
    if "failure" in figure:
        return f"{name}: {figure['failure']}"
    return (
        f"{name}: {figure['photos_per_second']:.1f} photos/s, steps {figure['steps_ms']:.2f} ms, "
        f"{figure['outside']:.1%} outside the runtime, ab {figure['difference']:.3f}"
    )


def section(result: Mapping[str, Any]) -> str:
    """Write a section about a run."""
    machine, model, gflop = result["machine"], result["model"], result["gflop"]
    gpu = machine["gpu"] or "no GPU"
    rates = result["ceiling"]["tflop_per_s"]
    products = ", ".join(f"{name} {rate:.3g}" for name, rate in rates.items())
    good = [f for f in result["figures"] if "failure" not in f]
    parts = [
        f"## {result['date']}, {gpu}",
        f"Commit {result['commit']}, `{result['command']}`",
        f"{machine_text(machine)} torch {machine['torch']}. {result['device']}.",
        f"Model {model['name']} ({model['digest'][:12]}), {model['side']} x {model['side']} px, "
        f"{model['steps']} steps, 1 sample a photo: {gflop['encoder']:.2f} GFLOP for the encoder, "
        f"{gflop['step']:.2f} for a step. Product of {result['ceiling']['side']}^2 matrices in "
        f"PyTorch, TFLOP/s: {products}.",
    ]
    if good:
        parts += [_verdict(result, good), _rate_table(result, good), _loop_table(good)]
    failures = [line(f) for f in result["figures"] if "failure" in f]
    if failures:
        parts.append("What did not run:\n\n" + "\n".join(f"- {text}" for text in failures))
    if result["tensorrt"]:
        parts.append(f"TensorRT was not measured: {result['tensorrt'].splitlines()[0]}")
    return "\n\n".join(parts) + "\n"


def append(page: Path, text: str) -> None:
    """Put a section above those of earlier runs."""
    before, after = page.read_text().split(_MARKER)
    page.write_text(f"{before}{_MARKER}\n{text.strip()}\n{after}")


def share(result: Mapping[str, Any], figure: Mapping[str, Any]) -> float:
    """Divide the operations that were done by those of the bfloat16 product."""
    gflop = result["gflop"]["encoder"] + result["model"]["steps"] * result["gflop"]["step"]
    ceiling: float = 1000 * result["ceiling"]["tflop_per_s"]["bf16"]
    return float(figure["photos_per_second"]) * gflop / ceiling


def _verdict(result: Mapping[str, Any], good: Figures) -> str:
    best = max(good, key=lambda figure: float(figure["photos_per_second"]))
    trips = (f for f in good if f["way"] == ROUND_TRIP and _alike(f, best, but="way"))
    trip = next(trips, best)
    wrong = [line(figure) for figure in good if not figure["difference"] <= _NOT_ALIKE]
    text = (
        f"Best: {best['provider']} {best['precision']}, {best['layout']}, {best['way']}, batch "
        f"{best['batch']}: **{best['photos_per_second']:.0f} photos a second, "
        f"{share(result, best):.0%} of the bf16 product**. There the loop of `colorize` (round "
        f"trip of x_t) gives {trip['photos_per_second']:.0f} and spends {trip['outside']:.1%} of "
        "its steps outside the runtime."
    )
    if wrong:
        text += "\n\n**Other colours than the round trip:** " + "; ".join(wrong)
    return text


def _rate_table(result: Mapping[str, Any], good: Figures) -> str:
    """Write photos a second, and the share of the ceiling, by batch."""
    batches = sorted({figure["batch"] for figure in good})
    rows = []
    for first in _series(good):
        rates = {
            f["batch"]: f"{f['photos_per_second']:.4g} ({share(result, f):.0%})"
            for f in good
            if _alike(f, first, but="batch")
        }
        rows.append([*_names(first), *(rates.get(batch, "") for batch in batches)])
    head = [*_HEAD, *(f"batch {batch}" for batch in batches)]
    return "Photos a second (share of the bf16 product):\n\n" + table(head, rows)


def _loop_table(good: Figures) -> str:
    """Write where the time of the steps goes, for the least and largest batch of each series."""
    rows = []
    for first in _series(good):
        sizes = [figure["batch"] for figure in good if _alike(figure, first, but="batch")]
        for figure in good:
            if not _alike(figure, first, but="batch") or figure["batch"] not in (
                min(sizes),
                max(sizes),
            ):
                continue
            rows.append(
                [
                    *_names(first),
                    str(figure["batch"]),
                    f"{figure['encoder_ms']:.2f}",
                    f"{figure['steps_ms']:.2f}",
                    f"{figure['outside']:.1%}",
                    _beyond_graph(figure, good),
                    f"{figure['difference']:.3f}",
                ]
            )
    head = [*_HEAD, "batch", "encoder, ms", "steps, ms", "outside the runtime"]
    head += ["more than with CUDA graphs", "ab off"]
    return "Where the time goes:\n\n" + table(head, rows)


def _beyond_graph(figure: Mapping[str, Any], good: Figures) -> str:
    """Return the part of the steps' time that a CUDA graph saves."""
    for other in good:
        if other["way"] == GRAPH and _alike(other, figure, but="way"):
            return f"{1 - other['steps_ms'] / figure['steps_ms']:.1%}"
    return ""


def _series(good: Figures) -> list[Mapping[str, Any]]:
    """Return the first figure of each series."""
    return list({_names(figure): figure for figure in reversed(good)}.values())[::-1]


def _names(figure: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(figure[name]) for name in _KEYS)


def _alike(a: Mapping[str, Any], b: Mapping[str, Any], *, but: str) -> bool:
    return all(a[name] == b[name] for name in (*_KEYS, "batch") if name != but)
