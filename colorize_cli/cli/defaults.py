"""A user's own defaults: a file in TOML whose keys are the names of options.

What stands on top is of `colorize PATHS`, what stands below the name of a command is of that one.
The command line wins over the file. So does an output folder's last run, for what is kept to from
run to run: a change of the file is no reason to colour a folder anew.
"""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from typer import BadParameter

from ..errors import UsageError, reason_of
from ..system.paths import shown

VARIABLE = "COLORIZE_CONFIG"
RUN = "run"  # the command that may be called without its name
# What is of one call: as a default it would replace files, or leave photographs out, unasked.
_ONCE = frozenset(
    ("overwrite", "restore", "changed", "retry-failed", "shard", "sample", "files-from", "dry-run")
)
_ONCE_ELSEWHERE = frozenset(("resume", "install", "help"))
# What an output folder's last run has, and so wins over the file.
KEPT_TO = frozenset(
    ("seed", "size", "steps", "candidates", "white", "saturation", "quality", "model", "device")
)


@dataclass(frozen=True)
class Defaults:
    """What the file says, by command and by the name of the parameter."""

    path: Path | None  # of the file, whether it is there or not; None where there can be none
    is_there: bool = False
    of_commands: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    problem: str | None = None  # why it cannot be used

    @property
    def usual(self) -> dict[str, Any]:
        """Of colouring, what counts only where a folder has no last run."""
        found = self.of_commands.get(RUN, {})
        return {name: value for name, value in found.items() if name in KEPT_TO}

    @property
    def as_map(self) -> dict[str, dict[str, Any]]:
        """The rest, as the parser takes it."""
        found = {name: dict(values) for name, values in self.of_commands.items()}
        run = found.get(RUN, {})
        if "model" in run:
            found["info"] = {"model": run["model"], **found.get("info", {})}
        found[RUN] = {name: value for name, value in run.items() if name not in KEPT_TO}
        return found


def defaults_file() -> Path | None:
    """Return the place of the file, which need not be there; None for a user without a home.

    It is what COLORIZE_CONFIG names, which is empty for none; else it is where programs keep what a
    user configures.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return Path(named) if named else None
    is_windows = sys.platform == "win32"
    root = os.environ.get("APPDATA" if is_windows else "XDG_CONFIG_HOME")
    try:
        folder = Path(root or Path.home() / ("AppData/Roaming" if is_windows else ".config"))
    except RuntimeError:
        return None
    return folder / "colorize" / "config.toml"


def load_defaults(context: Any) -> Defaults:
    """Read the file, and check it by the parameters of the commands in the program's context.

    UsageError is raised for a file that cannot be read, for what is no option, with the one that
    was meant, and for values that an option cannot have.
    """
    commands: Mapping[str, Any] = context.command.commands
    path = defaults_file()
    if path is None:
        return Defaults(None)
    try:
        found = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            raise UsageError(f"{VARIABLE} names {shown(path)}, which is not there") from None
        return Defaults(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown(path)} cannot be used: {_why(error)}") from error
    tables = {name: value for name, value in found.items() if isinstance(value, dict)}
    on_top = {name: value for name, value in found.items() if name not in tables}
    _require_known(path, tables, commands, "command")
    sections = {RUN: {**on_top, **tables.pop(RUN, {})}, **tables}
    try:
        checked = {n: _checked(context, commands[n], of) for n, of in sections.items()}
    except UsageError as error:
        raise UsageError(f"{shown(path)}: {error}") from error
    return Defaults(path, True, checked)


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else reason_of(error)


def _require_known(
    path: Path, named: Mapping[str, Any], known: Mapping[str, Any], what: str
) -> None:
    for name in named:
        if name not in known:
            raise UsageError(f"{shown(path)}: there is no {what} {name!r}{_meant(name, known)}")


def _meant(name: str, known: Mapping[str, Any]) -> str:
    similar = get_close_matches(name, known, n=1)
    return f": did you mean {similar[0]}?" if similar else f": there are {', '.join(sorted(known))}"


def _checked(context: Any, command: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names of a command's parameters; UsageError for what it cannot take."""
    options = {
        name.removeprefix("--"): param
        for param in command.params
        if param.param_type_name == "option"
        for name in param.opts
        if name.startswith("--")
    }
    found = {}
    for key, value in values.items():
        name = key.replace("_", "-")
        if name in _ONCE | _ONCE_ELSEWHERE:
            raise UsageError(f"{key} is no default: say it on the command line, each time")
        if name not in options:
            known = {each: 0 for each in options if each not in _ONCE | _ONCE_ELSEWHERE}
            raise UsageError(f"there is no option {key!r}{_meant(name, known)}")
        found[options[name].name] = _converted(context, key, options[name], value)
    return found


def _converted(context: Any, key: str, param: Any, value: Any) -> Any:
    """Return a value as an option takes it, which reads it as if it were typed."""
    if param.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{key} = {_written(value)}: write true or false")
        return value
    each = value if param.multiple and isinstance(value, list) else [value]
    for one in each:
        if not isinstance(one, str | int | float) or isinstance(one, bool):
            raise UsageError(f"{key} = {_written(value)}: write a number, or a text in quotes")
    words = [str(Path(one).expanduser()) if _is_at_home(one) else str(one) for one in each]
    try:
        return param.process_value(context, words if param.multiple else words[0])
    except BadParameter as error:
        raise UsageError(f"{key} = {_written(value)}: {error.message}") from error


def _is_at_home(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("~/")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
