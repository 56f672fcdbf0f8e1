"""Recipes: everything that decides a training run, as TOML files and frozen dataclasses."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_type_hints

from colorize_cli.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class DataRecipe:
    """What a batch is made of.

    Attributes:
        size: side of the square crops in pixels, a multiple of 32.
        grid: pixels a side that share one ab value (4 for `encoder`, 1 for `palette`).
        luma: share of photos whose grey is luma instead of L*.
        old: share of photos that are degraded like old prints.
        sets: weight of each set; empty to draw all photos evenly.
    """

    size: int = 128
    grid: int = 4
    luma: float = 0.3
    old: float = 0.3
    sets: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class DiffusionRecipe:
    """What the network learns to undo.

    Attributes:
        schedule: "cosine" draws the noise level continuously; "tutorial-20" as Palette does,
            uniformly between two neighbouring gammas of that schedule.
        prediction: what the network predicts.
        ab_scale: Lab units a unit of x_0; ab / ab_scale should have a deviation of about 0.5.
        weight_limit: how many times the error of x_0 may count at a noise level, above 1; see
            `training.diffusion.row_weight`. 0 for no limit.
        chroma_weight: how much more a cell counts for each unit of its chroma in x_0; see
            `training.diffusion.chroma_weight`. 0 for all alike.
    """

    schedule: Literal["cosine", "tutorial-20"] = "cosine"
    prediction: Literal["eps", "v", "x_0"] = "v"
    ab_scale: float = 26.0
    weight_limit: float = 0.0
    chroma_weight: float = 0.0


@dataclass(frozen=True)
class OptimRecipe:
    """How it is trained.

    Attributes:
        steps: length of the run; the learning rate has decayed to zero at its end.
        photos: photos a step.
        views: noise levels (rows of the denoiser) for each photo; the encoder runs once for all.
        lr: peak learning rate of AdamW.
        backbone_lr: factor on `lr` for the pretrained backbone.
        frozen_steps: steps before the backbone is trained too.
        tuned_stages: how many of the backbone's seven stages are trained then, from the last
            (coarsest) back: three hold 85% of its weights and cost a tenth of the time.
        warmup: steps of linear warm-up.
        decay_from: fraction of the run at which the cosine decay begins.
        beta2: second-moment decay of AdamW (the first is 0.9).
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        ema: decay of the averaged weights, which are the ones that are exported.
        compile: compile the denoiser (torch.compile): minutes at the start, then faster.
    """

    steps: int = 3000
    photos: int = 24
    views: int = 2
    lr: float = 5e-4
    backbone_lr: float = 0.1
    frozen_steps: int = 0
    tuned_stages: int = 7
    warmup: int = 150
    decay_from: float = 0.5
    beta2: float = 0.99
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    compile: bool = False


@dataclass(frozen=True)
class SamplingRecipe:
    """What the exported bundle does by default.

    `colorize_cli.diffusion.sampler` explains the terms.

    Attributes:
        working_size: square root of the area, in pixels, at which the network sees a photo, about.
        steps: denoising steps.
        method: "ddim" or "ddpm".
        eta: randomness of "ddim".
        variance: of "ddpm".
        clamp: "none", "static" or "dynamic".
        limit: of the clamp, in units of x_0.
        percentile: of the dynamic clamp.
        temperature: factor on the noise.
        gains: factors on the ab that comes out, of sample 0, 1, ..., over and over.
        sharpness: of the unsharp masking of ab; 0 for none.
    """

    working_size: int = 192
    steps: int = 20
    method: Literal["ddim", "ddpm"] = "ddim"
    eta: float = 1.0
    variance: Literal["posterior", "beta"] = "posterior"
    clamp: Literal["none", "static", "dynamic"] = "static"
    limit: float = 3.2
    percentile: float = 99.5
    temperature: float = 1.0
    gains: tuple[float, ...] = (1.0,)
    sharpness: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A training run.

    Attributes:
        name: the recipe's own name, kept in checkpoints and bundles.
        family: "encoder" or "palette".
        network: configuration of the network, as `training.networks.build` takes it.
        data: what a batch is made of.
        diffusion: what the network learns to undo.
        optim: how it is trained.
        sampling: what the exported bundle does by default.
        license: terms of the weights, which those of the photographs decide.
        seed: of weights, batches and noise.
    """

    name: str
    family: Literal["encoder", "palette"]
    network: dict[str, Any] = field(default_factory=dict)
    data: DataRecipe = field(default_factory=DataRecipe)
    diffusion: DiffusionRecipe = field(default_factory=DiffusionRecipe)
    optim: OptimRecipe = field(default_factory=OptimRecipe)
    sampling: SamplingRecipe = field(default_factory=SamplingRecipe)
    license: str = "not stated"
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, as `recipe_from_dict` reads them."""
        return asdict(self)


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
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = _FOLDER / f"{name_or_path}.toml"
    if not path.is_file():
        raise UsageError(
            f"No recipe {name_or_path!r}: give a .toml file or one of {', '.join(recipe_names())}."
        )
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no valid TOML: {error}.") from error
    return override(recipe_from_dict({"name": path.stem} | table), overrides)


def recipe_from_dict(table: Mapping[str, Any]) -> Recipe:
    """Check and convert nested dicts; UsageError names the key that is wrong."""
    recipe = _convert(Recipe, table, "")
    data, optim = recipe.data, recipe.optim
    if data.size % 32 or data.size < 32:
        raise UsageError(f"data.size must be a multiple of 32, not {data.size}.")
    if data.grid != _GRIDS[recipe.family]:
        raise UsageError(
            f"data.grid of the {recipe.family} family is {_GRIDS[recipe.family]}, not {data.grid}."
        )
    if not all(isinstance(w, int | float) and w >= 0 for w in data.sets.values()):
        raise UsageError("the weights in data.sets must be numbers of at least 0.")
    if recipe.diffusion.weight_limit and recipe.diffusion.weight_limit <= 1:
        raise UsageError("diffusion.weight_limit is above 1, or 0 for no limit.")
    if min(optim.steps, optim.photos, optim.views) < 1:
        raise UsageError("optim.steps, optim.photos and optim.views must be at least 1.")
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
            raise UsageError(
                f"{change!r}: write KEY=VALUE with a key of the recipe, such as optim.lr=1e-4."
            )
        target[last] = _toml_value(value.strip())
    return recipe_from_dict(table)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text  # a bare word is a string


def _convert(kind: type[T], table: Mapping[str, Any], prefix: str) -> T:
    if not isinstance(table, Mapping):
        raise UsageError(f"{prefix.removesuffix('.')} must be a table of a recipe, not {table!r}.")
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - known)
    if unknown:
        raise UsageError(
            f"A recipe has no key {prefix}{unknown[0]}; it has {', '.join(sorted(known))}."
        )
    values = {}
    for key, value in table.items():
        hint = hints[key]
        if is_dataclass(hint) and isinstance(hint, type):
            values[key] = _convert(hint, value, f"{prefix}{key}.")
        else:
            values[key] = _check(value, hint, prefix + key)
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(f"The recipe lacks a key: {error}.") from error


def _check(value: Any, hint: Any, key: str) -> Any:
    choices = getattr(hint, "__args__", ()) if getattr(hint, "__origin__", None) is Literal else ()
    kind = getattr(hint, "__origin__", None) or hint
    if hint == tuple[float, ...]:
        if not isinstance(value, list | tuple):
            raise UsageError(f"{key} must be a list of numbers, not {value!r}.")
        return tuple(_check(item, float, f"{key}[{i}]") for i, item in enumerate(value))
    if choices:
        if value not in choices:
            raise UsageError(f"{key} must be one of {', '.join(choices)}, not {value!r}.")
    elif kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UsageError(f"{key} must be a {kind.__name__}, not {value!r}.")
    return value


_FOLDER = Path(__file__).parent / "recipes"
# Pixels a side of a cell of the ab grid: the strides of the encoder's maps fix it.
_GRIDS = {"encoder": 4, "palette": 1}
