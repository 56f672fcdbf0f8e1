"""The record in the output folder: what the last run into it used, and what earlier ones did."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..system.files import write_atomic

RECORD_NAME = ".colorize.json"
_FORMAT = 1
# Settings under which sample k of a photo has other pixels, in the words of the command line.
_DECISIVE = (
    *("seed", "model_digest", "size", "steps", "candidates"),
    *("device", "precision", "batch"),
)


@dataclass(frozen=True)
class Record:
    """What a run made colourings with.

    Attributes:
        model: The model as the user named it; a path is absolute.
        model_digest: Digest of the bundle.
        device: The device that ran: "cpu" | "openvino" | "cuda" | "tensorrt".
        precision: That the network computes in.
        seed: Of the noise.
        size: Working size in pixels.
        steps: Denoising steps.
        batch: Photographs the network sees at once; bits depend on it on a GPU.
        samples: Colourings a photo.
        versions: Version by package.
        format: Of the outputs, as the command line has it.
        candidates: Samples that were drawn and chosen from; 0 without a choice.
    """

    model: str
    model_digest: str
    device: str
    precision: str
    seed: int
    size: int
    steps: int
    batch: int
    samples: int
    versions: Mapping[str, str]
    format: str = "keep"
    candidates: int = 0

    def renamed_by(self, samples: int, format: str) -> list[str]:
        """Name what gives the same photograph's files other names, as `samples 1, now 2`."""
        changes = []
        if (self.samples == 1) != (samples == 1):
            changes.append(f"samples {self.samples}, now {samples}")
        if self.format != format:
            changes.append(f"format {self.format}, now {format}")
        return changes

    def differences(self, settings: Mapping[str, object]) -> list[str]:
        """Name the settings that change pixels and differ, as `seed 0, now 7`.

        Args:
            settings: By the names of the attributes; those that are left out do not count.
        """
        return [
            f"{name.removesuffix('_digest')} {_brief(mine)}, now {_brief(settings[name])}"
            for name in _DECISIVE
            if name in settings and (mine := getattr(self, name)) != settings[name]
        ]


def _brief(value: object) -> str:
    return str(value)[:12]


def read_record(out: Path) -> Record | None:
    """Read the record of an output folder; None where there is none.

    Raises:
        UsageError: The record is damaged, or of a later version.
    """
    fields_ = _read(out)
    return Record(**fields_["settings"]) if fields_ else None


def write_record(out: Path, record: Record) -> None:
    """Write the record; other settings that it replaces are kept under `earlier`, each once."""
    old = _read(out)
    earlier: list[dict[str, Any]] = old["earlier"] if old else []
    settings = asdict(record)
    if old:
        before = asdict(Record(**old["settings"]))
        if before != settings and before not in earlier:
            earlier = [*earlier, before]
    text = json.dumps({"format": _FORMAT, "settings": settings, "earlier": earlier}, indent=2)
    write_atomic(out / RECORD_NAME, text.encode() + b"\n")


def _read(out: Path) -> dict[str, Any] | None:
    path = out / RECORD_NAME
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        if found["format"] != _FORMAT:
            raise UsageError(f"{path} is of a later version of colorize: update colorize.")
        Record(**found["settings"])
        list(found["earlier"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            f"{path} is damaged ({error}). Delete it to begin a new record; the photographs "
            "in the folder stay."
        ) from error
    return found
