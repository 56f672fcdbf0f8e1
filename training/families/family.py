"""What PyTorch's side of a family offers; a module of this folder is one.

A family costs this module, its NumPy side in `colorize_cli.model.families`, a line in the table
of each, and a recipe.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from numpy.random import Generator
from torch import Tensor, nn

from ..data.batches import Batch
from ..recipe_tables import Recipe


class Objective(Protocol):
    """What a network learns, and how: its losses and what lowers them.

    The training loop draws batches, counts, averages the weights, logs and saves; all else is
    here. A GAN has two optimizers and lowers two losses in one `step`; a second stage begins at a
    step's number and freezes what it leaves alone; statistics of the data are gathered in the
    first steps, as buffers of a part, so that a resume has them; a further loss on x_0 is one more
    term of `step` and one more name in what it returns.
    """

    @property
    def parts(self) -> Mapping[str, nn.Module]:
        """All modules whose state a resume needs, by name.

        "model" is the network: its averaged weights are what is exported. The buffers of
        "statistics", where there is such a part, are filled in when a run begins with what
        `colorize prepare` measured of the colours.
        """

    @property
    def optimizers(self) -> Sequence[torch.optim.Optimizer]:
        """One or several; no parameter has two. The log has the rate of the first."""

    def step(self, batch: Batch, step: int) -> Mapping[str, Tensor]:
        """Learn from one batch.

        Args:
            batch: photos, on the device.
            step: steps that were taken before.

        Returns:
            Values of each sample by name, all (N,): losses, and what tells them apart. They stay
            on the device.
        """

    def validate(self, batch: Batch, rng: Generator) -> Tensor:
        """Judge the network, as its weights are, on photos that it does not learn from.

        Args:
            batch: photos, on the device.
            rng: draws what is random; the same state gives the same draws, on any device.

        Returns:
            A loss for each photo, (B,): comparable between networks of the same objective.
        """

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Sum up what the steps since the last line of the log returned.

        Args:
            values: of all their samples, (M,) on the CPU.

        Returns:
            Entries of that line; the terminal shows those that are plain numbers.
        """


@dataclass(frozen=True, eq=False)
class NetworkGraph:
    """A part of a network that becomes an ONNX file.

    Attributes:
        file: name of the file in a bundle.
        module: what is called; its outputs are float32.
        examples: for each argument of the module a tensor, or a list of tensors, which are
            inputs named `ARGUMENT_0`, `ARGUMENT_1` and so on.
        dims: sizes and names of the dimensions of every input and output: a name for each that
            may vary. Where the first one is named, all tensors with that name share its size.
        outputs: their names, in order.
        prefix: what the names of its weights begin with in the network's state dict.
    """

    file: str
    module: nn.Module
    examples: Mapping[str, Tensor | list[Tensor]]
    dims: Mapping[str, Sequence[str | int]]
    outputs: Sequence[str]
    prefix: str = ""

    @property
    def inputs(self) -> dict[str, list[str]]:
        """Names of the inputs that make up each argument of the module."""
        return {
            name: [f"{name}_{i}" for i in range(len(example))]
            if isinstance(example, list)
            else [name]
            for name, example in self.examples.items()
        }

    def __call__(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the module on inputs by name; the outputs come by name too."""
        arguments: dict[str, Tensor | list[Tensor]] = {
            name: [feeds[part] for part in parts]
            if isinstance(self.examples[name], list)
            else feeds[name]
            for name, parts in self.inputs.items()
        }
        given = self.module(**arguments)
        return dict(zip(self.outputs, given if isinstance(given, tuple) else [given], strict=True))


class Family(Protocol):
    """A module that knows one kind of network.

    Attributes:
        RECIPE: dataclass of its recipes, with the tables that it has beside those of all.
        GRID: pixels a side of a cell of the ab grid.
    """

    RECIPE: type[Recipe]
    GRID: int

    def multiple(self, config: Mapping[str, Any]) -> int:
        """Say what the sides of its inputs are multiples of, in pixels.

        Args:
            config: of the network, as `build` takes it.

        Raises:
            TypeError: unknown key.
        """

    def build(self, config: Mapping[str, Any]) -> nn.Module:
        """Build the network with random weights.

        Args:
            config: the recipe's table `network`, which the bundle keeps.

        Raises:
            TypeError: unknown key.
        """

    def load_backbone(
        self, network: nn.Module, path: Path | None, report: Callable[[str], None]
    ) -> None:
        """Fill in what the network has of pretrained weights, if any.

        Args:
            network: changed in place.
            path: file of the weights; None for those that come with the package.
            report: told where they are from.

        Raises:
            ModelError: the file cannot be read or does not fit.
        """

    def objective(self, recipe: Any, network: nn.Module, device: torch.device) -> Objective:
        """Make what trains the network.

        Args:
            recipe: of the class `RECIPE`.
            network: on the device.
            device: where the batches have to go.
        """

    def deployed(
        self, network: nn.Module, config: Mapping[str, Any]
    ) -> tuple[nn.Module, dict[str, Any]]:
        """Give a trained network as a bundle has it, and the configuration that builds that one.

        Args:
            network: as it was trained, in evaluation mode.
            config: of it, as `build` takes it.
        """

    def graphs(self, network: nn.Module) -> list[NetworkGraph]:
        """Cut the network into the graphs of a bundle; they share its weights."""

    def sampling(self, recipe: Any) -> dict[str, Any]:
        """Make the table `sampling` of a bundle, which the family's NumPy side reads."""


def unchanged(network: nn.Module, config: Mapping[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    """Deploy a network as it is, for families that have nothing to fold."""
    return network, dict(config)


def configured(kind: type[Any], table: Mapping[str, Any]) -> Any:
    """Make a frozen configuration of a table, whose lists become tuples."""
    return kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in table.items()})


def configured_tables(config: Mapping[str, Any], **kinds: type[Any]) -> list[Any]:
    """Make a configuration of each table of a network, by its name and in the order of `kinds`.

    Raises:
        TypeError: unknown table or key.
    """
    unknown = sorted(set(config) - set(kinds))
    if unknown:
        known = " and ".join(map(repr, kinds))
        raise TypeError(f"there is no table {unknown[0]!r}, only {known}")
    return [configured(kind, config.get(name, {})) for name, kind in kinds.items()]


def mean_figures(values: Mapping[str, Tensor]) -> dict[str, Any]:
    """Average values of samples by name, but for those that are NaN; None where all are."""
    known = {name: value[~value.isnan()].float() for name, value in values.items()}
    return {
        name: round(value.mean().item(), 5) if len(value) else None for name, value in known.items()
    }


class EncoderGraph(nn.Module):
    """An encoder as a graph: its maps in float32, whatever it computes in."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, L: Tensor) -> tuple[Tensor, ...]:
        """Map L (B, 1, H, W) to the encoder's maps."""
        return tuple(cond.float() for cond in self.encoder(L))


def encoder_graph(
    encoder: nn.Module, maps: Mapping[str, Tensor], sides: tuple[int, int]
) -> tuple[NetworkGraph, dict[str, list[str | int]]]:
    """Make the graph of a part `encoder` of a network.

    Args:
        encoder: from L to maps.
        maps: examples of them by name, for two photos.
        sides: of the example of L, in pixels.

    Returns:
        The graph, and the dimensions of the maps for what takes them.
    """
    dims: dict[str, list[str | int]] = {
        name: ["batch", cond.shape[1], f"height_{i}", f"width_{i}"]
        for i, (name, cond) in enumerate(maps.items())
    }
    graph = NetworkGraph(
        file="encoder.onnx",
        module=EncoderGraph(encoder),
        examples={"L": torch.full((2, 1, *sides), 50.0)},
        dims={"L": ["batch", 1, "padded_height", "padded_width"], **dims},
        outputs=list(maps),
        prefix="encoder.",
    )
    return graph, dims
