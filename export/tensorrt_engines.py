"""TensorRT's engines for a bundle, built ahead on the machine that will run them."""

import shutil
from collections.abc import Callable, Mapping
from time import monotonic

import numpy as np

from colorize_cli.errors import CheckError, DeviceError, UsageError
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.reference_photos import gate_photos
from colorize_cli.runtimes.device import problem, resolve
from colorize_cli.runtimes.ort import OnnxNetwork
from colorize_cli.runtimes.tensorrt import building, engine_folder
from training.networks.build import Network as Module

from .colour_check import judge
from .precision import Precision
from .torch_runtime import TorchNetwork

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


def build_engines(bundle: Bundle, module: Module | None, report: Callable[[str], None]) -> None:
    """Build the engines that `colorize --device tensorrt` loads, and judge what they compute.

    They are for the bundle's working size and the photos that go through a GPU together when no
    --batch is given.

    Args:
        bundle: as it was written.
        module: its network in float32, to compare colours with; None for no comparison.
        report: told what is being done and what runs what.

    Raises:
        DeviceError: TensorRT cannot run here, failed, or left no engine.
        CheckError: the engines give other colours; they are not kept, but the bundle is.
    """
    device = resolve("tensorrt")
    batch, size = device.batch_for(1), bundle.working_size
    folder = engine_folder(bundle, batch, size)
    report(building(bundle, batch, size) or f"the engines are there already: {folder}")
    started = monotonic()
    network = OnnxNetwork(bundle, device, batch=batch, size=size)
    _run_once(network, bundle, batch, size)
    engines = list(folder.glob("*.engine"))
    if not engines:
        raise DeviceError(f"{device.description} ran, but left no engine in {folder}.")
    megabytes = sum(path.stat().st_size for path in engines) / 1e6
    report(f"{megabytes:.1f} MB of engines after {monotonic() - started:.0f} s: {folder}")
    for graph, counts in network.node_counts.items():
        report(f"{graph} runs on {_shares(counts)}")
    if module is None:
        return
    reference = TorchNetwork(module, bundle.grid)
    verdict = judge(bundle, network, device.description, reference, gate_photos())
    report(verdict.line)
    if not verdict.passed:
        shutil.rmtree(folder)
        raise CheckError(
            f"{verdict}: too far, so the engines were not kept. The bundle in {bundle.path} passed "
            "its own checks: use --device cuda, or export it in another precision."
        )


def _run_once(network: OnnxNetwork, bundle: Bundle, batch: int, size: int) -> None:
    """Run both graphs once on a full batch, since an engine may wait for the first call."""
    side = -(-size // bundle.multiple) * bundle.multiple
    rng = np.random.default_rng(0)
    condition = network.encode(rng.uniform(0, 100, (batch, 1, side, side)).astype(np.float32))
    cells = side // bundle.grid
    x_t = rng.standard_normal((batch, 2, cells, cells), np.float32)
    network.denoiser(condition)(x_t, np.full(batch, 0.5, np.float32))


def _shares(counts: Mapping[str, int]) -> str:
    if len(counts) == 1:
        return f"{next(iter(counts))} alone"
    return ", ".join(f"{name} ({nodes} nodes)" for name, nodes in counts.items())
