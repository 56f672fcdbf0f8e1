"""The families of networks, PyTorch's side: one module each, as `family.Family` describes it."""

from importlib import import_module
from typing import cast

from .family import Family

FAMILIES = {
    "encoder": "training.families.encoder",
    "palette": "training.families.palette",
    "encoder-published": "training.families.encoder_published",
    "vae-mdn": "training.families.vae_mdn",
    "gan": "training.families.gan",
    "gan-encoder": "training.families.gan_encoder",
}


def family_of(name: str) -> Family:
    """Import the module of a family.

    Raises:
        ValueError: there is no family of that name.
    """
    if name not in FAMILIES:
        raise ValueError(f"unknown family {name!r}")
    return cast(Family, import_module(FAMILIES[name]))
