"""What the user sees, all of it on stderr: a bar on a terminal, plain lines elsewhere.

File names are data: never markup, never wrapped, control characters escaped.
"""

from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from ..system.paths import shown
from .progress import ProgressReport


class Terminal:
    """Tell the user what happens: `Messages` on the terminal; if quiet, no notes nor progress."""

    def __init__(self, *, is_quiet: bool = False, console: Console | None = None) -> None:
        self.is_quiet = is_quiet
        self.console = screen = console or Console(stderr=True)
        self.is_live = screen.is_terminal and screen.file.isatty() and not screen.is_dumb_terminal

    def note(self, text: str) -> None:
        """Say what a user wants to know; not with -q."""
        if not self.is_quiet:
            self._print(text)

    def warn(self, text: str) -> None:
        """Say what a user has to know."""
        self._print(text, "yellow")

    def error(self, text: str) -> None:
        """Say what went wrong."""
        self._print(text, "red")

    def failure(self, path: Path, reason: str) -> None:
        """Name what failed, and why."""
        self.error(f"failed {shown(path)}: {reason}")

    def table(self, table: RenderableType) -> None:
        """Show a table of rich below an empty line."""
        self.console.print()
        self.console.print(table)

    def progress(self, total: int) -> ProgressReport:
        """Show progress over `total` photographs, within a `with` statement."""
        return ProgressReport(self, total)

    def _print(self, text: str, style: str = "") -> None:
        # Text objects know neither markup nor emoji codes; the terminal wraps them itself.
        lines = "\n".join(map(shown, text.split("\n")))
        self.console.print(Text(lines, style), soft_wrap=True, highlight=False)
