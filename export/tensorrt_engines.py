"""TensorRT's engines for a bundle, built ahead on the machine that will run them."""

import shutil
from collections.abc import Callable, Mapping
from time import monotonic

from torch import nn

from colorize_cli.errors import CheckError, DeviceError, UsageError
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.model.graphs import graph_set, open_graphs
from colorize_cli.model.reference_photos import reference_photos
from colorize_cli.runtimes.find_device import problem, resolve, runtime_of
from colorize_cli.runtimes.ort import OrtGraph
from colorize_cli.runtimes.runtime import Device, Graph
from colorize_cli.runtimes.tensorrt import engine_folder

from .colour_check import judge
from .precision import Precision
from .torch_runtime import torch_graphs

_PRECISIONS = ("fp32", "fp16")


def require_tensorrt(precision: Precision) -> None:
    """Check that engines can be built here, before minutes go into the bundle.

    Raises:
        UsageError: engines of this precision are not built.
        DeviceError: TensorRT cannot run here; the message says why and what to do.
    """
    if precision not in _PRECISIONS:
        raise UsageError(f"--tensorrt and --{precision}: engines are for single precision or fp16.")
    why_not = problem("tensorrt")
    if why_not is not None:
        raise DeviceError(
            "--tensorrt builds engines for the GPU that they are built on, and TensorRT cannot run "
            "here. Leave it out: the bundle is the same without, and --device tensorrt builds them "
            f"at its first run, where it can. Why not here: {why_not}"
        )


def build_engines(bundle: Bundle, network: nn.Module | None, report: Callable[[str], None]) -> None:
    """Build the engines that `colorize --device tensorrt` loads, and judge what they compute.

    They are for the bundle's working size and the photos that go through a GPU together when no
    --batch is given.

    Args:
        bundle: as it was written.
        network: its network in float32, to compare colours with; None for no comparison.
        report: told what is being done and what runs what.

    Raises:
        DeviceError: TensorRT cannot run here, failed, or left no engine.
        CheckError: the engines give other colours; they are not kept, but the bundle is.
    """
    device = resolve("tensorrt")
    photos = device.photos_a_call
    graphs = graph_set(bundle, photos)
    folder = engine_folder(graphs)
    building = runtime_of("tensorrt").announcement(graphs)
    report(building or f"the engines are there already: {folder}")
    started = monotonic()
    opened = open_graphs(bundle, device, photos=photos)
    _run_once(bundle, device, opened)
    engines = list(folder.glob("*.engine"))
    if not engines:
        raise DeviceError(f"{device.description} ran, but left no engine in {folder}.")
    megabytes = sum(path.stat().st_size for path in engines) / 1e6
    report(f"{megabytes:.1f} MB of engines after {monotonic() - started:.0f} s: {folder}")
    for name, graph in opened.items():
        if isinstance(graph, OrtGraph):
            report(f"{name} runs on {_shares(graph.node_counts)}")
    if network is None:
        return
    reference = torch_graphs(bundle.family.name, network)
    verdict = judge(bundle, opened, device.description, reference, reference_photos())
    report(verdict.line)
    if not verdict.passed:
        shutil.rmtree(folder)
        raise CheckError(
            f"{verdict}: too far, so the engines were not kept. The bundle in {bundle.path} passed "
            "its own checks: use --device cuda, or export it in another precision."
        )


def _run_once(bundle: Bundle, device: Device, graphs: Mapping[str, Graph]) -> None:
    """Colorize a full batch once, since an engine may wait for the first call."""
    colorizer = Colorizer(bundle, device, batch=device.photos_a_call, graphs=graphs)
    photo = next(iter(reference_photos().values()))
    colorizer.colorize([colorizer.prepare(photo)] * colorizer.batch, 1, 0)


def _shares(counts: Mapping[str, int]) -> str:
    if len(counts) == 1:
        return f"{next(iter(counts))} alone"
    return ", ".join(f"{name} ({nodes} nodes)" for name, nodes in counts.items())
