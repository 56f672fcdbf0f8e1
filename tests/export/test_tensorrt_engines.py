"""`colorize export --tensorrt`, with a stand-in that computes on the CPU where TensorRT would."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from made.checkpoints import make_checkpoint

from colorize_cli.cli.app import main
from colorize_cli.errors import CheckError, DeviceError, UsageError
from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.graphs import graph_set, open_graphs
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.runtimes.ort import OrtGraph
from colorize_cli.runtimes.runtime import Device, Feeds, Graph
from colorize_cli.runtimes.tensorrt import engine_folder
from export import tensorrt_engines as engines
from export.run import ExportSettings, run
from export.tensorrt_engines import build_engines
from training.bundle_state import network_from_bundle


class Engines:
    """Computes on the CPU, leaves an engine of each graph behind, and keeps what it was asked."""

    def __init__(self) -> None:
        self.leaves_engines = True
        self.opened: list[tuple[int, int]] = []
        self.seen: list[tuple[int, ...]] = []

    def open(self, bundle: Bundle, device: Device, *, photos: int) -> dict[str, Graph]:
        self.opened.append((photos, bundle.working_size))
        folder = engine_folder(graph_set(bundle, photos))
        folder.mkdir(parents=True, exist_ok=True)
        graphs = open_graphs(bundle, resolve("cpu", threads=1))
        counts = {"encoder.onnx": {"TensorRT": 9, "CUDA": 2}, "denoiser.onnx": {"TensorRT": 1}}
        for name, graph in graphs.items():
            assert isinstance(graph, OrtGraph)
            graph.node_counts = counts[name]
            run = graph.run
            graph.run = lambda feeds, run=run: self._noted(feeds, run)  # type: ignore[method-assign]
            if self.leaves_engines:
                engine = folder / f"{Path(name).stem}_1_0_sm90.engine"
                engine.write_bytes(bytes(1_000_000))
        return graphs

    def _noted(self, feeds: Feeds, run: Callable[[Feeds], Any]) -> Any:
        self.seen.append(feeds["L"].shape)
        return run(feeds)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engines:
    """A machine on which TensorRT works, as far as `export.tensorrt_engines` can see."""
    stand_in = Engines()
    gpu = replace(resolve("cpu", threads=1), description="TensorRT (NVIDIA H200)", photos_a_call=8)
    monkeypatch.setattr(engines, "open_graphs", stand_in.open)
    monkeypatch.setattr(engines, "problem", lambda name: None)
    monkeypatch.setattr(engines, "resolve", lambda name: gpu)
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return stand_in


def test_engines_are_built_by_a_full_batch_at_the_working_size(
    tiny_bundle: Path, machine: Engines
) -> None:
    lines: list[str] = []
    bundle = load_bundle(tiny_bundle)
    build_engines(bundle, None, lines.append)
    assert machine.opened == [(8, 64)]
    assert machine.seen[0][:2] == (8, 1)
    assert lines[0].startswith("building TensorRT engines for batch 8 and size 64")
    assert "2.0 MB of engines" in lines[1]
    assert lines[2:] == [
        "encoder.onnx runs on TensorRT (9 nodes), CUDA (2 nodes)",
        "denoiser.onnx runs on TensorRT alone",
    ]
    build_engines(bundle, None, lines.append)
    assert lines[4] == f"the engines are there already: {engine_folder(graph_set(bundle, 8))}"


def test_a_run_that_leaves_no_engine_is_an_error(tiny_bundle: Path, machine: Engines) -> None:
    machine.leaves_engines = False
    with pytest.raises(DeviceError, match=r"NVIDIA H200.* left no engine"):
        build_engines(load_bundle(tiny_bundle), None, lambda line: None)


@pytest.mark.slow
def test_the_engines_colours_are_judged_and_wrong_ones_thrown_out(
    tmp_path: Path, machine: Engines
) -> None:
    lines: list[str] = []
    out = tmp_path / "out"
    run(ExportSettings(make_checkpoint(tmp_path, "encoder"), out, tensorrt=True), lines.append)
    bundle = load_bundle(out)
    folder = engine_folder(graph_set(bundle, 8))
    assert lines[-1].startswith("[ok  ] fp32 on TensorRT (NVIDIA H200) against float32")
    assert list(folder.glob("*.engine"))
    module = network_from_bundle(bundle)
    with torch.no_grad():
        module.denoiser.down[1][0].res.conv1.weight.mul_(-3)
    with pytest.raises(CheckError, match="the engines were not kept"):
        build_engines(bundle, module, lines.append)
    assert not folder.exists()
    assert load_bundle(out).digest == bundle.digest


def test_where_tensorrt_cannot_run_nothing_is_made_and_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "problem", lambda name: f"{name} lacks libnvinfer.so.10")
    assert main(["export", "--out", str(tmp_path / "out"), "--tensorrt"]) == 3
    error = capsys.readouterr().err
    assert "Leave it out" in error
    assert "tensorrt lacks libnvinfer.so.10" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_precisions_that_are_for_cpus_get_no_engines(precision: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--tensorrt and --{precision}"):
        run(ExportSettings(None, tmp_path, precision, tensorrt=True), lambda line: None)
