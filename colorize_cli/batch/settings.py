"""Settle what colourings are made with, as given, else as in the folder's last run, and say it.

An option that is not given is what the folder's record has: the device that `auto` chose, the
model, the seed, the candidates, the white of wide samples, and the size and the steps while the
model is the same. An option
that is given counts, then and in the runs that follow, so that a run with other settings goes on
as well where it was stopped; only where a part of what is done is made again, it counts for that
part alone. When it differs from the record the user is told before anything is done, and files
that were made otherwise are made again, but for the device, which nobody sees.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import UsageError
from ..model.bundle import Bundle
from ..model.view import SizeChoice
from ..model.views import default_size
from ..photos.limits import Limits, default_memory
from ..runtimes.find_device import runs_on_gpu
from ..system.machine import usable_memory
from ..system.messages import Messages
from ..system.paths import shown
from .shard import Shard

OnColour: TypeAlias = Literal["recolour", "skip", "copy"]

# Settings under which sample k of a photo has other pixels, in the words of the command line.
_DECISIVE = (
    *("seed", "model", "size", "steps", "candidates", "device", "precision", "batch"),
    "white",
)
# Of these, what the user names and what is kept to from run to run.
_KEPT_TO = ("seed", "size", "steps", "candidates", "white")


@dataclass(frozen=True)
class Options:
    """What the user asked for; what is None comes from the folder's record or from the bundle."""

    paths: tuple[Path, ...]
    out: Path
    samples: int = 1  # colourings a photo
    candidates: int | None = None  # samples to draw and choose them from; 0 for no choice
    seed: int | None = None
    model: str | None = None  # name or path of a bundle
    device: str = "auto"  # "auto" | "cpu" | "openvino" | "cuda" | "tensorrt"
    batch: int | None = None  # photographs for one run of the network
    size: SizeChoice | None = None  # a name, or the square root of the working area in pixels
    steps: int | None = None
    format: str = "keep"  # "keep" | "png" | "jpg" | "webp" | "tiff"
    on_colour: OnColour = "recolour"  # photographs in colour; "recolour" takes their lightness
    recursive: bool = True  # whether folders below a named folder are visited as well
    exclude: tuple[str, ...] = ()  # globs of files and folders that are left out
    overwrite: bool = False  # whether existing outputs are made again
    shard: Shard | None = None  # the part of the photographs that is taken
    restore: bool = False  # whether outputs are made again that somebody deleted or renamed
    retry_failed: bool = False  # whether only photographs are taken that failed in the last run
    keep_times: bool = False  # whether outputs have the time of their photograph
    changed: bool = False  # whether only photographs are taken that were edited since
    fail_fast: bool = False  # whether the first failure ends the run
    max_megapixels: float | None = None  # of a photo, and GB of memory; None for the usual limits
    max_memory: float | None = None
    white: float | None = None  # the level of white where samples are wide; None for the usual one
    mark: bool = True  # whether colourings say what made them
    salvage: bool = False  # whether damaged photographs are coloured as far as they decode
    trace: Path | None = None  # where animations of the sampling go; None for none
    trace_forward: bool = False  # whether they show the forward process too
    sheet: bool = False  # whether thumbnails for a sheet are made
    dry_run: bool = False

    def __post_init__(self) -> None:
        _check_candidates(self.candidates or 0, self.samples)
        for name in ("white", "max_megapixels", "max_memory"):
            number = getattr(self, name)
            if number is not None and not (math.isfinite(number) and number > 0):
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} {number}: give a finite number above 0")

    @property
    def limits(self) -> Limits:
        """What one photo may take, of this machine's memory where nothing is said."""
        pixels, memory = Limits().pixels, default_memory(usable_memory())
        if self.max_megapixels is not None:
            pixels = round(self.max_megapixels * 1e6)
        if self.max_memory is not None:
            memory = round(self.max_memory * (1 << 30))
        return Limits(pixels, memory)


@dataclass(frozen=True)
class RunSettings:
    """What a run makes colourings with, as in `Options`; the folder's record is its last run's."""

    model: str  # as the user named it; a path is absolute
    model_digest: str
    device: str
    precision: str  # that the network computes in; empty until it is known
    seed: int
    size: SizeChoice
    steps: int
    batch: int  # on a GPU bits depend on it
    samples: int
    versions: Mapping[str, str]  # by package; empty until it is known what runs
    format: str = "keep"
    candidates: int = 0
    mark: bool = True
    white: float | None = None

    @property
    def drawn(self) -> int:
        """Samples that are drawn of a photo."""
        return self.candidates or self.samples


def settle(options: Options, last: RunSettings | None, bundle: Bundle) -> RunSettings:
    """Settle the settings, but for what only the device can tell.

    `last` is None where no last run counts, and `bundle` is of the `wanted_model`. A device that is
    to be chosen stays "auto", its own batch is 0, and precision and versions are empty. UsageError
    is raised where there are fewer candidates than samples.
    """
    of_model = last if last and last.model_digest == bundle.digest else None
    name = wanted_model(options.model, last)
    settings = RunSettings(
        model=str(bundle.path.absolute()) if bundle.path == Path(name) else name,
        model_digest=bundle.digest,
        device=last.device if last else "auto",
        precision="",
        seed=last.seed if last else 0,
        size=of_model.size if of_model else default_size(bundle),
        steps=of_model.steps if of_model else bundle.family.steps,
        batch=options.batch or 0,
        samples=options.samples,
        versions={},
        format=options.format,
        mark=options.mark,
        candidates=last.candidates if last else 0,
        white=last.white if last else None,
    )
    settings = replace(settings, **_given(options))
    if not bundle.views and isinstance(settings.size, str):  # every name is the same size then
        settings = replace(settings, size=bundle.working_size)
    _check_candidates(settings.candidates, settings.samples)
    return settings


def wanted_model(given: str | None, last: RunSettings | None) -> str:
    """Name the model to use."""
    return given or (last.model if last else "default")


def _given(options: Options) -> dict[str, Any]:
    """Of what is kept to from run to run, what the user names."""
    given = {name: value for name in _KEPT_TO if (value := getattr(options, name)) is not None}
    return given if options.device == "auto" else given | {"device": options.device}


def _check_candidates(candidates: int, samples: int) -> None:
    if 0 < candidates < samples:
        raise UsageError(
            f"{samples} samples cannot be chosen from {candidates} candidates: name more "
            "--candidates, or fewer --samples."
        )


def tell_differences(
    messages: Messages,
    out: Path,
    last: RunSettings,
    now: RunSettings,
    named: Collection[str] = (),
) -> None:
    """Say what differs from the last run into the folder; some of the settings may be `named`."""
    if renamed := _changes(vars(last), vars(now), ["format"]):
        messages.warn(
            f"the last run into {shown(out)} gave other names ({renamed}): the "
            "files that are there stay beside the new ones"
        )
    if last.mark != now.mark:
        without, with_it = (
            ("the last run", "this one") if now.mark else ("this run", "the last one")
        )
        messages.warn(f"{without} into {shown(out)} leaves out what made its files, {with_it} not")
    if different := differences(last, now):
        messages.warn(_other_settings(out, different, named))
    elif changed := _changes(last.versions, now.versions, now.versions):
        messages.note(
            f"the last run into {shown(out)} had other versions ({changed}): "
            "new files may differ from what those would have given, invisibly"
        )


def tell_given(messages: Messages, out: Path, last: RunSettings, options: Options) -> None:
    """Say, where there is nothing to be made, which given settings differ from the last run's."""
    found = [differences(last, replace(last, **_given(options)))]
    if options.model and last.model not in (options.model, str(Path(options.model).absolute())):
        found.append(f"model {last.model}, now {options.model}")
    if any(found):
        messages.warn(_other_settings(out, ", ".join(filter(None, found)), ()))


def decisive(settings: RunSettings) -> dict[str, object]:
    """What decides the pixels of sample k of a photo, but for versions."""
    found = {name: getattr(settings, name) for name in _DECISIVE}
    batch = settings.batch if runs_on_gpu(settings.device) else 0
    found |= {"model": settings.model_digest, "batch": batch}
    if settings.white is None:  # by which files of before it was recorded are known
        del found["white"]
    return found


def differences(last: RunSettings, now: RunSettings) -> str:
    """Name the settings that change pixels and differ."""
    # Between CPUs the batch makes no difference, and of what is not known nothing is said.
    counts = {"batch": any(map(runs_on_gpu, (last.device, now.device))), "precision": now.precision}
    before, after = (vars(each) | {"model": each.model_digest[:12]} for each in (last, now))
    return _changes(before, after, [name for name in _DECISIVE if counts.get(name, True)])


def _changes(
    before: Mapping[str, object], after: Mapping[str, object], names: Iterable[str]
) -> str:
    """Say what differs, as `seed 0, now 7`."""
    pairs = ((name, before.get(name), after.get(name)) for name in names)
    return ", ".join(
        f"{name} {_as_given(old)}, now {_as_given(new)}" for name, old, new in pairs if old != new
    )


def _as_given(value: object) -> str:
    if value is None:
        return "not given"
    return f"{value:g}" if isinstance(value, float) else str(value)


def named_settings(options: Options) -> dict[str, Any]:
    """Of the settings by which files are told apart, those that the user names, as named."""
    # Not what is white: of most photographs that is no matter, and those of other whites fail.
    names = ("seed", "size", "steps", "candidates", "model")
    return {name: value for name in names if (value := getattr(options, name)) is not None}


def _other_settings(out: Path, different: str, named: Collection[str]) -> str:
    stay = (
        "files that exist stay as they are; --overwrite makes them anew, another --out keeps them "
        "apart"
    )
    again = "files of these photographs that were made otherwise are made again, unless altered"
    return (
        f"{shown(out)} holds colourings made with other settings ({different}): "
        f"{again if named else stay}"
    )
