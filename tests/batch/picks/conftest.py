"""A folder of colourings to pick from, and the command that picks."""

from pathlib import Path

import pytest
from made.ledgered import colour, put
from made.picked import Pick

from colorize_cli.cli.app import main


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three photographs, of four samples each, and one that failed."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "sub/a.jpg"):
        put(f"scans/{name}", name.encode())
    colour(samples=4)


@pytest.fixture
def pick(capfd: pytest.CaptureFixture[str]) -> Pick:
    """Run the command; return its exit code, lines of standard output, and standard error."""

    def run(*more: str, table: str | None = "picks.csv") -> tuple[int, list[str], str]:
        given = [table] if table and "--undo" not in more else []
        code = main(["pick", "out", *given, "--to", "chosen", *more])
        said = capfd.readouterr()
        return code, said.out.splitlines(), said.err

    return run
