"""The GANs: the published networks, their losses, and the one answer that they give."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from made.checkpoints import tiny_network_recipe

from colorize_cli.diffusion.noise import SampleNoise
from colorize_cli.errors import OutOfMemoryError, UsageError
from colorize_cli.model.families import parse_family
from training.data.batches import Batch
from training.families import adversarial, family_of, gan_encoder
from training.families.adversarial import AdversarialObjective, AdversarialRecipe
from training.families.torch_graphs import torch_graphs
from training.networks.pix2pix import Generator, PatchDiscriminator, UNetConfig, folded
from training.recipe import load_recipe, recipe_from_dict
from training.rehearsal.dry_run import _phases
from training.rehearsal.fit import fitted, memory_explained
from training.run_state import RunState

CPU = torch.device("cpu")


def gan_recipe(family: str = "gan", **tables: Mapping[str, Any]) -> AdversarialRecipe:
    recipe = tiny_network_recipe(family).to_dict()
    for name, table in {"adversarial": {"channels": 4}, **tables}.items():
        recipe[name] = {**recipe[name], **table}
    made = recipe_from_dict(recipe)
    assert isinstance(made, AdversarialRecipe)
    return made


def batch(photos: int = 2, side: int = 128) -> Batch:
    rng = torch.Generator().manual_seed(0)
    L = 100 * torch.rand(photos, 1, side, side, generator=rng)
    ab = torch.cat([0.3 * L, -0.2 * L], dim=1)
    return Batch(L, ab)


def objective_of(recipe: AdversarialRecipe) -> AdversarialObjective:
    torch.manual_seed(0)
    family = family_of(recipe.family)
    objective = family.objective(recipe, family.build(recipe.network), CPU)
    assert isinstance(objective, AdversarialObjective)
    return objective


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_networks_of_the_recipe_have_the_published_sizes() -> None:
    network = family_of("gan").build(load_recipe("gan").network)
    assert parameters(network) == 54_409_858
    assert parameters(PatchDiscriminator()) == 2_765_633


def test_a_patch_is_of_70_pixels_and_there_are_30_by_30_of_them() -> None:
    discriminator = PatchDiscriminator(4).eval()
    ab = torch.zeros(1, 2, 256, 256)
    L = torch.full((1, 1, 256, 256), 50.0, requires_grad=True)
    logits = discriminator(L, ab)
    assert logits.shape == (1, 1, 30, 30)
    logits[0, 0, 15, 15].backward()
    assert L.grad is not None
    rows, columns = (L.grad[0, 0] != 0).any(dim=1), (L.grad[0, 0] != 0).any(dim=0)
    assert (int(rows.sum()), int(columns.sum())) == (70, 70)


def test_first_weights_have_the_published_deviation() -> None:
    torch.manual_seed(0)
    conv = Generator(UNetConfig(16)).encoder.conv[5]
    assert isinstance(conv.weight, torch.Tensor)
    assert conv.weight.std().item() == pytest.approx(0.02, rel=0.02)


def test_a_folded_network_gives_what_the_trained_one_gives() -> None:
    torch.manual_seed(0)
    network = Generator(UNetConfig(4, halvings=7)).train()
    with torch.no_grad():
        for _ in range(3):  # statistics that are not those of the beginning
            network(100 * torch.rand(2, 1, 128, 128))
        network.eval()
        L = 100 * torch.rand(2, 1, 128, 256)
        torch.testing.assert_close(folded(network)(L), network(L))
    assert "norm" not in " ".join(folded(network).state_dict())


@pytest.mark.parametrize("family", ["gan", "gan-encoder"])
def test_the_graphs_one_after_the_other_are_the_network(family: str) -> None:
    recipe = gan_recipe(family)
    module = family_of(family)
    torch.manual_seed(0)
    network = module.build(recipe.network).eval()
    for parameter in network.parameters():
        if parameter.dim() > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.05)
    values = {"L": 100 * torch.rand(2, 1, 128, 256)}
    for i, layer in enumerate(module.sampling(recipe)["dropout"]):
        stride = layer["stride"]
        values[f"mask_{i}"] = torch.ones(2, layer["channels"], 128 // stride, 256 // stride)
    with torch.no_grad():
        wanted = adversarial.AB_SCALE * network(values["L"])
        for graph in module.graphs(network):
            names = {name for names in graph.inputs.values() for name in names}
            values |= graph({name: values[name] for name in names})
    assert wanted.std() > 0
    torch.testing.assert_close(values["ab"], wanted)


def sampler(family: str) -> Callable[..., np.ndarray]:
    recipe = gan_recipe(family)
    torch.manual_seed(0)
    network = family_of(family).build(recipe.network).eval()
    with torch.no_grad():
        for parameter in network.get_submodule("decoder").parameters():
            parameter.mul_(5)  # the first weights are small, and so are the colours
    runs = parse_family(family, 1, family_of(family).sampling(recipe))
    graphs = torch_graphs(family, network, CPU)

    def draw(samples: int, first: int = 0, seed: int = 0, photos: int = 1) -> np.ndarray:
        L = np.linspace(0, 100, photos * 128 * 128, dtype=np.float32).reshape(-1, 1, 128, 128)
        keys = [bytes([i]) for i in range(photos)]
        noise = SampleNoise(seed, keys, samples, (2, 128, 128), first=first)
        return runs.sample(graphs, runs.condition(graphs, L), noise, lambda step: None)

    return draw


def test_dropout_makes_the_samples_and_seed_photo_and_number_decide_it() -> None:
    draw = sampler("gan")
    whole = draw(3, photos=2)
    assert whole.shape == (6, 2, 128, 128)
    for k in range(3):
        np.testing.assert_allclose(draw(1, first=k, photos=2)[0], whole[k], atol=1e-4)
    assert np.abs(whole[0] - whole[1]).max() > 1e-3
    assert np.abs(draw(1, seed=1, photos=2)[0] - whole[0]).max() > 1e-3


def test_without_dropout_all_samples_are_the_same() -> None:
    one, other = sampler("gan-encoder")(2)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("family", ["gan", "gan-encoder"])
def test_it_says_that_it_gives_one_answer_and_takes_one_step(family: str) -> None:
    runs = parse_family(family, 1, family_of(family).sampling(gan_recipe(family)))
    assert runs.warning is None
    assert "one answer" in str(runs.alike)
    assert parse_family(family, 1, runs.sampling).sampling == runs.sampling
    with pytest.raises(UsageError, match="takes one step, not 20"):
        runs.with_steps(20)


@pytest.mark.parametrize(
    "dropout",
    [
        [],
        [{"channels": 0, "stride": 2}],
        [{"channels": 1 << 16, "stride": 2}],
        [{"channels": 2, "stride": 1}],
        [{"channels": 2, "stride": 3}],
        [{"channels": 2, "stride": 4}] * 9,
    ],
)
def test_a_bundle_whose_dropout_makes_no_sense_is_refused(dropout: list[object]) -> None:
    with pytest.raises(ValueError, match="dropout"):
        parse_family("gan", 1, {"dropout": dropout})


@pytest.mark.parametrize("loss", ["bce", "least-squares"])
def test_both_losses_fall_where_they_are_lowered_alone(loss: str) -> None:
    objective = objective_of(gan_recipe(adversarial={"loss": loss, "channels": 4, "weight": 0.0}))
    photos = batch()
    first = objective.step(photos, 0)
    for step in range(1, 30):
        last = objective.step(photos, step)
    assert set(first) == {"loss", "l1", "adversarial", "discriminator"}
    assert last["l1"].mean() < 0.7 * first["l1"].mean()
    assert last["discriminator"].mean() < 0.9 * first["discriminator"].mean()


def test_the_generator_fools_a_discriminator_that_stands_still() -> None:
    recipe = gan_recipe(adversarial={"l1": 0.0, "channels": 4}, optim={"lr": 3e-3})
    objective = objective_of(recipe)
    objective.optimizers[1].param_groups[0]["peak"] = 0.0
    objective.optimizers[1].param_groups[0]["lr"] = 0.0
    photos = batch()
    fooled = [objective.step(photos, step)["adversarial"].mean().item() for step in range(30)]
    assert fooled[-1] < 0.8 * fooled[0]


def test_before_there_is_a_discriminator_the_error_alone_is_lowered() -> None:
    objective = objective_of(gan_recipe(adversarial={"pretrain_steps": 2, "channels": 4}))
    discriminator = objective.parts["discriminator"]
    before = [p.clone() for p in discriminator.parameters()]
    values = objective.step(batch(), 0)
    assert all(torch.equal(p, q) for p, q in zip(before, discriminator.parameters(), strict=True))
    torch.testing.assert_close(values["loss"], 100 * values["l1"])
    figures = objective.figures(values)
    assert figures["adversarial"] is None
    assert figures["l1"] > 0
    objective.step(batch(), 2)
    assert not all(
        torch.equal(p, q) for p, q in zip(before, discriminator.parameters(), strict=True)
    )


def test_validation_is_the_error_of_each_photo_without_dropout() -> None:
    objective = objective_of(gan_recipe())
    objective.parts["model"].eval()
    photos = batch(3)
    one, other = (objective.validate(photos, np.random.default_rng(i)) for i in range(2))
    assert one.shape == (3,)
    torch.testing.assert_close(one, other)
    ab = objective.parts["model"](photos.L)
    torch.testing.assert_close(one, (ab - photos.ab / 110).abs().mean(dim=(1, 2, 3)))


@pytest.mark.parametrize(("stages", "trained"), [(0, False), (2, True)])
def test_the_pretrained_encoder_is_trained_only_where_it_is_asked_for(
    stages: int, *, trained: bool
) -> None:
    recipe = gan_recipe("gan-encoder", optim={"tuned_stages": stages, "warmup": 0})
    objective = objective_of(recipe)
    encoder = objective.parts["model"].get_submodule("encoder")
    before = {name: p.clone() for name, p in encoder.named_parameters()}
    for step in range(2):
        objective.step(batch(), step)
    changed = {n for n, p in encoder.named_parameters() if not torch.equal(p, before[n])}
    assert any(name.startswith("merge") for name in changed) == trained
    assert any(name.startswith("backbone.blocks.6") for name in changed) == trained
    assert not any(name.startswith("backbone.conv_stem") for name in changed)


def test_the_encoder_comes_from_the_default_bundle_whole_where_it_is_of_that_shape() -> None:
    network = gan_encoder.build(load_recipe("gan-encoder").network)
    lines: list[str] = []
    gan_encoder.load_backbone(network, None, lines.append)
    assert lines == ["encoder: from the default bundle's encoder"]
    smaller = gan_encoder.build(gan_recipe("gan-encoder").network)
    neck = smaller.encoder.lateral[0].weight.clone()
    gan_encoder.load_backbone(smaller, None, lines.append)
    assert lines[1] == "backbone: from the default bundle's encoder"
    torch.testing.assert_close(smaller.encoder.lateral[0].weight, neck)
    stem = smaller.encoder.backbone.conv_stem.weight
    torch.testing.assert_close(stem, network.encoder.backbone.conv_stem.weight)


@pytest.mark.parametrize("change", ["optim.views=2", "optim.accumulate=2"])
def test_noise_levels_and_parts_of_a_step_are_refused(change: str) -> None:
    with pytest.raises(UsageError, match="are 1 for this family"):
        load_recipe("gan", [change])


def test_rates_of_a_tuned_backbone_are_its_own_and_it_waits_while_it_is_frozen() -> None:
    recipe = gan_recipe(
        "gan-encoder", optim={"tuned_stages": 2, "backbone_lr": 0.1, "frozen_steps": 1}
    )
    objective = objective_of(recipe)
    rest, backbone = objective.optimizers[0].param_groups
    assert backbone["peak"] == pytest.approx(0.1 * rest["peak"])
    before = [p.clone() for p in backbone["params"]]
    objective.step(batch(), 0)
    assert all(torch.equal(p, q) for p, q in zip(backbone["params"], before, strict=True))
    objective.step(batch(), 1)
    assert not all(torch.equal(p, q) for p, q in zip(backbone["params"], before, strict=True))


def test_what_fits_in_memory_is_tried_with_the_discriminator_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    judge = PatchDiscriminator.forward

    def judges(self: PatchDiscriminator, L: torch.Tensor, ab: torch.Tensor) -> torch.Tensor:
        if len(L) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return judge(self, L, ab)

    monkeypatch.setattr(PatchDiscriminator, "forward", judges)
    recipe = gan_recipe(
        adversarial={"channels": 4, "pretrain_steps": 5}, optim={"photos": 8, "steps": 9}
    )
    lines: list[str] = []
    assert fitted(recipe, "cpu", lines.append).optim.photos in (2, 3)
    assert "not worked through in parts" in lines[-1]
    with (
        pytest.raises(OutOfMemoryError, match=r"optim\.photos=[23], which"),
        memory_explained(recipe, "cpu", None),
    ):
        objective_of(recipe).step(batch(8), 5)
    assert _phases(RunState(recipe, "cpu")) == [(0, 5), (5, 4)]


def test_a_resume_cannot_change_the_discriminator() -> None:
    recipe, other = (gan_recipe(adversarial={"channels": c}) for c in (4, 8))
    assert recipe.parts != other.parts
    assert recipe.parts == gan_recipe(optim={"lr": 1.0}).parts


def test_the_sides_are_what_the_u_net_halves() -> None:
    with pytest.raises(UsageError, match="multiple of 256"):
        load_recipe("gan", ["data.size=128"])
    assert load_recipe("gan", ["data.size=128", "network.halvings=7"]).data.size == 128
    with pytest.raises(UsageError, match="6 to 10"):
        load_recipe("gan", ["network.halvings=3"])
