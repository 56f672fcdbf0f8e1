"""Zips that strangers made: nothing leaves the folder, and nothing grows without end."""

import stat
import zipfile
from pathlib import Path

import pytest

from colorize_cli.errors import OutputError, UsageError
from colorize_cli.ui import unpack as unpacking
from colorize_cli.ui.unpack import unpack


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_zip_is_unpacked_as_a_tree_without_what_archivers_add(tmp_path: Path) -> None:
    members = {"1910/ä.jpg": b"one", "b.png": b"three", "__MACOSX/b.png": b"", ".hidden": b""}
    path = zip_of(tmp_path / "a.zip", members)
    assert unpack(path, tmp_path / "to") == (2, 8)
    assert (tmp_path / "to" / "1910" / "ä.jpg").read_bytes() == b"one"
    assert {p.name for p in (tmp_path / "to").rglob("*") if p.is_file()} == {"ä.jpg", "b.png"}


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "b/../../a.jpg", "..\\a.jpg", "C:\\a.jpg"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = zip_of(tmp_path / "a.zip", {name: b"x"})
    with pytest.raises(UsageError, match="leads out"):
        unpack(path, tmp_path / "in" / "to")
    assert [p.name for p in tmp_path.rglob("*.jpg")] == []


def test_a_link_is_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("a.jpg")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(UsageError, match="link"):
        unpack(tmp_path / "a.zip", tmp_path / "to")


def test_a_bomb_stops_at_the_limit(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"a.jpg": bytes(5 << 20)})
    with pytest.raises(UsageError, match="unpacks to more"):
        unpack(path, tmp_path / "to", room=1 << 20)
    assert (tmp_path / "to" / "a.jpg").stat().st_size <= 1 << 20


@pytest.mark.parametrize(("asked", "left"), [(1, {}), (2, {"a.jpg": 0}), (3, {"a.jpg": 1 << 20})])
def test_it_ends_when_it_is_cancelled_even_in_the_middle_of_a_file(
    tmp_path: Path, asked: int, left: dict[str, int]
) -> None:
    path = zip_of(tmp_path / "a.zip", {"a.jpg": bytes(5 << 20), "b.jpg": b"x"})
    answers = iter([False] * (asked - 1) + [True] * 9)
    unpack(path, tmp_path / "to", is_cancelled=lambda: next(answers))
    assert {p.name: p.stat().st_size for p in (tmp_path / "to").glob("*")} == left


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_cannot_be_unpacked_in_parts_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a.jpg", b"x" * 1000)
    with pytest.raises(UsageError, match="Deflate"):
        unpack(tmp_path / "a.zip", tmp_path / "to")


def test_too_many_files_are_refused_before_any_is_written(tmp_path: Path) -> None:
    members = {f"{k}.jpg": b"" for k in range(unpacking.MOST_FILES + 1)}
    with pytest.raises(UsageError, match="201 files"):
        unpack(zip_of(tmp_path / "a.zip", members), tmp_path / "to")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all"])
def test_what_is_no_zip_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UsageError, match="no whole zip"):
        unpack(tmp_path / "a.zip", tmp_path / "to")


def test_a_damaged_member_is_told(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"a.jpg": bytes(range(256)) * 40})
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(UsageError, match="no whole zip"):
        unpack(path, tmp_path / "to")


@pytest.mark.parametrize("names", [("a.jpg", "a.jpg/b.jpg"), ("a.jpg/b.jpg", "a.jpg")])
def test_a_name_that_is_both_a_file_and_a_folder_is_told(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    path = zip_of(tmp_path / "a.zip", dict.fromkeys(names, b"x"))
    with pytest.raises(UsageError, match="two files of one name"):
        unpack(path, tmp_path / "to")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk here that is always full")
def test_a_full_disk_is_not_told_as_a_damaged_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zip_of(tmp_path / "a.zip", {"a.jpg": bytes(5 << 20)})
    monkeypatch.setattr(Path, "open", lambda *_: open("/dev/full", "wb"))  # noqa: PTH123
    with pytest.raises(OutputError, match="No space left on device"):
        unpack(path, tmp_path / "to")
