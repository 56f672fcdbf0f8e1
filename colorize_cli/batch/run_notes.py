"""Say what runs, and where its settings differ from those of the last run into the folder."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ..model.colorizer import Colorizer
from ..runtimes.find_device import runs_on_gpu
from ..system.messages import Messages
from ..system.paths import shown
from ..system.wording import count_text
from .options import Options
from .settings import RunSettings

# Settings under which sample k of a photo has other pixels, in the words of the command line.
_DECISIVE = ("seed", "model", "size", "steps", "candidates", "device", "precision", "batch")


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
    renaming = ["format"] if (last.samples == 1) == (now.samples == 1) else ["samples", "format"]
    if renamed := _changes(vars(last), vars(now), renaming):
        messages.warn(
            f"the last run into {shown(out)} gave other names ({renamed}): the "
            "files that are there stay beside the new ones"
        )
    if differences := _differences(last, now):
        messages.warn(_other_settings(out, differences))
    elif changed := _changes(last.versions, now.versions, now.versions):
        messages.note(
            f"the last run into {shown(out)} had other versions ({changed}): "
            "new files may differ from what those would have given, invisibly"
        )


def tell_given(messages: Messages, out: Path, last: RunSettings, options: Options) -> None:
    """Say, where there is nothing to be made, which given settings differ from the last run's."""
    names = ("seed", "size", "steps", "candidates")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    device = last.device if options.device == "auto" else options.device
    differences = [_differences(last, replace(last, device=device, **given))]
    if options.model and last.model not in (options.model, str(Path(options.model).absolute())):
        differences.append(f"model {last.model}, now {options.model}")
    if any(differences):
        messages.warn(_other_settings(out, ", ".join(filter(None, differences))))


def _differences(last: RunSettings, now: RunSettings) -> str:
    """Name the settings that change pixels and differ.

    Between CPUs the batch makes no difference, and of what is not known nothing is said.
    """
    counts = {"batch": any(map(runs_on_gpu, (last.device, now.device))), "precision": now.precision}
    before, after = (vars(each) | {"model": each.model_digest[:12]} for each in (last, now))
    return _changes(before, after, [name for name in _DECISIVE if counts.get(name, True)])


def _changes(
    before: Mapping[str, object], after: Mapping[str, object], names: Iterable[str]
) -> str:
    """Say what differs, as `seed 0, now 7`."""
    pairs = ((name, before.get(name), after.get(name)) for name in names)
    return ", ".join(f"{name} {old}, now {new}" for name, old, new in pairs if old != new)


def _other_settings(out: Path, differences: str) -> str:
    return (
        f"{shown(out)} holds colourings made with other settings ({differences}): files that "
        "exist stay as they are; --overwrite makes all anew, another --out keeps them apart"
    )
