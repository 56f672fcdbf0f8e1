"""A recipe so small that a step takes milliseconds, and photographs for it."""

import tomllib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.recipe import recipe_from_dict
from training.recipe_tables import Recipe

OPTIM = {"steps": 4, "photos": 2, "views": 2, "warmup": 2, "frozen_steps": 2, "tuned_stages": 1}
NETWORK = {
    "encoder": {"channels": [8, 8, 8, 8], "groups": 2},
    "denoiser": {
        "channels": [8, 8, 8, 8],
        "groups": 2,
        "head_dim": 4,
        "emb_dim": 8,
        "dropout": 0.1,
        "attention": [3],
    },
}
TINY_TOML = """
family = "encoder"
[network.encoder]
channels = [8, 8, 8, 8]
groups = 2
[network.denoiser]
channels = [8, 8, 8, 8]
groups = 2
head_dim = 4
[data]
size = 32
[optim]
steps = 1
photos = 1
views = 1
"""
# The recipe of `toy_recipe`.
TOY_TOML = """
family = "palette"
[network]
channels = 8
multipliers = [1, 2]
blocks = 1
head_dim = 8
groups = 4
dropout = 0.0
[data]
size = 32
grid = 1
[optim]
steps = 4
photos = 2
views = 2
warmup = 2
"""


def tiny_recipe(**optim: object) -> Recipe:
    """A recipe of the `encoder` family whose table `optim` has some keys changed."""
    return recipe_from_dict(
        {
            "name": "tiny",
            "family": "encoder",
            "network": NETWORK,
            "data": {"size": 32},
            "optim": OPTIM | optim,
        }
    )


def toy_recipe(**tables: dict[str, object]) -> Recipe:
    """A recipe of the `palette` family, whose network is some kilobytes, with some keys changed."""
    own = {"name": "toy"} | tomllib.loads(TOY_TOML)
    return recipe_from_dict(own | {name: own.get(name, {}) | tables[name] for name in tables})


def write_photo(path: Path, rgb: NDArray[np.uint8]) -> None:
    """Write a picture (H, W, 3) sRGB as a PNG, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", rgb[..., ::-1])[1].tobytes())


def write_photos(
    folder: Path, count: int = 3, seed: int = 0, size: tuple[int, int] = (40, 36)
) -> Path:
    """Write smooth colourful photographs, `size` wide and high, as the set `set` of a folder."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        coarse = rng.integers(0, 256, (5, 5, 3)).astype(np.uint8)
        write_photo(folder / "set" / f"{i}.png", cv2.resize(coarse, size)[..., ::-1])
    return folder
