"""Write what was measured into a page, as tables between two markers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
_END = "<!-- end -->\n"


def fill(page: Path, script: str, text: str) -> None:
    """Replace what a script wrote into a page before.

    Args:
        page: The Markdown file, which holds the script's marker and an end.
        script: The path of the script from the repository's root.
        text: What to write, in Markdown.
    """
    marker = f"<!-- what follows was written by {script} -->\n"
    before, rest = page.read_text().split(marker)
    page.write_text(before + marker + "\n" + text.strip() + "\n\n" + _END + rest.split(_END, 1)[1])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine_text(machine: Mapping[str, Any]) -> str:
    """Write a paragraph about a machine that `describe_machine` described."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{machine['cpu']}, {machine['usable_cpus']} of {machine['cpus']} CPUs, "
        f"{', '.join(machine['flags'])}. Python {machine['python']}, {packages}."
    )
