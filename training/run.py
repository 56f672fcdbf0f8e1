"""The body of `colorize train`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from colorize_cli.errors import UsageError
from colorize_cli.system.interrupts import INTERRUPTS
from colorize_cli.system.messages import Course

from .checkpoint import RUN_FILE, WEIGHTS_FILE, load_checkpoint, load_weights
from .data.photos import Photos
from .data.prepared import (
    fill_in_statistics,
    manifest_digest,
    of_part,
    read_manifest,
    validation_data,
)
from .families import family_of
from .lineage import read_origin
from .loop import LoopSettings, train
from .machine.processes import (
    is_first,
    is_restarted,
    launch,
    objects,
    processes_here,
    share,
    together,
)
from .recipe import load_recipe, override
from .recipe_tables import Recipe
from .rehearsal.dry_run import dry_run
from .rehearsal.fit import fitted, memory_explained
from .run_state import RunState, resumed
from .runs.record import read_record, recorded, sole_run
from .torch_device import torch_device
from .trackers import begun_trackers, check_trackers
from .trackers.tracker import TrackedRun
from .validation.losses import ValidationPhotos, read_validation
from .watching.lost_step import lost_steps_left_to_the_first, lost_steps_told
from .watching.watch import family_in_training


def run(
    *,
    recipe: str | None,
    data: Sequence[Path],
    out: Path,
    backbone: Path | None = None,
    init: str | None = None,
    resume_run: bool = False,
    other_data: bool = False,
    minutes: float | None = None,
    auto_batch: bool = False,
    is_dry: bool = False,
    overrides: Sequence[str] = (),
    device: str = "auto",
    workers: int = 1,
    memory: float = 6.0,
    track: Sequence[str] = (),
    report: Callable[[str], None],
    warn: Callable[[str], None] | None = None,
    course: Course | None = None,
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
        other_data: go on, even if `data` has other photographs than the run had.
        minutes: plan the run by the clock: it ends decayed after this time, whatever its steps.
        auto_batch: work through a step in as many parts as memory asks for.
        is_dry: tell what the run will take, from a few steps, and write nothing.
        overrides: changes of the recipe, `optim.lr=1e-4`.
        device: "auto", "cpu" or "cuda".
        workers: threads that decode photos and cut crops.
        memory: GB that decoded photos may take; the rest is decoded at each draw.
        track: names of trackers that are told of figures and pictures, of `TRACKERS`.
        report: takes lines of progress.
        warn: takes lines that people have to know; `report` if not given.
        course: shows how far the run is.

    Raises:
        UsageError: options or data that make no sense, or a gradient was not finite.
        OutOfMemoryError: a step needs more memory than there is.
        MissingExtraError: a tracker is not installed.
        ModelError: weights that cannot be read or do not fit.
    """
    if not data:
        raise UsageError(
            "--data is needed, on a resume too: name the folder or tar shard of the photographs."
        )
    if minutes is not None and minutes <= 0:
        raise UsageError("--minutes must be above 0.")
    check_trackers(track)
    with together(torch_device(device)) as own, ExitStack() as held:
        if is_first() and not is_dry:
            held.enter_context(sole_run(out))  # before what it has of an earlier run is read
        if _is_started_again(out):
            recipe, backbone, init, resume_run = None, None, None, True
        told = report if is_first() else _silent

        def fit(recipe: Recipe) -> Recipe:
            return fitted(recipe, own, told) if auto_batch else recipe

        if resume_run:
            if recipe is not None or backbone is not None or init is not None:
                raise UsageError(
                    "--resume goes on with the run as it is; leave the other options out."
                )
            if not (out / RUN_FILE).exists():
                raise UsageError(
                    f"{out} holds no run: leave out --resume to begin one, or name its --out."
                )
            state = _resumed(out, overrides, own, fit, told)
            end = "" if minutes else f" of {state.recipe.optim.steps}"
            told(f"resumed {out} at step {state.step}{end}")
        else:
            if not is_dry and (out / RUN_FILE).exists():
                raise UsageError(f"{out} holds a run already: use --resume, or another --out.")
            wanted = fit(load_recipe(recipe or "default", overrides))
            state = _begun(wanted, own, backbone, init, told)
        if minutes and state.recipe.stages:
            raise UsageError(
                "This recipe learns in stages, which begin at certain steps: leave --minutes out, "
                "and set optim.steps."
            )
        told("reading the photos")
        memory = memory * 1e9 / processes_here()
        photos, validation = _read(state, data, memory, workers, other_data)
        state.options = {
            "minutes": minutes,
            "data": [path.name for path in data],
            "backbone": backbone.name if backbone else None,
            "init": Path(init).name if init else None,
        }
        photos.share_faults(told)
        _announce(state, photos, told)
        if is_first() and validation is None:
            told(
                "no validation.data, and no prepared folder with 50 photos or more to validate on: "
                "neither a validation loss nor pictures of samples"
            )
        settings = LoopSettings(
            out, minutes, validation, warn=warn or told, course=course, workers=workers
        )
        if is_dry:
            with memory_explained(state.recipe, own, out if resume_run else None):
                dry_run(state, photos, minutes, workers, told)
        elif is_first():
            _train_recorded(state, photos, settings, track, report)
        else:
            with lost_steps_left_to_the_first():
                _train(state, photos, settings, _silent)


def _is_started_again(out: Path) -> bool:
    """Tell whether torchrun starts once more what began the run in a folder, in all processes.

    A run that was there before is not its own to go on with.
    """
    is_own = (out / RUN_FILE).exists() and read_record(out).get("launch") == launch()
    return bool(objects(is_restarted() and is_own)[0])


def _read(
    state: RunState, data: Sequence[Path], memory: float, workers: int, other_data: bool
) -> tuple[Photos, ValidationPhotos | None]:
    """Read what a run learns from and what it is judged on."""
    recipe = state.recipe
    table = replace(recipe.validation, data=validation_data(recipe.validation.data, data))
    sets, size, least = recipe.data.sets, recipe.data.size, recipe.data.smallest
    validation = read_validation(table, size, least) if table.data and is_first() else None
    if not state.step and "statistics" in state.objective.parts:
        fill_in_statistics(state.objective.parts["statistics"], data)
    shards = of_part(data, "train")
    photos = Photos(shards, sets, size, smallest=least, memory=memory, workers=workers)
    state.set_data(
        {
            "digest": photos.digest,
            "photos": len(photos),
            "manifests": [manifest_digest(path) for path in data if read_manifest(path)],
        },
        may_differ=other_data,
    )
    return photos, validation


def _announce(state: RunState, photos: Photos, report: Callable[[str], None]) -> None:
    """Tell what is trained on what, and by how many processes."""
    parameters = sum(p.numel() for p in state.model.parameters())
    count, several = len(photos) - len(photos.faults), share().of
    step = several * state.recipe.optim.photos
    by = f", {several} processes, {step:,} photos a step in all" if several > 1 else ""
    report(f"{count:,} photos; {state.recipe.name}: {parameters / 1e6:.1f} M parameters{by}")


def _train_recorded(
    state: RunState,
    photos: Photos,
    settings: LoopSettings,
    track: Sequence[str],
    report: Callable[[str], None],
) -> None:
    """Train, note in the run's folder how it goes, and tell its trackers."""
    out, recipe = settings.out, state.recipe
    if (warning := family_in_training(recipe).warning) and settings.warn:
        settings.warn(f"warning: {warning}.")
    steps = None if settings.minutes else state.optim.steps
    facts = {"recipe": recipe.name, "family": recipe.family, "steps": steps, "launch": launch()}
    with recorded(out, **facts) as record, lost_steps_told(state, photos, out):
        run = TrackedRun(out, state.step, recipe.to_dict())
        with begun_trackers(track, run) as trackers:
            is_stopped = _train(state, photos, replace(settings, trackers=trackers), report)
        record.end("stopped" if is_stopped else "finished")


def _train(
    state: RunState, photos: Photos, settings: LoopSettings, report: Callable[[str], None]
) -> bool:
    """Train until the end or a signal, and tell what comes next; True where it was stopped.

    Raises:
        KeyboardInterrupt: a signal stopped this process; all is saved.
    """
    device = str(state.device)
    with INTERRUPTS.heeded(), INTERRUPTS.gently("step"):
        with memory_explained(state.recipe, device, settings.out):
            train(state, photos, settings, report, lambda: INTERRUPTS.is_wanted)
        photos.share_faults(report)  # of photos that found no room, and were decoded since
        is_stopped = any(objects(INTERRUPTS.is_wanted))
        after = (
            "--resume goes on from there"
            if is_stopped
            else f"colorize export {settings.out / WEIGHTS_FILE} makes a bundle of it"
        )
        report(f"step {state.step}; saved in {settings.out}; {after}")
    if INTERRUPTS.is_wanted:
        raise KeyboardInterrupt
    return is_stopped


def _silent(line: str) -> None:
    """Report nothing: only the first of several processes does."""


def _resumed(
    out: Path,
    overrides: Sequence[str],
    device: str,
    fit: Callable[[Recipe], Recipe],
    report: Callable[[str], None],
) -> RunState:
    """Load the run in a folder, its recipe changed where that is possible."""
    checkpoint = load_checkpoint(out / RUN_FILE)
    stored = checkpoint.recipe
    changed = override(stored, overrides)
    if changed.parts != stored.parts:
        raise UsageError(
            "A resume cannot change the networks, their family or optim.tuned_stages: start "
            f"another run with --init {out / WEIGHTS_FILE}."
        )
    before = stored.optim.photos * checkpoint.progress.get("options", {}).get("processes", 1)
    now = changed.optim.photos * share().of
    if before != now:
        own, rest = divmod(before, share().of)
        keeps = "" if rest else f"; --set optim.photos={own} keeps it"
        report(f"a step has {now:,} photos from here on, where it had {before:,}{keeps}")
    fitting = fit(changed)
    with memory_explained(fitting, device, out):
        return resumed(checkpoint, fitting, device)


def _begun(
    recipe: Recipe,
    device: str,
    backbone: Path | None,
    init: str | None,
    report: Callable[[str], None],
) -> RunState:
    """Begin a run from the weights of another, or from what is pretrained of its network."""
    with memory_explained(recipe, device, None):
        state = RunState(recipe, device)
    if init is not None:
        weights, state.begun_from = read_origin(init)
        load_weights(state.model, weights, Path(init))
    else:
        family_of(recipe.family).load_backbone(state.model, backbone, report)
    state.ema.restart()
    return state
