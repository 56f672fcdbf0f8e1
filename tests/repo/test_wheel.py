"""The wheel holds the three packages with their data, and nothing else."""

import email
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PACKAGES = {"colorize_cli", "training", "export"}
MODEL = "colorize_cli/model/shipped/default"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from a copy, so that nothing left in build/ gets in, and without network."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in (*PACKAGES, "docs", "tests", "benchmarks", "examples"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, tree],
        check=True,
        capture_output=True,
    )
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def names(wheel: zipfile.ZipFile) -> set[str]:
    beside = (".dist-info/", ".data/")
    return {name for name in wheel.namelist() if not any(part in name for part in beside)}


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def sources(pattern: str) -> set[str]:
    """Files of the three packages that match, as the wheel would name them."""
    found = (path for package in PACKAGES for path in (ROOT / package).rglob(pattern))
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_the_top_level_names_are_the_three_packages(names: set[str]) -> None:
    assert {name.partition("/")[0] for name in names} == PACKAGES


def test_every_module_is_in_it(names: set[str]) -> None:
    assert {name for name in names if name.endswith(".py")} == sources("*.py")


def test_types_and_recipes_are_in_it(names: set[str]) -> None:
    recipes = sources("recipes/*.toml")
    assert recipes
    assert "colorize_cli/py.typed" in names
    assert recipes <= names


def test_the_manual_page_is_installed(wheel: zipfile.ZipFile) -> None:
    assert any(name.endswith(".data/data/share/man/man1/colorize.1") for name in wheel.namelist())


def test_pages_are_in_it_whole(names: set[str]) -> None:
    pages = sources("study/pages/*") | sources("batch/sheet/page/*")
    assert "colorize_cli/study/pages/study.js" in pages
    assert "colorize_cli/batch/sheet/page/index.html" in pages
    assert pages <= names


@pytest.mark.parametrize(
    "folder", ["colorize_cli/model/reference_photos_data", "export/calibration_photos"]
)
def test_photographs_are_in_it_with_their_provenance(wheel: zipfile.ZipFile, folder: str) -> None:
    sizes = {
        info.filename: info.file_size
        for info in wheel.infolist()
        if info.filename.startswith(f"{folder}/")
    }
    assert set(sizes) == sources(f"{Path(folder).name}/*")
    assert sum(sizes.values()) <= 5e5
    provenance = wheel.read(f"{folder}/README.md").decode()
    for name in sizes:
        assert f"`{Path(name).name}`" in provenance or name.endswith("README.md")


def test_the_default_model_is_in_it_whole(wheel: zipfile.ZipFile, names: set[str]) -> None:
    assert {f"{MODEL}/LICENSE", f"{MODEL}/LICENSE-Apache-2.0"} <= names
    bundle = json.loads(wheel.read(f"{MODEL}/bundle.json"))
    assert set(bundle["files"]) == {"encoder.onnx", "denoiser.onnx"}
    for name, entry in bundle["files"].items():
        assert hashlib.sha256(wheel.read(f"{MODEL}/{name}")).hexdigest() == entry["sha256"]


def test_the_default_model_is_at_most_40_mb(wheel: zipfile.ZipFile) -> None:
    sizes = [info.file_size for info in wheel.infolist() if info.filename.startswith(MODEL)]
    assert sum(sizes) <= 40e6


def test_the_base_dependencies_hold_no_training_framework(metadata: Message) -> None:
    base = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert any(line.startswith("onnxruntime") for line in base)
    assert not any(line.startswith(("torch", "onnx>", "onnxscript")) for line in base)


def test_the_metadata_names_both_licences(metadata: Message) -> None:
    assert "MIT" in metadata["License-Expression"]
    assert "noncommercial" in metadata["License-Expression"]
    assert f"{MODEL}/LICENSE" in metadata.get_all("License-File", [])


def test_the_command_is_called_colorize(wheel: zipfile.ZipFile) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert f"colorize = {project['scripts']['colorize']}" in wheel.read(name).decode()
