"""Time `colorize` and what a user might run instead on the same folder of photographs.

    python -m benchmarks.peers [--record] [--rounds 5] [--photos 8] [--steps 10] [--model NAME|PATH]

All take turns, round by round, each from the files to the files. The peers are written here from
their descriptions, in eager PyTorch, float32, and have random weights, on which speed does not
depend. They write pictures of the size that their network has, ours the photo's own. Of loops with
more than 50 steps only the first `--steps` are run, and their time is scaled up.

With --record it writes benchmarks/results/peers.json and the table of benchmarks/peers.md. Measure
on a machine that does nothing else.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from colorize_cli.model.bundle import Bundle, load_bundle
from colorize_cli.model.colorizer import choose_device
from colorize_cli.runtimes.find_device import resolve
from colorize_cli.system.cpus import inference_threads
from colorize_cli.system.machine import describe_machine

from ..made_photos import make_photos
from ..page import RESULTS, fill, machine_text, table
from ..rounds import Spread, quotients
from .color_diffusion import color_diffusion
from .contenders import Contender, ours, peer_contender
from .pix2pix import pix2pix
from .tutorial import tutorial

_PAGE = Path(__file__).parents[1] / "peers.md"
_SAMPLES = (1, 4)
_MANY_STEPS = 50
_HEAD = (
    *("", "seconds a photo", "samples a second", "times the tutorial", "parameters, M"),
    *("GFLOP a sample", "its network sees", "it writes"),
)


def main() -> None:
    """Time everything, print and record."""
    options = _options()
    torch.set_num_threads(inference_threads())
    bundle = load_bundle(options.model)
    machine = describe_machine()
    with TemporaryDirectory(prefix="colorize-peers-") as name:
        folder = Path(name)
        photos = make_photos(folder / "in", options.photos)
        contenders = _contenders(options, bundle, folder / "out")
        seconds = measure(contenders, photos, options.rounds)
    result = {
        "machine": machine,
        "load_average_after": describe_machine()["load_average"],
        "model": {"name": bundle.name, "digest": bundle.digest},
        "threads": inference_threads(),
        "photos": options.photos,
        "rounds": options.rounds,
        "contenders": [
            _facts(contender) | {"seconds_a_photo": seconds[contender.name]}
            for contender in contenders
        ],
    }
    text = page(result)
    print(text)
    if options.record:
        (RESULTS / "peers.json").write_text(json.dumps(result, indent=1) + "\n")
        fill(_PAGE, "benchmarks/peers", text)


def measure(
    contenders: Sequence[Contender], photos: Sequence[Path], rounds: int
) -> dict[str, list[float]]:
    """Let all colorize photos in turns, after one photo each that does not count."""
    for contender in contenders:
        contender.run(photos[:1])
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    turn = cycle(photos)
    for _ in range(rounds):
        for contender in contenders:
            seconds[contender.name].append(contender.run(list(islice(turn, contender.photos))))
    return seconds


def _facts(contender: Contender) -> dict[str, Any]:
    return {f.name: getattr(contender, f.name) for f in fields(contender) if f.name != "run"}


def page(result: Mapping[str, Any]) -> str:
    """Write the table."""
    found = result["contenders"]
    base = next(c for c in found if c["name"].startswith("tutorial"))["seconds_a_photo"]
    rows, notes = [], []
    for contender in found:
        per_sample = [s / contender["samples"] for s in contender["seconds_a_photo"]]
        rates = Spread.of([1 / s for s in per_sample])
        rows.append(
            [
                contender["name"],
                f"{Spread.of(contender['seconds_a_photo']).median:.3g}",
                f"{rates.median:.3g} ({rates.least:.3g} to {rates.greatest:.3g})",
                quotients(base, per_sample).text(2 if contender["gflop"] > 5000 else 1),
                f"{contender['parameters'] / 1e6:.1f}",
                f"{contender['gflop']:,.0f}",
                contender["sees"],
                contender["writes"],
            ]
        )
        if contender["extrapolated"]:
            notes.append(
                f"Of {contender['name']} {contender['extrapolated']} steps were run and the time "
                "of the loop scaled up; all of its steps cost the same."
            )
    model = result["model"]
    head = (
        f"Model {model['name']} ({model['digest'][:12]}). "
        f"{machine_text(result['machine'])} Load average {result['machine']['load_average']} "
        f"before and {result['load_average_after']} after. "
        f"{result['threads']} threads. {result['rounds']} rounds, medians (range)."
    )
    return "\n\n".join([head, table(_HEAD, rows), *notes])


def _contenders(options: argparse.Namespace, bundle: Bundle, out: Path) -> list[Contender]:
    fastest = choose_device("auto", bundle, print)
    if fastest.is_gpu:
        sys.exit("This is about the CPU: hide the GPU with CUDA_VISIBLE_DEVICES=-1.")
    devices = {"ONNX Runtime fp32": resolve("cpu")}
    if fastest.precision is not None:
        devices[f"OpenVINO {fastest.precision}"] = fastest
    found = [
        ours(bundle, device, samples, options.photos, out / "ours", title)
        for title, device in devices.items()
        for samples in _SAMPLES
    ]
    for peer in (tutorial(), pix2pix(), color_diffusion()):
        steps = options.steps if peer.steps > _MANY_STEPS else peer.steps
        photos = options.photos if peer.steps == 1 else 1
        found.append(peer_contender(peer, steps, photos, out / peer.name))
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--record", action="store_true", help="write the JSON and the page")
    parser.add_argument("--model", default="default", help="bundle, by name or path")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--photos", type=int, default=8, help="of the folder, and of a turn")
    parser.add_argument("--steps", type=int, default=10, help="of a long loop that are run")
    return parser.parse_args()


if __name__ == "__main__":
    main()
