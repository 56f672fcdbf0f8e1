"""Choose what to run on: among what computes on the CPU, by a short measurement, kept for later.

Every runtime and precision that is there draws a sample of each of some photographs; the fastest
one counts whose colours are, on average, those of onnxruntime in float32 to the eye. (Pictures made
by arithmetic would not do: they leave their colours open, and a bit decides which are drawn.)
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

from .. import __version__
from ..errors import ColorizeError, DeviceError
from ..imaging.ciede2000 import mean_difference
from ..imaging.lab import Float
from ..runtimes.find_device import DEVICES, problem, resolve, runtime_of
from ..runtimes.runtime import Device, DeviceName, Precision
from ..system.files import cache_folder, write_atomic
from ..system.machine import describe_machine
from .bundle import Bundle

MAX_DIFFERENCE = 0.5  # mean CIEDE2000 from float32, as for an export in half precision


@dataclass(frozen=True)
class Trial:
    """What came of trying a runtime and precision; what is measured is None where it failed."""

    device: str
    precision: Precision | None  # None where the bundle decides
    step_ms: float | None = None  # a denoising step of a sample, on all cores, a sample each
    difference: float | None = None  # mean CIEDE2000 of the colours from those of onnxruntime
    failure: str | None = None

    @property
    def passes(self) -> bool:
        """Whether its colours are the right ones."""
        return self.difference is not None and self.difference <= MAX_DIFFERENCE


# Tries a bundle on a device: seconds of a step of a sample on all cores, and the colours, (h, w, 3)
# Lab of each of the reference photographs.
TryOut: TypeAlias = Callable[[Bundle, Device], tuple[float, list[Float]]]


def choose(
    requested: str,
    bundle: Bundle,
    note: Callable[[str], None],
    found: Device | None = None,
    *,
    try_out: TryOut,
) -> Device:
    """Choose the device to run a bundle on.

    What is requested is a device by name, in the faster of its precisions where it has several, or
    "auto": CUDA where it works, else the fastest on the CPU. `found` is what `resolve` gave for it,
    where it was asked already. `note` is told of a measurement, which begins where none is kept.

    Raises:
        DeviceError: The device asked for by name cannot run here.
        UsageError: There is no device of that name.
    """
    found = found or resolve(requested)
    is_open = requested == "auto" or found.precision is not None
    if found.is_gpu or not is_open:
        return found
    trials = kept_trials(bundle)
    if trials is None:
        found_here = candidates(requested)
        if len(found_here) == 1:
            return found
        note("measuring once what is fastest on this machine, some seconds")
        trials = _measure(bundle, found_here, try_out)
        _keep(bundle, trials)
    best = fastest(trials, requested)
    if best is None:
        raise DeviceError(
            f"--device {requested} fails here, or gives other colours than float32: `colorize "
            "info` has the measurement. --device cpu always can."
        )
    chosen = resolve(best.device, precision=best.precision or "fp32", is_proven=True)
    return replace(chosen, note=found.note)


def fastest(trials: Sequence[Trial], requested: str = "auto") -> Trial | None:
    """Return the fastest trial that passes, of the device that was asked for."""
    fit = [t for t in trials if t.passes and requested in ("auto", t.device)]
    return min(fit, key=lambda trial: trial.step_ms or 0.0, default=None)


def kept_trials(bundle: Bundle) -> list[Trial] | None:
    """Read the measurement of this machine, these packages and this bundle, if there is one."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(_record(bundle)[1].read_bytes())
        return [Trial(**fields) for fields in found["trials"]]
    return None


def candidates(proven: str = "") -> list[Device]:
    """List what can compute on this CPU, the reference first; `proven` needs no more proof."""
    return [
        resolve(name, precision=precision or "fp32", is_proven=True)
        for name in DEVICES
        if not runtime_of(name).is_gpu and _computes(name, is_proven=name == proven)
        for precision in runtime_of(name).precisions()
    ]


def _computes(name: DeviceName, *, is_proven: bool) -> bool:
    """Tell whether a device of the CPU runs; DeviceError where onnxruntime itself does not."""
    if name == "cpu":
        return bool(resolve(name, is_proven=is_proven))
    return problem(name, is_proven=is_proven) is None


def _measure(bundle: Bundle, devices: Sequence[Device], try_out: TryOut) -> list[Trial]:
    """Try the devices; the first one is the reference for the colours."""
    reference: list[Float] = []
    trials = []
    for device in devices:
        try:
            seconds, colours = try_out(bundle, device)
        except ColorizeError as error:
            trials.append(Trial(device.name, device.precision, failure=str(error)))
            continue
        reference = reference or colours
        difference = round(mean_difference(colours, reference), 4)
        trials.append(Trial(device.name, device.precision, round(1000 * seconds, 2), difference))
    return trials


def _keep(bundle: Bundle, trials: Sequence[Trial]) -> None:
    key, place = _record(bundle)
    document = {"key": key, "trials": [asdict(trial) for trial in trials]}
    # A home that cannot be written to costs a measurement each time, nothing else.
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, json.dumps(document, indent=2).encode() + b"\n")


def _record(bundle: Bundle) -> tuple[dict[str, object], Path]:
    """Give all that the result of a measurement depends on, and the file that it is kept in."""
    machine, names = describe_machine(), ("cpu", "flags", "network_threads", "packages")
    facts = {name: machine[name] for name in names}
    key = {"bundle": bundle.digest, "colorize": __version__, **facts}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    return key, cache_folder() / "auto" / f"{digest[:32]}.json"
