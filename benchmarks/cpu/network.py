"""Measure the network alone: against the tutorial's, against the ceiling, side by side."""

from collections.abc import Callable
from dataclasses import replace
from statistics import median

import numpy as np
import torch

from colorize_cli.bench.synthetic import synthetic_photo
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.colorizer import Colorizer, Prepared
from colorize_cli.model.families.diffusion import Diffusion
from colorize_cli.model.graphs import open_graphs
from colorize_cli.model.parallel import Lanes
from colorize_cli.photos.read import read_photo
from colorize_cli.runtimes.runtime import Device
from colorize_cli.system.cpus import inference_threads
from colorize_cli.system.machine import describe_machine

from ..ceiling import fastest, products
from ..operations import network_operations
from ..peers.tutorial import tutorial
from ..rounds import in_turns, quotients
from .bars import Check, Row, Setting, device_text

FP32_TIMES, FASTEST_TIMES = 20.0, {"with AMX": 40.0, "without AMX": 32.0}
FP32_SHARE, FASTEST_SHARE = 110.0, 65.0  # percent
_SEED = 0
_CALLS = 4  # of a step in a row, on each lane
_PHOTOS_A_TURN = 3


def devices_of(setting: Setting) -> list[Device]:
    """List the two sides that have bars, or one where nothing is faster than ONNX Runtime."""
    return [setting.fp32, *([setting.fastest] if setting.fastest.precision else [])]


def prepared_photo(colorizer: Colorizer) -> Prepared:
    """Bring the built-in photo to the working size."""
    return colorizer.prepare(read_photo(synthetic_photo()))


def rate(setting: Setting) -> Row:
    """Compare the samples a second with those of the tutorial's model and loop, from L to ab."""
    torch.set_num_threads(inference_threads())
    peer = tutorial()
    L = 100 * torch.rand(1, 1, peer.size, peer.size)
    contenders: dict[str, Callable[[], object]] = {"tutorial": lambda: peer.draw(L, peer.steps)}
    sides = devices_of(setting)
    for device in sides:
        colorizer = Colorizer(
            setting.bundle, device, size="fast", batch=device.batch_for(setting.samples)
        )
        contenders[device_text(device)] = _drawing(colorizer, setting.samples)
    peer.draw(L, 1)
    seconds = in_turns(contenders, setting.rounds)
    photos = {
        device_text(device): _PHOTOS_A_TURN * device.batch_for(setting.samples) for device in sides
    }
    per_sample = {
        name: [s / (photos[name] * setting.samples) for s in seconds[name]] for name in photos
    }
    has_amx = any(flag.startswith("amx") for flag in describe_machine()["flags"])
    amx = "with AMX" if has_amx else "without AMX"
    checks = []
    for role, device, bar in (
        ("fp32", setting.fp32, FP32_TIMES),
        (f"fastest, {amx}", setting.fastest, FASTEST_TIMES[amx]),
    ):
        times = quotients(seconds["tutorial"], per_sample[device_text(device)])
        what = f"samples/s, times the tutorial's: {device_text(device)} ({role})"
        checks.append(Check(what, times.median, "x", bar, spread=times.text()))
    details = {
        "samples": setting.samples,
        "tutorial_seconds_per_sample": seconds["tutorial"],
        "seconds_per_sample": per_sample,
        "samples_per_second": {name: 1 / median(s) for name, s in per_sample.items()},
    }
    note = (
        f"{setting.samples} samples of one photo at the model's own size, encoder included, "
        f"against one sample of the tutorial's at {peer.size} x {peer.size}, {peer.steps} steps, "
        f"batch 1, {inference_threads()} threads: {median(seconds['tutorial']):.2f} s."
    )
    return Row(tuple(checks), details, note)


def step(setting: Setting) -> Row:
    """Compare a denoiser step on all cores with the matrix product of the same precision."""
    made = products(inference_threads())
    checks, details, notes = [], {}, []
    sides = (("fp32", setting.fp32, FP32_SHARE), ("fastest", setting.fastest, FASTEST_SHARE))
    for role, device, bar in sides:
        product = fastest(made, device.precision or "fp32")
        calls, flop = _stepping(setting.bundle, device)
        seconds = in_turns({"product": product.run, "step": calls}, setting.rounds, settle=True)
        ours = [flop / s / 1e9 for s in seconds["step"]]
        ceiling = [product.flop / s / 1e9 for s in seconds["product"]]
        share = quotients(ours, ceiling)
        what = f"denoiser step / matrix product: {device_text(device)} ({role})"
        text = f"{share.least:.0%} to {share.greatest:.0%}"
        checks.append(Check(what, 100 * share.median, "%", bar, spread=text))
        details[role] = {
            "device": device_text(device),
            "step_gflop_per_s": ours,
            "product_gflop_per_s": ceiling,
            "product_library": product.library,
        }
        notes.append(
            f"{device_text(device)}: {median(ours):.0f} of {median(ceiling):.0f} GFLOP/s "
            f"({product.library})"
        )
    note = f"The product is that of the fastest library: {'; '.join(notes)}."
    return Row(tuple(checks), details, note)


def lanes(setting: Setting) -> Row:
    """Compare samples side by side, a thread each, with one at a time on all threads."""
    cores = inference_threads()
    checks, details = [], {}
    for device in devices_of(setting):
        side_by_side, _ = _stepping(setting.bundle, device)
        one_by_one, _ = _stepping(setting.bundle, device.fitted(1))
        single, _ = _stepping(setting.bundle, device.fitted(1), threads=1)
        seconds = in_turns(
            {"side by side": side_by_side, "one by one": one_by_one, "one thread": single},
            setting.rounds,
            settle=True,
        )
        together = [s / device.lanes for s in seconds["side by side"]]
        gain = quotients(seconds["one by one"], together)
        threading = quotients(seconds["one by one"], seconds["one thread"])
        checks += [
            Check(
                f"calls side by side, times one at a time on {cores} threads: "
                f"{device_text(device)}",
                gain.median,
                "x",
                spread=gain.text(2),
            ),
            Check(
                f"a call's time on {cores} threads, part of that on one: {device_text(device)}",
                threading.median,
                spread=threading.text(2),
            ),
        ]
        details[device_text(device)] = seconds
    return Row(tuple(checks), details)


def _drawing(colorizer: Colorizer, samples: int) -> Callable[[], object]:
    """Make a warm run that draws samples of full batches of the built-in photo a few times."""
    batch = [prepared_photo(colorizer)] * colorizer.batch

    def run() -> None:
        for _ in range(_PHOTOS_A_TURN):
            colorizer.colorize(batch, samples, _SEED)

    colorizer.colorize(batch, samples, _SEED)
    return run


def _stepping(
    bundle: Bundle, device: Device, *, threads: int | None = None
) -> tuple[Callable[[], object], float]:
    """Make calls of the denoiser on all lanes of a device, and count their operations.

    Args:
        bundle: The model.
        device: What it runs on.
        threads: The threads of a call; as many as the device says by default.
    """
    if threads is not None:
        device = replace(device, threads=threads)
    L = prepared_photo(Colorizer(bundle, device, size="fast")).L
    family = bundle.family
    assert isinstance(family, Diffusion)
    graphs = open_graphs(bundle, device)
    condition = family.condition(graphs, L[None, None])
    height, width = L.shape
    x = np.random.default_rng(0).standard_normal(
        (1, 2, height // bundle.grid, width // bundle.grid), np.float32
    )
    gamma = np.full(1, 0.5, np.float32)
    denoisers = [family.denoiser(graphs, condition) for _ in range(device.lanes)]
    pool = Lanes(device.lanes)

    def lane(k: int) -> None:
        for _ in range(_CALLS):
            denoisers[k](x, gamma)

    def run() -> None:
        pool.map(lane, range(device.lanes))

    run()
    flop = network_operations(bundle, height, width)["denoiser.onnx"].flop
    return run, float(device.lanes * _CALLS * flop)
