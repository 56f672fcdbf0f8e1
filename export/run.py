"""The body of `colorize export`."""

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from colorize_cli.errors import UsageError
from colorize_cli.model.bundle import Bundle, load_bundle, write_bundle
from colorize_cli.model.families import parse_family
from colorize_cli.model.reference_photos import reference_photos

from .bundle_folder import bundle_files, check_folder, remove_files
from .calibration import calibration_photos
from .call_check import check_parity
from .colour_check import check_colours, require_device
from .precision import Precision, half_copy, round_to_half
from .quantize import MAX_OPSET, quantizable, quantize, sampler_feeds
from .source import from_bundle, from_checkpoint
from .tensorrt_engines import build_engines, require_tensorrt
from .trace import OPSET, export_graphs, pack, trace

_WEIGHTS = {"fp32": "fp16", "fp16": "fp16", "bf16": "fp16", "int8": "int8"}


@dataclass(frozen=True)
class ExportSettings:
    """What to export, and how.

    Attributes:
        checkpoint: `weights.safetensors` of a run, the tutorial's or the public Palette's state
            dict, or None for the default bundle.
        out: folder of the new bundle, which is named after it unless an override names it.
        precision: that the graphs compute in, but for those that need single precision.
        tensorrt: build TensorRT's engines for this machine's GPU as well.
        opset: version of ONNX's operators.
        check: compare with PyTorch, and write the bundle only when it gives the same colours.
        calibrate: folder of photographs for int8; those of the package by default.
        family: of a checkpoint that does not say it: "palette".
        overrides: changes of the checkpoint's recipe, `sampling.eta=0.5` say.
        overwrite: replace a bundle that is in `out` already.
    """

    checkpoint: Path | None
    out: Path
    precision: Precision = "fp32"
    tensorrt: bool = False
    opset: int = OPSET
    check: bool = True
    calibrate: Path | None = None
    family: str | None = None
    overrides: tuple[str, ...] = ()
    overwrite: bool = False


def choose_precision(*, fp16: bool, bf16: bool, int8: bool) -> Precision:
    """Take the precision that was asked for, single precision by default.

    Raises:
        UsageError: several were.
    """
    asked: dict[Precision, bool] = {"fp16": fp16, "bf16": bf16, "int8": int8}
    chosen = [precision for precision, is_asked in asked.items() if is_asked]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]}: choose one precision.")
    return chosen[0] if chosen else "fp32"


def run(settings: ExportSettings, report: Callable[[str], None]) -> None:
    """Export a checkpoint, or the default bundle again, and check it against PyTorch.

    Args:
        settings: what to export, and how.
        report: takes lines of progress.

    Raises:
        UsageError: options that make no sense together, an override that is no key of a recipe, or
            a folder that holds something already.
        ModelError: the checkpoint cannot be read.
        CheckError: the bundle does not compute what the network does, or gives other colours; or
            the engines do, and the bundle is written all the same.
        DeviceError: what the precision is to be checked on cannot run here, or TensorRT.
    """
    _check_options(settings)
    network, fields = _source(settings, report)
    fields["name"] = bundle_name(settings, fields["name"])
    trained = copy.deepcopy(network)
    # The weights as they are stored, so that calls can be compared closely.
    round_to_half(network)
    fields["parameters"] = sum(p.numel() for p in network.parameters())
    report(
        f"{fields['name']}: {fields['parameters'] / 1e6:.1f} M parameters, {settings.precision}, "
        f"ONNX opset {settings.opset}"
    )
    with tempfile.TemporaryDirectory() as folder:
        made = _bundle(Path(folder), network, fields, settings, report)
        if settings.check:
            verdict = check_colours(made, trained, reference_photos(), report)
            fields["precision"]["ciede2000"] = round(verdict.mean, 4)
        else:
            report("not checked: --no-check")
        files = {name: made.read(name) for name in made.files}
        replaced = bundle_files(settings.out) or frozenset()
        bundle = write_bundle(settings.out, fields, files)
        remove_files(settings.out, replaced - set(files))
    size = sum(file.bytes for file in bundle.files.values())
    report(f"wrote {settings.out} ({size / 1e6:.1f} MB)")
    if settings.tensorrt:
        build_engines(bundle, trained if settings.check else None, report)


def bundle_name(settings: ExportSettings, given: str) -> str:
    """Name a bundle after its folder, unless an override named it.

    Args:
        settings: of the export.
        given: the name that the checkpoint has, overrides included.
    """
    if any(change.partition("=")[0].strip() == "name" for change in settings.overrides):
        return given
    return settings.out.resolve().name or given


def _check_options(settings: ExportSettings) -> None:
    """Refuse what cannot be done, before any work."""
    if settings.calibrate is not None and settings.precision != "int8":
        raise UsageError("--calibrate is for --int8; nothing else is calibrated.")
    if settings.precision == "int8" and settings.opset > MAX_OPSET:
        raise UsageError(f"--int8 takes an --opset of at most {MAX_OPSET}.")
    if settings.checkpoint is None and settings.overrides:
        raise UsageError("--set changes the recipe of a checkpoint; name the CHECKPOINT.")
    if settings.checkpoint is None and settings.family is not None:
        raise UsageError("--family says what a checkpoint is; name the CHECKPOINT.")
    check_folder(settings.out, overwrite=settings.overwrite)
    if settings.tensorrt:
        require_tensorrt(settings.precision)
    if settings.check:
        require_device(settings.precision)


def _source(
    settings: ExportSettings, report: Callable[[str], None]
) -> tuple[nn.Module, dict[str, Any]]:
    if settings.checkpoint is not None:
        return from_checkpoint(settings.checkpoint, settings.family, settings.overrides, report)
    return from_bundle(load_bundle("default"))


def _bundle(
    folder: Path,
    network: nn.Module,
    fields: dict[str, Any],
    settings: ExportSettings,
    report: Callable[[str], None],
) -> Bundle:
    """Write the bundle to a folder for now, its graphs compared with PyTorch; fill `fields` in."""
    precision = settings.precision
    fields["precision"] = {"weights": _WEIGHTS[precision], "compute": precision}
    if precision != "fp32":
        fields["quality"] = {}  # it was measured in single precision
    if precision == "int8":
        photos = calibration_photos(settings.calibrate, report)
        graphs = trace(network, fields["family"], settings.opset)
        family = parse_family(fields["family"], fields["grid"], fields["sampling"])
        unquantized = {name: copy.deepcopy(graphs[name]) for name in quantizable(family, graphs)}
        files = {name: pack(graph, network) for name, graph in graphs.items()}
    elif precision == "fp16":
        halved = half_copy(network)
        files = export_graphs(halved, fields["family"], settings.opset)
    else:
        files = export_graphs(network, fields["family"], settings.opset)
    plain = write_bundle(folder / "plain", fields, files)
    if settings.check:
        check_parity(plain, network, report)
    if precision != "int8":
        return plain
    for name, graph in unquantized.items():
        quantized = quantize(graph, sampler_feeds(plain, name, photos, report))
        files[name] = pack(quantized, network)
    return write_bundle(folder / "int8", fields, files)
