"""A family costs a file on each side and a line in each table: a toy one goes all the way."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorize_cli import Colorizer
from colorize_cli.cli.app import main
from colorize_cli.model import families as run_side
from colorize_cli.model.reference_photos import reference_photos
from training import families as torch_side
from training.checkpoint import load_checkpoint

RECIPE = """
family = "constant"
[data]
size = 32
[optim]
steps = 2
photos = 2
warmup = 1
[sampling]
working_size = 64
"""


@pytest.fixture(scope="module", autouse=True)
def _constant() -> Iterator[None]:
    """The two lines that a family takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(run_side.FAMILIES, "constant", "made.families.constant")
        patch.setitem(torch_side.FAMILIES, "constant", "made.families.constant_network")
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos") / "set"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        coarse = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
        data = cv2.imencode(".png", cv2.resize(coarse, (90, 70)))[1]
        (folder / f"{i}.png").write_bytes(data.tobytes())
    return folder


@pytest.fixture(scope="module")
def bundle(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is trained for two steps and exported with the commands that all families have."""
    folder = tmp_path_factory.mktemp("constant")
    (folder / "constant.toml").write_text(RECIPE)
    recipe, run = str(folder / "constant.toml"), folder / "run"
    words = ["train", "--recipe", recipe, "--data", str(photos), "--device", "cpu"]
    assert main([*words, "--out", str(run)]) == 0
    assert load_checkpoint(run / "weights.safetensors").progress["step"] == 2
    weights, out = str(run / "weights.safetensors"), folder / "bundle"
    assert main(["export", weights, "--out", str(out)]) == 0
    return out


def test_it_is_trained_exported_and_passes_the_checks_of_every_export(bundle: Path) -> None:
    files = {path.name for path in bundle.iterdir()}
    assert files == {"bundle.json", "painter.onnx"}


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_it_colorizes_a_folder(bundle: Path, photos: Path, tmp_path: Path, device: str) -> None:
    words = [str(photos), "--out", str(tmp_path / "out"), "--model", str(bundle)]
    assert main([*words, "--device", device, "--samples", "2"]) == 0
    written = sorted(path.name for path in (tmp_path / "out").glob("*.png"))
    assert written == [f"{i}.{k}.png" for i in range(4) for k in (1, 2)]


def test_every_sample_of_it_is_the_same(bundle: Path) -> None:
    photo = reference_photos()["coffee"]
    one, other = Colorizer.open(str(bundle), device="cpu").paint(photo, samples=2)
    np.testing.assert_array_equal(one, other)
    assert (one[..., 0] != one[..., 2]).any()


@pytest.mark.slow
def test_it_is_evaluated(
    bundle: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(photos), "--model", str(bundle), "--samples", "2", "--device", "cpu"]
    figures = tmp_path / "figures.json"
    assert (
        main([*words, "--split", "all", "--no-lpips", "--no-inception", "--json", str(figures)])
        == 0
    )
    assert "4 photographs" in capsys.readouterr().out
    assert figures.exists()


def test_a_number_of_steps_that_it_does_not_have_is_refused(
    bundle: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(photos), "--out", str(tmp_path / "out"), "--model", str(bundle), "--steps", "5"]
    assert main([*words, "--device", "cpu"]) == 2
    assert "takes one step, not 5" in capsys.readouterr().err
