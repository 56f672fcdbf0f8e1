"""Treat file names as text: sort them naturally, compare them as file systems do, show them."""

import os
import re
import shlex
import unicodedata
from pathlib import Path

# Controls, invisible formatting (which can turn the direction of a line), and separators of lines.
_UNSEEN = frozenset(("Cc", "Cf", "Zl", "Zp"))
_JOINERS = frozenset("\u200c\u200d")  # names in some scripts need them
_CONTROLS = {code: repr(chr(code))[1:-1] for code in (*range(32), 127)}


def absolute(path: Path) -> Path:
    """Spell a path from the root, without `..`, and with its symbolic links as they are.

    Where there is a `..`, which may lead back from a link, the links above the name are followed.
    """
    if ".." in path.parts:
        is_name = path.name != ".."
        return Path(os.path.realpath(path.parent if is_name else path), path.name * is_name)
    return Path(os.path.abspath(path))  # noqa: PTH100  resolve() would follow the links


def natural_key(path: Path) -> tuple[tuple[str | int, ...], ...]:
    """Return a key that sorts `scan 2` before `scan 10`, without regard to case, level by level."""
    return tuple(
        tuple(int(run) if run.isdecimal() else run for run in re.split(r"(\d+)", part.casefold()))
        for part in path.parts
    )


def shown(path: Path | str) -> str:
    """Write a path as one line of text, with control characters and undecodable bytes escaped.

    What is written so once stays so: a sentence with a path in it may be passed again. Bytes that
    the locale does not know, which are surrogates in Python, are read as UTF-8.
    """
    text = os.fspath(path)
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves of UTF-16 pairs, which Windows has in names
        data = text.encode("utf-8", "backslashreplace")
    text = data.decode("utf-8", "backslashreplace")
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _UNSEEN and char not in _JOINERS
        else char
        for char in text
    )


def quoted(path: Path | str) -> str:
    """Write a path as a word of a command line that a person can copy."""
    word = shlex.quote(text := shown(path))
    return f'"{text}"' if os.name == "nt" and word != text else word


def one_line(path: Path) -> str:
    """Write a path for programs: only control characters are escaped, tab and newline too."""
    return str(path).translate(_CONTROLS)


def plain(text: str) -> str:
    """Escape what UTF-8 cannot write: bytes of file names that are no text."""
    return text.encode("utf-8", "backslashreplace").decode()


def composed(text: str) -> str:
    """Return what a file system that ignores Unicode form would compare."""
    return unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """Return what a file system that ignores case and Unicode form would compare."""
    return composed(composed(text).casefold())
