"""What `colorize bench` measures: models, on devices and in their precisions, at batch sizes."""

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError
from ..model import fastest_device
from ..model.bundle import Bundle, load_bundle
from ..model.colorizer import choose_device
from ..model.view import SizeChoice
from ..runtimes.find_device import problem, resolve
from ..runtimes.runtime import Device, DeviceName, Precision

_DEFAULT_MODEL = "default"
_LARGEST_BATCH = 4096
# What to try beside the batch that `colorize` takes by default, in multiples of it.
_MORE_ON_CPU, _MORE_ON_GPU = 2, 4


@dataclass(frozen=True)
class BenchOptions:
    """What the user asked for, as `colorize bench --help` explains it."""

    photos: tuple[Path, ...] = ()  # one that is made if there is none
    models: tuple[str, ...] = ()  # names or paths; the default if there is none
    devices: tuple[str, ...] = ()  # all that work here if there is none
    batch: str | None = None  # "1,8"; that of `colorize` and a larger one by default
    samples: int = 1
    size: SizeChoice | None = None  # the model's if none is named
    is_quick: bool = False
    json: Path | None = None  # `-` is standard output
    compare: Path | None = None


@dataclass(frozen=True)
class Model:
    """A bundle to measure, and its name or path as the user gave it."""

    given: str
    bundle: Bundle

    @property
    def megabytes(self) -> float:
        """Its size on disk."""
        return sum(file.bytes for file in self.bundle.files.values()) / 1e6

    @property
    def title(self) -> str:
        """The name of the model with its precision, for people."""
        return f"{self.bundle.name} ({self.bundle.compute})"

    @property
    def origin(self) -> str:
        """What the exports of one checkpoint have in common, whatever their precision and name."""
        bundle = self.bundle
        sizes = (bundle.working_size, bundle.multiple, bundle.grid)
        # Their SHA-256, or the training where a bundle has none.
        weights = bundle.training.get("weights") or dict(bundle.training)
        facts = (bundle.family.sampling, dict(bundle.network), weights)
        return json.dumps([bundle.family.name, *sizes, *facts], sort_keys=True)


@dataclass(frozen=True)
class Configuration:
    """What a process of its own measures."""

    model: str  # name or path of the bundle
    digest: str
    device: DeviceName
    precision: Precision | None  # that the runtime is told to compute in, if any
    computes: str  # the precision that comes of it and the bundle's: "fp32", "int8+bf16"
    batch: int  # photos that go through together
    is_default_batch: bool  # whether `colorize` takes that batch unless it is told another
    size: SizeChoice | None = None  # of `--size`, where it was given

    @property
    def runs_on(self) -> str:
        """Device and precision, for people."""
        return f"{self.device} {self.computes}"

    @property
    def title(self) -> str:
        """All but the model, for people."""
        return f"{self.runs_on}, batch {self.batch}"

    @property
    def options(self) -> str:
        """The options with which `colorize` runs it, but for defaults, quoted for a shell."""
        words = ["--device", self.device]
        if self.model != _DEFAULT_MODEL:
            words = ["--model", self.model, *words]
        if not self.is_default_batch:
            words += ["--batch", str(self.batch)]
        if self.size is not None:
            words += ["--size", str(self.size)]
        return shlex.join(words)


def load_models(names: Sequence[str]) -> tuple[Model, ...]:
    """Load bundles, each of them once; the default one if none is named."""
    models: dict[str, Model] = {}
    for name in names or (_DEFAULT_MODEL,):
        bundle = load_bundle(name)
        bundle.forget()  # the processes that measure read it again
        models.setdefault(bundle.digest, Model(name, bundle))
    return tuple(models.values())


def reference_of(model: Model, models: Sequence[Model]) -> Model:
    """Find the model whose colours are right: the same checkpoint's in single precision, or itself.

    In the latter case nothing is told of what its own precision costs.
    """
    alike = [other for other in models if other.origin == model.origin]
    return next((other for other in alike if other.bundle.compute in ("fp32", "bf16")), model)


def combine(
    models: Sequence[Model], options: BenchOptions, note: Callable[[str], None]
) -> list[Configuration]:
    """Combine models, devices, precisions and batch sizes."""
    sizes = None if options.batch is None else _batch_sizes(options.batch)
    found = []
    for model in models:
        digest, compute = model.bundle.digest, model.bundle.compute
        for device in _devices(options.devices, model.bundle, note):
            computing = (device.name, device.precision, device.computes(compute))
            usual = device.batch_for(options.samples)
            more = _MORE_ON_GPU if device.is_gpu else _MORE_ON_CPU
            for size in sizes or (usual, more * usual):
                of_batch = (size, size == usual)
                found.append(
                    Configuration(model.given, digest, *computing, *of_batch, options.size)
                )
    return list(dict.fromkeys(found))


def _batch_sizes(text: str) -> list[int]:
    try:
        sizes = sorted({int(word) for word in text.split(",")})
    except ValueError:
        sizes = [0]
    if not 1 <= sizes[0] <= sizes[-1] <= _LARGEST_BATCH:
        raise UsageError(f"--batch takes numbers from 1 with commas between, 1,8: not {text!r}.")
    return sizes


def _devices(
    requested: Sequence[str], bundle: Bundle, note: Callable[[str], None]
) -> Iterable[Device]:
    """Give all devices asked for, each in all its precisions; TensorRT only by name."""
    on_cpu = fastest_device.candidates()
    if not requested:
        yield from on_cpu
        if problem("cuda") is None:
            yield resolve("cuda")
    for name in requested:
        alike = [device for device in on_cpu if device.name == name]
        yield from alike or [choose_device(name, bundle, note)]
