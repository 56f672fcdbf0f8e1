"""Write a leg, or a rehearsal of one, as a section of the page of GPU figures."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...page import table
from .calls import CALL_MIB, LENT_S, MIB, MIB_PER_S, START_S
from .parts import LOG

_HEAD = ["step", "samples", "validation loss", "95% interval", "on the best before"]


def curve(folder: Path) -> list[dict[str, Any]]:
    """Read the validations out of a run's log; a last line that was cut off is passed over."""
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    entries = [json.loads(line) for line in lines if line.endswith("}")]
    return [entry for entry in entries if "validation" in entry]


def curve_rows(entries: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Write a row for each validation, under the head `curve_table` gives them."""
    rows = []
    for entry in entries:
        found = entry["validation"]
        change = f"{found['change']:+.2%}" if "change" in found else ""
        is_known = found["low"] <= found["high"]  # neither is of photos of which a set has but one
        interval = f"{found['low']:.4f} to {found['high']:.4f}" if is_known else ""
        head = [str(entry["step"]), f"{entry['samples']:,}", f"{found['loss']:.5f}"]
        rows.append([*head, interval, change])
    return rows


def curve_table(entries: Sequence[Mapping[str, Any]]) -> str:
    """Write the validation curve in Markdown."""
    return table(_HEAD, curve_rows(entries))


def leg_section(info: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> str:
    """Write a section about a leg.

    Args:
        info: what the machine wrote of the run.
        entries: the validations.
    """
    losses = [entry["validation"]["loss"] for entry in entries]
    result = (
        f"{entries[-1]['samples']:,} samples in {entries[-1]['step']:,} steps; validation loss "
        f"{losses[0]:.5f} at the first validation, {losses[-1]:.5f} at the last, "
        f"**{min(losses):.5f} at best**."
        if losses
        else "It was cut off before the first validation."
    )
    parts = [
        f"## {info['date']}, a training leg on {info['device']}",
        f"Commit {info['commit']}, `{info['command']}`",
        f"{_versions(info)}. Shards: {', '.join(info['shards'])}.",
        result,
        *([curve_table(entries)] if losses else []),
    ]
    return "\n\n".join(parts) + "\n"


def rehearsal_section(result: Mapping[str, Any]) -> str:
    """Write a section about a rehearsal: what `rehearse` returned."""
    rows = [
        [
            call["name"],
            f"{call['bytes'] / MIB:.1f}",
            f"{call['here_s']:.1f}",
            f"{call['there_s']:.0f}",
        ]
        for call in result["calls"]
    ]
    total = sum(call["there_s"] for call in result["calls"])
    first, last = (total + start for start in START_S)
    head = ["call", f"MiB of {CALL_MIB}", "here, s", "projected, s"]
    parts = [
        f"## {result['date']}, rehearsal of a training leg on the CPU",
        f"Commit {result['commit']}, `{result['command']}`. {_versions(result)}.",
        table(head, rows),
        f"Projected with {START_S[0]:.0f} to {START_S[1]:.0f} s for the start, {MIB_PER_S:g} MiB "
        f"a second, training for {result['leg_s']:.0f} s, and a quarter of the time around it, "
        f"since there are four times the threads: **{first:.0f} to {last:.0f} of {LENT_S} s**. "
        f"{result['files']} files came back, {result['back_mib']:.1f} MiB.",
        "Validation of the rehearsal itself, which is too short to learn anything:",
        curve_table(result["curve"]),
        f"After `join`, `colorize validate` on the {result['judged']} photos:",
        "\n".join(f"- {line}" for line in result["validated"]),
    ]
    return "\n\n".join(parts) + "\n"


def _versions(info: Mapping[str, Any]) -> str:
    return ", ".join(_named(info["versions"]))


def _named(versions: Mapping[str, str]) -> Iterator[str]:
    names = {"python": "Python", "torch": "PyTorch", "numpy": "NumPy", "opencv": "OpenCV"}
    yield from (f"{names[key]} {value}" for key, value in versions.items())
