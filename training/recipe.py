"""Reading recipes: TOML files and dicts, changed by assignments, to a family's dataclasses."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from colorize_cli.errors import UsageError

from .families import FAMILIES, family_of
from .recipe_tables import Recipe

_FOLDER = Path(__file__).parent / "recipes"
# What a value should have been, by pydantic's name of the error.
_WANTED = {
    "bool_type": "a bool",
    "dict_type": "a dict",
    "float_type": "a float",
    "int_type": "a int",
    "string_type": "a str",
    "tuple_type": "a list of numbers",
    "dataclass_type": "a table of a recipe",
}


def recipe_names() -> list[str]:
    """Name the recipes that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe.

    Args:
        name_or_path: a name of `recipe_names()`, or a path of a TOML file.
        overrides: changes of the form `optim.lr=1e-4`.

    Raises:
        UsageError: no such recipe, or a key or value that it cannot have.
    """
    return override(recipe_from_dict(_read(name_or_path)), overrides)


def _read(name_or_path: str, heirs: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a file to nested dicts, with what it does not say from the recipe that it `extends`.

    Args:
        name_or_path: as `load_recipe` takes it.
        heirs: files that extend this one, the first that was read first.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _FOLDER / f"{name_or_path}.toml"
    elif heirs:
        path = heirs[-1].parent / path
    where = f"{heirs[-1]} extends what is not there. " if heirs else ""
    if not path.is_file():
        raise UsageError(
            f"{where}No recipe {name_or_path!r}: give a .toml file or one of "
            f"{', '.join(recipe_names())}."
        )
    if path.resolve() in (heir.resolve() for heir in heirs):
        raise UsageError(f"{heirs[-1]} extends {path}, which extends it, without end.")
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:  # numbers and nests without end, too
        raise UsageError(f"{path} is no valid TOML: {error}.") from error
    named = {"name": path.stem, **table}
    if "extends" not in named:
        return named
    base = named.pop("extends")
    if not isinstance(base, str):
        raise UsageError(f"{path}: extends is the name of a recipe or a .toml file, not {base!r}.")
    return _laid_over(_read(base, (*heirs, path)), named)


def _laid_over(base: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Lay nested dicts over others; `sets`, whose keys are the user's own, is replaced whole."""
    merged = dict(base)
    for key, value in table.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and key != "sets":
            merged[key] = _laid_over(below, value)
        else:
            merged[key] = value
    return merged


def recipe_from_dict(table: Mapping[str, Any]) -> Recipe:
    """Check nested dicts and convert them to the recipe of their family.

    Raises:
        UsageError: a key is missing, unknown or of another type, or has a value that it cannot
            have; the message names it.
    """
    if "family" not in table:
        raise UsageError("The recipe lacks a key: family.")
    if str(table["family"]) not in FAMILIES:
        raise UsageError(f"family must be one of {', '.join(FAMILIES)}, not {table['family']!r}.")
    family = family_of(table["family"])
    try:
        text = json.dumps(table, default=str, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"The recipe holds what is no number or no table: {error}.") from error
    try:
        # As JSON, since that is where lists serve for tuples and whole numbers for fractions.
        recipe = TypeAdapter(family.RECIPE).validate_json(text)
    except ValidationError as error:
        raise UsageError(_complaint(error.errors()[0], family.RECIPE)) from error
    size, grid = recipe.data.size, recipe.data.grid
    try:
        multiple = family.multiple(recipe.network)
    except (TypeError, ValueError) as error:
        raise UsageError(f"The recipe's [network] does not fit its family: {error}.") from error
    if size % multiple or size < multiple:
        raise UsageError(f"data.size must be a multiple of {multiple}, not {size}.")
    if grid != family.GRID:
        raise UsageError(f"data.grid of the {recipe.family} family is {family.GRID}, not {grid}.")
    return recipe


def override(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """Apply changes of the form `optim.lr=1e-4`; values are TOML.

    Raises:
        UsageError: a change that is no assignment, or names no key of a recipe.
    """
    table = recipe.to_dict()
    for change in changes:
        key, separator, value = change.partition("=")
        *parents, last = key.strip().split(".")
        target = table
        for parent in parents:
            child = target.setdefault(parent, {}) if parents[0] == "network" else target.get(parent)
            target = child if isinstance(child, dict) else {}
        is_free = parents[:1] == ["network"] or parents == ["data", "sets"]
        if not separator or not (last in target or is_free):
            near = get_close_matches(key.strip(), [*_keys(recipe.to_dict())], 1)
            raise UsageError(
                f"{change!r}: write KEY=VALUE with a key of the recipe, such as "
                f"{near[0] if near else 'optim.lr'}=..."
            )
        target[last] = _toml_value(value.strip())
    return recipe_from_dict(table)


def _keys(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Name all keys of nested dicts, such as `optim.lr`."""
    for key, value in table.items():
        yield f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _keys(value, f"{prefix}{key}.")


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text  # a bare word is a string


def _complaint(error: ErrorDetails, kind: type) -> str:
    """Say what is wrong with a recipe of a kind, in the words of recipes."""
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error["loc"])[1:]
    if error["type"] == "missing":
        return f"The recipe lacks a key: {key}."
    if error["type"] == "unexpected_keyword_argument":
        for parent in error["loc"][:-1]:
            kind = get_type_hints(kind)[str(parent)]
        known = sorted(field.name for field in fields(kind))
        return f"A recipe has no key {key}; it has {', '.join(known)}."
    wanted = _WANTED.get(error["type"], error["msg"])
    if error["type"] == "literal_error":
        choices = error["ctx"]["expected"].replace(" or ", ", ").replace("'", "")
        wanted = f"one of {choices}"
    return f"{key} must be {wanted}, not {error['input']!r}."
