"""What the default has that the published diffusion model lacks, each left out in turn.

    python -m benchmarks.families.ablation train DATA --backbone FILE --out runs/ablation
    colorize evaluate PHOTOS... --split report --limit 20 --model runs/ablation/bundles/whole
        --json runs/ablation/whole.json    # and so on, each of them
    python -m benchmarks.families.ablation page runs/ablation/*.json --out runs/ablation

Four runs of 30,000 samples each, from the same first weights but for what is left out. A run that
was stopped goes on by the same command. `page` fills benchmarks/families.md.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from export import run as export
from training import run as training
from training.checkpoint import RUN_FILE
from training.networks.backbone import EfficientNetLite3, load_pretrained
from training.recipe import load_recipe
from training.run_state import RunState
from training.runs.curves import Curve, draw_curves

from ..page import ROOT, fill
from ..quality import tables_of

PAGE = ROOT / "benchmarks" / "families.md"
FIGURE = ROOT / "docs" / "images" / "ablation.png"
# The plain samples of each, which the gains of the default were not chosen for.
COMMON = (
    "optim.steps=625",
    "optim.warmup=50",
    "optim.frozen_steps=150",
    "samples.every_steps=125",
    "sampling.temperature=1.0",
    "sampling.gains=[1.0]",
    "sampling.sharpness=0.0",
)
RUNS: dict[str, tuple[str, tuple[str, ...]]] = {
    "whole": ("pretrained backbone, v, a schedule that ends in noise", ()),
    "random-backbone": (
        "the backbone is not pretrained, and trained whole at the full rate",
        ("optim.backbone_lr=1.0", "optim.frozen_steps=0", "optim.tuned_stages=7"),
    ),
    "eps": ("the network predicts the noise", ("diffusion.prediction=eps",)),
    "linear": (
        "350 levels of the published schedule, which ends short of noise",
        ("diffusion.schedule=linear-350",),
    ),
}
_PHOTOS = 16  # of noise, that a random backbone is scaled by
_CURVES = {"ab_mae_first": "mean absolute error of ab, first sample", "auc": "AuC of ab"}


def main() -> None:
    """Train, or fill the page."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.families.ablation", description=(__doc__ or "").splitlines()[0]
    )
    verbs = parser.add_subparsers(required=True, dest="verb")
    train = verbs.add_parser("train", help="train all four, or go on with them")
    train.add_argument("data", type=Path, help="a folder of `colorize prepare`")
    train.add_argument("--backbone", type=Path, required=True, help="ImageNet weights")
    page = verbs.add_parser("page", help="fill the page")
    page.add_argument("results", type=Path, nargs="+", help="of `colorize evaluate --json`")
    for verb in (train, page):
        verb.add_argument("--out", type=Path, required=True, help="folder of the runs")
    options = parser.parse_args()
    if options.verb == "train":
        for name in RUNS:
            _train(name, options.data, options.backbone, options.out)
        return
    results = [json.loads(path.read_text()) for path in options.results]
    FIGURE.write_bytes(draw_curves([*_curves(options.out)]))
    fill(PAGE, "benchmarks/families ablation", page_text(results))


def _train(name: str, data: Path, backbone: Path, folder: Path) -> None:
    """Train a run to its end, and export it."""
    overrides = (*COMMON, *RUNS[name][1])
    out, bundle = folder / name, folder / "bundles" / name
    if bundle.exists():
        return
    if (out / RUN_FILE).exists():
        training.run(recipe=None, data=[data], out=out, resume_run=True, report=print)
    else:
        first = _first_weights(name, overrides, backbone, out.with_suffix(".safetensors"))
        training.run(
            recipe="default",
            overrides=overrides,
            data=[data],
            out=out,
            init=os.fspath(first),
            report=print,
        )
    export.run(export.ExportSettings(out / "weights.safetensors", bundle), report=print)


def _first_weights(name: str, overrides: Sequence[str], backbone: Path, path: Path) -> Path:
    """Write the weights that a run begins with: of one seed but for the backbone's."""
    torch.manual_seed(0)
    state = RunState(load_recipe("default", overrides), "cpu")
    own = state.model.get_submodule("encoder.backbone")
    assert isinstance(own, EfficientNetLite3)
    if name == "random-backbone":
        scale_to_unit_variance(own, torch.rand(_PHOTOS, 1, 128, 128))
    else:
        load_pretrained(own, backbone)
    path.parent.mkdir(parents=True, exist_ok=True)
    state.save_weights(path)
    return path


@torch.no_grad()
def scale_to_unit_variance(network: nn.Module, photos: Tensor) -> None:
    """Scale random convolutions, in order, so that each gives values of unit variance.

    A backbone whose batch norms are folded in could not be trained from random weights otherwise.
    It is the second half of LSUV (Mishkin and Matas 2016, "All you need is a good init"); the
    weights are not made orthonormal first.

    Args:
        network: is changed in place.
        photos: what it sees for that, (B, 1, H, W).
    """

    def scaled(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        assert isinstance(layer, nn.Conv2d)
        mean, deviation = output.mean(), output.std()
        layer.weight /= deviation
        assert layer.bias is not None
        layer.bias.copy_((layer.bias - mean) / deviation)
        return (output - mean) / deviation

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    hooks = [layer.register_forward_hook(scaled) for layer in layers]
    network(photos)
    for hook in hooks:
        hook.remove()


def page_text(results: Sequence[Mapping[str, Any]]) -> str:
    """Write what was left out of each run, the figure's place, and the tables."""
    told = "\n".join(f"- `{name}`: {text}." for name, (text, _) in RUNS.items())
    figure = "![The first sample's error while each is trained](../docs/images/ablation.png)"
    return "\n\n".join([told, figure, *tables_of(results)])


def _curves(out: Path) -> list[tuple[str, dict[str, Curve]]]:
    """Read what the first samples were like while each was trained."""
    runs = []
    for name in RUNS:
        lines = (out / name / "log.jsonl").read_text("utf-8").splitlines()
        drawn = [entry for entry in map(json.loads, lines) if "samples_drawn" in entry]
        curves = {
            title: [(entry["step"], entry["samples_drawn"][key]) for entry in drawn]
            for key, title in _CURVES.items()
        }
        runs.append((name, curves))
    return runs


if __name__ == "__main__":
    main()
