"""OpenVINO as the second runtime on the CPU: the same colours through the same calls."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Barrier
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from made.tiny_bundles import denoiser_of, sampled

from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.errors import DeviceError
from colorize_cli.imaging.area_resample import cell_means
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.families.diffusion import Diffusion
from colorize_cli.model.graphs import open_graphs
from colorize_cli.photos.read import read_photo
from colorize_cli.runtimes import openvino as openvino_runtime
from colorize_cli.runtimes import openvino_graph
from colorize_cli.runtimes.find_device import problem, resolve
from colorize_cli.runtimes.openvino_cache import CompiledForms
from colorize_cli.runtimes.openvino_graph import OpenVinoGraph
from colorize_cli.runtimes.runtime import Graph, Precision


@pytest.fixture
def L() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, (1, 1, 64, 96)).astype(np.float32)


@pytest.mark.parametrize("family", ["tiny_bundle", "tiny_palette_bundle"])
def test_it_computes_what_onnxruntime_computes(
    family: str, L: np.ndarray, request: pytest.FixtureRequest
) -> None:
    bundle = load_bundle(request.getfixturevalue(family))
    x_t = np.random.default_rng(1).standard_normal((3, 2, 16, 24)).astype(np.float32)
    gamma = np.array([0.1, 0.5, 0.9], np.float32)
    found, expected = (
        denoiser_of(bundle, resolve(name), L)(x_t, gamma) for name in ("openvino", "cpu")
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_sample_does_not_depend_on_lanes_company_or_what_ran_before(
    tiny_bundle: Path, precision: Precision
) -> None:
    bundle = load_bundle(tiny_bundle)
    drawn = []
    for threads in (1, 3):
        device = resolve("openvino", threads=threads, precision=precision)
        colorizer = Colorizer(bundle, device, steps=4, batch=3)
        prepared = [colorizer.prepare(read_photo(synthetic_photo(80, h))) for h in (50, 80, 130)]
        drawn.append(colorizer.colorize(prepared, 2, 0))
        drawn.append([colorizer.colorize([each], 2, 0)[0] for each in reversed(prepared)][::-1])
    for other in drawn[1:]:
        for expected, found in zip(drawn[0], other, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_only_the_usual_shapes_have_graphs_of_their_own(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    colorizer = Colorizer(bundle, resolve("openvino"), steps=1)
    graphs = opened(colorizer)

    def graphs_after(height: int, width: int) -> int:
        prepared = colorizer.prepare(read_photo(synthetic_photo(width, height)))
        colorizer.colorize([prepared], 1, 0)
        return sum(len(graph._forms) for graph in graphs)

    assert graphs_after(60, 80) == 2  # an encoder for all, a denoiser for this shape
    assert graphs_after(120, 160) == 2
    assert graphs_after(80, 60) == 3
    assert graphs_after(20, 200) == 4  # one for any other
    assert graphs_after(200, 20) == 4


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path / "colorize" / "openvino"


SQUARE, *OTHERS = [(80, 80), (60, 80), (80, 60), (60, 90), (90, 60)]


def opened(colorizer: Colorizer) -> list[OpenVinoGraph]:
    graphs = [watched.graph for watched in colorizer._graphs.values()]  # type: ignore[attr-defined]
    assert all(isinstance(graph, OpenVinoGraph) for graph in graphs)
    return graphs


def shapes_kept(denoiser: OpenVinoGraph) -> list[tuple[int | None, ...] | None]:
    return [shape and shape[2:] for shape in denoiser._forms]


def test_graphs_of_the_shapes_used_last_are_kept_and_colours_do_not_depend_on_it(
    tiny_bundle: Path, cache: Path
) -> None:
    colorizer = Colorizer(load_bundle(tiny_bundle), resolve("openvino"), steps=1, size=192)
    encoder, denoiser = opened(colorizer)
    sides = [*OTHERS, SQUARE]
    photos = [colorizer.prepare(read_photo(synthetic_photo(*pair))) for pair in sides]
    strip = colorizer.prepare(read_photo(synthetic_photo(20, 200)))
    grids = [tuple(side // colorizer.bundle.grid for side in photo.L.shape) for photo in photos]
    first = [colorizer.colorize([photo], 2, 0) for photo in (*photos[:4], strip)]
    colorizer.colorize([photos[0]], 2, 0)
    first.append(colorizer.colorize([photos[4]], 2, 0))
    # The third had not been used for longest; the strip was drawn by what serves any shape.
    assert shapes_kept(denoiser) == [grids[3], None, grids[0], grids[4]]
    assert len(encoder._forms) == 1
    for photo, expected in zip((*photos[:4], strip, photos[4]), first, strict=True):
        np.testing.assert_array_equal(colorizer.colorize([photo], 2, 0), expected)


def test_room_is_made_before_denoisers_come_however_many_come_at_once(
    tiny_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = resolve("openvino", threads=2)
    colorizer = Colorizer(load_bundle(tiny_bundle), device, steps=1, size=192, batch=2)
    _, denoiser = opened(colorizer)
    photos = [colorizer.prepare(read_photo(synthetic_photo(*s))) for s in (*OTHERS, SQUARE)]
    strip = colorizer.prepare(read_photo(synthetic_photo(20, 200)))
    for photo in (strip, photos[4], *photos[:4]):
        colorizer.colorize([photo], 1, 0)
    assert len(shapes_kept(denoiser)) == 4
    both = Barrier(2)
    seen: list[int] = []
    load = CompiledForms.load

    def noted(forms: CompiledForms, shape: Any) -> Any:
        both.wait(timeout=30)
        seen.append(len(shapes_kept(denoiser)))
        return load(forms, shape)

    monkeypatch.setattr(CompiledForms, "load", noted)
    colorizer.colorize([photos[4], strip], 1, 0)
    assert seen == [2, 2], "with the two that come these are the four"
    assert len(shapes_kept(denoiser)) == 4


def test_what_was_compiled_is_taken_back_from_the_cache_where_it_is_smaller(
    tiny_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, L: np.ndarray
) -> None:
    taken: list[Any] = []
    load = CompiledForms.load

    def noted(forms: CompiledForms, shape: Any) -> Any:
        taken.append(load(forms, shape))
        return taken[-1]

    monkeypatch.setattr(CompiledForms, "load", noted)
    returned = Mock()
    monkeypatch.setattr(openvino_graph, "return_memory", returned)
    graphs = open_graphs(load_bundle(tiny_bundle), resolve("openvino"))
    predicted(graphs, L)
    forms = [form for graph in graphs.values() for form in graph._forms.values()]  # type: ignore[attr-defined]
    assert [graph for graph in taken if graph is not None] == [form.graph for form in forms]
    assert returned.call_count == len(forms) == 2
    predicted(graphs, L)
    assert returned.call_count == 2


def test_a_photo_keeps_its_graph_while_it_is_drawn(
    tiny_bundle: Path, cache: Path, L: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_graph, "_KEPT", 1)
    family = load_bundle(tiny_bundle).family
    assert isinstance(family, Diffusion)
    graphs = open_graphs(load_bundle(tiny_bundle), resolve("openvino"))
    denoiser = graphs["denoiser.onnx"]
    assert isinstance(denoiser, OpenVinoGraph)
    upright = np.ascontiguousarray(L.swapaxes(2, 3))
    denoise, other = (
        family.denoiser(graphs, family.condition(graphs, one)) for one in (L, upright)
    )
    x_t, gamma = np.ones((1, 2, 16, 24), np.float32), np.array([0.5], np.float32)
    expected = denoise(x_t, gamma)
    other(np.ascontiguousarray(x_t.swapaxes(2, 3)), gamma)
    assert shapes_kept(denoiser) == [(24, 16)]
    monkeypatch.setattr(OpenVinoGraph, "_opened", None)
    np.testing.assert_array_equal(denoise(x_t, gamma), expected)


def test_without_a_cache_to_come_back_from_each_shape_is_compiled_once(
    tiny_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.parent.mkdir()
    cache.write_text("in the way of the folder")
    compiled: list[object] = []
    compile_form = OpenVinoGraph._compile

    def noted(graph: OpenVinoGraph, shape: Any, shapes: Any) -> Any:
        compiled.append((graph.spec.name, shape))
        return compile_form(graph, shape, shapes)

    monkeypatch.setattr(OpenVinoGraph, "_compile", noted)
    colorizer = Colorizer(load_bundle(tiny_bundle), resolve("openvino"), steps=1, size=192)
    photos = [colorizer.prepare(read_photo(synthetic_photo(*s))) for s in (SQUARE, *OTHERS)]
    for photo in photos * 2:
        colorizer.colorize([photo], 1, 0)
    assert len(compiled) == len(set(compiled)) == 6


def predicted(graphs: Mapping[str, Graph], L: np.ndarray) -> np.ndarray:
    """What the denoiser of the tiny bundles gives for a fixed x_t."""
    x_t = np.random.default_rng(1).standard_normal((1, 2, 16, 24)).astype(np.float32)
    maps = {"L": cell_means(L, 4)}
    if "encoder.onnx" in graphs:
        graphs["denoiser.onnx"].expect((1, *L.shape[2:]))
        maps = graphs["encoder.onnx"].run({"L": L})
    feeds = {"noisy_ab": x_t, "gamma": np.array([0.5], np.float32), **maps}
    prediction: np.ndarray = graphs["denoiser.onnx"].run(feeds)["prediction"]
    return prediction


@pytest.mark.parametrize("family", ["tiny_bundle", "tiny_palette_bundle"])
def test_what_was_compiled_is_taken_from_the_cache_and_nothing_is_read(
    family: str,
    L: np.ndarray,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    bundle = load_bundle(request.getfixturevalue(family))
    first = predicted(open_graphs(bundle, resolve("openvino")), L)
    kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(kept) == len(bundle.family.graphs)
    monkeypatch.setattr(Bundle, "read", never)
    # How the network is sampled is no part of a graph.
    tuned = sampled(bundle, gains=(1.5,), temperature=0.5)
    for same in (bundle, tuned):
        graphs = open_graphs(same, resolve("openvino"))
        np.testing.assert_array_equal(predicted(graphs, L), first)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == kept


def never(bundle: Bundle, name: str) -> bytes:
    raise AssertionError(name)


def flipped(content: bytes) -> bytes:
    """Change a byte among the weights, which OpenVINO takes as they are."""
    k = len(content) // 8
    return content[:k] + bytes([content[k] ^ 0x40]) + content[k + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"damaged",
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        flipped,
    ],
    ids=["empty", "other", "half", "cut", "flipped"],
)
def test_what_is_damaged_in_the_cache_is_compiled_anew(
    tiny_bundle: Path,
    L: np.ndarray,
    cache: Path,
    damage: Callable[[bytes], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = load_bundle(tiny_bundle)
    first = predicted(open_graphs(bundle, resolve("openvino")), L)
    kept = {path: path.read_bytes() for path in cache.iterdir()}
    assert len(kept) == 2
    for path, content in kept.items():
        path.write_bytes(damage(content))
    np.testing.assert_array_equal(predicted(open_graphs(bundle, resolve("openvino")), L), first)
    monkeypatch.setattr(Bundle, "read", never)  # what was written anew is whole
    np.testing.assert_array_equal(predicted(open_graphs(bundle, resolve("openvino")), L), first)


def test_a_graph_is_kept_for_one_bundle_and_one_precision(
    tiny_bundle: Path, tiny_palette_bundle: Path, L: np.ndarray, cache: Path
) -> None:
    kept = []
    runs: list[tuple[Path, Precision]] = [
        (tiny_palette_bundle, "fp32"),
        (tiny_palette_bundle, "bf16"),
        (tiny_bundle, "fp32"),
    ]
    for path, precision in runs:
        device = resolve("openvino", precision=precision)
        predicted(open_graphs(load_bundle(path), device), L)
        kept.append(len(list(cache.iterdir())))
    assert kept == [1, 2, 4]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, L: np.ndarray
) -> None:
    (tmp_path / "file").write_text("no folder")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    bundle = load_bundle(tiny_bundle)
    graphs = open_graphs(bundle, resolve("openvino"))
    assert graphs["encoder.onnx"].run({"L": L})["cond_0"].shape == (1, 8, 16, 24)
    compiled = Mock()
    CompiledForms("encoder.onnx", {}, {}).keep(compiled, None)
    compiled.export_model.assert_not_called()


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGUSR1")
def test_a_signal_does_no_harm_after_another_thread_let_go_of_a_network(tiny_bundle: Path) -> None:
    code = """
import signal, sys, threading
import numpy as np
from colorize_cli.model.bundle import load_bundle
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.model.graphs import open_graphs
networks = [open_graphs(load_bundle(sys.argv[1]), resolve("openvino"))]
networks[0]["encoder.onnx"].run({"L": np.zeros((1, 1, 64, 64), np.float32)})
thread = threading.Thread(target=networks.clear)
thread.start()
thread.join()
signal.signal(signal.SIGUSR1, lambda *_: print("received"))
signal.raise_signal(signal.SIGUSR1)
"""
    words = [sys.executable, "-c", code, str(tiny_bundle)]
    root = Path(openvino_graph.__file__).parents[2]
    result = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "received\n"), result.stderr


def test_what_cannot_be_computed_is_told(tiny_bundle: Path) -> None:
    graphs = open_graphs(load_bundle(tiny_bundle), resolve("openvino"))
    with pytest.raises(DeviceError, match=r"OpenVINO .*--device cpu"):
        graphs["encoder.onnx"].run({"L": np.zeros((1, 3, 64, 64), np.float32)})


def test_where_it_is_not_installed_the_commands_that_install_it_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openvino_runtime.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match=r"pip install .*\[openvino\]"):
        resolve("openvino")


def test_where_it_cannot_be_loaded_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "colorize_cli.runtimes.openvino_core", None)
    assert "cannot be loaded" in (problem("openvino") or "")
