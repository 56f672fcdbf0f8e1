"""What TensorRT is asked for. No engine is built here: stand-ins for sessions keep the options."""

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import onnxruntime as ort
import pytest
from made.tiny_bundles import sampled

from colorize_cli.errors import DeviceError
from colorize_cli.model.bundle import Bundle, BundleFile, load_bundle
from colorize_cli.model.graphs import graph_set, open_graphs
from colorize_cli.runtimes import cuda, tensorrt
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.ort import OrtGraph, graph_inputs, open_session
from colorize_cli.runtimes.runtime import Graph
from colorize_cli.runtimes.tensorrt import RUNTIME, engine_folder, node_counts, shape_options
from colorize_cli.system.gpu import Gpu


class FakeSession:
    """Keeps the options of its providers, and has the inputs and outputs of the true graph."""

    opened: list[list[Any]]
    assigned: ClassVar[dict[str, int]] = {"Tensorrt": 7}
    _open = ort.InferenceSession

    def __init__(self, model: bytes, options: Any, providers: list[Any], **_: Any) -> None:
        self._providers = [p if isinstance(p, str) else p[0] for p in providers]
        self._true = self._open(model, providers=["CPUExecutionProvider"])
        if self._providers[0].startswith("Tensorrt"):
            type(self).opened.append(providers)

    def get_providers(self) -> list[str]:
        return self._providers

    def run(self, names: Any, feed: Any) -> list[Any]:
        return [np.full(1, 2, np.float32)]

    def get_provider_graph_assignment_info(self) -> list[Any]:
        return [
            SimpleNamespace(ep_name=f"{name}ExecutionProvider", get_nodes=lambda n=n: [None] * n)
            for name, n in self.assigned.items()
        ]

    def get_inputs(self) -> Any:
        return self._true.get_inputs()

    def get_outputs(self) -> Any:
        return self._true.get_outputs()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[Any]]:
    """A machine on which TensorRT works; gives the providers of each session on it."""
    session = type("Session", (FakeSession,), {"opened": []})
    names = [f"{name}ExecutionProvider" for name in ("Tensorrt", "CUDA", "CPU")]
    gpu = Gpu("NVIDIA H200", compute_capability="9.0", driver_cuda=13)
    monkeypatch.setattr(cuda.ort, "get_available_providers", lambda: names)
    monkeypatch.setattr(cuda.ort, "cuda_version", "13.0", raising=False)
    monkeypatch.setattr(cuda.ort, "InferenceSession", session)
    monkeypatch.setattr(cuda.ort, "preload_dlls", lambda: None)
    monkeypatch.setattr(cuda, "preload_wheel", lambda package, libraries: None)
    for module in (cuda, tensorrt):
        monkeypatch.setattr(module, "find_gpu", lambda: gpu)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    return session.opened  # type: ignore[attr-defined]


def folder_of(bundle: Bundle, photos: int, size: int) -> Path:
    return engine_folder(graph_set(bundle, photos, size))


def announced(bundle: Bundle, photos: int, size: int) -> str | None:
    return RUNTIME.announcement(graph_set(bundle, photos, size))


def node_counts_of(graph: Graph) -> dict[str, int]:
    assert isinstance(graph, OrtGraph)
    return graph.node_counts


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return load_bundle(tiny_bundle)


def test_engines_are_for_the_shapes_that_come(bundle: Bundle, opened: list[list[Any]]) -> None:
    open_graphs(bundle, resolve("tensorrt"), photos=8, size=64)
    encoder, denoiser = (dict(providers[0][1]) for providers in opened[-2:])
    assert encoder["trt_profile_min_shapes"] == "L:1x1x32x32"
    assert encoder["trt_profile_opt_shapes"] == "L:8x1x64x64"
    assert encoder["trt_profile_max_shapes"] == "L:8x1x128x128"
    assert set(denoiser["trt_profile_opt_shapes"].split(",")) == {
        "noisy_ab:8x2x16x16",
        "cond_0:8x8x16x16",
        "cond_1:8x8x8x8",
        "gamma:8",
    }


def test_the_palette_familys_lightness_is_on_the_grid(tiny_palette_bundle: Path) -> None:
    inputs = graph_inputs(load_bundle(tiny_palette_bundle).read("denoiser.onnx"))
    bundle = load_bundle(tiny_palette_bundle)
    options = shape_options(graph_set(bundle, 2, 128), "denoiser.onnx", inputs)
    assert "L:2x1x32x32" in options["trt_profile_opt_shapes"]
    assert "L:1x1x8x8" in options["trt_profile_min_shapes"]


def test_all_that_makes_engines_differ_names_their_folder(
    bundle: Bundle, opened: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = {folder_of(bundle, 8, 64), folder_of(bundle, 1, 64)}
    folders.add(folder_of(bundle, 8, 96))
    folders.add(folder_of(replace(bundle, precision={"compute": "fp16"}), 8, 64))
    folders.add(folder_of(replace(bundle, multiple=64), 8, 64))
    folders.add(folder_of(replace(bundle, family=replace(bundle.family, grid=8)), 8, 64))
    other = dict(bundle.files) | {"denoiser.onnx": BundleFile("0" * 64, 1)}
    folders.add(folder_of(replace(bundle, files=other), 8, 64))
    for module, name, value in (
        (tensorrt, "find_gpu", lambda: Gpu("NVIDIA H100", "9.0", 13)),
        (tensorrt, "find_gpu", lambda: Gpu("NVIDIA H200", "9.1", 13)),
        (tensorrt, "find_gpu", lambda: None),
        (tensorrt, "_version", lambda: "101500"),
        (tensorrt.ort, "__version__", "9.9"),
        (tensorrt.ort, "cuda_version", "14.0"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            folders.add(folder_of(bundle, 8, 64))
    assert len(folders) == 13
    assert folder_of(bundle, 8, 64) in folders


def test_how_the_network_is_sampled_builds_no_engine_anew(
    bundle: Bundle, opened: list[list[Any]]
) -> None:
    tuned = sampled(bundle, gains=(1.5,), temperature=0.5)
    assert tuned.digest != bundle.digest
    assert folder_of(tuned, 8, 64) == folder_of(bundle, 8, 64)


def test_caches_are_on_and_half_precision_only_where_the_graph_has_it(
    bundle: Bundle, opened: list[list[Any]], tmp_path: Path
) -> None:
    for precision, flag in (("fp32", "0"), ("fp16", "1")):
        open_graphs(replace(bundle, precision={"compute": precision}), resolve("tensorrt"))
        options = opened[-1][0][1]
        assert options["trt_fp16_enable"] == flag
        assert options["trt_engine_cache_enable"] == options["trt_timing_cache_enable"] == "1"
        folder = Path(options["trt_engine_cache_path"])
        assert folder.is_dir()
        assert folder.is_relative_to(tmp_path)
        assert Path(options["trt_timing_cache_path"]).is_dir()


def test_models_share_how_long_layers_take_but_no_two_gpus_or_versions_do(
    bundle: Bundle,
    tiny_palette_bundle: Path,
    opened: list[list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def folder(model: Bundle = bundle, size: int = 64) -> str:
        open_graphs(model, resolve("tensorrt"), size=size)
        return str(opened[-1][0][1]["trt_timing_cache_path"])

    assert folder() == folder(size=96)
    assert folder() == folder(load_bundle(tiny_palette_bundle))
    folders = {folder()}
    for name, value in (
        ("find_gpu", lambda: Gpu("NVIDIA H100", "9.0", 13)),
        ("find_gpu", lambda: Gpu("NVIDIA H200", "9.1", 13)),
        ("find_gpu", lambda: None),
        ("_version", lambda: "101500"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(tensorrt, name, value)
            folders.add(folder())
    assert len(folders) == 5


def test_cuda_and_the_cpu_stand_behind_it(bundle: Bundle, opened: list[list[Any]]) -> None:
    open_graphs(bundle, resolve("tensorrt"))
    assert [name for name, _ in opened[-1]] == [
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    ]
    assert resolve("tensorrt").description.startswith("TensorRT (NVIDIA H200")


def leave_engine(options: dict[str, str], part: int = 0) -> None:
    """Write an engine under the name that onnxruntime gives it for these options."""
    name = f"{options['trt_engine_cache_prefix']}_2068723788287043730_{part}_fp16_sm90.engine"
    (Path(options["trt_engine_cache_path"]) / name).write_bytes(b"engine")


def test_building_is_said_until_the_engines_are_there(
    bundle: Bundle, opened: list[list[Any]]
) -> None:
    assert "some minutes" in (announced(bundle, 8, 64) or "")
    open_graphs(bundle, resolve("tensorrt"), photos=8, size=64)
    assert announced(bundle, 8, 64)
    encoder, denoiser = (providers[0][1] for providers in opened[-2:])
    for part in range(2):
        leave_engine(encoder, part)
        assert announced(bundle, 8, 64), "a first run that ended early left the encoder's alone"
    leave_engine(denoiser)
    assert announced(bundle, 8, 64) is None
    assert announced(bundle, 4, 64)


def test_a_bundle_of_one_graph_needs_one_engine(
    tiny_palette_bundle: Path, opened: list[list[Any]]
) -> None:
    bundle = load_bundle(tiny_palette_bundle)
    folder = folder_of(bundle, 8, 64)
    folder.mkdir(parents=True)
    assert announced(bundle, 8, 64)
    (folder / "denoiser_sm90.engine").write_bytes(b"engine")
    assert announced(bundle, 8, 64) is None


def test_old_engines_are_thrown_out(
    bundle: Bundle, opened: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, batch in enumerate((8, 4, 3)):
        folder = folder_of(bundle, batch, 64)
        folder.mkdir(parents=True)
        for graph in ("encoder", "denoiser"):
            (folder / f"{graph}_sm90.engine").write_bytes(bytes(100))
        for path in (*folder.iterdir(), folder):
            os.utime(path, (1e9 - age, 1e9 - age))
    monkeypatch.setattr(tensorrt, "_CACHE_BYTES", 500)
    # What is used now stays, though its files are older than those of batch 8.
    open_graphs(bundle, resolve("tensorrt"), photos=3, size=64)
    assert not folder_of(bundle, 4, 64).exists()
    assert announced(bundle, 8, 64) is None
    assert announced(bundle, 3, 64) is None


def test_what_tensorrt_leaves_to_others_is_counted(
    bundle: Bundle, opened: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeSession, "assigned", {"Tensorrt": 30, "CUDA": 2})
    graphs = open_graphs(bundle, resolve("tensorrt"))
    counts = {"TensorRT": 30, "CUDA": 2}
    assert {name: node_counts_of(graph) for name, graph in graphs.items()} == {
        "encoder.onnx": counts,
        "denoiser.onnx": counts,
    }


def test_where_tensorrt_is_named_for_no_node_a_warning_names_what_runs(
    bundle: Bundle,
    opened: list[list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    open_graphs(bundle, resolve("tensorrt"))
    assert not capsys.readouterr().err
    monkeypatch.setattr(FakeSession, "assigned", {"CUDA": 32})
    graphs = open_graphs(bundle, resolve("tensorrt"))
    assert node_counts_of(graphs["encoder.onnx"]) == {"CUDA": 32}
    assert "names CUDA, not TensorRT, for what runs encoder.onnx" in capsys.readouterr().err


def test_a_cache_that_cannot_be_made_is_an_error_that_names_it(
    bundle: Bundle, opened: list[list[Any]], tmp_path: Path
) -> None:
    (tmp_path / "colorize").write_text("no folder")
    with pytest.raises(DeviceError, match=r"cannot be kept in .*colorize.*--device cuda"):
        open_graphs(bundle, resolve("tensorrt"))


def test_a_real_session_tells_which_provider_has_its_nodes(bundle: Bundle) -> None:
    # On the CPU, opened as for TensorRT: the true form of what the stand-ins give.
    data = bundle.read("denoiser.onnx")
    session = open_session(data, resolve("cpu"), records_providers=True)
    with pytest.raises(DeviceError, match="which CPU would run"):
        node_counts(session, "denoiser.onnx")
