"""Recipes: read strictly, changed by assignments, kept whole in dicts."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from colorize_cli.errors import UsageError
from training.families.diffusion_recipe import DiffusionRecipe
from training.recipe import load_recipe, override, recipe_from_dict, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_loads_under_its_name(name: str) -> None:
    assert load_recipe(name).name == name


def test_a_recipe_survives_the_way_through_a_dict() -> None:
    recipe = load_recipe("default")
    assert recipe_from_dict(recipe.to_dict()) == recipe


def test_assignments_change_nested_keys_and_keep_types() -> None:
    recipe = load_recipe("default", ["optim.lr=1e-3", "optim.steps=7", "data.sets.mine=2"])
    assert recipe.optim.lr == 1e-3
    assert recipe.optim.steps == 7
    assert recipe.data.sets["mine"] == 2


def test_a_whole_number_serves_where_a_fraction_is_wanted() -> None:
    assert load_recipe("default", ["optim.lr=1"]).optim.lr == 1.0


def test_a_word_needs_no_quotes() -> None:
    assert load_recipe("default", ["diffusion.prediction=x_0"]).diffusion.prediction == "x_0"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("optim.lr", "KEY=VALUE"),
        ("optim.speed=1", "KEY=VALUE"),
        ("optim.stpes=3", r"such as optim\.steps="),
        ("nothing.lr=1", "KEY=VALUE"),
        ("optim.lr=fast", "optim.lr must be a float"),
        ("optim.compile=1", "optim.compile must be a bool"),
        ("optim.steps=true", "optim.steps must be a int"),
        ("diffusion.prediction=y", "must be one of eps, v, x_0"),
        ("sampling.gains=1.5", "sampling.gains must be a list of numbers, not 1.5"),
        ("sampling.gains=[1, 'x']", r"sampling.gains\[1\] must be a float, not 'x'"),
        ("data.size=100", "multiple of 32"),
        ("optim.photos=0", "at least 1"),
        ("data.grid=0", "is 4, not 0"),
        ("data=5", "data must be a table"),
        ("data.sets.a=x", "must be numbers"),
    ],
)
def test_wrong_assignments_are_named(change: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_recipe("default", [change])


def test_a_network_key_whose_table_is_not_there_makes_it() -> None:
    changed = override(DiffusionRecipe("x", "encoder"), ["network.denoiser.dropout=0.1"])
    assert changed.network == {"denoiser": {"dropout": 0.1}}


def test_an_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="default"):
        load_recipe("no-such")


def test_a_file_of_ones_own_is_strict_about_keys(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('family = "encoder"\n[optim]\nspeed = 1\n')
    with pytest.raises(UsageError, match=r"no key optim\.speed"):
        load_recipe(str(path))
    path.write_text("family = encoder\n")
    with pytest.raises(UsageError, match="no valid TOML"):
        load_recipe(str(path))


def test_a_recipe_needs_a_family() -> None:
    with pytest.raises(UsageError, match="family"):
        recipe_from_dict({"name": "x"})


def test_overriding_leaves_the_original_alone() -> None:
    recipe = DiffusionRecipe("x", "encoder", network={"denoiser": {"emb_dim": 8}})
    changed = override(recipe, ["network.denoiser.emb_dim=16"])
    assert changed.network["denoiser"]["emb_dim"] == 16
    assert recipe.network["denoiser"]["emb_dim"] == 8


def test_the_factors_of_samples_are_a_list() -> None:
    assert load_recipe("default", ["sampling.gains=[1, 0.5]"]).sampling.gains == (1.0, 0.5)


def test_the_page_on_training_lists_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")
    listed = re.findall(r"^\| `([\w.]+)` \|", page.partition("## The recipe")[2], re.MULTILINE)
    keys = []
    for name, value in DiffusionRecipe("x", "encoder").to_dict().items():
        nested = isinstance(value, dict) and name != "network"
        keys += [f"{name}.{key}" for key in value] if nested else [name]
    assert sorted(listed) == sorted(keys)


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000,
        "a = " + "{a=" * 500,
        "a = 1" + "0" * 5000,
        "[optim]\nlr = nan",
        "\xff\n",
    ],
)
def test_a_file_made_to_do_harm_is_no_recipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "made.toml"
    path.write_text('family = "encoder"\n' + text, "latin-1")
    with pytest.raises(UsageError, match=r"no valid TOML|no number or no table"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    "change", ["optim.lr=" + "[" * 5000, "network." + "a." * 2000 + "x=1", "optim.lr=inf"]
)
def test_a_change_made_to_do_harm_is_refused(change: str) -> None:
    with pytest.raises(UsageError):
        load_recipe("default", [change])


def test_a_recipe_that_extends_another_says_what_is_different(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "gan"\n[optim]\nsteps = 7\n')
    (tmp_path / "smaller.toml").write_text('extends = "mine.toml"\n[network]\nhalvings = 7\n')
    recipe = load_recipe(str(tmp_path / "smaller.toml"))
    plain = load_recipe("gan")
    assert recipe.name == "smaller"
    assert recipe.network == {**plain.network, "halvings": 7}
    assert recipe.optim == replace(plain.optim, steps=7)
    assert recipe.data == plain.data
    assert "extends" not in recipe.to_dict()


def test_the_weights_of_sets_are_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "default"\n[data]\nsets = {}\n')
    assert load_recipe(str(tmp_path / "mine.toml")).data.sets == {}


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ('"gann"', "No recipe 'gann'"),
        ('"mine.toml"', "without end"),
        ("3", "extends is the name of a recipe"),
    ],
)
def test_a_recipe_that_extends_nothing_is_refused(tmp_path: Path, base: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(f"extends = {base}\n")
    with pytest.raises(UsageError, match=said):
        load_recipe(str(tmp_path / "mine.toml"))
