"""Say what runs, and where its settings differ from those of the last run into the folder."""

from dataclasses import replace
from pathlib import Path

from ..model.colorizer import Colorizer
from ..runtimes.device import runs_on_gpu
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text
from .options import Options
from .settings import RunSettings

# Settings under which sample k of a photo has other pixels, in the words of the command line.
_DECISIVE = (
    *("seed", "model_digest", "size", "steps", "candidates"),
    *("device", "precision", "batch"),
)


def introduce(
    messages: Messages, colorizer: Colorizer, settings: RunSettings, *, is_kept_to: bool
) -> None:
    """Say what really runs, and whether its device is kept to because it was the last run's."""
    device = colorizer.device
    why = ", as in the last run" if is_kept_to else ""
    messages.note(f"device: {device.description}, {settings.precision}{why}")
    if device.note:
        messages.note(f"no GPU is used: {device.note}")
    messages.note(
        f"model: {colorizer.bundle.name} ({settings.model_digest[:12]}), size {settings.size}, "
        f"{count_text(settings.steps, 'step')}, seed {settings.seed}"
        + (f", chosen from {settings.candidates} candidates a photo" if settings.candidates else "")
    )
    if warning := colorizer.family.warning:
        messages.warn(warning)


def tell_differences(messages: Messages, out: Path, last: RunSettings, now: RunSettings) -> None:
    """Say what differs from the last run into the folder."""
    if renamed := _renamed(last, now):
        messages.warn(
            f"the last run into {shown(out)} gave other names ({', '.join(renamed)}): the "
            "files that are there stay beside the new ones"
        )
    if differences := _differences(last, now):
        messages.warn(_other_settings(out, differences))
    elif now.versions and last.versions != now.versions:
        changed = [
            f"{name} {last.versions.get(name)}, now {version}"
            for name, version in now.versions.items()
            if last.versions.get(name) != version
        ]
        messages.note(
            f"the last run into {shown(out)} had other versions ({', '.join(changed)}): "
            "new files may differ from what those would have given, invisibly"
        )


def tell_given(messages: Messages, out: Path, last: RunSettings, options: Options) -> None:
    """Say, where there is nothing to be made, which given settings differ from the last run's."""
    names = ("seed", "size", "steps", "candidates")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    device = last.device if options.device == "auto" else options.device
    now = replace(last, device=device, **given)
    differences = _differences(last, now)
    if options.model and last.model not in (options.model, str(Path(options.model).absolute())):
        differences.append(f"model {last.model}, now {options.model}")
    if differences:
        messages.warn(_other_settings(out, differences))


def _renamed(last: RunSettings, now: RunSettings) -> list[str]:
    """Name what gives the same photograph's files other names, as `samples 1, now 2`."""
    changes = []
    if (last.samples == 1) != (now.samples == 1):
        changes.append(f"samples {last.samples}, now {now.samples}")
    if last.format != now.format:
        changes.append(f"format {last.format}, now {now.format}")
    return changes


def _differences(last: RunSettings, now: RunSettings) -> list[str]:
    """Name the settings that change pixels and differ, as `seed 0, now 7`.

    Between CPUs the batch makes no difference, and of what is not known nothing is said.
    """
    counts_batch = any(runs_on_gpu(name) for name in (last.device, now.device))
    uncounted = set() if counts_batch else {"batch"}
    uncounted |= set() if now.precision else {"precision"}
    return [
        f"{name.removesuffix('_digest')} {_brief(getattr(last, name))}, "
        f"now {_brief(getattr(now, name))}"
        for name in _DECISIVE
        if name not in uncounted and getattr(last, name) != getattr(now, name)
    ]


def _brief(value: object) -> str:
    return str(value)[:12]


def _other_settings(out: Path, differences: list[str]) -> str:
    return (
        f"{shown(out)} holds colourings made with other settings ({', '.join(differences)}): "
        "files that exist stay as they are; --overwrite makes all anew, another --out keeps them "
        "apart"
    )
