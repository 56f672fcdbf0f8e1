"""Codes of ab fields: the published sizes and losses, two stages, and the means as samples."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made.checkpoints import VAE_MDN, tiny_network_recipe
from safetensors.torch import save_file

from colorize_cli.diffusion.noise import SampleNoise
from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.families import parse_family
from training.data.ab_bins import AB_BINS, bin_of
from training.data.batches import Batch
from training.data.prepared import MANIFEST, STATISTICS, fill_in_statistics
from training.families import vae_mdn
from training.families.code_losses import (
    AB_SCALE,
    AbStatistics,
    gradient_loss,
    histogram_loss,
    kl_loss,
    mahalanobis_loss,
    mixture_loss,
)
from training.families.torch_graphs import torch_graphs
from training.families.vae_mdn import CodesObjective, CodesRecipe
from training.networks.vae_mdn import VaeConfig, VaeMdn
from training.recipe import load_recipe, recipe_from_dict

CPU = torch.device("cpu")


def statistics() -> AbStatistics:
    made = AbStatistics()
    made.histogram[:] = 1 / len(AB_BINS)
    return made


def codes_recipe(**tables: dict[str, Any]) -> CodesRecipe:
    recipe = tiny_network_recipe("vae-mdn").to_dict()
    for name, table in tables.items():
        recipe[name] = {**recipe[name], **table}
    made = recipe_from_dict(recipe)
    assert isinstance(made, CodesRecipe)
    return made


def fields(count: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(count, 2, 64, 64, generator=rng) - 0.5


def parameters(network: torch.nn.Module | None) -> int:
    assert network is not None
    return sum(p.numel() for p in network.parameters())


def test_the_autoencoder_of_the_recipe_has_the_published_size() -> None:
    network = vae_mdn.build(load_recipe("vae-mdn").network)
    assert parameters(network.vae) + parameters(network.decoder) == pytest.approx(46.09e6, abs=5e3)


def test_rare_colours_weigh_more_and_the_usual_one_on_average() -> None:
    made = statistics()
    made.histogram[:] = 1e-4
    grey = int(bin_of(np.zeros(2, np.float32)))
    made.histogram[grey] = 1 - made.histogram.sum() + 1e-4
    ab = torch.zeros(1, 2, 64, 64)
    ab[0, 0, :32] = 60 / AB_SCALE
    weight = made.rarity(ab)
    assert weight[0, 0, 0] > 100 * weight[0, 63, 0]
    centres = torch.from_numpy(AB_BINS).T.reshape(1, 2, -1, 1) / AB_SCALE
    assert (made.rarity(centres)[0, :, 0] * made.histogram).sum() == pytest.approx(1.0, rel=1e-4)


def test_the_histogram_loss_is_a_norm_of_the_weighed_error() -> None:
    ab, wanted = fields(2), fields(2, seed=1)
    loss = histogram_loss(ab, wanted, statistics())
    torch.testing.assert_close(loss, (ab - wanted).flatten(1).norm(dim=1), rtol=1e-4, atol=0)


def test_the_mahalanobis_loss_weighs_directions_by_their_variance() -> None:
    made = statistics()
    basis = torch.linalg.qr(torch.randn(8192, 3))[0].T.reshape(3, 2, 64, 64)
    made.components[:3], made.variances[:3] = basis, torch.tensor([9.0, 4.0, 2.0])
    for i, variance in enumerate((9.0, 4.0, 2.0)):
        error = 6 * basis[i : i + 1] / AB_SCALE
        loss = mahalanobis_loss(error, torch.zeros_like(error), made)
        assert loss.item() == pytest.approx(36 / variance, rel=1e-3)
    other = torch.randn(8192)
    other -= basis.flatten(1).T @ (basis.flatten(1) @ other)
    error = (other / other.norm()).reshape(1, 2, 64, 64) * 6 / AB_SCALE
    loss = mahalanobis_loss(error, torch.zeros_like(error), made)
    assert loss.item() == pytest.approx(36 / 2, rel=1e-3)


def test_the_gradient_loss_does_not_see_what_is_the_same_everywhere() -> None:
    ab = fields(2)
    torch.testing.assert_close(gradient_loss(ab + 0.1, ab), torch.zeros(2), atol=1e-4, rtol=0)
    step = torch.zeros(1, 2, 64, 64)
    step[:, 0, 32:] = 0.5
    assert gradient_loss(step, torch.zeros_like(step)).item() == pytest.approx(4.0, rel=1e-4)


def test_the_divergence_is_that_of_pytorch() -> None:
    mean, log_variance = torch.randn(5, 8), torch.randn(5, 8)
    codes = torch.distributions.Normal(mean, torch.exp(log_variance / 2))
    wanted = torch.distributions.kl_divergence(codes, torch.distributions.Normal(0, 1)).sum(dim=1)
    torch.testing.assert_close(kl_loss(mean, log_variance), wanted)


def test_only_the_nearest_component_is_drawn_to_a_code() -> None:
    means = torch.tensor([[[0.0, 0.0], [3.0, 0.0]]], requires_grad=True)
    logits = torch.zeros(1, 2)
    loss = mixture_loss(torch.tensor([[1.0, 0.0]]), means, logits, 0.1)
    assert loss.item() == pytest.approx(np.log(2) + 1 / 0.2, rel=1e-5)
    loss.sum().backward()
    assert means.grad is not None
    assert means.grad[0, 1].abs().sum() == 0
    assert means.grad[0, 0, 0] < 0


def batch(photos: int = 4) -> Batch:
    rng = torch.Generator().manual_seed(0)
    L = torch.rand(photos, 1, 8, 8, generator=rng).repeat_interleave(16, 2).repeat_interleave(16, 3)
    small = torch.nn.functional.avg_pool2d(L, 2)
    return Batch(100 * L, torch.cat([40 * small, -30 * small], dim=1))


def objective_of(**tables: dict[str, Any]) -> CodesObjective:
    torch.manual_seed(0)
    made = vae_mdn.objective(codes_recipe(**tables), vae_mdn.build(VAE_MDN), CPU)
    made.parts["statistics"].histogram.fill_(1 / len(AB_BINS))  # type: ignore[operator]
    return made


def test_codes_are_learned_first_and_then_the_mixture_with_the_codes_as_they_are() -> None:
    objective = objective_of(optim={"steps": 60, "lr": 2e-3, "warmup": 0}, codes={"steps": 30})
    photos = batch()
    model = objective.parts["model"]
    values = [objective.step(photos, step) for step in range(30)]
    assert values[-1]["histogram"].mean() < 0.7 * values[0]["histogram"].mean()
    assert values[0]["mixture"].isnan().all()
    assert objective.validate(photos, np.random.default_rng(0)).isnan().all()
    settled = {n: p.clone() for n, p in model.state_dict().items() if not n.startswith("mdn.")}
    later = [objective.step(photos, step) for step in range(30, 60)]
    assert later[-1]["mixture"].mean() < later[0]["mixture"].mean()
    assert later[0]["histogram"].isnan().all()
    for name, tensor in settled.items():
        torch.testing.assert_close(model.state_dict()[name], tensor)
    assert objective.figures(later[0])["histogram"] is None
    assert objective.validate(photos, np.random.default_rng(0)).shape == (4,)


def test_the_divergence_counts_more_and_more() -> None:
    objective = objective_of(codes={"steps": 60, "kl": 1.0})
    first, half = objective.step(batch(), 0), objective.step(batch(), 30)
    parts = first["histogram"] + 1e-3 * first["gradient"]
    torch.testing.assert_close(first["loss"], parts)
    parts = half["histogram"] + 1e-3 * half["gradient"] + 0.5 * 4 * half["kl"]  # of four photos
    torch.testing.assert_close(half["loss"], parts)


def test_the_statistics_come_from_the_prepared_folder(tmp_path: Path) -> None:
    made = AbStatistics()
    with pytest.raises(UsageError, match="colorize prepare"):
        fill_in_statistics(made, [tmp_path])
    (tmp_path / MANIFEST).write_text('{"format": 1, "parts": {}}')
    with pytest.raises(UsageError, match="prepare the photographs again"):
        fill_in_statistics(made, [tmp_path])
    save_file({"histogram": torch.rand(len(AB_BINS))}, tmp_path / STATISTICS)
    with pytest.raises(UsageError, match="prepare the photographs again"):
        fill_in_statistics(made, [tmp_path])
    histogram = torch.rand(len(AB_BINS))
    stored = {"histogram": histogram, "components": torch.ones(3, 2, 64, 64)}
    save_file({**stored, "variances": torch.ones(3)}, tmp_path / STATISTICS)
    fill_in_statistics(made, [tmp_path])
    torch.testing.assert_close(made.histogram, histogram)
    assert made.variances.tolist() == [1.0] * 3 + [0.0] * 17


def trained(**changes: Any) -> VaeMdn:
    torch.manual_seed(0)
    network = VaeMdn(VaeConfig(**{**VAE_MDN, "mdn": tuple(VAE_MDN["mdn"]), **changes})).train()
    assert network.vae is not None
    with torch.no_grad():
        for _ in range(3):  # statistics that are not those of the beginning
            z, grey = torch.randn(4, 8), torch.rand(4, 1, 64, 64)
            network.decoder(z, grey)
            network.mdn(network.encoder(100 * torch.rand(4, 1, 128, 128)))
    return network.eval()


@pytest.mark.parametrize("skip", [True, False])
def test_what_is_deployed_gives_what_the_trained_network_gives(*, skip: bool) -> None:
    network = trained(skip=skip)
    made, config = vae_mdn.deployed(network, VAE_MDN)
    assert made.vae is None
    assert config["deployed"] is True
    z, grey = torch.randn(6, 8), torch.rand(2, 1, 64, 64)
    cond = network.encoder(100 * torch.rand(2, 1, 128, 128))
    with torch.no_grad():
        torch.testing.assert_close(made.decoder(z, grey), network.decoder(z, grey))
        for one, other in zip(made.mdn(cond), network.mdn(cond), strict=True):
            torch.testing.assert_close(one, other)
        whole = network.decoder(z, grey)
        torch.testing.assert_close(network.decoder(z[3:], grey[1:]), whole[3:])


def drawn() -> Callable[..., np.ndarray]:
    network = trained()
    runs = parse_family("vae-mdn", 2, vae_mdn.sampling(codes_recipe()))
    graphs = torch_graphs("vae-mdn", network, CPU)

    def draw(samples: int, first: int = 0, seed: int = 0) -> np.ndarray:
        ramp = np.linspace(0, 100, 96 * 160, dtype=np.float32).reshape(1, 1, 96, 160)
        L = np.concatenate([ramp, ramp[..., ::-1]])
        noise = SampleNoise(seed, [b"a", b"b"], samples, (2, 48, 80), first=first)
        return runs.sample(graphs, runs.condition(graphs, L), noise, lambda step: None)

    return draw


def test_the_first_samples_are_the_means_and_later_ones_are_drawn() -> None:
    draw = drawn()
    whole = draw(6)
    assert whole.shape == (12, 2, 48, 80)
    np.testing.assert_allclose(draw(1, first=4)[1], whole[10], atol=1e-3)
    other = draw(6, seed=1)
    np.testing.assert_array_equal(other[:3], whole[:3])
    assert np.abs(other[3:6] - whole[3:6]).max() > 1e-3


class Told:
    def __init__(self, **answers: np.ndarray) -> None:
        self.answers = answers

    def expect(self, size: tuple[int, int, int]) -> None: ...

    def bind(self, ahead: dict[str, np.ndarray]) -> Callable[..., dict[str, np.ndarray]]:
        return lambda others: self.run({**ahead, **others})

    def run(self, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.feeds = feeds
        return self.answers


def test_the_likeliest_mean_comes_first() -> None:
    runs = parse_family("vae-mdn", 2, {"components": 2, "latent": 1, "sigma": 0.0})

    decoder = Told(ab=np.zeros((2, 2, 64, 64), np.float32))
    graphs: Any = {
        "encoder.onnx": Told(),
        "mdn.onnx": Told(means=np.array([[[1.0], [2.0]]]), logits=np.array([[0.0, 3.0]])),
        "decoder.onnx": decoder,
    }
    noise = SampleNoise(0, [b"a"], 2, (2, 8, 8))
    condition = runs.condition(graphs, np.zeros((1, 1, 16, 16), np.float32))
    runs.sample(graphs, condition, noise, lambda step: None)
    assert decoder.feeds["z"].tolist() == [[2.0], [1.0]]


@pytest.mark.parametrize(
    "change", [{"components": 0}, {"latent": 2.5}, {"sigma": "1"}, {"sigma": -1.0}]
)
def test_a_bundle_whose_mixture_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no mixture|no deviation"):
        parse_family("vae-mdn", 2, {"components": 2, "latent": 1, "sigma": 1.0, **change})


def test_a_graph_whose_mixture_is_another_than_the_bundle_says_is_refused() -> None:
    runs = parse_family("vae-mdn", 2, {"components": 3, "latent": 1, "sigma": 0.0})
    graphs: Any = {
        "encoder.onnx": Told(),
        "mdn.onnx": Told(means=np.zeros((1, 2, 1)), logits=np.zeros((1, 2))),
        "decoder.onnx": Told(),
    }
    with pytest.raises(ModelError, match="where the bundle says"):
        runs.condition(graphs, np.zeros((1, 1, 16, 16), np.float32))


@pytest.mark.parametrize("change", ["samples.choose_best=true", "optim.compile=true"])
def test_what_this_family_has_no_use_for_is_refused(change: str) -> None:
    with pytest.raises(UsageError, match="not for this family"):
        load_recipe("vae-mdn", [change])


def test_photos_are_seen_as_squares_of_64_cells() -> None:
    with pytest.raises(UsageError, match=r"data\.size is 128"):
        load_recipe("vae-mdn", ["data.size=64"])
