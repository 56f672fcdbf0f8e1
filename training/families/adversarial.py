"""What the GANs learn: to be near the truth, and not to be told from it (Isola et al. 2017)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional as F

from colorize_cli.errors import UsageError

from ..data.batches import Batch
from ..machine.processes import average_buffers
from ..networks.pix2pix import PatchDiscriminator
from ..optimizer import adamw, descend
from ..recipe_tables import Recipe, Table
from ..torch_device import compile_in_place, computing
from .family import mean_figures

AB_SCALE = 110.0  # Lab units a unit of what the generator gives


@dataclass(frozen=True)
class AdversarialTable(Table):
    """What the generator's loss is made of.

    Attributes:
        loss: of the discriminator's logits, "bce" (Goodfellow et al. 2014) or "least-squares" (Mao
            et al. 2017).
        weight: of it in the generator's loss.
        l1: weight there of the mean absolute error of ab / 110.
        pretrain_steps: steps of the beginning with that error alone.
        channels: of the discriminator's first layer.
    """

    loss: Literal["bce", "least-squares"] = "bce"
    weight: float = 1.0
    l1: float = 100.0
    pretrain_steps: int = 0
    channels: int = 64

    def __post_init__(self) -> None:
        if self.pretrain_steps < 0 or self.channels < 1:
            raise UsageError(
                "adversarial.pretrain_steps is at least 0, and adversarial.channels at least 1."
            )


@dataclass(frozen=True)
class AdversarialRecipe(Recipe):
    """A training run of a GAN.

    Attributes:
        adversarial: what the generator's loss is made of.
    """

    adversarial: AdversarialTable = field(default_factory=AdversarialTable)

    @property
    def parts(self) -> tuple[object, ...]:
        """With the discriminator's shape."""
        return *super().parts, self.adversarial.channels

    @property
    def stages(self) -> tuple[int, ...]:
        """Where there is a discriminator from."""
        begins = self.adversarial.pretrain_steps
        return (begins,) if begins else ()

    @property
    def takes_parts(self) -> bool:
        """Batch norms see a step's photos at once."""
        return False


class AdversarialObjective:
    """Two networks, two losses, two optimizers; the first are the generator's."""

    def __init__(
        self,
        recipe: AdversarialRecipe,
        model: nn.Module,
        device: torch.device,
        *,
        backbone: Sequence[nn.Parameter] = (),
    ) -> None:
        """Take a network that maps L to ab / 110; what needs no gradient stays as it is.

        Args:
            recipe: of the run.
            model: the generator.
            device: the model's.
            backbone: pretrained parameters, frozen so far and for `optim.frozen_steps`.

        Raises:
            UsageError: it is to be compiled, and there is no compiler.
        """
        self._recipe = recipe
        self._device = device
        self._backbone = backbone
        discriminator = PatchDiscriminator(recipe.adversarial.channels).to(device)
        self.parts: dict[str, nn.Module] = {"model": model, "discriminator": discriminator}
        rest = [p for p in model.parameters() if p.requires_grad]
        self.optimizers = [
            adamw(recipe.optim, [(rest, 1.0), (backbone, recipe.optim.backbone_lr)]),
            adamw(recipe.optim, [(list(discriminator.parameters()), 1.0)]),
        ]
        if recipe.optim.compile:
            compile_in_place(model, device)

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Lower both losses once: all values of each photo, (B,)."""
        table, optim = self._recipe.adversarial, self._recipe.optim
        model, discriminator = self.parts.values()
        wanted = batch.ab / AB_SCALE
        for parameter in self._backbone:
            parameter.requires_grad_(step >= optim.frozen_steps)
        with computing(optim.precision, self._device):
            ab = model(batch.L)
        l1 = _by_photo((ab.float() - wanted).abs())
        values = {"l1": l1}
        loss = table.l1 * l1
        if step >= table.pretrain_steps:
            told = self._judged(batch.L, ab.detach(), real=False)
            told = (told + self._judged(batch.L, wanted, real=True)) / 2
            descend(self.optimizers[1], told.mean(), discriminator, optim)
            discriminator.requires_grad_(False)  # this time the gradient is of the picture alone
            fooled = self._judged(batch.L, ab, real=True)
            discriminator.requires_grad_(True)
            loss = loss + table.weight * fooled
            values |= {"adversarial": fooled, "discriminator": told}
        else:
            unknown = torch.full_like(l1, torch.nan)
            values |= {"adversarial": unknown, "discriminator": unknown}
        descend(self.optimizers[0], loss.mean(), model, optim)
        average_buffers(model)
        average_buffers(discriminator)
        return {name: value.detach() for name, value in {"loss": loss, **values}.items()}

    def _judged(self, L: Tensor, ab: Tensor, *, real: bool) -> Tensor:
        """Give the loss of each photo, (B,), for whoever wants it taken for real, or not."""
        with computing(self._recipe.optim.precision, self._device):
            logits = self.parts["discriminator"](L, ab).float()
        wanted = torch.full_like(logits, float(real))
        if self._recipe.adversarial.loss == "least-squares":
            return _by_photo((logits - wanted).square())
        return _by_photo(F.binary_cross_entropy_with_logits(logits, wanted, reduction="none"))

    @torch.no_grad()
    def validate(self, batch: Batch, rng: Generator) -> Tensor:
        """Give each photo's mean absolute error of ab / 110; nothing is drawn."""
        with computing(self._recipe.optim.precision, self._device):
            ab = self.parts["model"](batch.L)
        return _by_photo((ab.float() - batch.ab / AB_SCALE).abs())

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Give the mean of each loss; None before there is a discriminator."""
        return mean_figures(values)


def _by_photo(error: Tensor) -> Tensor:
    """Average (B, ...) to (B,)."""
    return error.flatten(1).mean(dim=1)
