from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from made.tiny_bundles import denoiser_of, tiny_fields, tiny_graphs

from colorize_cli.errors import DeviceError, ModelError
from colorize_cli.imaging.lab import Float
from colorize_cli.model.bundle import load_bundle, write_bundle
from colorize_cli.model.graphs import open_graphs
from colorize_cli.runtimes.find_device import problem, resolve

CPU = resolve("cpu")


@pytest.fixture(scope="module")
def L() -> Float:
    rng = np.random.default_rng(1)
    return (rng.random((2, 1, 64, 96)) * 100).astype(np.float32)


@pytest.fixture(scope="module")
def x_t() -> Float:
    rng = np.random.default_rng(2)
    return rng.standard_normal((6, 2, 16, 24)).astype(np.float32)


GAMMA = np.linspace(0.1, 0.9, 6, dtype=np.float32)


def session(folder: Path, name: str) -> ort.InferenceSession:
    return ort.InferenceSession(folder / name, providers=["CPUExecutionProvider"])


def test_the_networks_compute_what_their_graphs_say(
    tiny_bundle: Path, L: Float, x_t: Float
) -> None:
    prediction = denoiser_of(load_bundle(tiny_bundle), CPU, L)(x_t, GAMMA)

    cond_0, cond_1 = session(tiny_bundle, "encoder.onnx").run(None, {"L": L})
    feed = {"noisy_ab": x_t, "cond_0": cond_0, "cond_1": cond_1, "gamma": GAMMA}
    expected = session(tiny_bundle, "denoiser.onnx").run(None, feed)[0]
    assert prediction.dtype == np.float32
    np.testing.assert_array_equal(prediction, expected)


def test_each_photos_samples_see_its_own_condition(tiny_bundle: Path, L: Float, x_t: Float) -> None:
    bundle = load_bundle(tiny_bundle)

    both = denoiser_of(bundle, CPU, L)(x_t, GAMMA)
    second = denoiser_of(bundle, CPU, L[1:])(x_t[3:], GAMMA[3:])
    mistaken = denoiser_of(bundle, CPU, L[:1])(x_t[3:], GAMMA[3:])

    np.testing.assert_allclose(both[3:], second, rtol=1e-4, atol=1e-4)
    assert abs(both[3:] - mistaken).max() > 0.01


def test_a_prediction_is_not_overwritten_by_the_next(
    tiny_bundle: Path, L: Float, x_t: Float
) -> None:
    denoise = denoiser_of(load_bundle(tiny_bundle), CPU, L)

    first = denoise(x_t, GAMMA)
    kept = first.copy()
    denoise(-x_t, GAMMA)

    np.testing.assert_array_equal(first, kept)


def test_the_encoder_takes_any_layout_and_keeps_no_hold_of_its_input(
    tiny_bundle: Path, L: Float, x_t: Float
) -> None:
    bundle = load_bundle(tiny_bundle)
    given = np.asfortranarray(L)

    denoise = denoiser_of(bundle, CPU, given)
    given[:] = 0

    expected = denoiser_of(bundle, CPU, L)(x_t, GAMMA)
    np.testing.assert_array_equal(denoise(x_t, GAMMA), expected)


def test_the_palette_family_sees_the_mean_L_of_each_cell(
    tiny_palette_bundle: Path, L: Float, x_t: Float
) -> None:
    prediction = denoiser_of(load_bundle(tiny_palette_bundle), CPU, L)(x_t, GAMMA)

    cells = L.reshape(2, 1, 16, 4, 24, 4).mean(axis=(3, 5))
    feed = {"noisy_ab": x_t, "L": cells, "gamma": GAMMA}
    expected = session(tiny_palette_bundle, "denoiser.onnx").run(None, feed)[0]
    np.testing.assert_allclose(prediction, expected, rtol=1e-4, atol=1e-4)


def test_rows_that_do_not_divide_among_the_photos_are_refused(
    tiny_bundle: Path, L: Float, x_t: Float
) -> None:
    denoise = denoiser_of(load_bundle(tiny_bundle), CPU, L)

    with pytest.raises(ValueError, match="5 rows for 2 photos"):
        denoise(x_t[:5], GAMMA[:5])


def test_a_run_that_fails_is_a_device_error(
    tiny_bundle: Path, L: Float, x_t: Float, capfd: pytest.CaptureFixture[str]
) -> None:
    denoise = denoiser_of(load_bundle(tiny_bundle), CPU, L)

    with pytest.raises(DeviceError, match=r"CPU .* failed: .*smaller --batch or --size"):
        denoise(x_t[..., :20], GAMMA)


def test_graphs_of_another_interface_are_refused(tmp_path: Path) -> None:
    graphs = tiny_graphs("encoder") | {"denoiser.onnx": tiny_graphs("palette")["denoiser.onnx"]}
    bundle = write_bundle(tmp_path / "mixed", tiny_fields("encoder"), graphs)

    with pytest.raises(ModelError, match=r"L.*expected"):
        open_graphs(bundle, CPU)


@pytest.mark.cuda
@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_gpu_agrees_with_the_cpu(tiny_bundle: Path, L: Float, x_t: Float, name: str) -> None:
    why_not = problem("cuda" if name == "cuda" else "tensorrt")
    if why_not:
        pytest.skip(why_not)
    bundle = load_bundle(tiny_bundle)

    device = resolve(name)
    graphs = open_graphs(bundle, device)
    maps = graphs["encoder.onnx"].run({"L": L})
    assert all(value.device_name() == "cuda" for value in maps.values())
    np.testing.assert_allclose(
        denoiser_of(bundle, device, L)(x_t, GAMMA),
        denoiser_of(bundle, CPU, L)(x_t, GAMMA),
        rtol=1e-4,
        atol=1e-4,
    )


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_graphs_that_do_not_belong_together_are_refused_with_the_bundles_path(
    tmp_path: Path, device: str
) -> None:
    graphs = tiny_graphs("encoder")
    encoder = onnx.load_model_from_string(graphs["encoder.onnx"])
    for node in encoder.graph.node:
        node.output[:] = ["cond_9" if name == "cond_0" else name for name in node.output]
        node.input[:] = ["cond_9" if name == "cond_0" else name for name in node.input]
    encoder.graph.output[0].name = "cond_9"
    graphs["encoder.onnx"] = encoder.SerializeToString()
    bundle = write_bundle(tmp_path / "mixed", tiny_fields("encoder"), graphs)

    with pytest.raises(ModelError, match=r"mixed: denoiser\.onnx takes .*cond_0.*cond_9.* given"):
        open_graphs(bundle, resolve(device))
