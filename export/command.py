"""The body of `colorize export`."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from colorize_cli import __version__
from colorize_cli.bundle import Bundle, load_bundle, write_bundle
from colorize_cli.errors import ModelError, UsageError
from colorize_cli.schedule import cosine, respace, tutorial_20
from training.bundle_state import network_from_bundle
from training.checkpoint import load_checkpoint
from training.loop import WEIGHTS_FILE
from training.networks.build import Network, build
from training.recipe import override

from .parity import check_parity
from .to_onnx import HALF_FROM, OPSET, export_graphs


def run(
    checkpoint: Path | None,
    out: Path,
    fp16: bool,
    *,
    overrides: Sequence[str] = (),
    report: Callable[[str], None],
) -> None:
    """Export a checkpoint, or the default bundle again, and check it against PyTorch.

    Args:
        checkpoint: `weights.safetensors` of a run, or None for the default bundle.
        out: folder of the new bundle; written only when every check has passed.
        fp16: compute in half precision, for GPUs.
        overrides: changes of the checkpoint's recipe, `sampling.eta=0.5` say.
        report: takes lines of progress.

    Raises:
        UsageError: an override that is no key of a recipe.
        ModelError: the checkpoint cannot be read, or the bundle does not compute what it does.
    """
    if checkpoint is None and overrides:
        raise UsageError("--set changes the recipe of a checkpoint; name the CHECKPOINT.")
    if checkpoint is None:
        network, fields = _from_bundle(load_bundle("default"))
    else:
        network, fields = _from_checkpoint(checkpoint, overrides, report)
    count = sum(p.numel() for p in network.parameters())
    report(f"{fields['name']}: {count / 1e6:.1f} M parameters, ONNX opset {OPSET}")
    fields["precision"] = {"weights": "fp16", "compute": "fp16" if fp16 else "fp32"}
    # Both sides get the weights as they are stored: what is compared is the arithmetic.
    round_to_half(network)
    files = export_graphs(half_copy(network, fields) if fp16 else network)
    with tempfile.TemporaryDirectory() as folder:
        check_parity(write_bundle(Path(folder) / "bundle", fields, files), network, report)
    bundle = write_bundle(out, fields, files)
    size = sum(file.bytes for file in bundle.files.values())
    report(f"wrote {out} ({size / 1e6:.1f} MB)")


def round_to_half(network: Network) -> None:
    """Round the weights that a bundle stores in half precision, in place."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() >= HALF_FROM:
                parameter.copy_(parameter.half().float())


def half_copy(network: Network, fields: Mapping[str, Any]) -> Network:
    """Build the same network again to compute in half precision, but for its float32 islands."""
    halved = build(fields["family"], fields["network"]).half()
    halved.load_state_dict(network.state_dict())
    return halved


def _from_checkpoint(
    path: Path, overrides: Sequence[str], report: Callable[[str], None]
) -> tuple[Network, dict[str, Any]]:
    checkpoint = load_checkpoint(path)
    recipe = override(checkpoint.recipe, overrides)
    network = build(recipe.family, recipe.network)
    try:
        network.load_state_dict(checkpoint.state)
    except RuntimeError as error:
        raise ModelError(
            f"{path} does not hold the weights of its recipe's network; export takes "
            f"{WEIGHTS_FILE} of a run: {error}"
        ) from error
    sampling, diffusion = recipe.sampling, recipe.diffusion
    full = cosine(1000) if diffusion.schedule == "cosine" else tutorial_20()
    schedule = respace(full, sampling.steps)
    if schedule.warning:
        report(f"warning: {schedule.warning}")
    clamp: dict[str, Any] = {"kind": sampling.clamp}
    if sampling.clamp != "none":
        clamp["limit"] = sampling.limit
    if sampling.clamp == "dynamic":
        clamp["percentile"] = sampling.percentile
    return network, {
        "name": recipe.name,
        "family": recipe.family,
        "working_size": sampling.working_size,
        "multiple": 32,
        "grid": recipe.data.grid,
        "ab_scale": diffusion.ab_scale,
        "prediction": diffusion.prediction,
        "schedule": {"name": schedule.name, "gammas": schedule.gammas.tolist()},
        "sampler": {
            "method": sampling.method,
            "eta": sampling.eta,
            "variance": sampling.variance,
            "clamp": clamp,
            "gain": sampling.gain,
        },
        "network": dict(recipe.network),
        "training": {
            **checkpoint.progress,
            "data": sorted(recipe.data.sets),
            "recipe": recipe.to_dict(),
            "colorize": __version__,
        },
        "license": recipe.license,
        "quality": {},
    }


def _from_bundle(bundle: Bundle) -> tuple[Network, dict[str, Any]]:
    """Take a bundle for the checkpoint that it is; all but its files goes on as it was."""
    sampler = asdict(bundle.sampler)
    sampler["clamp"] = sampler["clamp"] or {"kind": "none"}
    schedule = {"name": bundle.schedule.name, "gammas": bundle.schedule.gammas.tolist()}
    kept = [
        *("name", "family", "working_size", "multiple", "grid", "ab_scale", "prediction"),
        *("network", "training", "license", "quality"),
    ]
    fields = {key: getattr(bundle, key) for key in kept}
    return network_from_bundle(bundle), fields | {"sampler": sampler, "schedule": schedule}
