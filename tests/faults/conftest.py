"""Photographs, what an undisturbed run makes of them, and a folder to disturb the next one in."""

import shutil
from pathlib import Path

import pytest
from made.faulted import OUT, Shop, contents, make_photos


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path
) -> tuple[Path, dict[str, bytes]]:
    """The folder of the photographs, and their colourings by name."""
    folder = tmp_path_factory.mktemp("undisturbed")
    make_photos(folder / "scans")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        code, err = Shop(tiny_bundle, {}).run()
        assert code == 0, err
        return folder / "scans", contents(OUT)


@pytest.fixture
def shop(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_bundle: Path,
    undisturbed: tuple[Path, dict[str, bytes]],
) -> Shop:
    scans, whole = undisturbed
    shutil.copytree(scans, tmp_path / "scans")
    monkeypatch.chdir(tmp_path)
    return Shop(tiny_bundle, whole)
