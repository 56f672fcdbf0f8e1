"""Each family offers what training and export ask of one, and its graphs are its network."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from made.checkpoints import NETWORKS, tiny_network_recipe

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.families import parse_family
from training.bundle_state import trained_weights
from training.families import FAMILIES, family_of
from training.families.family import Family
from training.run import run
from training.run_state import RunState


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_offers_all_that_is_asked_of_one(name: str) -> None:
    offered = {part for part in vars(Family) if not part.startswith("_")}
    offered |= Family.__annotations__.keys()
    assert {"build", "objective", "graphs", "RECIPE"} <= offered <= set(dir(family_of(name)))


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(ValueError, match="unknown family 'flow'"):
        family_of("flow")


@pytest.mark.parametrize("name", ["encoder", "palette", "encoder-published"])
def test_the_graphs_one_after_the_other_are_the_network(name: str) -> None:
    family = family_of(name)
    torch.manual_seed(0)
    network = family.build(NETWORKS[name]).eval()
    for parameter in network.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    L = 100 * torch.rand(1, 1, 64, 96)
    noisy_ab = torch.randn(2, 2, 64 // family.GRID, 96 // family.GRID)
    values = {"L": L, "noisy_ab": noisy_ab, "gamma": torch.tensor([0.2, 0.7])}
    with torch.no_grad():
        wanted = network(noisy_ab, L, values["gamma"])
        for graph in family.graphs(network):
            names = {name for names in graph.inputs.values() for name in names}
            values |= graph({name: values[name] for name in names})
    torch.testing.assert_close(values["prediction"], wanted)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_parameter_has_two_optimizers(name: str) -> None:
    family = family_of(name)
    recipe = tiny_network_recipe(name)
    network = family.build(recipe.network)
    objective = family.objective(recipe, network, torch.device("cpu"))
    groups = [group for optimizer in objective.optimizers for group in optimizer.param_groups]
    trained = [id(p) for group in groups for p in group["params"]]
    assert len(set(trained)) == len(trained)
    assert objective.parts["model"] is network


@pytest.mark.parametrize("name", FAMILIES)
def test_a_runtime_may_ask_for_the_shape_of_the_first_input_by_its_pattern(name: str) -> None:
    family = family_of(name)
    recipe = tiny_network_recipe(name)
    runs = parse_family(name, family.GRID, family.sampling(recipe))
    for spec in runs.graphs:
        shape = runs.shape(spec.name, spec.inputs[0], (3, 256, 512))
        assert shape[0] == 3
        assert all(side is None or side > 0 for side in shape)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("given", ["cond_x", "cond_99999999999", "cond_-1"])
def test_an_input_that_no_family_has_is_an_error_of_the_model(name: str, given: str) -> None:
    family = family_of(name)
    runs = parse_family(name, family.GRID, family.sampling(tiny_network_recipe(name)))
    with pytest.raises(ModelError, match="no bundle of colorize has"):
        runs.shape(runs.graphs[-1].name, given, (1, 256, 256))


@pytest.mark.parametrize("name", ["encoder-published", "gan", "vae-mdn"])
def test_a_bundle_that_was_made_for_use_is_no_beginning_of_a_run(name: str) -> None:
    family = family_of(name)
    recipe = tiny_network_recipe(name)
    _, config = family.deployed(family.build(recipe.network).eval(), recipe.network)
    bundle = SimpleNamespace(name="mine", network=config)
    with pytest.raises(ModelError, match=r"weights\.safetensors of its run"):
        trained_weights(bundle)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="are of bundles"):
        RunState(replace(recipe, network=config), "cpu")


def test_a_run_in_stages_is_not_planned_by_the_clock(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave --minutes out"):
        run(
            recipe="gan-encoder",
            data=[tmp_path],
            out=tmp_path / "out",
            minutes=1.0,
            device="cpu",
            report=lambda line: None,
        )
