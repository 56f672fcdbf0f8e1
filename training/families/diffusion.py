"""What the diffusion families learn: to undo noise at any level (Ho et al. 2020)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from colorize_cli.diffusion.sampler import x_0_factors
from colorize_cli.diffusion.schedule import cosine_gamma

from ..data.batches import Batch
from ..machine.processes import mean_of, share
from ..networks.blocks import diffusion_time
from ..optimizer import adamw, descend, parts
from ..torch_device import compile_in_place, computing, to_device
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


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows of a step that are here, or a part of them.

    Attributes:
        x_0: (N, 2, h, w) the truth.
        gamma: (N,) the noise levels.
        eps: (N, 2, h, w) the noise.
        weight: (N, 1, h, w) of the cells; None where all are alike.
        levels: the noise levels on the CPU.
        early: rows that have the perceptual loss, in a process of all that there are.
    """

    x_0: Tensor
    gamma: Tensor
    eps: Tensor
    weight: Tensor | None
    levels: NDArray[np.float32]
    early: float

    def part(self, rows: slice) -> Self:
        """Take some of the rows."""
        weight = None if self.weight is None else self.weight[rows]
        return replace(
            self,
            x_0=self.x_0[rows],
            gamma=self.gamma[rows],
            eps=self.eps[rows],
            weight=weight,
            levels=self.levels[rows],
        )


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
        for parameter in self._backbone:
            parameter.requires_grad_(step >= self._recipe.optim.frozen_steps)
        rows = self._rows(batch, step)
        noted = {"gamma": rows.gamma, **moments(rows.x_0)}
        values = {"loss": [], **{name: [value] for name, value in noted.items()}}
        losses = self._losses(batch, rows, values)
        descend(self.optimizers[0], losses, self.parts["model"], self._recipe.optim)
        return {name: torch.cat(value).detach() for name, value in values.items()}

    def _rows(self, batch: Batch, step: int) -> _Rows:
        """Draw the noise of a step for all processes, and take this one's rows."""
        recipe, own = self._recipe, share()
        count = len(batch.L) * recipe.optim.views
        # A stream of its own beside that of the photos: [seed, step] is theirs.
        rng = np.random.default_rng([recipe.seed, step, 1])
        levels = draw_gammas(recipe.diffusion.schedule, count * own.of, rng)
        here = slice(own.index * count, (own.index + 1) * count)
        x_0, gamma, eps = self._noise(batch, levels, rng, here)
        weight = None
        if recipe.diffusion.chroma_weight:
            weight = chroma_weight(x_0, recipe.diffusion.chroma_weight)
            weight = weight / mean_of(weight.mean())
        early = float((diffusion_time(torch.from_numpy(levels)) < recipe.perceptual.latest).sum())
        return _Rows(x_0, gamma, eps, weight, levels[here], early / own.of)

    def _losses(
        self, batch: Batch, rows: _Rows, values: dict[str, list[Tensor]]
    ) -> Iterator[Tensor]:
        """Give the loss of one part of the photos after the other, and note the values of rows."""
        recipe, views = self._recipe, self._recipe.optim.views
        if recipe.perceptual.weight:
            values["perceptual"] = []
        for photos in parts(len(batch.L), recipe.optim.accumulate):
            part = rows.part(slice(photos.start * views, photos.stop * views))
            some = Batch(batch.L[photos], batch.ab[photos])
            x_t = q_sample(part.x_0, part.gamma, part.eps)
            wanted = target(recipe.diffusion.prediction, part.x_0, part.gamma, part.eps)
            predicted = self._predict(self.parts["model"], x_t, some.L, part.gamma)
            loss = per_row_loss(predicted, wanted)
            values["loss"].append(loss.detach())
            whole = self._weighed(loss, predicted, wanted, part)
            if len(some.L) < len(batch.L):
                whole = whole * (len(some.L) / len(batch.L))
            if recipe.perceptual.weight:
                seen = self._seen(some, part.levels, predicted, x_t)
                values["perceptual"].append(seen.detach())
                whole = whole + recipe.perceptual.weight * seen.nansum() / max(part.early, 1e-9)
            yield whole

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Give the mean loss, and that of each third of the time: from nearly clean to noise.

        `loss_of_mean_by_third` is what is had without a look at a photo, see `loss_of_mean`.
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
            with computing(recipe.optim.precision, self._device):
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
        levels = np.tile(levels, len(batch.L))
        x_0, gamma, eps = self._noise(batch, levels, rng, slice(None), on_cpu=True)
        wanted = target(diffusion.prediction, x_0, gamma, eps)
        predicted = self._predict(self.parts["model"], q_sample(x_0, gamma, eps), batch.L, gamma)
        loss = per_row_loss(predicted, wanted) * error_of_v(diffusion.prediction, gamma)
        if diffusion.weight_limit:
            loss = loss * row_weight(gamma, diffusion.weight_limit)
        return loss.view(-1, _LEVELS).mean(dim=1)

    def _noise(
        self,
        batch: Batch,
        gammas: NDArray[np.float32],
        rng: Generator,
        here: slice,
        *,
        on_cpu: bool = False,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw noise for every level, and keep the rows here, as many for each photo.

        Returns:
            x_0 and eps (N, 2, h, w), gamma (N,), on the device.
        """
        own = gammas[here]
        x_0 = batch.ab.repeat_interleave(len(own) // len(batch.ab), dim=0)
        x_0 = x_0 / self._recipe.diffusion.ab_scale
        where = torch.device("cpu") if on_cpu else self._device
        eps = gaussian((len(gammas), *x_0.shape[1:]), rng, where)[here]
        return x_0, to_device(own, self._device), eps.to(self._device, non_blocking=True)

    def _predict(
        self, network: Callable[..., Tensor], x_t: Tensor, L: Tensor, gamma: Tensor
    ) -> Tensor:
        with computing(self._recipe.optim.precision, self._device):
            return network(x_t, L, gamma)

    def _weighed(self, loss: Tensor, predicted: Tensor, wanted: Tensor, rows: _Rows) -> Tensor:
        """Weigh cells and rows as the recipe says: a scalar to be lowered."""
        limit = self._recipe.diffusion.weight_limit
        if rows.weight is not None:
            loss = per_row_loss(predicted, wanted, rows.weight)
        return (loss * row_weight(rows.gamma, limit) if limit else loss).mean()


def _mean(values: Tensor) -> float | None:
    """Average a loss over the rows that have it; None where no row has."""
    known = values[~values.isnan()]
    return round(known.float().mean().item(), 5) if len(known) else None
