"""Write the manual page of `colorize` from what its commands say of themselves: `make man`.

Usage: python .ci/man.py FILE
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from colorize_cli import __version__
from colorize_cli.cli.app import app

NOTES = """\
.SH EXIT STATUS
.TP
0
all photos are done, or were before
.TP
1
a photo failed, or the output folder could be written to no more; the same command goes on
.TP
2
wrong usage, or no photo among the inputs
.TP
3
the device, the model or an extra is missing
.TP
130
interrupted; the same command goes on
.SH FILES
.TP
.I OUT/.colorize.sqlite
the ledger: what was made of which photograph
.TP
.I ~/.config/colorize/config.toml
your own defaults
.SH NOTES
The colours are plausible, not historical truth: say that they are invented where you show them.
"""


def plain(text: str) -> str:
    """Escape what troff would read as its own, and join the lines of each paragraph."""
    paragraphs = (" ".join(part.split()) for part in text.replace("\\", "\\e").split("\n\n"))
    escaped = "\n.PP\n".join(part.replace("-", "\\-") for part in paragraphs if part)
    return "\n".join("\\&" + s if s[:1] in ".'" and s != ".PP" else s for s in escaped.split("\n"))


def options(command: Any) -> Iterator[str]:
    """Give the entries of a command's options."""
    context = command.make_context("colorize", [], resilient_parsing=True)
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if parameter.param_type_name == "option" and record:
            names, said = record
            yield f".TP\n\\fB{plain(names)}\\fR\n{plain(said)}"


def commands(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Give every command below a group with the words that call it."""
    for name, command in group.commands.items():
        words = f"{above}{name}"
        yield words, command
        if hasattr(command, "commands"):
            yield from commands(command, f"{words} ")


def page() -> str:
    """Make the page."""
    group = get_command(app)
    every = dict(commands(group))
    run = every.pop("run")
    lines = [
        f'.TH COLORIZE 1 "" "colorize {__version__}"',
        ".SH NAME\ncolorize \\- turn folders of black\\-and\\-white photographs into colour",
        ".SH SYNOPSIS\n.B colorize\n.I PATHS... \\fB\\-\\-out\\fP WHERE\n.RI [ options ]",
        ".br\n.B colorize\n.I COMMAND\n.RI [ options ]",
        f".SH DESCRIPTION\n{plain(group.help or '')}",
        ".SH OPTIONS",
        *options(run),
        ".SH COMMANDS",
    ]
    for words, command in every.items():
        lines += [f".SS colorize {plain(words)}", plain(command.help or ""), *options(command)]
    return "\n".join(lines) + "\n" + NOTES


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
