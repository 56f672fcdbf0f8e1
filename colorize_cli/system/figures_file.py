"""Files of figures as JSON: a command writes them, and reads them back to compare with."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ..errors import UsageError
from .files import write_atomic
from .messages import write_stdout
from .paths import shown

T = TypeVar("T")

_DIGITS = 6  # more than any measured figure means
_DEPTH = 5  # down to which each entry has a line: a thousand photos take a thousand lines


def check_target(path: Path | None) -> None:
    """Raise UsageError for a file of `--json` that could not be written after the work."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise UsageError(f"--json {shown(path)}: name a file in a folder that exists.")


def write_document(path: Path, tree: Mapping[str, Any]) -> None:
    """Write figures as JSON, `rounded`; UsageError where it fails. `-` is standard output."""
    text = _dump(rounded(tree), _DEPTH) + "\n"
    if path == Path("-"):
        write_stdout(text)
        return
    try:
        write_atomic(path, text.encode())
    except OSError as error:
        raise UsageError(f"--json {shown(path)} cannot be written: {error.strerror}") from error


def read_document(
    path: Path, command: str, version: int, build: Callable[[dict[str, Any]], T]
) -> T:
    """Read the figures of `--compare`, which an earlier run of "bench" or "evaluate" wrote.

    `version` is the document's "format", and `build` takes out of it what is compared.

    Raises:
        UsageError: The file cannot be read, is no such file, is of another version, or lacks what
            `build` looks for.
    """
    option = f"--compare {shown(path)}"
    try:
        tree = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{option} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{option} is no JSON ({error}).") from error
    if not isinstance(tree, dict) or tree.get("format") != version:
        raise UsageError(
            f"{option} is no file that this version of `colorize {command} --json` writes: "
            "measure again."
        )
    try:
        return build(tree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"{option} is damaged, or not of `colorize {command}` ({error!r}): measure again."
        ) from error


def rounded(tree: Any) -> Any:
    """Round all floats of a tree to six digits; infinity and NaN, which JSON lacks, become None."""
    if isinstance(tree, Mapping):
        return {key: rounded(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [rounded(value) for value in tree]
    if isinstance(tree, float):
        return float(f"{tree:.{_DIGITS}g}") if math.isfinite(tree) else None
    return tree


def _dump(value: Any, depth: int) -> str:
    """Write JSON with a line for each entry down to a depth, and no breaks below."""
    if depth == 0 or not value or not isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, dict):
        lines = [f"{json.dumps(key)}: {_dump(item, depth - 1)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + "\n}"
    if isinstance(value[0], dict):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    return json.dumps(value)
