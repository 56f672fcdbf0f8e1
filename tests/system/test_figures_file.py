"""Files of figures: written so that JSON can hold them, and read again or refused."""

import json
import math
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from colorize_cli.errors import UsageError
from colorize_cli.system import figures_file as document
from colorize_cli.system.figures_file import check_target, read_document, rounded, write_document


def read(path: Path) -> int:
    return read_document(path, "bench", 2, lambda tree: int(tree["figures"]["rate"]))


def test_floats_are_rounded_at_any_depth_and_all_else_stays() -> None:
    tree = MappingProxyType({"a": (1.23456789, 7), "b": [{"c": 123456789.0, "d": None}], "e": "f"})
    assert rounded(tree) == {"a": [1.23457, 7], "b": [{"c": 123457000.0, "d": None}], "e": "f"}


def test_what_json_lacks_becomes_null() -> None:
    assert rounded([math.inf, -math.inf, math.nan]) == [None, None, None]


@pytest.mark.parametrize(
    "tree", [{}, {"a": [], "b": {}}, {"a": [{"b": [{"c": 1.5}]}, {}], "d": "é"}]
)
def test_what_was_written_is_read_again(tmp_path: Path, tree: dict[str, Any]) -> None:
    path = tmp_path / "figures.json"
    write_document(path, {"format": 3, **tree})
    assert json.loads(path.read_text()) == {"format": 3, **tree}
    assert read_document(path, "bench", 3, lambda found: found) == {"format": 3, **tree}


def test_each_of_many_entries_has_a_line(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_document(path, {"format": 1, "photos": [{"a": i, "b": [{"c": 1}]} for i in range(50)]})
    assert len(path.read_text().splitlines()) == 50 + 5


def test_a_dash_is_standard_output(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write_document(Path("-"), {"format": 1})
    assert json.loads(capsysbinary.readouterr().out) == {"format": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": 2, "figures', "is no JSON"),
        ("[]", "is no file that this version of `colorize bench --json` writes: measure again"),
        ('{"format": 1}', "is no file that this version of `colorize bench --json` writes"),
        ('{"format": 2}', "is damaged, or not of `colorize bench`"),
        ('{"format": 2, "figures": []}', "is damaged"),
        ('{"format": 2, "figures": {"rate": null}}', "is damaged"),
        ('{"format": 2, "figures": {"rate": "fast"}}', "is damaged"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=said):
        read(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--compare .*gone.json cannot be read"):
        read(tmp_path / "gone.json")


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    for path in (None, Path("-"), tmp_path / "figures.json"):
        check_target(path)
    for path in (tmp_path, tmp_path / "gone" / "figures.json"):
        with pytest.raises(UsageError, match="name a file in a folder that exists"):
            check_target(path)


def test_a_disk_that_is_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(document, "write_atomic", full)
    with pytest.raises(UsageError, match=r"bench.json cannot be written: No space left"):
        write_document(tmp_path / "bench.json", {"format": 1})
