"""Open the model and the device that a run asks for, each once, and the network on them."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from .. import __version__
from ..errors import DeviceError, ModelError
from ..model.bundle import Bundle, load_bundle
from ..model.colorizer import Colorizer, check_size, choose_device
from ..model.graphs import announcement
from ..runtimes.device import resolve, runtime_of
from ..runtimes.runtime import Device
from ..system.messages import Messages
from ..system.paths import shown
from .introduction import introduce, tell_differences
from .settings import RunSettings, wanted_model

# Of what decides the pixels on every device.
_VERSIONS = {
    "colorize-cli": __version__,
    "numpy": np.__version__,
    "onnxruntime": ort.__version__,
    "opencv": cv2.__version__,
}


class ModelAndDevice:
    """The model and the device of a run, each opened when it is first asked for."""

    def __init__(
        self,
        out: Path,
        model: str | None,
        device: str,
        last: RunSettings | None,
        messages: Messages,
    ) -> None:
        """Take what the user asked for.

        Args:
            out: The output folder, for messages.
            model: Name or path of a bundle; that of the last run if None.
            device: As on the command line; "auto" keeps to that of the last run.
            last: Settings of the last run into the folder, if they count.
            messages: The user is told through them.
        """
        self._out = out
        self._model = model
        self._requested = device
        self._last = last
        self._messages = messages
        self._is_kept_to = last is not None and device in ("auto", last.device)

    def check(self, size: int | None) -> None:
        """Check what is given, before any photograph is looked for.

        Raises:
            DeviceError: The device asked for cannot run.
            ModelError: The model asked for cannot be used.
            UsageError: The size is out of range.
        """
        if self._model or size:
            check_size(self.bundle, size or self.bundle.working_size)
        if self._requested != "auto":
            _ = self.proven  # which raises where it cannot run

    @cached_property
    def bundle(self) -> Bundle:
        """The model."""
        try:
            return load_bundle(wanted_model(self._model, self._last))
        except ModelError as error:
            if self._model or not self._last:
                raise
            raise ModelError(
                f"the last run into {shown(self._out)} was with a model that cannot be used: "
                f"{error}. Name another with --model."
            ) from error

    @cached_property
    def proven(self) -> Device | None:
        """The device, proven by running it, as far as it is known without a choice."""
        if not self._last or not self._is_kept_to:
            return None if self._requested == "auto" else resolve(self._requested)
        try:
            is_bf16 = self._last.precision.endswith("bf16")
            return resolve(self._last.device, precision="bf16" if is_bf16 else "fp32")
        except DeviceError as error:
            if self._requested != "auto":
                raise
            raise DeviceError(
                f"the last run into {shown(self._out)} was on {self._last.device}, which is kept "
                f"to. {error} Name a --device to go on with that one; colours may differ a little."
            ) from error

    def open(
        self, settings: RunSettings, photos: int, *, dry: bool
    ) -> tuple[Colorizer | None, RunSettings]:
        """Open the network, and say what runs and where it differs from the last run.

        Args:
            settings: As `settle` gives them.
            photos: How many are to be colorized.
            dry: Whether only to say what differs: the network stays closed and nothing is
                measured, so that a device or its precision may stay unknown.

        Returns:
            The network, and the settings with all that the device decides.

        Raises:
            DeviceError: The device cannot run.
            ModelError: The model cannot be used.
            UsageError: A number is out of range.
        """
        device, settings = self._place(settings, photos, dry=dry)
        colorizer = None
        if device and not dry:
            batch, size = settings.batch, settings.size
            if text := announcement(self.bundle, device, photos=batch, size=size):
                self._messages.note(text)
            steps = settings.steps
            colorizer = Colorizer(self.bundle, device, steps=steps, size=size, batch=batch)
            is_kept_to = self._last is not None and self._requested == "auto"
            introduce(self._messages, colorizer, settings, is_kept_to=is_kept_to)
        if self._last:
            tell_differences(self._messages, self._out, self._last, settings)
        return colorizer, settings

    def _place(
        self, settings: RunSettings, photos: int, *, dry: bool
    ) -> tuple[Device | None, RunSettings]:
        """Settle what the device decides, and give it as many lanes as have work.

        Photographs a call are as given, else as in the last run on the same GPU, else the device's
        own.
        """
        device = self.proven
        is_open = not self._is_kept_to and (device is None or device.precision is not None)
        if is_open and not dry:
            device = choose_device(self._requested, self.bundle, self._messages.note)
            is_open = False
        if device is None:
            return None, settings
        device = device.fitted(photos * settings.drawn)
        last, batch = self._last, device.batch_for(settings.drawn)
        if last and last.device == device.name and device.is_gpu:
            batch = last.batch
        return device, replace(
            settings,
            device=device.name,
            precision="" if is_open else device.computes(self.bundle.compute),
            batch=settings.batch or batch,
            versions={} if dry else {**runtime_of(device.name).versions(), **_VERSIONS},
        )
