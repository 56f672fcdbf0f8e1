"""The families of models, on the side that runs them: one file each, found by this table."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from .family import Family

# The module of each family, which has `parse`.
FAMILIES = {
    "encoder": ".diffusion",
    "palette": ".diffusion",
    "encoder-published": ".diffusion",
    "vae-mdn": ".vae_mdn",
    "gan": ".gan",
    "gan-encoder": ".gan",
}


def parse_family(name: str, grid: int, sampling: Mapping[str, Any]) -> Family:
    """Read the family of a bundle, by its name, from its own table of `bundle.json`.

    KeyError is raised for an unknown name or where a field is missing, TypeError or ValueError
    where one makes no sense; the message says which.
    """
    family: Family = import_module(FAMILIES[name], __package__).parse(name, grid, sampling)
    return family
