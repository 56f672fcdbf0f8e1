"""The `vae-mdn` family: codes of ab fields, and which are likely for a photograph.

"Learning Diverse Image Colorization" (Deshpande et al. 2017).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.random import Generator
from torch import Tensor, nn
from torch.nn import functional as F

from colorize_cli.errors import UsageError

from ..data.batches import Batch
from ..machine.processes import average_buffers
from ..networks.vae_mdn import SIDE, CodeDecoder, Mixture, VaeConfig, VaeMdn, deployed_copy
from ..optimizer import adamw, descend
from ..recipe_tables import Recipe, Table
from ..torch_device import computing
from .code_losses import (
    AB_SCALE,
    AbStatistics,
    draw_codes,
    gradient_loss,
    histogram_loss,
    kl_loss,
    mahalanobis_loss,
    mixture_loss,
)
from .encoder import condition_maps, load_default_encoder
from .family import (
    NetworkGraph,
    configured,
    encoder_graph,
    mean_figures,
)

GRID = 2  # 64 cells of the 128 pixels that the encoder sees
_SEEN = GRID * SIDE


@dataclass(frozen=True)
class CodesTable(Table):
    """What codes and mixtures learn.

    Attributes:
        steps: of the beginning, in which codes are learned; after them the mixture learns.
        kl: weight of the divergence of the codes, which it reaches at the end of these steps.
        mahalanobis: weight of the error along the principal components; 0 for none.
        gradient: weight of the error of the gradients.
        variance: of each component.
    """

    steps: int = 6_000
    kl: float = 1e-2
    mahalanobis: float = 0.0
    gradient: float = 1e-3
    variance: float = 0.1

    def __post_init__(self) -> None:
        if self.steps < 1 or self.variance <= 0:
            raise UsageError("codes.steps is at least 1, and codes.variance above 0.")


@dataclass(frozen=True)
class CodesRecipe(Recipe):
    """A training run of this family.

    Attributes:
        codes: what codes and mixtures learn.
    """

    codes: CodesTable = field(default_factory=CodesTable)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples.choose_best or self.optim.compile:
            raise UsageError(
                "samples.choose_best and optim.compile are not for this family: samples say "
                "nothing before the mixture learns, and its stages are compiled apart."
            )
        if self.data.size != _SEEN:
            raise UsageError(f"data.size is {_SEEN} for this family, not {self.data.size}.")

    @property
    def stages(self) -> tuple[int, ...]:
        """Where the mixture learns from."""
        return (self.codes.steps,)

    @property
    def takes_parts(self) -> bool:
        """Batch norms see a step's photos at once."""
        return False


RECIPE = CodesRecipe


class CodesObjective:
    """The autoencoder at first, then the mixture on its codes; each has its optimizer."""

    def __init__(self, recipe: CodesRecipe, model: VaeMdn, device: torch.device) -> None:
        """Take a network with its autoencoder; the condition encoder stays as it is."""
        assert model.vae is not None
        self._recipe, self._model, self._device = recipe, model, device
        self._statistics = AbStatistics().to(device)
        self._taken: int | None = None  # steps, where this is a run
        self._vae = nn.ModuleList([model.vae, model.decoder])
        self.parts: dict[str, nn.Module] = {"model": model, "statistics": self._statistics}
        model.encoder.requires_grad_(False)
        self.optimizers = [
            adamw(recipe.optim, [(list(part.parameters()), 1.0)]) for part in (self._vae, model.mdn)
        ]

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Lower the loss of the stage that a step is in: values of each photo, (B,)."""
        optim, codes = self._recipe.optim, self._recipe.codes
        self._taken = step + 1
        if step < codes.steps:
            values = self._codes(batch, codes.kl * step / codes.steps)
            descend(self.optimizers[0], values["loss"].mean(), self._vae, optim)
            average_buffers(self._vae)
        else:
            values = self._mixture(batch)
            descend(self.optimizers[1], values["loss"].mean(), self._model.mdn, optim)
            average_buffers(self._model.mdn)
        unknown = torch.full_like(values["loss"], torch.nan)
        named = ("loss", "histogram", "mahalanobis", "gradient", "kl", "mixture")
        return {name: values.get(name, unknown).detach() for name in named}

    def _codes(self, batch: Batch, kl_weight: float) -> dict[str, Tensor]:
        """Encode fields and decode them; the losses of section 3.1 of the paper."""
        assert self._model.vae is not None
        table, wanted = self._recipe.codes, batch.ab / AB_SCALE
        with computing(self._recipe.optim.precision, self._device):
            mean, log_variance = self._model.vae(wanted)
            z = draw_codes(mean, log_variance)
            ab = self._model.decoder(z, _grey(batch.L))
        ab = ab.float()
        values = {
            "histogram": histogram_loss(ab, wanted, self._statistics),
            "gradient": gradient_loss(ab, wanted),
            "kl": kl_loss(mean, log_variance),
        }
        # As published, the divergence is summed over a step's photos, and the rest averaged.
        divergence = kl_weight * len(wanted) * values["kl"]
        loss = values["histogram"] + table.gradient * values["gradient"] + divergence
        if table.mahalanobis:
            values["mahalanobis"] = mahalanobis_loss(ab, wanted, self._statistics)
            loss = loss + table.mahalanobis * values["mahalanobis"]
        return {"loss": loss, **values}

    def _mixture(self, batch: Batch) -> dict[str, Tensor]:
        """Draw codes of the truth, and say how likely the mixture takes them."""
        assert self._model.vae is not None
        self._vae.eval()
        with computing(self._recipe.optim.precision, self._device):
            with torch.no_grad():
                mean, log_variance = self._model.vae(batch.ab / AB_SCALE)
                cond = self._model.encoder(batch.L)
            means, logits = self._model.mdn(cond)
        self._vae.train()
        z = draw_codes(mean, log_variance)
        loss = mixture_loss(z, means, logits, self._recipe.codes.variance)
        return {"loss": loss, "mixture": loss}

    @torch.no_grad()
    def validate(self, batch: Batch, rng: Generator) -> Tensor:
        """Give each photo's error of ab, (B,), when its likeliest mean is decoded.

        It is the mean absolute error in units of 128 Lab units; nothing is drawn. In a run whose
        mixture has not learned yet it is NaN, so that no such weights are the best.
        """
        if self._taken is not None and self._taken <= self._recipe.codes.steps:
            return torch.full((len(batch.L),), torch.nan, device=self._device)
        with computing(self._recipe.optim.precision, self._device):
            means, logits = self._model.mdn(self._model.encoder(batch.L))
            likeliest = means[torch.arange(len(means)), logits.argmax(dim=1)]
            ab = self._model.decoder(likeliest, _grey(batch.L))
        return (ab.float() - batch.ab / AB_SCALE).abs().mean(dim=(1, 2, 3))

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Give the mean of each loss; None for those of the other stage."""
        return mean_figures(values)


def build(config: Mapping[str, Any]) -> VaeMdn:
    """Build the network with random weights.

    Args:
        config: keyword arguments of `VaeConfig`.

    Raises:
        TypeError: unknown key.
    """
    return VaeMdn(configured(VaeConfig, config))


def multiple(config: Mapping[str, Any]) -> int:
    """Give a cell of the ab grid: photos are made square whatever their sides."""
    return GRID


def load_backbone(network: VaeMdn, path: Path | None, report: Callable[[str], None]) -> None:
    """Take the default bundle's condition encoder, or ImageNet's weights for its backbone.

    Raises:
        ModelError: the file cannot be read or holds another network.
    """
    load_default_encoder(network.encoder, path, report)


def objective(recipe: CodesRecipe, network: VaeMdn, device: torch.device) -> CodesObjective:
    """Train the autoencoder and the mixture; the condition encoder stays as it is."""
    return CodesObjective(recipe, network, device)


def deployed(network: VaeMdn, config: Mapping[str, Any]) -> tuple[VaeMdn, dict[str, Any]]:
    """Leave out the autoencoder's first half, and settle the norms."""
    return deployed_copy(network), {**config, "deployed": True}


class _MixtureGraph(nn.Module):
    def __init__(self, mdn: Mixture) -> None:
        super().__init__()
        self.mdn = mdn

    def forward(self, cond: list[Tensor]) -> tuple[Tensor, Tensor]:
        means, logits = self.mdn(cond)
        return means, logits


class _DecoderGraph(nn.Module):
    def __init__(self, decoder: CodeDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor, grey: Tensor) -> Tensor:
        return AB_SCALE * self.decoder(z, grey)


def graphs(network: VaeMdn) -> list[NetworkGraph]:
    """Cut the network in three: the first two run once a photo."""
    config = network.config
    maps = condition_maps(config.condition.channels, (_SEEN, _SEEN))
    encoder, _ = encoder_graph(network.encoder, maps, (_SEEN, _SEEN))
    fixed: dict[str, list[str | int]] = {
        name: ["batch", *cond.shape[1:]] for name, cond in maps.items()
    }
    return [
        encoder,
        NetworkGraph(
            file="mdn.onnx",
            module=_MixtureGraph(network.mdn),
            examples={"cond": list(maps.values())},
            dims={
                **fixed,
                "means": ["batch", config.components, config.latent],
                "logits": ["batch", config.components],
            },
            outputs=["means", "logits"],
            prefix="mdn.",
        ),
        NetworkGraph(
            file="decoder.onnx",
            module=_DecoderGraph(network.decoder),
            examples={"z": torch.zeros(6, config.latent), "grey": torch.zeros(2, 1, SIDE, SIDE)},
            dims={
                "z": ["rows", config.latent],
                "grey": ["batch", 1, SIDE, SIDE],
                "ab": ["rows", 2, SIDE, SIDE],
            },
            outputs=["ab"],
            prefix="decoder.",
        ),
    ]


def sampling(recipe: CodesRecipe) -> dict[str, Any]:
    """Make the table `sampling` of a bundle, which the family's NumPy side reads."""
    config: VaeConfig = configured(VaeConfig, recipe.network)
    return {
        "components": config.components,
        "latent": config.latent,
        "sigma": recipe.codes.variance**0.5,
    }


def _grey(L: Tensor) -> Tensor:
    """Give L (B, 1, 128, 128) as bytes of an 8-bit picture brought to -1..1: (B, 1, 64, 64)."""
    return (2.55 * F.avg_pool2d(L, GRID) - 128) / 128
