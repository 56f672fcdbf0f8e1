"""Each family offers what training and export ask of one, and its graphs are its network."""

import pytest
import torch
from made.checkpoints import NETWORKS, tiny_network_recipe

from training.families import FAMILIES, family_of
from training.families.family import Family


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
