"""What the diffusion families learn: to undo noise at any level (Ho et al. 2020)."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from colorize_cli.diffusion.sampler import x_0_factors
from colorize_cli.diffusion.schedule import cosine_gamma

from ..data.batches import Batch
from ..networks.blocks import diffusion_time
from ..optimizer import adamw, descend
from ..torch_device import compile_in_place, has_bf16, to_device
from .diffusion_loss import (
    MOMENTS,
    chroma_weight,
    draw_gammas,
    error_of_v,
    gaussian,
    loss_of_mean,
    moments,
    per_row_loss,
    q_sample,
    row_weight,
    target,
)
from .diffusion_recipe import DiffusionRecipe
from .perceptual import PerceptualLoss

_LEVELS = 8  # of noise, at which a photo is judged


class DiffusionObjective:
    """Predict v, eps or x_0 from x_t, L and gamma; one loss, one optimizer."""

    def __init__(
        self,
        recipe: DiffusionRecipe,
        model: nn.Module,
        device: torch.device,
        *,
        denoiser: nn.Module,
        backbone: Sequence[nn.Parameter] = (),
    ) -> None:
        """Take a network that maps (x_t, L, gamma) to a prediction.

        Args:
            recipe: of the run.
            model: parameters of it that need no gradient stay as they are.
            device: the model's.
            denoiser: the part of the model that runs at every noise level, to be compiled.
            backbone: pretrained parameters, frozen so far and for `optim.frozen_steps`.

        Raises:
            UsageError: it is to be compiled, and there is no compiler.
        """
        self.parts = {"model": model}
        self._recipe = recipe
        self._device = device
        self._backbone = backbone
        optim = recipe.optim
        rest = [p for p in model.parameters() if p.requires_grad]
        self.optimizers = [adamw(optim, [(rest, 1.0), (backbone, optim.backbone_lr)])]
        if optim.compile:  # on a GPU also for norms that keep bfloat16 and the layout
            compile_in_place(model if device.type == "cuda" else denoiser, device)

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Learn from one batch: the loss of each row and its noise level, both (N,)."""
        optim = self._recipe.optim
        for parameter in self._backbone:
            parameter.requires_grad_(step >= optim.frozen_steps)
        model = self.parts["model"]
        # A stream of its own beside that of the photos: [seed, step] is theirs.
        rng = np.random.default_rng([self._recipe.seed, step, 1])
        gammas = draw_gammas(self._recipe.diffusion.schedule, len(batch.L) * optim.views, rng)
        x_0, gamma, eps = self._noise(batch, gammas, rng)
        wanted = target(self._recipe.diffusion.prediction, x_0, gamma, eps)
        x_t = q_sample(x_0, gamma, eps)
        predicted = self._predict(model, x_t, batch.L, gamma)
        loss = per_row_loss(predicted, wanted)
        whole = self._weighed(loss, predicted, wanted, x_0, gamma)
        values = {"loss": loss.detach(), "gamma": gamma, **moments(x_0)}
        if self._recipe.perceptual.weight:
            values["perceptual"] = seen = self._seen(batch, gammas, predicted, x_t)
            whole = whole + self._recipe.perceptual.weight * seen.nanmean()
        descend(self.optimizers[0], whole, model, optim)
        return {name: value.detach() for name, value in values.items()}

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Give the mean loss, and that of each third of the time: from nearly clean to noise.

        `loss_of_mean_by_third` is what the mean colour of these photos would have, given for each.
        """
        loss, gamma = values["loss"].float(), values["gamma"]
        losses = {k: v for k, v in values.items() if k != "gamma" and k not in MOMENTS}
        of_mean = loss_of_mean(self._recipe.diffusion.prediction, values, gamma)
        third = (diffusion_time(gamma) * 3).long().clamp(0, 2)
        return {
            **{name: _mean(value) for name, value in losses.items()},
            "loss_by_third": [_mean(loss[third == i]) for i in range(3)],
            "loss_of_mean_by_third": [_mean(of_mean[third == i]) for i in range(3)],
        }

    @cached_property
    def _perceptual(self) -> PerceptualLoss:
        """The loss, whose network only a run in training needs."""
        return PerceptualLoss(Path(self._recipe.perceptual.backbone), self._device)

    def _seen(
        self, batch: Batch, gammas: NDArray[np.float32], predicted: Tensor, x_t: Tensor
    ) -> Tensor:
        """Give the perceptual loss of the rows early enough in time, (N,); NaN for the others."""
        recipe = self._recipe
        rows = np.flatnonzero(diffusion_time(torch.from_numpy(gammas)) < recipe.perceptual.latest)
        seen = torch.full((len(gammas),), torch.nan, device=self._device)
        if len(rows):
            places, photos = (
                to_device(i, self._device) for i in (rows, rows // recipe.optim.views)
            )
            prediction, levels = recipe.diffusion.prediction, gammas[rows].tolist()
            factors = np.array([x_0_factors(g, prediction) for g in levels], np.float32)
            p, q, r = to_device(factors.T[..., None, None, None], self._device)
            x_0 = (p * x_t[places] + q * predicted[places].float()) / r
            ab = x_0 * recipe.diffusion.ab_scale
            with torch.autocast(self._device.type, torch.bfloat16, enabled=has_bf16(self._device)):
                seen[places] = self._perceptual(batch.L[photos], ab, batch.ab[photos])
        return seen

    @torch.no_grad()
    def validate(self, batch: Batch, rng: Generator) -> Tensor:
        """Give each photo's mean error of v over eight levels of noise.

        Levels are weighed as in training; all cells are alike, whatever `chroma_weight` is. Errors
        of eps and x_0 are taken to that of v, so networks that predict either compare.
        """
        diffusion = self._recipe.diffusion
        levels = cosine_gamma((np.arange(_LEVELS) + 0.5) / _LEVELS).astype(np.float32)
        x_0, gamma, eps = self._noise(batch, np.tile(levels, len(batch.L)), rng, on_cpu=True)
        wanted = target(diffusion.prediction, x_0, gamma, eps)
        predicted = self._predict(self.parts["model"], q_sample(x_0, gamma, eps), batch.L, gamma)
        loss = per_row_loss(predicted, wanted) * error_of_v(diffusion.prediction, gamma)
        if diffusion.weight_limit:
            loss = loss * row_weight(gamma, diffusion.weight_limit)
        return loss.view(-1, _LEVELS).mean(dim=1)

    def _noise(
        self, batch: Batch, gammas: NDArray[np.float32], rng: Generator, *, on_cpu: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw noise for every level: x_0 and eps (N, 2, h, w), gamma (N,), on the device."""
        x_0 = batch.ab.repeat_interleave(len(gammas) // len(batch.ab), dim=0)
        x_0 = x_0 / self._recipe.diffusion.ab_scale
        where = torch.device("cpu") if on_cpu else self._device
        eps = gaussian(tuple(x_0.shape), rng, where).to(self._device, non_blocking=True)
        return x_0, to_device(gammas, self._device), eps

    def _predict(
        self, network: Callable[..., Tensor], x_t: Tensor, L: Tensor, gamma: Tensor
    ) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=has_bf16(self._device)):
            return network(x_t, L, gamma)

    def _weighed(
        self, loss: Tensor, predicted: Tensor, wanted: Tensor, x_0: Tensor, gamma: Tensor
    ) -> Tensor:
        """Weigh cells and rows as the recipe says: a scalar to be lowered."""
        diffusion = self._recipe.diffusion
        if diffusion.chroma_weight:
            loss = per_row_loss(predicted, wanted, chroma_weight(x_0, diffusion.chroma_weight))
        if diffusion.weight_limit:
            loss = loss * row_weight(gamma, diffusion.weight_limit)
        return loss.mean()


def _mean(values: Tensor) -> float | None:
    """Average a loss over the rows that have it; None where no row has."""
    known = values[~values.isnan()]
    return round(known.float().mean().item(), 5) if len(known) else None
