"""Settle what colourings are made with, as given, else as in the folder's last run, and say it.

An option that is not given is what the folder's record has: the device that `auto` chose, the
model, the seed, the candidates, the saturation, the quality, the white of wide samples, and the
size and the steps while the model is the same. What the user's own file of defaults says of these
counts where there is no last run. An option that is given counts, then and in the runs that follow,
so that a run with other settings goes on as well where it was stopped; only where a part of what is
done is made again, it counts for that part alone. What differs is said by `asked.differences`.
"""

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import UsageError
from ..model.bundle import Bundle
from ..model.view import SizeChoice
from ..model.views import default_size
from ..photos.limits import Limits, default_memory
from ..photos.write import takes_quality
from ..runtimes.find_device import runs_on_gpu
from ..system.machine import usable_memory
from .asked.name_template import PLAIN, NameTemplate, parse_template
from .shard import Shard

MOST_SATURATION = 4.0  # beyond, nearly all is at the edge of what sRGB can show
OnColour: TypeAlias = Literal["recolour", "skip", "copy"]

# Settings under which sample k of a photo has other pixels, in the words of the command line.
DECISIVE = (
    *("seed", "model", "size", "steps", "candidates", "device", "precision", "batch"),
    *("white", "saturation", "quality"),
)
# Of these, what the user names and what is kept to from run to run.
_KEPT_TO = ("seed", "size", "steps", "candidates", "white", "saturation", "quality")
# Those by which files of before they were recorded are known, as long as they are as usual.
_USUAL = {"white": None, "saturation": 1.0, "quality": 0}


@dataclass(frozen=True)
class Options:
    """What the user asked for; what is None comes from the folder's record or from the bundle."""

    paths: tuple[Path, ...]
    out: Path  # a folder; with `is_single` the one file, `-` for standard output
    is_single: bool = False  # whether one photograph becomes one file, beside no ledger
    is_from_stdin: bool = False  # which is that photograph
    samples: int = 1  # colourings a photo
    sample: int | None = None  # the one of them that is made, from 1; None for all
    candidates: int | None = None  # samples to draw and choose them from; 0 for no choice
    seed: int | None = None
    model: str | None = None  # name or path of a bundle
    device: str | None = None  # "auto", also against the user's defaults, or one of `RUNTIMES`
    batch: int | None = None  # photographs for one run of the network
    size: SizeChoice | None = None  # a name, or the square root of the working area in pixels
    steps: int | None = None
    format: str = "keep"  # "keep" | "png" | "jpg" | "webp" | "tiff"
    quality: int | None = None  # of JPEG, WebP and AVIF, 1 to 100; 0 for the usual one
    saturation: float | None = None  # factor on the colours
    name: str = PLAIN  # how colourings are named, as `parse_template` takes it
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
    # The user's own defaults of what is kept to from run to run, where there is no last run.
    usual: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_candidates(self.candidates or 0, self.samples)
        _check_quality(self.quality or 0, self.format)
        parse_template(self.name)
        if self.saturation is not None and not 0 <= self.saturation <= MOST_SATURATION:
            raise UsageError(f"--saturation {self.saturation}: give 0 to {MOST_SATURATION:g}")
        for name in ("white", "max_megapixels", "max_memory"):
            number = getattr(self, name)
            if number is not None and not (math.isfinite(number) and number > 0):
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} {number}: give a finite number above 0")

    @property
    def template(self) -> NameTemplate:
        """How colourings are named."""
        return parse_template(self.name)

    @property
    def only(self) -> int | None:
        """The number, from 0, of the one sample that is made; None for all."""
        return None if self.sample is None else self.sample - 1

    @property
    def names_device(self) -> bool:
        """Whether there is one device that it is to be, or none."""
        return self.device not in (None, "auto")

    @property
    def asked(self) -> tuple[int, ...]:
        """The numbers, from 0, of the samples that are made."""
        return tuple(range(self.samples)) if self.only is None else (self.only,)

    @property
    def is_to_stdout(self) -> bool:
        """Whether the colouring goes to standard output."""
        return self.is_single and self.out == Path("-")

    @property
    def folder(self) -> Path:
        """The folder that files go to, if only for a time."""
        if self.is_to_stdout:
            return Path(tempfile.gettempdir())
        return self.out.parent if self.is_single else self.out

    @property
    def has_template(self) -> bool:
        """Whether colourings have other names than their photographs."""
        return self.name != PLAIN

    def without_last_run(self) -> "Options":
        """These options, with the user's own defaults for what is not given."""
        names = (n for n in self.usual if n != "quality" and getattr(self, n) is None)
        return replace(self, **{name: self.usual[name] for name in names})

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
    saturation: float = 1.0
    quality: int = 0
    name: str = PLAIN


def drawn(samples: int, candidates: int, only: int | None) -> tuple[int, int]:
    """Say how many samples are drawn of a photo, and the number of the first, from 0.

    Of the `samples` that it has, `only` one may be made, by its number from 0.
    """
    if only is not None and not candidates:
        return 1, only
    return candidates or samples, 0


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
        saturation=last.saturation if last else 1.0,
        quality=last.quality if last else options.usual.get("quality", 0),
        name=options.name,
    )
    settings = replace(settings, **given(options))
    if not bundle.views and isinstance(settings.size, str):  # every name is the same size then
        settings = replace(settings, size=bundle.working_size)
    _check_candidates(settings.candidates, settings.samples)
    return settings


def wanted_model(given: str | None, last: RunSettings | None) -> str:
    """Name the model to use."""
    return given or (last.model if last else "default")


def given(options: Options) -> dict[str, Any]:
    """Return, of what is kept to from run to run, what the user names."""
    given = {name: value for name in _KEPT_TO if (value := getattr(options, name)) is not None}
    return given | {"device": options.device} if options.names_device else given


def _check_candidates(candidates: int, samples: int) -> None:
    if 0 < candidates < samples:
        raise UsageError(
            f"{samples} samples cannot be chosen from {candidates} candidates: name more "
            "--candidates, or fewer --samples."
        )


def _check_quality(quality: int, format: str) -> None:
    if quality and format != "keep" and not takes_quality(format):
        raise UsageError(
            f"--quality {quality} has no meaning for --format {format}, which loses nothing: leave "
            "it out, or choose --format jpg or webp."
        )


def decisive(settings: RunSettings) -> dict[str, object]:
    """What decides the pixels of sample k of a photo, but for versions."""
    found = {name: getattr(settings, name) for name in DECISIVE}
    batch = settings.batch if runs_on_gpu(settings.device) else 0
    found |= {"model": settings.model_digest, "batch": batch}
    return {name: value for name, value in found.items() if _USUAL.get(name, ()) != value}


def named_settings(options: Options) -> dict[str, Any]:
    """Of the settings by which files are told apart, those that the user names, as named."""
    # Not what is white: of most photographs that is no matter, and those of other whites fail.
    names = ("seed", "size", "steps", "candidates", "saturation", "quality", "model")
    return {name: value for name in names if (value := getattr(options, name)) is not None}
