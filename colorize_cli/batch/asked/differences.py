"""Say before anything is done which settings differ from those of the last run into the folder.

Files that were made otherwise are made again where a setting is named, but for the device, which
nobody sees.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ...runtimes.find_device import runs_on_gpu
from ...system.messages import Messages
from ...system.paths import shown
from ..settings import DECISIVE, Options, RunSettings, given


def tell_differences(
    messages: Messages,
    out: Path,
    last: RunSettings,
    now: RunSettings,
    named: Collection[str] = (),
) -> None:
    """Say what differs from the last run into the folder; some of the settings may be `named`."""
    if renamed := _changes(vars(last), vars(now), ["format", "name"]):
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
    found = [differences(last, replace(last, **given(options)))]
    if options.model and last.model not in (options.model, str(Path(options.model).absolute())):
        found.append(f"model {last.model}, now {options.model}")
    if any(found):
        messages.warn(_other_settings(out, ", ".join(filter(None, found)), ()))


def differences(last: RunSettings, now: RunSettings) -> str:
    """Name the settings that change pixels and differ."""
    # Between CPUs the batch makes no difference, and of what is not known nothing is said.
    counts = {"batch": any(map(runs_on_gpu, (last.device, now.device))), "precision": now.precision}
    before, after = (vars(each) | {"model": each.model_digest[:12]} for each in (last, now))
    return _changes(before, after, [name for name in DECISIVE if counts.get(name, True)])


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
