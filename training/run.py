"""The body of `colorize train`."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor

from colorize_cli.errors import ModelError, UsageError
from colorize_cli.model.bundle import load_bundle

from .bundle_state import network_from_bundle
from .checkpoint import RUN_FILE, WEIGHTS_FILE, load_checkpoint, load_weights
from .data import Photos
from .loop import LoopSettings, Run, resume, train
from .networks.backbone import load_pretrained
from .networks.build import EncoderColorizer
from .recipe import Recipe, load_recipe, override


def run(
    *,
    recipe: str | None,
    data: Sequence[Path],
    out: Path,
    backbone: Path | None = None,
    init: str | None = None,
    resume_run: bool = False,
    minutes: float | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    workers: int = 1,
    report: Callable[[str], None],
) -> None:
    """Train a model, or go on with a run that stopped.

    Args:
        recipe: name or TOML file; None for the default's, or on a resume the run's own.
        data: shards and folders of colour photographs.
        out: the run's folder.
        backbone: safetensors file of ImageNet weights under timm's names.
        init: what to start all weights from: `weights.safetensors` of a run, or a bundle by name or
            path.
        resume_run: go on with the run in `out`.
        minutes: stop after this time; the run can be resumed.
        overrides: changes of the recipe, `optim.lr=1e-4`.
        device: "auto", "cpu" or "cuda".
        workers: threads that prepare batches.
        report: takes lines of progress.

    Raises:
        UsageError: options or data that make no sense.
        ModelError: weights that cannot be read or do not fit.
    """
    if not data:
        raise UsageError(
            "--data is needed, on a resume too: name the folder or tar shard of the photographs."
        )
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if resume_run:
        if recipe is not None or backbone is not None or init is not None:
            raise UsageError("--resume goes on with the run as it is; leave the other options out.")
        stored = load_checkpoint(out / RUN_FILE).recipe
        changed = override(stored, overrides)
        if _trained(changed) != _trained(stored):
            raise UsageError(
                "A resume cannot change the network, its family or optim.tuned_stages: start "
                f"another run with --init {out / WEIGHTS_FILE}."
            )
        state = resume(out, changed, device)
        report(f"resumed {out} at step {state.step} of {state.recipe.optim.steps}")
    else:
        if (out / RUN_FILE).exists():
            raise UsageError(f"{out} holds a run already: use --resume, or another --out.")
        try:
            state = Run(load_recipe(recipe or "default", overrides), device)
        except TypeError as error:
            raise UsageError(f"The recipe's [network] does not fit its family: {error}.") from error
        _initialise(state, backbone, init, report)
    photos = Photos(data, state.recipe.data.sets)
    parameters = sum(p.numel() for p in state.model.parameters())
    report(f"{len(photos):,} photos; {state.recipe.name}: {parameters / 1e6:.1f} M parameters")
    settings = LoopSettings(out=out, device=device, minutes=minutes, workers=workers)
    with _until_signal() as stop:
        train(state, photos, settings, report, stop)
        if left_out := len(photos.colourless):
            report(
                f"left out as grey or of one tint: {left_out:,} of the {len(photos):,} photos, as "
                "far as they were drawn"
            )
        report(f"step {state.step}; saved in {out}; --resume goes on from there")


def _trained(recipe: Recipe) -> tuple[object, ...]:
    """What decides which parameters there are, and which of them the optimizer has."""
    return recipe.network, recipe.family, recipe.optim.tuned_stages


def _initialise(
    state: Run, backbone: Path | None, init: str | None, report: Callable[[str], None]
) -> None:
    """Fill in pretrained weights and start the average from them."""
    if init is not None:
        load_weights(state.model, _weights_of(init), Path(init))
    elif isinstance(state.model, EncoderColorizer):
        encoder = state.model.encoder
        if backbone is not None:
            try:
                load_pretrained(encoder.backbone, backbone)
            except (OSError, ValueError) as error:
                raise ModelError(f"{backbone} cannot serve as the backbone: {error}") from error
        else:
            default = network_from_bundle(load_bundle("default"))
            assert isinstance(default, EncoderColorizer)
            encoder.backbone.load_state_dict(default.encoder.backbone.state_dict())
            report("backbone: from the default bundle's encoder")
    for name, parameter in state.model.named_parameters():
        state.ema.state[name].copy_(parameter.detach())


def _weights_of(init: str) -> dict[str, Tensor]:
    if init.endswith(".safetensors"):
        return load_checkpoint(Path(init)).state
    return network_from_bundle(load_bundle(init)).state_dict()


@contextmanager
def _until_signal() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a clean stop; a second one ends at once."""
    stopped = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal stopped
        if stopped:
            raise KeyboardInterrupt
        stopped = True

    previous = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if stopped:
        raise KeyboardInterrupt
