"""Find the model and the device that a run asks for, and open the network on them."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from .. import __version__
from ..errors import DeviceError, ModelError
from ..model.bundle import Bundle, load_bundle
from ..model.colorizer import Colorizer, choose_device
from ..model.graphs import announcement
from ..runtimes.device import resolve, runtime_of
from ..runtimes.runtime import Device
from ..system.paths import shown
from .options import Options
from .settings import RunSettings, settle, wanted_model

# Of what decides the pixels on every device.
_VERSIONS = {
    "colorize-cli": __version__,
    "numpy": np.__version__,
    "onnxruntime": ort.__version__,
    "opencv": cv2.__version__,
}


def load_model(options: Options, last: RunSettings | None) -> Bundle:
    """Load the model that is given, else that of the last run.

    Raises:
        ModelError: It cannot be used.
    """
    try:
        return load_bundle(wanted_model(options.model, last))
    except ModelError as error:
        if options.model or not last:
            raise
        raise ModelError(
            f"the last run into {shown(options.out)} was with a model that cannot be used: "
            f"{error}. Name another with --model."
        ) from error


def prove_device(options: Options, last: RunSettings | None) -> Device | None:
    """Prove the device that is given, else that of the last run, by running something on it.

    Returns:
        The device, in the last run's precision where it was on it; None where "auto" has to choose.

    Raises:
        DeviceError: It cannot run.
    """
    if last is None or options.device not in ("auto", last.device):
        return None if options.device == "auto" else resolve(options.device)
    try:
        is_bf16 = last.precision.endswith("bf16")
        return resolve(last.device, precision="bf16" if is_bf16 else "fp32")
    except DeviceError as error:
        if options.device != "auto":
            raise
        raise DeviceError(
            f"the last run into {shown(options.out)} was on {last.device}, which is kept to. "
            f"{error} Name a --device to go on with that one; colours may differ a little."
        ) from error


def foresee(
    options: Options, last: RunSettings, bundle: Bundle, device: Device, photos: int
) -> RunSettings:
    """Settle what a run would be made with; without a measurement, the precision may stay open."""
    settings = settle(options, last, bundle)
    is_open = settings.device != last.device and device.precision is not None
    _, settings = _on_device(settings, last, bundle, device, photos)
    return replace(settings, precision="" if is_open else settings.precision, versions={})


def open_network(
    options: Options,
    last: RunSettings | None,
    bundle: Bundle,
    device: Device | None,
    photos: int,
    note: Callable[[str], None],
) -> tuple[Colorizer, RunSettings]:
    """Open the network for so many photographs, and settle all that they are made with.

    `device` is the proven one, and `note` is told what takes long.

    Raises:
        DeviceError: The device cannot run.
        ModelError: The model is damaged.
        UsageError: A number is out of range.
    """
    settings = settle(options, last, bundle)
    if device is None or last is None or settings.device != last.device:
        device = choose_device(options.device, bundle, note, device)
    device, settings = _on_device(settings, last, bundle, device, photos)
    batch, size = settings.batch, settings.size
    if text := announcement(bundle, device, photos=batch, size=size):
        note(text)
    return Colorizer(bundle, device, steps=settings.steps, size=size, batch=batch), settings


def _on_device(
    settings: RunSettings, last: RunSettings | None, bundle: Bundle, device: Device, photos: int
) -> tuple[Device, RunSettings]:
    """Give the device as many lanes as have work, and settle what it decides.

    Photographs a call are as given, else as in the last run on the same GPU, else the device's own.
    """
    device = device.fitted(photos * settings.drawn)
    batch = device.batch_for(settings.drawn)
    if last and last.device == device.name and device.is_gpu:
        batch = last.batch
    return device, replace(
        settings,
        device=device.name,
        precision=device.computes(bundle.compute),
        batch=settings.batch or batch,
        versions={**runtime_of(device.name).versions(), **_VERSIONS},
    )
