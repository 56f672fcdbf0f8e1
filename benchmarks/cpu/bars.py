"""A row of the table consists of figures, their bars, and whether they are met."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from colorize_cli.model.bundle import Bundle
from colorize_cli.runtimes.runtime import Device


@dataclass(frozen=True)
class Setting:
    """What is measured, and how long.

    Attributes:
        bundle: The model.
        model: Its name or path, for commands.
        fp32: ONNX Runtime's CPU in single precision.
        fastest: The fastest runtime and precision of this machine whose colours pass the gate.
        samples: The number of colourings of a photo, where a row does not say otherwise.
        rounds: The number of rounds in which the sides of a ratio take turns.
        photos: The number of photos in the folder.
        parts: The number of parts of the folder, between which the network is measured alone.
        scan_megapixels: The size of the scan.
        memory_photos: The number of photos in the run that memory is watched in.
    """

    bundle: Bundle
    model: str
    fp32: Device
    fastest: Device
    samples: int
    rounds: int
    photos: int
    parts: int
    scan_megapixels: float
    memory_photos: int


@dataclass(frozen=True)
class Check:
    """A figure and its bar.

    Attributes:
        what: What is measured, in words.
        figure: The figure that was found.
        unit: The unit of the figure, which is written behind it.
        bar: The bar that the figure is held against; None where there is none.
        is_least: Whether the bar is the least that will do, and not the most.
        spread: The range of the figure over the rounds, in words.
    """

    what: str
    figure: float
    unit: str = ""
    bar: float | None = None
    is_least: bool = True
    spread: str = ""

    @property
    def passes(self) -> bool | None:
        """Tell whether the bar is met; None without a bar."""
        if self.bar is None:
            return None
        return self.figure >= self.bar if self.is_least else self.figure <= self.bar

    @property
    def share(self) -> float | None:
        """Divide the figure by the bar; None without a bar."""
        return None if self.bar is None else self.figure / self.bar

    def cells(self) -> list[str]:
        """Write the cells of a table: what, figure, range, bar, figure / bar, verdict."""
        if self.bar is None:
            return [self.what, f"{self.figure:.3g}{self.unit}", self.spread, "", "", ""]
        return [
            self.what,
            f"{self.figure:.3g}{self.unit}",
            self.spread,
            f"{'at least' if self.is_least else 'at most'} {self.bar:.3g}{self.unit}",
            f"{self.figure / self.bar:.2f}",
            "pass" if self.passes else "FAIL",
        ]


@dataclass(frozen=True)
class Row:
    """What a row found out.

    Attributes:
        checks: Its figures.
        details: Everything else that was measured, for the JSON.
        note: The words that one has to know to read the figures.
    """

    checks: tuple[Check, ...]
    details: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def device_text(device: Device) -> str:
    """Name the runtime and precision of a device of the CPU."""
    runtime = "OpenVINO" if device.name == "openvino" else "ONNX Runtime"
    return f"{runtime} {device.precision or 'fp32'}"
