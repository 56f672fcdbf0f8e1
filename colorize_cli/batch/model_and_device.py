"""Find the model and the device that a run asks for, each once, and open the network on them."""

from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from .. import __version__
from ..errors import DeviceError, ModelError, OutOfMemoryError
from ..model.bundle import Bundle, figure, load_bundle
from ..model.colorizer import Colorizer, choose_device
from ..model.views import views_of
from ..runtimes.find_device import resolve, runtime_of
from ..runtimes.runtime import Device
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text
from .asked.differences import tell_differences
from .settings import (
    Options,
    RunSettings,
    drawn,
    named_settings,
    settle,
    wanted_model,
)

# Of what decides the pixels on every device.
_VERSIONS = {
    "colorize-cli": __version__,
    "numpy": np.__version__,
    "onnxruntime": ort.__version__,
    "opencv": cv2.__version__,
}


class ModelAndDevice:
    """The model and the device of a run, each found when it is first asked for, if it ever is."""

    def __init__(self, options: Options, last: RunSettings | None, messages: Messages) -> None:
        self._options = options
        self._last = last
        self._messages = messages
        self._is_kept_to = last is not None and options.device in (None, "auto", last.device)

    def check(self) -> None:
        """Check what is given, before photographs are looked for; errors are of `open_network`."""
        if self._options.model or self._options.size:
            views_of(self.bundle, self._options.size)  # which raises where it cannot be
        if self._options.names_device:
            _ = self.proven  # which raises where it cannot run

    @cached_property
    def bundle(self) -> Bundle:
        """The model that is given, else that of the last run."""
        try:
            return load_bundle(wanted_model(self._options.model, self._last))
        except ModelError as error:
            if self._options.model or not self._last:
                raise
            raise ModelError(
                f"the last run into {shown(self._options.out)} was with a model that cannot be "
                f"used: {error}. Name another with --model."
            ) from error

    @cached_property
    def proven(self) -> Device | None:
        """The device that is given, else the last run's, which has just run; None without both."""
        if not self._last or not self._is_kept_to:
            given = self._options.device
            return None if given in (None, "auto") else resolve(given)
        try:
            is_bf16 = self._last.precision.endswith("bf16")
            return resolve(self._last.device, precision="bf16" if is_bf16 else "fp32")
        except DeviceError as error:
            if self._options.names_device:
                raise
            raise DeviceError(
                f"the last run into {shown(self._options.out)} was on {self._last.device}, which "
                f"is kept to. {error} Name a --device to go on with that one; colours may differ "
                "a little."
            ) from error

    @cached_property
    def named(self) -> dict[str, object]:
        """What the user names of the settings by which files are told apart, as it is recorded."""
        named = named_settings(self._options)
        if named.pop("model", None):
            named["model_digest"] = self.bundle.digest
        if "size" in named:
            named["size"] = settle(self._options, self._last, self.bundle).size
        return named

    def open_network(self, photos: int) -> tuple[Colorizer | None, RunSettings]:
        """Open the network for so many photographs; say what runs, and what differs from last time.

        A dry run opens none and measures nothing: a device or its precision may stay unknown.

        Raises:
            DeviceError: The device cannot run.
            ModelError: The model cannot be used.
            UsageError: A number is out of range.
        """
        device, settings = self._settle(photos)
        colorizer = None
        if device and not self._options.dry_run:
            try:
                colorizer = self._open(device, settings)
            except OutOfMemoryError as error:
                if self._options.names_device or not device.is_gpu:
                    raise
                self._messages.warn(f"{error} The CPU is used instead.")
                self._is_kept_to = False
                settings = replace(settings, batch=self._options.batch or 0)
                device, settings = self._settle_on(resolve("cpu"), settings, photos)
                colorizer = self._open(device, settings)
            self._introduce(colorizer, settings)
        if self._last:
            out = self._options.out
            tell_differences(self._messages, out, self._last, settings, self.named)
        return colorizer, settings

    def _open(self, device: Device, settings: RunSettings) -> Colorizer:
        return Colorizer(
            self.bundle,
            device,
            steps=settings.steps,
            size=settings.size,
            batch=settings.batch,
            note=self._messages.note,
        )

    def _settle(self, photos: int) -> tuple[Device | None, RunSettings]:
        """Choose the device, and settle what it decides."""
        dry, last = self._options.dry_run, self._last
        settings, device = settle(self._options, last, self.bundle), self.proven
        is_open = not self._is_kept_to and (device is None or device.precision is not None)
        if is_open and not dry:
            device = choose_device(
                self._options.device or "auto", self.bundle, self._messages.note, device
            )
            is_open = False
        if device is None:
            return None, settings
        device, settings = self._settle_on(device, settings, photos)
        return device, replace(settings, precision="") if is_open else settings

    def _settle_on(
        self, device: Device, settings: RunSettings, photos: int
    ) -> tuple[Device, RunSettings]:
        """Give a device as many lanes as have work, and settle what it decides."""
        dry, last = self._options.dry_run, self._last
        of_photo = self._drawn(settings)
        device = device.fitted(photos * of_photo)
        batch = device.batch_for(of_photo)
        if last and last.device == device.name and device.is_gpu:
            batch = last.batch
        return device, replace(
            settings,
            device=device.name,
            precision=device.computes(self.bundle.compute),
            batch=settings.batch or batch,
            versions={} if dry else {**runtime_of(device.name).versions(), **_VERSIONS},
        )

    def _drawn(self, settings: RunSettings) -> int:
        return drawn(settings.samples, settings.candidates, self._options.only)[0]

    def _introduce(self, colorizer: Colorizer, settings: RunSettings) -> None:
        """Say what really runs, and whether its device is kept to because it was the last run's."""
        device, note = colorizer.device, self._messages.note
        is_kept_to = self._is_kept_to and not self._options.names_device
        why = ", as in the last run" if is_kept_to else ""
        note(f"device: {device.description}, {settings.precision}{why}")
        if device.note:
            note(f"no GPU is used: {device.note}")
        chosen = settings.candidates
        note(
            f"model: {self.bundle.name} ({settings.model_digest[:12]}), "
            f"size {colorizer.views.description}, "
            f"{count_text(settings.steps, 'step')}, seed {settings.seed}"
            + (f", chosen from {chosen} candidates a photo" if chosen else "")
        )
        if warning := colorizer.family.warning:
            self._messages.warn(warning)
        if self._drawn(settings) > 1 and (alike := colorizer.family.alike):
            self._messages.warn(alike + _measured_diversity(self.bundle))


def _measured_diversity(bundle: Bundle) -> str:
    """Say how far apart samples of a bundle were where it was measured; nothing if it was not."""
    diversity = figure(bundle.quality, "diversity")
    if diversity is None:
        return ""
    return f" (mean distance of two samples in LPIPS, as measured: {diversity:.4f})"
