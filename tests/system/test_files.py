import os
import tempfile
from pathlib import Path

import pytest

from colorize_cli.system import files
from colorize_cli.system.files import cache_folder, prune, write_atomic


def test_the_file_has_the_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_atomic(tmp_path / "photo.png", b"pixels")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
    assert (tmp_path / "photo.png").read_bytes() == b"pixels"


def test_an_older_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"a longer one from before")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["фото é 写真.png", "a b'c\"[red].png", "x" * 251 + ".png"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    write_atomic(tmp_path / name, b"pixels")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("step", ["fsync", "before", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_older_file_and_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, error: BaseException
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(b"before")

    def fail(*_: object) -> None:
        raise error

    if step == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    elif step == "replace":
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(error)):
        write_atomic(path, b"after", fail if step == "before" else lambda: None)
    assert [entry.name for entry in tmp_path.iterdir()] == ["photo.png"]
    assert path.read_bytes() == b"before"


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "nowhere" / "photo.png", b"pixels")
    assert list(tmp_path.iterdir()) == []


def test_the_unfinished_file_does_not_look_like_a_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    fsync = os.fsync

    def look(descriptor: int) -> None:
        seen.extend(path.name for path in tmp_path.iterdir())
        fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", look)
    write_atomic(tmp_path / "photo.png", b"pixels")
    assert seen[0].startswith(".")
    assert seen[0].endswith(".part")


def test_the_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_atomic(tmp_path / "photo.png", b"pixels")
    assert (tmp_path / "photo.png").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_without_a_home_the_cache_is_among_temporary_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)

    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    assert cache_folder().is_relative_to(tempfile.gettempdir())


def test_a_cache_loses_what_was_used_longest_ago(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        path = tmp_path / "cache" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(100))
        os.utime(path, (1e9 - age, 1e9 - age))
    prune(tmp_path / "cache", 250)
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"new", "middle"}
    prune(tmp_path / "cache", 300)
    prune(tmp_path / "nowhere", 0)
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_folder_of_a_cache_goes_or_stays_as_a_whole(tmp_path: Path) -> None:
    for name, ages in (("old", (8, 9)), ("new", (1, 20)), ("marked", (30, 30))):
        (tmp_path / name).mkdir()
        for number, age in enumerate(ages):
            path = tmp_path / name / str(number)
            path.write_bytes(bytes(100))
            os.utime(path, (1e9 - age, 1e9 - age))
        used = 1e9 if name == "marked" else 1e9 - 50
        os.utime(tmp_path / name, (used, used))
    prune(tmp_path, 500)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {str(Path(name, k)) for name in ("new", "marked") for k in "01"}
    assert not (tmp_path / "old").exists()
    prune(tmp_path, 300)
    assert [path.name for path in tmp_path.iterdir()] == ["marked"]


def test_a_folder_that_cannot_be_deleted_whole_loses_its_name_and_goes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, name in enumerate(("new", "old")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "engine").write_bytes(bytes(100))
        for path in (tmp_path / name / "engine", tmp_path / name):
            os.utime(path, (1e9 - age, 1e9 - age))

    def refused(path: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", refused)
        prune(tmp_path, 150)
    hidden, kept = sorted(path.name for path in tmp_path.iterdir())
    assert hidden.startswith(".")
    assert kept == "new", "what is left of the older one is no reason to delete the newer"
    (tmp_path / ".0123.part").write_bytes(b"of another run, which is just writing it")
    prune(tmp_path, 1000)
    assert {path.name for path in tmp_path.iterdir()} == {"new", ".0123.part"}


def test_a_folder_that_is_held_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "engine").write_bytes(bytes(100))

    def refused(path: Path, _target: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "rename", refused)
    prune(tmp_path, 0)
    assert (tmp_path / "held" / "engine").exists()


def test_a_cache_that_may_not_be_looked_into_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, **_options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "graph").touch()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refused)
        prune(tmp_path / "cache", 0)
    assert (tmp_path / "cache" / "graph").exists()
