"""Made-up figures of a benchmark, a clock that stands still, and what stands in for measuring."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorize_cli.batch.output_names import Job
from colorize_cli.bench import stopwatch, worker
from colorize_cli.bench.configurations import Configuration, Model
from colorize_cli.bench.figures import Figures, Measurement
from colorize_cli.bench.network_timing import NetworkTiming
from colorize_cli.bench.photos import PhotoSet
from colorize_cli.bench.pipeline_timing import PipelineTiming
from colorize_cli.bench.stage_timing import Stage
from colorize_cli.bench.stopwatch import Timing
from colorize_cli.bench.worker import Budget, Colours, Reference
from colorize_cli.model.bundle import load_bundle
from colorize_cli.model.view import SizeChoice
from colorize_cli.system.machine import describe_machine

TIMING = Timing(runs=9, median_ms=20, p95_ms=25, min_ms=18, core_ms=19)
STAGES = dict.fromkeys(("decode", "prepare", "render", "encode", "write"), Stage(TIMING, 10, 9.9))
NETWORK = NetworkTiming(1, 2, TIMING, TIMING, TIMING, TIMING, TIMING, None)
JOB = Job(Path("photo.jpg"), Path("out"), "photo", ".jpg", "jpeg", 1, (0,))
PHOTOS = PhotoSet((JOB,), 1, 1, "f" * 64, True, (2.0,))
BLACK = (np.zeros((1, 2, 2, 3), np.float32),)


def pipeline(rate: float = 1.0, spread: float = 0.0) -> PipelineTiming:
    """A run whose parts lie `spread` of their length to both sides."""
    parts = tuple((1 + spread * sign) / rate for sign in (1, -1) * 5)
    return PipelineTiming(20, 20 / rate, rate, rate, parts, 30, 40, 1.5, 20, 300)


def measurement(
    runs_on: str = "cpu fp32",
    batch: int = 2,
    rate: float = 1.0,
    *,
    difference: float | None = 0.0,
    is_default_batch: bool = True,
    spread: float = 0.0,
    model: str = "default",
    digest: str = "0" * 64,
) -> Measurement:
    """A configuration with a rate, whose parts lie `spread` of it to both sides."""
    device, computes = runs_on.split()
    configuration = Configuration(
        model=model,
        digest=digest,
        device=device,  # type: ignore[arg-type]
        precision="bf16" if "bf16" in computes else None,
        computes=computes,
        batch=batch,
        is_default_batch=is_default_batch,
    )
    return Measurement(configuration, "a device", NETWORK, pipeline(rate, spread), difference)


def figures(bundle: Path, measurements: Sequence[Measurement]) -> Figures:
    """Figures with a tiny model; measurements of its digest are shown in its tables."""
    models = (Model(str(bundle), load_bundle(bundle)),)
    return Figures(describe_machine(), models, PHOTOS, STAGES, tuple(measurements))


class MadeUp:
    """Stands in for `run_apart`: nothing is measured, and figures are made up at once."""

    def __init__(self) -> None:
        self.budgets: list[Budget] = []

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the method that stands in for the function."""
        return getattr(self, function.__name__)(*arguments)

    def take_reference(
        self,
        model: str,
        photos: PhotoSet,
        stage_seconds: float | None,
        size: SizeChoice | None = None,
    ) -> Reference:
        read = replace(photos, megapixels=(2.0,) * len(photos.jobs))
        return Reference(read, [], BLACK, 0.1, {} if stage_seconds is None else STAGES)

    def measure(
        self,
        configuration: Configuration,
        photos: PhotoSet,
        stages: Mapping[str, Stage],
        budget: Budget,
    ) -> tuple[Measurement, Colours]:
        self.budgets.append(budget)
        return Measurement(configuration, "a device", NETWORK, pipeline()), BLACK


class Failing(MadeUp):
    """Raises an error instead of measuring a batch."""

    def __init__(self, batch: int, error: BaseException) -> None:
        super().__init__()
        self.batch, self.error = batch, error

    def measure(
        self,
        configuration: Configuration,
        photos: PhotoSet,
        stages: Mapping[str, Stage],
        budget: Budget,
    ) -> tuple[Measurement, Colours]:
        if configuration.batch == self.batch:
            raise self.error
        return super().measure(configuration, photos, stages, budget)


class InThisProcess(MadeUp):
    """Stands in for `run_apart`: everything is measured, but in this process."""

    take_reference = staticmethod(worker.take_reference)  # type: ignore[assignment]
    measure = staticmethod(worker.measure)  # type: ignore[assignment]


class Clock:
    """The time of all stopwatches, which passes only where a test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.wall = self.core = 0.0
        patch.setattr(stopwatch, "perf_counter", lambda: self.wall)
        patch.setattr(stopwatch, "process_time", lambda: self.core)

    def work(self, seconds: float) -> None:
        """Let time pass in which a core works."""
        self.wall += seconds
        self.core += seconds

    def late(self, function: Callable[..., Any], wall: float, core: float) -> Callable[..., Any]:
        """The function, taking so long."""

        def slowed(*arguments: Any, **named: Any) -> Any:
            self.wall += wall
            self.core += core
            return function(*arguments, **named)

        return slowed
