"""Open the network as the options say and, where they are silent, as in the folder's last run.

An option that is not given is what the folder's record has: the device that `auto` chose, the
model, the seed, the candidates, and the size and the steps while the model is the same. An option
that is given counts, then and in the runs that follow, so that a run with other settings goes on
as well where it was stopped. When it differs from the record the user is told, files that exist
stay as they are, and missing ones are made with the new settings.
"""

from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from .. import __version__
from ..errors import DeviceError, ModelError, UsageError
from ..model.bundle import Bundle, load_bundle
from ..model.colorizer import Colorizer, check_size
from ..model.fastest_device import choose
from ..runtimes.device import Device, resolve
from ..runtimes.tensorrt import building
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text
from .last_settings import Record, read_record, write_record
from .options import Options

_GPUS = ("cuda", "tensorrt")


def check_options(options: Options) -> None:
    """Check what is given, before any photograph is looked for.

    Raises:
        DeviceError: The device asked for cannot run.
        ModelError: The model asked for cannot be used.
        UsageError: A number is out of range, or the folder's record is damaged.
    """
    kept = None if options.overwrite else read_record(options.out)
    _check_candidates(options.candidates or 0, options.samples)
    if options.model or options.size:
        bundle, _ = _open_model(options, kept)
        check_size(bundle, options.size or bundle.working_size)
    if options.device != "auto":
        resolve(options.device)


def open_colorizer(options: Options, messages: Messages, photos: int) -> tuple[Colorizer, Record]:
    """Open the network, say what runs, and write the record.

    Args:
        options: What the user asked for.
        messages: The user is told through them.
        photos: How many are to be colorized.

    Returns:
        The network and the settings that count.

    Raises:
        DeviceError: The device asked for, or recorded, cannot run.
        ModelError: The model asked for, or recorded, cannot be used.
        UsageError: The output folder cannot be written to, or a number is out of range.
    """
    kept = None if options.overwrite else read_record(options.out)
    bundle, model = _open_model(options, kept)
    settled = _settled(options, kept, bundle)
    draws = settled["candidates"] or options.samples
    device = _open_device(options, kept, bundle, messages).fitted(photos * draws)
    batch = _batch(options, kept, device, draws)
    if device.name == "tensorrt" and (text := building(bundle, batch, settled["size"])):
        messages.note(text)
    colorizer = Colorizer(bundle, device, steps=settled["steps"], size=settled["size"], batch=batch)
    record = Record(
        model=model,
        model_digest=bundle.digest,
        device=device.name,
        precision=device.computes(bundle.compute),
        batch=colorizer.batch,
        samples=options.samples,
        versions=_versions(device),
        format=options.format,
        **settled,
    )
    _introduce(colorizer, record, messages, is_kept_to=bool(kept) and options.device == "auto")
    if kept:
        _compare(options, kept, record, messages)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        write_record(options.out, record)
    except OSError as error:
        raise UsageError(f"--out {options.out} cannot be written to: {error.strerror}") from error
    return colorizer, record


def preview(options: Options, messages: Messages, photos: int) -> None:
    """Say of the settings what `open_colorizer` would say, without opening the network.

    Args:
        options: What the user asked for.
        messages: The user is told through them.
        photos: How many would be colorized.

    Raises:
        DeviceError: The device asked for, or recorded, cannot run.
        ModelError: The model asked for, or recorded, cannot be used.
        UsageError: There are fewer candidates than samples.
    """
    kept = None if options.overwrite else read_record(options.out)
    bundle, _ = _open_model(options, kept)
    settled = _settled(options, kept, bundle)
    if not kept:
        return
    settings: dict[str, object] = {"model_digest": bundle.digest, **settled}
    if options.device in ("auto", kept.device):
        device = _open_device(options, kept, bundle, messages)
        settings["precision"] = device.computes(bundle.compute)
    else:  # its precision may be unknown until it is measured
        device = resolve(options.device)
    draws = settled["candidates"] or options.samples
    batch = _batch(options, kept, device.fitted(photos * draws), draws)
    settings |= {"device": device.name, "batch": batch}
    _warn_of_names(options, kept, messages)
    if differences := _differences(kept, settings):
        _warn(options.out, differences, messages)


def compare_given(options: Options, messages: Messages) -> None:
    """Say, where there is nothing to be made, which given settings differ from the record."""
    kept = read_record(options.out)
    if not kept:
        return
    names = ("seed", "size", "steps", "candidates")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    if options.device != "auto":
        given["device"] = options.device
    differences = kept.differences(given)
    if options.model and kept.model not in (options.model, str(Path(options.model).absolute())):
        differences.append(f"model {kept.model}, now {options.model}")
    if differences:
        _warn(options.out, differences, messages)


def _settled(options: Options, kept: Record | None, bundle: Bundle) -> dict[str, int]:
    """Seed, size, steps and candidates: as given, else as recorded, else as the bundle has them."""
    of_model = kept if kept and kept.model_digest == bundle.digest else None
    seed, candidates = options.seed, options.candidates
    if seed is None:
        seed = kept.seed if kept else 0
    if candidates is None:
        candidates = kept.candidates if kept else 0
    _check_candidates(candidates, options.samples)
    return {
        "seed": seed,
        "size": options.size or (of_model.size if of_model else bundle.working_size),
        "steps": options.steps or (of_model.steps if of_model else bundle.schedule.steps),
        "candidates": candidates,
    }


def _check_candidates(candidates: int, samples: int) -> None:
    if 0 < candidates < samples:
        raise UsageError(
            f"{samples} samples cannot be chosen from {candidates} candidates: name more "
            "--candidates, or fewer --samples."
        )


def _open_model(options: Options, kept: Record | None) -> tuple[Bundle, str]:
    """The bundle, and the name or absolute path that will find it again."""
    name = options.model or (kept.model if kept else "default")
    try:
        bundle = load_bundle(name)
    except ModelError as error:
        if options.model or not kept:
            raise
        raise ModelError(
            f"the last run into {shown(options.out)} was with a model that cannot be used: "
            f"{error}. Name another with --model."
        ) from error
    is_path = bundle.path == Path(name)
    return bundle, str(bundle.path.absolute()) if is_path else name


def _open_device(
    options: Options, kept: Record | None, bundle: Bundle, messages: Messages
) -> Device:
    if not kept or options.device not in ("auto", kept.device):
        return choose(options.device, bundle, messages.note)
    try:
        is_bf16 = kept.precision.endswith("bf16")
        return resolve(kept.device, precision="bf16" if is_bf16 else "fp32")
    except DeviceError as error:
        raise DeviceError(
            f"the last run into {shown(options.out)} was on {kept.device}, which is kept to. "
            f"{error} Name a --device to go on with that one; colours may differ a little."
        ) from error


def _batch(options: Options, kept: Record | None, device: Device, draws: int) -> int:
    """Photos a call: as given, else as recorded on the same GPU, else the device's own."""
    if options.batch:
        return options.batch
    if kept and kept.device == device.name and device.is_gpu:
        return kept.batch
    return device.batch_for(draws)


def _introduce(colorizer: Colorizer, record: Record, messages: Messages, is_kept_to: bool) -> None:
    """Say what really runs, and of a device that it is the last run's."""
    device = colorizer.device
    why = ", as in the last run" if is_kept_to else ""
    messages.note(f"device: {device.description}, {record.precision}{why}")
    if device.note:
        messages.note(f"no GPU is used: {device.note}")
    messages.note(
        f"model: {colorizer.bundle.name} ({record.model_digest[:12]}), size {record.size}, "
        f"{count_text(record.steps, 'step')}, seed {record.seed}"
        + (f", chosen from {record.candidates} candidates a photo" if record.candidates else "")
    )
    if warning := colorizer.schedule.warning:
        messages.warn(warning)


def _compare(options: Options, kept: Record, record: Record, messages: Messages) -> None:
    """Say what differs from the last run into the folder."""
    _warn_of_names(options, kept, messages)
    if differences := _differences(kept, asdict(record)):
        _warn(options.out, differences, messages)
    elif kept.versions != record.versions:
        changed = [
            f"{name} {kept.versions.get(name)}, now {version}"
            for name, version in record.versions.items()
            if kept.versions.get(name) != version
        ]
        messages.note(
            f"the last run into {shown(options.out)} had other versions ({', '.join(changed)}): "
            "new files may differ from what those would have given, invisibly"
        )


def _differences(kept: Record, settings: Mapping[str, object]) -> list[str]:
    """Name the settings that differ; between CPUs the batch makes no difference."""
    counts_batch = {kept.device, settings["device"]} & {*_GPUS}
    return kept.differences(
        {name: value for name, value in settings.items() if name != "batch" or counts_batch}
    )


def _warn_of_names(options: Options, kept: Record, messages: Messages) -> None:
    if renamed := kept.renamed_by(options.samples, options.format):
        messages.warn(
            f"the last run into {shown(options.out)} gave other names ({', '.join(renamed)}): the "
            "files that are there stay beside the new ones"
        )


def _warn(out: Path, differences: list[str], messages: Messages) -> None:
    messages.warn(
        f"{shown(out)} holds colourings made with other settings ({', '.join(differences)}): "
        "files that exist stay as they are; --overwrite makes all anew, another --out keeps them "
        "apart"
    )


def _versions(device: Device) -> dict[str, str]:
    """Versions of what decides the pixels."""
    runtime = {"openvino": metadata.version("openvino")} if device.name == "openvino" else {}
    return {
        **runtime,
        "colorize-cli": __version__,
        "numpy": np.__version__,
        "onnxruntime": ort.__version__,
        "opencv": cv2.__version__,
    }
