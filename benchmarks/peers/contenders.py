"""Make ours and the peers colorize files and tell how long it took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch

from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.pipeline import run as run_batch
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.settings import Options
from colorize_cli.errors import ImageError
from colorize_cli.imaging.frame import frame_for
from colorize_cli.imaging.lab import levels_from_linear, lightness, linear_planes
from colorize_cli.model.bundle import Bundle
from colorize_cli.model.colorizer import Colorizer
from colorize_cli.runtimes.runtime import Device
from colorize_cli.system.paths import shown
from colorize_cli.system.wording import count_text

from ..operations import count_weights, network_operations
from .peer import Peer


@dataclass(frozen=True)
class Contender:
    """Something that turns files into coloured files.

    Attributes:
        name: Its name in the table.
        samples: The number of colourings of a photo.
        parameters: The number of parameters of its networks.
        gflop: The operations of a colouring in 10^9.
        sees: What its network sees of a photo, in words.
        writes: What is written, in words.
        extrapolated: How many of how many steps were run, in words; empty where all were run.
        photos: The number of photos that one turn takes.
        run: Colorizes photographs and returns the seconds a photo.
    """

    name: str
    samples: int
    parameters: int
    gflop: float
    sees: str
    writes: str
    extrapolated: str
    photos: int
    run: Callable[[Sequence[Path]], float]


def ours(
    bundle: Bundle, device: Device, samples: int, photos: int, out: Path, title: str
) -> Contender:
    """Make a contender of the pipeline that `colorize` runs on a device, from file to file."""
    colorizer = Colorizer(bundle, device, size="fast", batch=device.batch_for(samples))

    def clear(outcome: Outcome) -> None:
        if outcome.reason is not None:
            raise ImageError(f"{shown(outcome.source)}: {outcome.reason}")
        for output in outcome.outputs:
            output.unlink()

    def run(paths: Sequence[Path]) -> float:
        started = perf_counter()
        jobs = make_plan(Options(tuple(paths), out, samples=samples, overwrite=True)).jobs
        run_batch(jobs, colorizer, Treatment(samples=samples), clear)
        return (perf_counter() - started) / len(jobs)

    size = colorizer.size
    frame = frame_for(3, 4, size, bundle.multiple)
    counts = network_operations(bundle, frame.padded_height, frame.padded_width)
    encoder = counts["encoder.onnx"].flop if "encoder.onnx" in counts else 0
    step = counts["denoiser.onnx"].flop
    return Contender(
        name=f"this project, {title}, {count_text(samples, 'sample')}",
        samples=samples,
        parameters=count_weights(bundle),
        gflop=(encoder / samples + bundle.family.steps * step) / 1e9,
        sees=f"about {size} x {size} in area, unsquashed; {bundle.family.steps} steps",
        writes="the photo's full size",
        extrapolated="",
        photos=photos,
        run=run,
    )


def peer_contender(peer: Peer, steps: int, photos: int, out: Path) -> Contender:
    """Make a peer read, squash, draw, and write at the size that its network has.

    Args:
        peer: The peer.
        steps: The steps of its loop that are really run; the time is scaled up to all of them.
        photos: The number of photos that one turn takes.
        out: The folder that it alone writes to.
    """
    out.mkdir(parents=True, exist_ok=True)
    steps = min(steps, peer.steps)

    def run(paths: Sequence[Path]) -> float:
        return sum(_colorize(peer, path, steps, out) for path in paths) / len(paths)

    return Contender(
        name=f"{peer.name} (our re-implementation)",
        samples=1,
        parameters=peer.parameters,
        gflop=peer.gflop,
        sees=f"{peer.size} x {peer.size}, squashed; {count_text(peer.steps, 'step')}",
        writes=f"{peer.size} x {peer.size}",
        extrapolated=f"{steps} of {peer.steps}" if steps < peer.steps else "",
        photos=photos,
        run=run,
    )


def _colorize(peer: Peer, path: Path, steps: int, out: Path) -> float:
    """Colorize a photo; return the seconds, those of the loop scaled up from the steps run."""
    started = perf_counter()
    grey = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    small = cv2.resize(np.asarray(grey), (peer.size, peer.size), interpolation=cv2.INTER_AREA)
    L = lightness(small.astype(np.uint8))
    drawing = perf_counter()
    ab = peer.draw(torch.from_numpy(L)[None, None], steps)[0].numpy()
    drawn = perf_counter()
    red, green, blue = (
        levels_from_linear(plane, 256) for plane in linear_planes(L, *np.nan_to_num(ab))
    )
    _, data = cv2.imencode(".jpg", cv2.merge([blue, green, red]))
    (out / f"{path.stem}.jpg").write_bytes(data.tobytes())
    loop = drawn - drawing
    return perf_counter() - started + loop * (peer.steps / steps - 1)
