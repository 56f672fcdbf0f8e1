"""What is installed, what really works, what the model is, and what to do, for `colorize info`."""

import sys
from dataclasses import asdict
from typing import Any

from .. import __version__
from ..errors import ColorizeError, ModelError
from ..model.bundle import Bundle, load_bundle
from ..model.colorizer import choose_device
from ..model.fastest_device import MAX_DIFFERENCE, kept_trials
from ..runtimes.find_device import DEVICES, problem
from ..runtimes.ort import rival_wheels
from ..system.installed import EXTRAS, install_commands, missing_modules, repair_commands
from ..system.machine import describe_machine
from ..system.paths import shown
from ..system.wording import count_text
from .defaults import RUN, Defaults
from .model_facts import bundle_facts
from .terminal import Terminal

# What is typed to use an extra that is not called like its command.
_COMMANDS = {
    **{name: f"train --track {name}" for name in ("tensorboard", "wandb")},
    "study": "study run",
}


def collect_facts(model: str, defaults: Defaults) -> dict[str, Any]:
    """Find out what there is, as --json prints it.

    `devices` has null where one works, else why it does not; `extras` has the modules that are
    missing; `auto` is null where the model cannot be used; `defaults` has what the user's own file
    says, by command.
    """
    extras = {extra: missing_modules(extra) for extra in EXTRAS}
    bundle, facts = _model(model)
    return {
        "colorize": __version__,
        "executable": sys.executable,
        "machine": describe_machine(),
        "devices": {name: problem(name) for name in DEVICES},
        "extras": extras,
        "model": facts,
        "defaults": {
            "file": defaults.path and str(defaults.path),
            "is_there": defaults.is_there,
            "problem": defaults.problem,
            "settings": {name: dict(of) for name, of in defaults.of_commands.items() if of},
        },
        "auto": _auto(bundle) if bundle else None,
        "advice": _advice(rival_wheels(), extras),
    }


def _auto(bundle: Bundle) -> dict[str, Any]:
    """What --device auto takes, and why: the first call on a machine may measure for seconds."""
    device = trouble = None
    try:
        device = choose_device("auto", bundle, Terminal().note)
    except ColorizeError as error:
        trouble = str(error)
    trials = None if device and device.is_gpu else kept_trials(bundle)
    measured = None if trials is None else [asdict(trial) for trial in trials]
    taken = device and {
        "device": device.name,
        "precision": device.precision,
        "description": device.description,
    }
    return {"problem": trouble, **(taken or {}), "measured": measured}


def _model(name: str) -> tuple[Bundle | None, dict[str, Any]]:
    try:
        bundle = load_bundle(name)
    except ModelError as error:
        return None, {"problem": str(error)}
    return bundle, {"problem": None, **bundle_facts(bundle)}


def _advice(onnxruntimes: list[str], extras: dict[str, list[str]]) -> list[str]:
    incomplete = [extra for extra, missing in extras.items() if missing]
    advice = [
        f"for the command {_COMMANDS.get(extra, extra)}:\n{install_commands(extra)}"
        for extra in incomplete
    ]
    if len(onnxruntimes) < 2:
        return advice
    rivals = f"{' and '.join(onnxruntimes)} are both installed and break each other."
    return [f"{rivals} Repair:\n{repair_commands()}", *advice]


def as_text(facts: dict[str, Any]) -> str:
    """Say the facts in lines for people."""
    machine, model = facts["machine"], facts["model"]
    packages = (f"{name} {version}" for name, version in machine["packages"].items())
    lines = [
        f"colorize {facts['colorize']}, Python {machine['python']} ({facts['executable']})",
        f"machine    {machine['system']}",
        f"           {machine['cpu']}, {machine['usable_cpus']} of {machine['cpus']} CPUs, "
        f"{count_text(machine['network_threads'], 'thread')} for the network",
        f"           GPU: {machine['gpu'] or 'none found'}",
        f"packages   {', '.join(packages)}",
        "",
        *(f"{name:<10} {why or 'works'}" for name, why in facts["devices"].items()),
        "",
        *_auto_lines(facts["auto"]),
        *_model_lines(model),
        "",
        *_defaults_lines(facts["defaults"]),
        *(line for text in facts["advice"] for line in ("", text)),
    ]
    return "\n".join(lines) + "\n"


def _auto_lines(auto: dict[str, Any] | None) -> list[str]:
    if auto is None:
        return []
    lines = [f"auto       {auto['problem']}"]
    if auto["problem"] is None:
        precision = f" in {auto['precision']}" if auto["precision"] else ""
        lines = [f"auto       takes {auto['description']}{precision}"]
    for trial in auto["measured"] or ():
        name = " ".join(filter(None, (trial["device"], trial["precision"])))
        found = trial["failure"] or (
            f"{trial['step_ms']:.1f} ms a step and sample, colours differ by "
            f"{trial['difference']:.2f} (CIEDE2000, at most {MAX_DIFFERENCE})"
        )
        lines.append(f"           measured: {name}: {found}")
    return [*lines, ""]


def _defaults_lines(defaults: dict[str, Any]) -> list[str]:
    if defaults["problem"]:
        return [f"defaults   {defaults['problem']}"]
    if not defaults["file"]:
        return ["defaults   the program's own: no file is read"]
    place = shown(defaults["file"])
    if not defaults["is_there"]:
        return [f"defaults   the program's own: there is no {place}"]
    lines = [f"defaults   {place}"]
    for command, settings in defaults["settings"].items():
        before = "" if command == RUN else f"{command}: "
        pairs = (f"{name.replace('_', '-')} = {value}" for name, value in settings.items())
        lines += [f"           {before}{shown(pair)}" for pair in pairs]
    return lines


def _model_lines(model: dict[str, Any]) -> list[str]:
    if model["problem"]:
        return [f"model      {model['problem']}"]
    data = model["training"].get("data") or ["unknown"]
    precision, count, schedule = model["precision"], model["parameters"], model["schedule"]
    parameters = "parameters not counted" if count is None else f"{count / 1e6:.1f} M parameters"
    return [
        f"model      {model['name']} ({model['family']}), {model['digest'][:12]}, {model['path']}",
        f"           {parameters}, {model['megabytes']} MB, weights {precision.get('weights')}, "
        f"computed in {precision.get('compute')}",
        f"           working size {model['size']}, "
        f"{count_text(model['steps'], 'step')}{f' ({schedule})' if schedule else ''}",
        f"           trained on {', '.join(map(str, data))}",
        f"           licence of the weights: {model['license']}",
    ]
