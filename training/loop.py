"""The training loop: one process, on a GPU or on the CPU, exactly resumable."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from math import cos, pi
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch import Tensor, nn

from colorize_cli.errors import UsageError
from colorize_cli.system.files import write_atomic

from .checkpoint import (
    RUN_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    load_checkpoint,
    pack_run,
    save_checkpoint,
    unpack_run,
)
from .data import Batch, Photos, batches
from .diffusion import (
    chroma_weight,
    draw_gammas,
    gaussian,
    per_row_loss,
    q_sample,
    row_weight,
    target,
)
from .ema import Ema
from .networks.build import EncoderColorizer, build
from .recipe import OptimRecipe, Recipe

_LOG_EVERY_S = 20.0


@dataclass(frozen=True)
class LoopSettings:
    """What a run needs besides its recipe.

    Attributes:
        out: folder for checkpoints and `log.jsonl`.
        device: torch device.
        minutes: stop after this time, resumable; None to run to the recipe's last step.
        checkpoint_every_s: seconds between checkpoints.
        workers: threads that prepare batches.
    """

    out: Path
    device: str = "cpu"
    minutes: float | None = None
    checkpoint_every_s: float = 300.0
    workers: int = 1


def learning_rate(optim: OptimRecipe, step: int) -> float:
    """Factor on the peak rate: linear warm-up, a plateau, cosine decay to zero at the end."""
    if step < optim.warmup:
        return (step + 1) / optim.warmup
    done = step / optim.steps
    if done <= optim.decay_from:
        return 1.0
    return 0.5 * (1 + cos(pi * min(1.0, (done - optim.decay_from) / (1 - optim.decay_from))))


class Run:
    """A network in training, with everything that a checkpoint holds."""

    def __init__(self, recipe: Recipe, device: str) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = torch.device(device)
        self.model: nn.Module = build(recipe.family, recipe.network)
        self.model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optim = recipe.optim
        self.backbone: list[nn.Parameter] = []
        if isinstance(self.model, EncoderColorizer):
            whole = self.model.encoder.backbone
            whole.requires_grad_(False)
            self.backbone = whole.last_stages(optim.tuned_stages)
        rest = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [{"params": rest, "scale": 1.0}, {"params": self.backbone, "scale": optim.backbone_lr}],
            lr=optim.lr,
            betas=(0.9, optim.beta2),
            weight_decay=optim.weight_decay,
            fused=True,
        )
        by_id = {id(p): name for name, p in self.model.named_parameters()}
        self.names = [by_id[id(p)] for p in (*rest, *self.backbone)]
        self.ema = Ema(self.model, optim.ema)
        self.step = 0
        self.samples_seen = 0
        self.seconds = 0.0

    def load(self, checkpoint: Checkpoint) -> None:
        """Take over the state of a run that stopped."""
        model, ema, optimizer = unpack_run(checkpoint.state, self.names)
        self.model.load_state_dict(model)
        for name, tensor in self.ema.state.items():
            tensor.copy_(ema[name])
        parameters = dict(self.model.named_parameters())
        for index, entries in optimizer.items():
            for key, value in entries.items():
                if value.dim():  # the fused optimizer walks the memory of all as it lies
                    like = torch.empty_like(parameters[self.names[index]])
                    entries[key] = like.copy_(value)
        state = self.optimizer.state_dict()
        state["state"] = optimizer
        self.optimizer.load_state_dict(state)
        self.step = checkpoint.progress["step"]
        self.samples_seen = checkpoint.progress["samples_seen"]
        self.seconds = checkpoint.progress["seconds"]

    def save(self, out: Path) -> None:
        """Write the run's state and the averaged weights."""
        progress = {
            "step": self.step,
            "samples_seen": self.samples_seen,
            "seconds": round(self.seconds, 1),
            "torch": torch.__version__,
        }
        state = pack_run(self.model.state_dict(), self.ema.state, self.names, self.optimizer)
        save_checkpoint(out / WEIGHTS_FILE, Checkpoint(self.recipe, self.ema.state, progress))
        save_checkpoint(out / RUN_FILE, Checkpoint(self.recipe, state, progress))

    def train_step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Take one optimisation step; the loss of each row and its noise level, both (N,)."""
        optim = self.recipe.optim
        frozen = self.step < optim.frozen_steps
        for parameter in self.backbone:
            parameter.requires_grad_(not frozen)
        for group in self.optimizer.param_groups:
            group["lr"] = optim.lr * group["scale"] * learning_rate(optim, self.step)

        torch.manual_seed(hash((self.recipe.seed, self.step)))  # of dropout, for exact resumes
        loss, gamma, whole = self._losses(batch)
        self.optimizer.zero_grad(set_to_none=True)
        whole.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), optim.clip)
        if not torch.isfinite(norm):
            raise UsageError(
                f"The gradient of step {self.step} is not finite. Go on from the last save with "
                "--resume and a lower rate: --set optim.lr=..."
            )
        self.optimizer.step()
        self.step += 1
        self.samples_seen += len(loss)
        self.ema.update(self.step)
        return loss.detach(), gamma

    def _losses(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The loss of each row and its noise level, both (N,), and what is to be lowered."""
        x_0, x_t, L, gamma, wanted = self._noise(batch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=_has_bf16(self.device)):
            predicted = self.model(x_t, L, gamma)
        loss = whole = per_row_loss(predicted, wanted)
        diffusion = self.recipe.diffusion
        if diffusion.chroma_weight:
            weight = chroma_weight(x_0, diffusion.chroma_weight)
            whole = per_row_loss(predicted, wanted, weight)
        if diffusion.weight_limit:
            whole = whole * row_weight(gamma, diffusion.weight_limit)
        return loss, gamma, whole.mean()

    def _noise(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        recipe = self.recipe
        views = recipe.optim.views
        # A stream of its own beside that of the photos: [seed, step] is theirs.
        rng = np.random.default_rng([recipe.seed, self.step, 1])
        x_0 = torch.from_numpy(batch.ab).repeat_interleave(views, dim=0)
        x_0 = x_0 / recipe.diffusion.ab_scale
        gamma = torch.from_numpy(draw_gammas(recipe.diffusion.schedule, len(x_0), rng))
        eps = gaussian(tuple(x_0.shape), rng)
        L = torch.from_numpy(batch.L)
        x_0, gamma, eps, L = (t.to(self.device, non_blocking=True) for t in (x_0, gamma, eps, L))
        wanted = target(recipe.diffusion.prediction, x_0, gamma, eps)
        return x_0, q_sample(x_0, gamma, eps), L, gamma, wanted


def train(
    run: Run,
    photos: Photos,
    settings: LoopSettings,
    report: Callable[[str], None],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train to the recipe's last step, the time limit, or until `stop()` says so.

    The state is saved every few minutes and at the end; a run that fails keeps the last save.

    Args:
        run: fresh or loaded.
        photos: the training data.
        settings: where, on what and how long.
        report: takes a line of progress every 20 seconds.
        stop: asked after every step.
    """
    recipe = run.recipe
    settings.out.mkdir(parents=True, exist_ok=True)
    if recipe.optim.compile:
        _check_compiler(run.device)
        denoiser = run.model.denoiser if isinstance(run.model, EncoderColorizer) else run.model
        denoiser.compile()
    started = saved = logged = time.monotonic()
    before = run.seconds
    window: list[tuple[Tensor, Tensor]] = []
    is_told = False  # that photos are left out
    source = batches(
        photos, recipe.data, recipe.optim.photos, recipe.seed, run.step, settings.workers
    )
    with closing(source), _open_log(settings.out / "log.jsonl", run.step) as log:
        while run.step < recipe.optim.steps:
            window.append(run.train_step(next(source)))
            now = time.monotonic()
            run.seconds = before + now - started
            is_over = settings.minutes is not None and now - started > settings.minutes * 60
            is_last = is_over or run.step == recipe.optim.steps or stop()
            if is_last or now - logged > _LOG_EVERY_S:
                entry = _entry(run, window, now - logged)
                log.write(json.dumps(entry) + "\n")
                log.flush()
                report(_line(entry, recipe.optim.steps))
                if not is_told and (left_out := photos.colourless):
                    report(f"photos grey or of one tint are left out, {left_out[0]} for one")
                    is_told = True
                logged, window = now, []
            if is_last or now - saved > settings.checkpoint_every_s:
                run.save(settings.out)
                saved = now
            if is_last:
                break


def _check_compiler(device: torch.device) -> None:
    """Find out before the first step whether torch.compile has what it needs here."""
    try:
        torch.compile(torch.neg)(torch.zeros(2, device=device))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        raise UsageError(
            f"optim.compile needs a compiler that works ({reason}). Install one, or leave it out "
            "with --set optim.compile=false."
        ) from error


def _open_log(path: Path, step: int) -> TextIO:
    """Open the log to go on after `step`: what was logged beyond the last save will come again."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if line.endswith("}") and json.loads(line)["step"] <= step]
    write_atomic(path, "".join(f"{line}\n" for line in kept).encode())
    return path.open("a", encoding="utf-8")


def resume(out: Path, recipe: Recipe | None, device: str) -> Run:
    """Load the run that stopped in `out`; a `recipe` given replaces its own (more steps, say)."""
    checkpoint = load_checkpoint(out / RUN_FILE)
    run = Run(recipe or checkpoint.recipe, device)
    run.load(checkpoint)
    return run


def _entry(run: Run, window: list[tuple[Tensor, Tensor]], seconds: float) -> dict[str, Any]:
    loss = torch.cat([pair[0] for pair in window]).float().cpu()
    gamma = torch.cat([pair[1] for pair in window]).cpu()
    # gamma = cos^2(pi t / 2): the thirds of t, from nearly clean to nearly noise.
    third = (gamma.sqrt().acos() * (2 / pi) * 3).long().clamp(0, 2)
    return {
        "step": run.step,
        "samples": run.samples_seen,
        "seconds": round(run.seconds, 1),
        "loss": round(loss.mean().item(), 5),
        "loss_by_third": [
            round(loss[third == i].mean().item(), 5) if (third == i).any() else None
            for i in range(3)
        ],
        "lr": run.optimizer.param_groups[0]["lr"],
        "samples_per_second": round(len(loss) / seconds, 2),
    }


def _line(entry: dict[str, Any], steps: int) -> str:
    return (
        f"step {entry['step']}/{steps}  samples {entry['samples']:,}  loss {entry['loss']:.4f}  "
        f"lr {entry['lr']:.1e}  {entry['samples_per_second']:.1f} samples/s"
    )


def _has_bf16(device: torch.device) -> bool:
    """Tell whether bfloat16 is faster here than float32; where it is emulated it is not."""
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.cuda.is_bf16_supported(including_emulation=False)
