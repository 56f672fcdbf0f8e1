"""A run in training: all that decides its next step, and so all that a resume needs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from colorize_cli.errors import UsageError

from .checkpoint import (
    RUN_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    halved,
    load_checkpoint,
    save_checkpoint,
)
from .data.batches import Batch
from .ema import Ema
from .families import family_of
from .kept_checkpoints import keep_state
from .lineage import with_total
from .machine.made_with import commit, versions
from .machine.processes import gathered, is_first, objects, share, spread
from .optimizer import check_gradients, loss_scaler, set_rate
from .plan import rescaled
from .recipe_tables import Recipe


class RunState:
    """A network in training, with everything that a checkpoint holds.

    Attributes:
        recipe: what is trained.
        optim: its numbers for the batch that it has.
        device: torch device.
        objective: what the network learns, and how.
        model: the network itself.
        ema: its averaged weights.
        step: steps taken.
        samples_seen: in these steps.
        seconds: that they took.
        begun_from: the earlier runs that its first weights come from, the oldest first.
        data: what it was last trained on, as `set_data` notes it; empty for older runs.
        options: how it was started, beside its recipe; for whoever reads the checkpoint.
    """

    def __init__(self, recipe: Recipe, device: str) -> None:
        """Build the network with random weights.

        Raises:
            UsageError: the recipe's network is not of its family, or is to be compiled, and there
                is no compiler.
        """
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = torch.device(device)
        family = family_of(recipe.family)
        if recipe.network.get("folded") or recipe.network.get("deployed"):
            raise UsageError("network.folded and network.deployed are of bundles, not of runs.")
        try:
            model = family.build(recipe.network)
        except (TypeError, ValueError, RuntimeError) as error:
            raise UsageError(f"The recipe's [network] does not fit its family: {error}.") from error
        model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optim = rescaled(recipe.optim, share().of)
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True
        self.objective = family.objective(replace(recipe, optim=self.optim), model, self.device)
        self.model = self.objective.parts["model"]
        self.ema = Ema(self.model, self.optim.ema)
        self.step = 0
        self.samples_seen = 0
        self.seconds = 0.0
        self.begun_from: list[dict[str, Any]] = []
        self.data: dict[str, Any] = {}
        self.options: dict[str, Any] = {}
        # Asked for now: files may change while it goes on, and who saves may be `alone`.
        self._made_with = {"commit": commit(), "versions": versions()}
        self._processes = share().of

    def set_data(self, data: Mapping[str, Any], *, may_differ: bool) -> None:
        """Note what the run is trained on: `digest`, `photos` and `manifests`.

        Raises:
            UsageError: it was trained on something else before, and that may not be.
        """
        if self.data and self.data["digest"] != data["digest"] and not may_differ:
            raise UsageError(
                f"The run was trained on other photographs: {self.data['photos']:,} of them, where "
                f"--data has {data['photos']:,}. Name the same, or say --other-data to go on with "
                "these."
            )
        self.data = dict(data)

    def train_step(self, batch: Batch, rate: float) -> Mapping[str, Tensor]:
        """Take one step.

        Args:
            batch: photos, on the device.
            rate: factor on the peak rate.

        Returns:
            What the objective says of each sample, in all processes, all (N,).
        """
        set_rate(self.objective.optimizers, rate)
        # Dropout draws from PyTorch's own stream, which has to be the same after a resume, and
        # another one in each process.
        own = () if is_first() else (share().index,)
        torch.manual_seed(hash((self.recipe.seed, self.step, *own)))
        values = gathered(self.objective.step(batch, self.step))
        self.step += 1
        self.samples_seen += len(next(iter(values.values())))
        self.ema.update(self.step)
        return values

    def save(self, out: Path) -> None:
        """Write the run's state and the averaged weights.

        Raises:
            UsageError: gradients were not finite; nothing is written.
        """
        check_gradients(self.objective.optimizers)
        self.save_weights(out / WEIGHTS_FILE)
        more = {"loss_scales": self._loss_scales()} if self.optim.precision == "fp16" else {}
        progress = self._progress() | more
        save_checkpoint(out / RUN_FILE, Checkpoint(self.recipe, self._pack(), progress))
        keep_state(out, self.step, self.recipe.checkpoints.last)

    def save_weights(self, path: Path, **more: Any) -> None:
        """Write the averaged weights, with the run's progress and `more` that is known of them."""
        averaged = self.model.state_dict() | self.ema.state
        if self.recipe.checkpoints.half:
            averaged = halved(averaged)
        save_checkpoint(path, Checkpoint(self.recipe, averaged, self._progress() | more))

    def _progress(self) -> dict[str, Any]:
        return with_total(
            {
                "step": self.step,
                "samples_seen": self.samples_seen,
                "seconds": round(self.seconds, 1),
                **self._made_with,
                "options": {
                    "processes": self._processes,
                    "device": self.device.type,
                    **self.options,
                },
                "begun_from": self.begun_from,
                "data": self.data,
            }
        )

    def load(self, checkpoint: Checkpoint) -> None:
        """Take over the state of a run that stopped."""
        for part, module in self.objective.parts.items():
            module.load_state_dict(_below(checkpoint.state, part))
        for name, tensor in _below(checkpoint.state, "ema").items():
            self.ema.state[name].copy_(tensor)
        self._load_moments(_below(checkpoint.state, "optim"))
        self.step = checkpoint.progress["step"]
        self.samples_seen = checkpoint.progress["samples_seen"]
        self.seconds = checkpoint.progress["seconds"]
        self.begun_from = checkpoint.progress.get("begun_from", [])
        self.data = checkpoint.progress.get("data", {})
        scales = checkpoint.progress.get("loss_scales", [])
        for scaler, stored in zip(self._loss_scalers(), scales, strict=False):
            scaler.load_state_dict(stored)

    def _loss_scalers(self) -> list[torch.amp.GradScaler]:
        scalers = (loss_scaler(optimizer) for optimizer in self.objective.optimizers)
        return [scaler for scaler in scalers if scaler]

    def _loss_scales(self) -> list[dict[str, Any]]:
        return [scaler.state_dict() for scaler in self._loss_scalers()]

    def meet(self) -> None:
        """Take over the first process's weights and averages, where there are several.

        Raises:
            UsageError: another process stands elsewhere, or was given other photographs.
        """
        if len({*objects((self.step, self.data.get("digest")))}) > 1:
            raise UsageError(
                "The processes of this run do not see the same --data and the same --out: both "
                "have to be there on every machine, with the same content."
            )
        with torch.no_grad():
            spread(self._pack().values())

    def _pack(self) -> dict[str, Tensor]:
        """Flatten the state of the run into one dict of tensors."""
        state = {
            f"{part}.{name}": tensor
            for part, module in self.objective.parts.items()
            for name, tensor in module.state_dict().items()
        }
        state |= {f"ema.{name}": tensor for name, tensor in self.ema.state.items()}
        names = self._parameter_names()
        for optimizer in self.objective.optimizers:
            for parameter, moments in optimizer.state.items():
                for key, value in moments.items():
                    state[f"optim.{key}.{names[parameter]}"] = value
        return state

    def _load_moments(self, stored: Mapping[str, Tensor]) -> None:
        """Give the optimizers what they had gathered, by `MOMENT.PARAMETER`."""
        names = self._parameter_names()
        by_name: dict[str, dict[str, Tensor]] = {}
        for key, value in stored.items():
            moment, name = key.split(".", 1)
            by_name.setdefault(name, {})[moment] = value
        for optimizer in self.objective.optimizers:
            own = [p for group in optimizer.param_groups for p in group["params"]]
            moments = {
                i: {key: _laid_out(value, p) for key, value in by_name[names[p]].items()}
                for i, p in enumerate(own)
                if names[p] in by_name
            }
            optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})

    def _parameter_names(self) -> dict[Tensor, str]:
        """Names that are unique over all parts; those of the model stand for themselves."""
        return {
            parameter: name if part == "model" else f"{part}.{name}"
            for part, module in self.objective.parts.items()
            for name, parameter in module.named_parameters()
        }


def resume(out: Path, recipe: Recipe | None, device: str) -> RunState:
    """Load the run that stopped in `out`; a `recipe` given replaces its own (more steps, say)."""
    return resumed(load_checkpoint(out / RUN_FILE), recipe, device)


def resumed(checkpoint: Checkpoint, recipe: Recipe | None, device: str) -> RunState:
    """Go on from a run's checkpoint, as `resume` does."""
    state = RunState(recipe or checkpoint.recipe, device)
    state.load(checkpoint)
    return state


def _below(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _laid_out(moment: Tensor, parameter: nn.Parameter) -> Tensor:
    """Lay a moment out as its parameter: the fused optimizer walks the memory of all as it lies."""
    return torch.empty_like(parameter).copy_(moment) if moment.dim() else moment
