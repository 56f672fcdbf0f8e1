#!/usr/bin/env python3
"""Fuzz the recipe reader: any TOML file is a recipe, or a UsageError."""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["training.recipe", "training.recipe_tables"]):
    from training.recipe import load_recipe

from colorize_cli.errors import UsageError

_PATH = Path(tempfile.mkdtemp(prefix="fuzz-recipe-")) / "recipe.toml"


def test_one_input(data: bytes) -> None:
    """Read a recipe; what follows a zero byte is a change to it, as of `--set`."""
    text, _, change = data.partition(b"\0")
    _PATH.write_bytes(text)
    try:
        load_recipe(str(_PATH), [change.decode("utf-8", "replace")] if change else [])
    except UsageError:
        return


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
