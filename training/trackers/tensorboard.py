"""TensorBoard: event files in the folder `tensorboard` of the run."""

from collections.abc import Mapping
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from .tracker import Panel, TrackedRun, flat

FOLDER = "tensorboard"


class TensorBoard:
    """Writes figures as scalars and panels as images."""

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer

    def entry(self, entry: Mapping[str, Any]) -> None:
        """Write each number under its name."""
        for name, value in flat(entry).items():
            if name != "step":
                self._writer.add_scalar(name, value, entry["step"])
        self._writer.flush()

    def panel(self, panel: Panel) -> None:
        """Write an image."""
        self._writer.add_image("pictures", panel.pixels, panel.step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


def begin(run: TrackedRun) -> TensorBoard:
    """Begin a file of events; those of earlier files that come again are marked as void."""
    writer = SummaryWriter(str(run.out / FOLDER), purge_step=run.step + 1)
    if run.step == 0:
        text = "".join(f"    {line}\n" for line in _lines(run.recipe))
        writer.add_text("recipe", text, 0)
    return TensorBoard(writer)


def _lines(recipe: Mapping[str, Any]) -> list[str]:
    tables = {name: value for name, value in recipe.items() if isinstance(value, Mapping)}
    plain = [f"{name} = {value!r}" for name, value in recipe.items() if name not in tables]
    rest = [f"{name}.{key} = {v!r}" for name, table in tables.items() for key, v in table.items()]
    return plain + rest
