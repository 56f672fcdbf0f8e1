"""The graph of a step takes x_t along the way that the sampler takes it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from benchmarks.gpu.step_graph import is_random, step_graph, step_table
from colorize_cli.diffusion.sampler import Clamp, Prediction, SamplerSettings, sample
from colorize_cli.diffusion.schedule import Schedule, cosine, respace, tutorial_20
from colorize_cli.imaging.lab import Float
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.families.diffusion import Diffusion
from colorize_cli.model.graphs import open_graphs
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.ort import open_session
from colorize_cli.runtimes.runtime import Graph

ROWS, CELLS = 4, 16


@pytest.fixture(scope="module")
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


@pytest.fixture(scope="module")
def graphs(bundle: Bundle) -> dict[str, Graph]:
    return open_graphs(bundle, resolve("cpu", threads=1))


def family_of(bundle: Bundle) -> Diffusion:
    assert isinstance(bundle.family, Diffusion)
    return bundle.family


def noises(steps: int) -> Float:
    """(T + 1, rows, 2, h, w): entry t is what is added on the way from t."""
    rng = np.random.default_rng(1)
    return rng.standard_normal((steps + 1, ROWS, 2, CELLS, CELLS), np.float32)


def way_of_the_graph(
    bundle: Bundle,
    graphs: dict[str, Graph],
    settings: SamplerSettings,
    table: Float,
    noise: Float,
) -> list[Float]:
    """x_s of each step, from two photos with two samples each, x_t in one place all the way."""
    takes_noise = is_random(table)
    data = step_graph(bundle.read("denoiser.onnx"), settings.clamp, takes_noise=takes_noise)
    session = open_session(data, resolve("cpu", threads=1))
    binding = session.io_binding()
    for name, value in family_of(bundle).condition(graphs, photos()).maps.items():
        binding.bind_ortvalue_input(name, value)
    x_t = ort.OrtValue.ortvalue_from_numpy(noise[0] * np.float32(settings.temperature))
    binding.bind_ortvalue_input("noisy_ab", x_t)
    binding.bind_ortvalue_output("x_s", x_t)
    way = []
    for t in range(len(table), 0, -1):
        binding.bind_cpu_input("coefficients", np.ascontiguousarray(table[t - 1]))
        if takes_noise:
            binding.bind_cpu_input("noise", noise[t])
        session.run_with_iobinding(binding)
        way.append(x_t.numpy().copy())
    return way


def photos() -> Float:
    return np.random.default_rng(0).uniform(0, 100, (2, 1, 64, 64)).astype(np.float32)


@pytest.mark.parametrize("prediction", ["v", "eps", "x_0"])
@pytest.mark.parametrize(
    "settings",
    [
        SamplerSettings("ddim", eta=0.0, clamp=Clamp("static", 3.2)),
        SamplerSettings("ddim", eta=1.0, temperature=0.8),
        SamplerSettings("ddpm", variance="beta", clamp=Clamp("static", 0.5)),
    ],
    ids=["ddim", "ancestral", "ddpm"],
)
def test_every_step_is_the_samplers(
    settings: SamplerSettings, prediction: Prediction, bundle: Bundle, graphs: dict[str, Graph]
) -> None:
    schedule = tutorial_20() if prediction == "eps" else respace(cosine(1000), 6)
    noise = noises(schedule.steps)
    wanted: list[Float] = []
    family = family_of(bundle)
    end = sample(
        family.denoiser(graphs, family.condition(graphs, photos())),
        noise[0],
        schedule,
        lambda t: noise[t],
        settings,
        prediction=prediction,
        on_step=lambda t, x_t, x_0: wanted.append(x_t),
    )
    table = step_table(schedule, prediction, settings)
    got = way_of_the_graph(bundle, graphs, settings, table, noise)
    assert len(got) == schedule.steps
    for x_s, right in zip(got, [*wanted[1:], end], strict=True):
        np.testing.assert_allclose(x_s, right, rtol=1e-4, atol=2e-5)


def test_only_a_random_sampler_asks_for_noise() -> None:
    schedule = respace(cosine(1000), 4)
    assert not is_random(step_table(schedule, "v", SamplerSettings("ddim", eta=0.0)))
    assert is_random(step_table(schedule, "v", SamplerSettings("ddpm")))


def test_the_last_step_gives_x_0_itself() -> None:
    table = step_table(respace(cosine(1000), 4), "v", SamplerSettings("ddim", eta=0.7))
    assert table.shape == (4, 6)
    assert table[0, 3:].tolist() == [1, 0, 0]


def test_a_dynamic_clamp_is_refused(bundle: Bundle) -> None:
    clamp = replace(Clamp("static", 1.0), kind="dynamic")
    with pytest.raises(ValueError, match="static"):
        step_graph(bundle.read("denoiser.onnx"), clamp, takes_noise=False)


def test_eps_prediction_from_pure_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="gamma = 0"):
        step_table(Schedule("two", np.array([1.0, 0.5, 0.0])), "eps", SamplerSettings())


def test_the_palette_familys_step_takes_its_lightness(tiny_palette_bundle: Path) -> None:
    palette = load_bundle(tiny_palette_bundle)
    data = step_graph(palette.read("denoiser.onnx"), None, takes_noise=False)
    session = open_session(data, resolve("cpu", threads=1))
    assert {node.name for node in session.get_inputs()} == {"noisy_ab", "L", "coefficients"}
    assert [node.name for node in session.get_outputs()] == ["x_s"]
