"""Lists of photographs, as `find` and other programs write them."""

import codecs
import os
import sys
from pathlib import Path

from ...errors import UsageError, reason_of
from ...system.paths import shown
from .target import STREAM

_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def read_path_list(name: str) -> list[str]:
    """Read a list of paths, one a line, or each with a NUL behind it; `-` is standard input.

    They are relative to the current folder, as on the command line. Names have the bytes that they
    have on disk; UTF-16, which PowerShell writes, is known by its mark. Lines without a letter are
    left out. UsageError is raised where the list cannot be read, or holds nothing.
    """
    if name == STREAM:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(
                "--files-from - reads the list from standard input, which is a terminal here: lead "
                "it in, `find scans -newer last | colorize --files-from - --out colored` say"
            )
        data = sys.stdin.buffer.read()
    else:
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise UsageError(f"--files-from {shown(name)}: {reason_of(error)}") from error
    paths = [path for path in _split(data) if path.strip()]
    if not paths:
        raise UsageError(f"--files-from {shown(name)} names no photograph: it is empty")
    return paths


def _split(data: bytes) -> list[str]:
    wide = _WIDE.get(data[:2])
    if wide:
        text = data[2:].decode(wide, "replace")
    else:
        text = os.fsdecode(data.removeprefix(codecs.BOM_UTF8))
    if "\0" in text:
        return text.split("\0")
    return [line.removesuffix("\r") for line in text.split("\n")]
