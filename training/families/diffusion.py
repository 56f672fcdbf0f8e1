"""What the diffusion families learn: to undo noise at any level (Ho et al. 2020)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data import Batch
from ..networks.blocks import diffusion_time
from ..optimizer import adamw, descend
from ..torch_device import compile_in_place, has_bf16
from .diffusion_loss import (
    chroma_weight,
    draw_gammas,
    gaussian,
    per_row_loss,
    q_sample,
    row_weight,
    target,
)
from .diffusion_recipe import DiffusionRecipe


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
        if optim.compile:
            compile_in_place(denoiser, device)

    def step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Learn from one batch: the loss of each row and its noise level, both (N,)."""
        optim = self._recipe.optim
        for parameter in self._backbone:
            parameter.requires_grad_(step >= optim.frozen_steps)
        model = self.parts["model"]
        x_0, L, gamma, eps = self._draw(batch, step)
        wanted = target(self._recipe.diffusion.prediction, x_0, gamma, eps)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=has_bf16(self._device)):
            predicted = model(q_sample(x_0, gamma, eps), L, gamma)
        loss = per_row_loss(predicted, wanted)
        whole = self._weighed(loss, predicted, wanted, x_0, gamma)
        descend(self.optimizers[0], whole, model, optim, step)
        return {"loss": loss.detach(), "gamma": gamma}

    def figures(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """Give the mean loss, and that of each third of the time: from nearly clean to noise."""
        loss, gamma = values["loss"].float(), values["gamma"]
        third = (diffusion_time(gamma) * 3).long().clamp(0, 2)
        return {
            "loss": round(loss.mean().item(), 5),
            "loss_by_third": [
                round(loss[third == i].mean().item(), 5) if (third == i).any() else None
                for i in range(3)
            ],
        }

    def _draw(self, batch: Batch, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Draw noise levels and noise: x_0 and eps (N, 2, h, w), L (B, 1, H, W), gamma (N,)."""
        recipe = self._recipe
        # A stream of its own beside that of the photos: [seed, step] is theirs.
        rng = np.random.default_rng([recipe.seed, step, 1])
        x_0 = torch.from_numpy(batch.ab).repeat_interleave(recipe.optim.views, dim=0)
        x_0 = x_0 / recipe.diffusion.ab_scale
        gamma = torch.from_numpy(draw_gammas(recipe.diffusion.schedule, len(x_0), rng))
        eps = gaussian(tuple(x_0.shape), rng)
        drawn = (x_0, torch.from_numpy(batch.L), gamma, eps)
        x_0, L, gamma, eps = (t.to(self._device, non_blocking=True) for t in drawn)
        return x_0, L, gamma, eps

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
