"""What the tests of a run's ledger begin with."""

from pathlib import Path

import pytest
from made.ledgered import put


@pytest.fixture
def three_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working folder, with three photographs in `scans`."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        put(f"scans/{name}", name.encode())
