"""Made-up figures of a benchmark, for the tests of what is read out of them."""

from collections.abc import Sequence
from pathlib import Path

from colorize_cli.bench.configurations import Configuration, Model
from colorize_cli.bench.figures import Figures, Outcome
from colorize_cli.bench.network_timing import NetworkTiming, PipelineTiming
from colorize_cli.bench.photos import PhotoFacts
from colorize_cli.bench.stages import Stage
from colorize_cli.bench.stopwatch import Timing
from colorize_cli.model.bundle import load_bundle
from colorize_cli.system.machine import describe_machine

TIMING = Timing(runs=9, median_ms=20, p95_ms=25, min_ms=18, core_ms=19)
STAGES = dict.fromkeys(("decode", "prepare", "render", "encode", "write"), Stage(TIMING, 10, 9.9))


def outcome(
    runs_on: str = "cpu fp32",
    batch: int = 2,
    rate: float = 1.0,
    *,
    difference: float | None = 0.0,
    is_default_batch: bool = True,
    spread: float = 0.0,
    model: str = "default",
    digest: str = "0" * 64,
) -> Outcome:
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
    network = NetworkTiming(1, 2, TIMING, TIMING, TIMING, TIMING, TIMING, None)
    parts = tuple((1 + spread * sign) / rate for sign in (1, -1) * 5)
    pipeline = PipelineTiming(20, 20 / rate, rate, rate, parts, 30, 40, 1.5, 20, 300)
    return Outcome(configuration, "a device", network, pipeline, difference)


def figures(bundle: Path, outcomes: Sequence[Outcome]) -> Figures:
    """Figures with a tiny model; outcomes of its digest are shown in its tables."""
    return Figures(
        machine=describe_machine(),
        models=(Model(str(bundle), load_bundle(bundle)),),
        photos=PhotoFacts(True, "f" * 64, 1, 1, 2.0, 2.0, ("jpeg",)),
        samples=1,
        stages=STAGES,
        outcomes=tuple(outcomes),
    )
