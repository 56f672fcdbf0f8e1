"""Where models are found: in the package, among the user's own, at a path, and shared files."""

import json
import shutil
from pathlib import Path

import pytest

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model import find_bundle
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.find_bundle import installed_names, models_folder, own_bytes, own_place


@pytest.fixture
def shipped(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a whole model, and one that leaves its encoder to that."""
    folder = tmp_path / "shipped"
    for name in ("whole", "lean"):
        shutil.copytree(tiny_bundle, folder / name)
    (folder / "lean" / "encoder.onnx").unlink()
    monkeypatch.setattr(find_bundle, "_SHIPPED", folder)
    return folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLORIZE_MODELS", str(tmp_path / "own"))
    return tmp_path / "own"


def test_a_model_of_the_package_may_leave_a_file_to_another_one(shipped: Path) -> None:
    whole, lean = load_bundle("whole"), load_bundle("lean")
    assert lean.digest == whole.digest
    assert lean.read("encoder.onnx") == (shipped / "whole" / "encoder.onnx").read_bytes()
    assert own_bytes(whole.path, whole.files) == sum(f.bytes for f in whole.files.values())
    assert own_bytes(lean.path, lean.files) == lean.files["denoiser.onnx"].bytes


def test_it_is_found_by_its_content_and_not_by_its_name(shipped: Path) -> None:
    manifest = shipped / "lean" / "bundle.json"
    fields = json.loads(manifest.read_text())
    fields["files"]["encoder.onnx"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(fields))
    with pytest.raises(ModelError, match="encoder"):
        load_bundle("lean")


def test_a_bundle_of_a_stranger_takes_no_file_from_elsewhere(shipped: Path, tmp_path: Path) -> None:
    shutil.copytree(shipped / "lean", tmp_path / "stranger")
    with pytest.raises(ModelError, match=r"encoder\.onnx"):
        load_bundle(tmp_path / "stranger")


def test_a_damaged_neighbour_lends_nothing_and_breaks_nothing(shipped: Path) -> None:
    (shipped / "whole" / "bundle.json").write_text('{"files": 3}')
    with pytest.raises(ModelError, match=r"encoder\.onnx"):
        load_bundle("lean")


def test_the_users_own_models_are_found_by_name(own: Path, tiny_bundle: Path) -> None:
    assert installed_names() == []
    shutil.copytree(tiny_bundle, own_place(Path("mine")))
    assert installed_names() == ["mine"]
    assert load_bundle("mine").path == own / "mine"


def test_a_model_of_the_package_is_not_hidden_by_one_of_the_same_name(
    own: Path, shipped: Path, tiny_bundle: Path
) -> None:
    shutil.copytree(tiny_bundle, own / "whole")
    assert installed_names() == []
    assert load_bundle("whole").path == shipped / "whole"
    with pytest.raises(UsageError, match="model of the package"):
        own_place(Path("whole"))


@pytest.mark.parametrize("name", ["a/b", "/a", "..", ".a", ".", "a,b"])
def test_only_plain_names_are_installed(own: Path, name: str) -> None:
    with pytest.raises(UsageError, match="plain name"):
        own_place(Path(name))


@pytest.mark.skipif("sys.platform == 'win32'")
def test_without_a_variable_the_folder_is_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLORIZE_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert models_folder() == tmp_path / "colorize" / "models"
