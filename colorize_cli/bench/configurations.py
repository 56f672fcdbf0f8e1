"""What `colorize bench` measures: models, on devices and in their precisions, at batch sizes."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from ..model import fastest_device as auto
from ..model.bundle import Bundle, load_bundle
from ..runtimes.device import Device, DeviceName, Precision, problem, resolve

DEFAULT_MODEL = "default"
_LARGEST_BATCH = 4096
# What to try beside the batch that `colorize` takes by default, in multiples of it.
_MORE_ON_CPU, _MORE_ON_GPU = 2, 4


@dataclass(frozen=True)
class Model:
    """A bundle to measure.

    Attributes:
        given: Its name or path, as the user put it.
        bundle: What was found there.
    """

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
        """What the exports of one checkpoint have in common, whatever their precision and name.

        Its weights are known by their SHA-256, or by their training where a bundle has none.
        """
        bundle = self.bundle
        sizes = (bundle.working_size, bundle.multiple, bundle.grid, bundle.ab_scale)
        words = (bundle.family, *sizes, bundle.schedule.gammas.tolist())
        weights = bundle.training.get("weights") or dict(bundle.training)
        facts = (bundle.prediction, dict(bundle.network), weights)
        return json.dumps([*words, repr(bundle.sampler), *facts], sort_keys=True)


@dataclass(frozen=True)
class Configuration:
    """What a process of its own measures.

    Attributes:
        model: Name or path of the bundle.
        digest: Of the bundle.
        device: Its name.
        precision: That the runtime is told to compute in; None where the bundle decides.
        computes: The precision that comes of both, for people: "fp32", "int8+bf16".
        batch: Photos that go through together.
        is_default_batch: Whether `colorize` takes that batch unless it is told another.
    """

    model: str
    digest: str
    device: DeviceName
    precision: Precision | None
    computes: str
    batch: int
    is_default_batch: bool

    @property
    def runs_on(self) -> str:
        """Device and precision, for people."""
        return f"{self.device} {self.computes}"

    @property
    def title(self) -> str:
        """All but the model, for people."""
        return f"{self.runs_on}, batch {self.batch}"


def load_models(names: Sequence[str]) -> tuple[Model, ...]:
    """Load bundles, each of them once.

    Raises:
        ModelError: One of them cannot be used.
    """
    models: dict[str, Model] = {}
    for name in names or (DEFAULT_MODEL,):
        bundle = load_bundle(name)
        models.setdefault(bundle.digest, Model(name, bundle))
    return tuple(models.values())


def reference_of(model: Model, models: Sequence[Model]) -> Model:
    """Find the model whose colours on the CPU are the right ones for another.

    It is the export in single precision of the same checkpoint. Without that, the model itself is
    taken, which tells the devices apart and nothing of what its own precision costs.
    """
    alike = [other for other in models if other.origin == model.origin]
    return next((other for other in alike if other.bundle.compute in ("fp32", "bf16")), model)


def configurations(
    models: Sequence[Model],
    requested: Sequence[str],
    batch: str | None,
    samples: int,
    note: Callable[[str], None],
) -> list[Configuration]:
    """Combine models, devices, precisions and batch sizes.

    Args:
        models: Bundles.
        requested: Devices as on the command line; all that work here if there is none.
        batch: Batch sizes, "1,8"; None for that of `colorize` and a larger one.
        samples: Colourings a photo.
        note: Told what happens.

    Raises:
        DeviceError: A device asked for by name cannot run here.
        UsageError: The batch sizes make no sense.
    """
    sizes = None if batch is None else batch_sizes(batch)
    found: dict[Configuration, None] = {}
    for model in models:
        for device in _devices(requested, model.bundle, note):
            usual = device.batch_for(samples)
            more = _MORE_ON_GPU if device.is_gpu else _MORE_ON_CPU
            for size in sizes or (usual, more * usual):
                configuration = Configuration(
                    model=model.given,
                    digest=model.bundle.digest,
                    device=device.name,
                    precision=device.precision,
                    computes=device.computes(model.bundle.compute),
                    batch=size,
                    is_default_batch=size == usual,
                )
                found.setdefault(configuration)
    return list(found)


def batch_sizes(text: str) -> tuple[int, ...]:
    """Read "1,8".

    Raises:
        UsageError: It is something else.
    """
    try:
        sizes = sorted({int(word) for word in text.split(",")})
    except ValueError:
        sizes = [0]
    if not 1 <= sizes[0] <= sizes[-1] <= _LARGEST_BATCH:
        raise UsageError(f"--batch takes numbers from 1 with commas between, 1,8: not {text!r}.")
    return tuple(sizes)


def _devices(
    requested: Sequence[str], bundle: Bundle, note: Callable[[str], None]
) -> Iterable[Device]:
    """All devices asked for, OpenVINO in all its precisions; TensorRT only by name."""
    if not requested:
        yield from auto.candidates()
        if problem("cuda") is None:
            yield resolve("cuda")
    for name in requested:
        if name == "openvino":
            resolve(name)  # raises where it cannot run
            yield from (device for device in auto.candidates() if device.name == name)
        else:
            yield auto.choose(name, bundle, note)
