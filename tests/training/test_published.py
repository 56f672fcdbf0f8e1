"""Color-diffusion as published: its sizes, its 350 levels, and its encoder run once a photo."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from made.checkpoints import PUBLISHED, tiny_network_recipe
from torch import Tensor

from colorize_cli.diffusion.noise import SampleNoise
from colorize_cli.diffusion.sampler import sample
from colorize_cli.diffusion.schedule import linear_350
from colorize_cli.errors import UsageError
from colorize_cli.model.families import parse_family
from colorize_cli.model.families.diffusion import Diffusion
from export.precision import HalfArithmetic, half_copy
from training.data.batches import Batch
from training.families import encoder_published
from training.families.diffusion_loss import draw_gammas
from training.families.torch_graphs import torch_graphs
from training.networks.published import Published, PublishedConfig, folded
from training.networks.published_blocks import LinearAttention, StandardisedConv
from training.recipe import load_recipe

CPU = torch.device("cpu")


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def tiny() -> Published:
    torch.manual_seed(0)
    return encoder_published.build(PUBLISHED).eval()


def usual() -> Diffusion:
    sampling = encoder_published.sampling(load_recipe("encoder-published"))
    family = parse_family("encoder-published", 1, sampling)
    assert isinstance(family, Diffusion)
    return family


def test_the_networks_of_the_recipe_have_the_published_sizes() -> None:
    network = encoder_published.build(load_recipe("encoder-published").network)
    assert parameters(network.denoiser) == 48_093_058
    # The published encoder has 13.41 M, with what it never runs: an embedding of the time, a layer
    # in each block that would take it, and a convolution behind the last map.
    embedding = 128 * 512 + 512 + 512 * 512 + 512
    films = sum(2 * (512 * 2 * width + 2 * width) for width in (128, 128, 256, 384))
    behind = 384 * 384 * 9 + 384
    assert parameters(network.encoder) + embedding + films + behind == 13_411_328


def test_training_draws_each_of_the_350_levels() -> None:
    drawn = draw_gammas("linear-350", 20_000, np.random.default_rng(0))
    levels = linear_350().gammas[1:].astype(np.float32)
    found, counts = np.unique(drawn, return_counts=True)
    np.testing.assert_array_equal(found, np.sort(levels))
    assert counts.min() > 20
    assert linear_350().gammas[-1] == pytest.approx(0.029, abs=5e-4)


def test_20_steps_by_default_and_all_350_where_they_are_asked_for() -> None:
    family = usual()
    assert family.steps == 20
    np.testing.assert_array_equal(family.with_steps(350).schedule.gammas, linear_350().gammas)
    again = parse_family("encoder-published", 1, family.sampling)
    assert again.sampling == family.sampling
    assert again.steps == 20
    more = family.with_steps(400)
    assert parse_family("encoder-published", 1, more.sampling).steps == 400
    every = parse_family("encoder-published", 1, family.with_steps(350).sampling)
    assert every.steps == 350


@pytest.mark.parametrize("steps", [0, 10_000_000, 2.5, True])
def test_a_bundle_with_an_odd_number_of_steps_is_refused(steps: object) -> None:
    sampling = usual().sampling
    with pytest.raises(ValueError, match="no number of steps"):
        parse_family(
            "encoder-published",
            1,
            sampling | {"schedule": {**sampling["schedule"], "steps": steps}},
        )


def test_the_network_is_told_the_step_and_not_the_level() -> None:
    torch.manual_seed(0)
    denoiser = Published(PublishedConfig(channels=16, groups=4, head_dim=4)).denoiser
    told: list[Tensor] = []
    denoiser.emb1.register_forward_hook(lambda module, args, out: told.append(args[0]))
    denoiser.embed(torch.tensor(linear_350().gammas[[1, 101, 350]], dtype=torch.float32))
    t = torch.tensor([0.0, 100.0, 349.0])
    phases = t[:, None] * torch.exp(-np.log(10_000) * torch.arange(8) / 7)
    torch.testing.assert_close(
        told[0], torch.cat([phases.sin(), phases.cos()], dim=1), atol=2e-3, rtol=0
    )


def test_the_encoder_runs_once_a_photo_and_gives_what_running_it_at_every_step_gives() -> None:
    network, family = tiny(), usual().with_steps(6)
    calls: list[int] = []
    network.encoder.register_forward_hook(lambda module, args, out: calls.append(1))
    L = np.linspace(0, 100, 2 * 16 * 24, dtype=np.float32).reshape(2, 1, 16, 24)
    noise = SampleNoise(0, [b"a", b"b"], 3, (2, 16, 24))
    graphs = torch_graphs("encoder-published", network, CPU)
    once = family.sample(graphs, family.condition(graphs, L), noise, lambda step: None)
    assert len(calls) == 1

    @torch.no_grad()
    def predict(x_t: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        return network(*map(torch.from_numpy, (x_t, L, gamma))).numpy()

    every = sample(predict, noise.start(), family.schedule, noise, family.sampler, prediction="eps")
    assert len(calls) == 7
    np.testing.assert_allclose(once, every * family.ab_scale, atol=1e-3)


def test_it_is_clamped_at_the_published_percentile() -> None:
    clamp = usual().sampler.clamp
    assert clamp is not None
    assert (clamp.kind, clamp.limit, clamp.percentile) == ("dynamic", 1.0, 80.0)


def test_a_folded_network_gives_what_the_trained_one_gives() -> None:
    network = tiny()
    made = folded(network)
    values = torch.randn(2, 2, 16, 16), 100 * torch.rand(1, 1, 16, 16), torch.tensor([0.1, 0.9])
    with torch.no_grad():
        torch.testing.assert_close(made(*values), network(*values))
    assert made.config.folded
    assert encoder_published.deployed(network, PUBLISHED)[1] == {**PUBLISHED, "folded": True}


def test_standardised_weights_have_no_mean_and_unit_deviation() -> None:
    conv = StandardisedConv(8, 4, folded=False)
    weight = conv.standardised().flatten(1)
    torch.testing.assert_close(weight.mean(dim=1), torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(weight.std(dim=1, unbiased=False), torch.ones(4), atol=1e-2, rtol=0)


def test_linear_attention_is_the_sum_over_cells_that_it_stands_for() -> None:
    torch.manual_seed(0)
    attention = LinearAttention(8, 4)
    x = torch.randn(1, 8, 3, 5)
    qkv = attention.qkv(attention.norm(x)).reshape(3, 4, 4, 15)
    q, k, v = qkv
    out = torch.zeros(4, 4, 15)
    for head in range(4):
        weights = k[head].softmax(dim=-1)  # of the cells, for each channel
        for cell in range(15):
            seen = sum(weights[:, j, None] * v[head, None, :, j] / 15 for j in range(15))
            out[head, :, cell] = (q[head, :, cell].softmax(dim=0) / 2) @ seen
    wanted = x + attention.norm_out(attention.proj(out.reshape(1, 16, 3, 5)))
    torch.testing.assert_close(attention(x), wanted)


def test_half_precision_loses_neither_the_step_nor_what_linear_attention_adds_up() -> None:
    torch.manual_seed(0)
    attention = LinearAttention(8, 4)
    x = torch.randn(1, 8, 128, 128)
    with torch.no_grad(), HalfArithmetic():
        halved = half_copy(attention)(x.half()).float()
    with torch.no_grad():
        wanted = attention(x)
    assert (halved - wanted).abs().mean() < 0.01 * (wanted - x).abs().mean()
    denoiser = half_copy(tiny().denoiser)
    told: list[Tensor] = []
    denoiser.emb1.register_forward_hook(lambda module, args, out: told.append(args[0]))
    with HalfArithmetic():
        denoiser.embed(torch.tensor(linear_350().gammas[[200, 201]], dtype=torch.float32))
    t = torch.tensor([199.0, 200.0])
    torch.testing.assert_close(told[0][:, 0].float(), t.sin(), atol=5e-3, rtol=0)


def test_noise_beyond_the_last_step_is_told_as_a_later_one() -> None:
    denoiser = tiny().denoiser
    told: list[Tensor] = []
    denoiser.emb1.register_forward_hook(lambda module, args, out: told.append(args[0]))
    denoiser.embed(torch.tensor([0.02, 0.001]))
    assert (told[0][0] - told[0][1]).abs().max() > 0.1


@pytest.mark.parametrize(
    "change", ["network.multipliers=[]", "network.groups=7", "network.channels=0"]
)
def test_networks_that_cannot_be_are_refused(change: str) -> None:
    with pytest.raises(UsageError, match="network"):
        load_recipe("encoder-published", [change])


def test_the_loss_falls() -> None:
    recipe = tiny_network_recipe("encoder-published")
    torch.manual_seed(0)
    objective = encoder_published.objective(recipe, encoder_published.build(PUBLISHED), CPU)
    L = 100 * torch.rand(4, 1, 16, 16)
    batch = Batch(L, torch.cat([0.3 * L, -0.2 * L], dim=1))
    losses = [_mean(objective.step(batch, step)) for step in range(40)]
    assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:5])


def _mean(values: Mapping[str, Tensor]) -> float:
    return values["loss"].mean().item()
