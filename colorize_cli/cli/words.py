"""What the words of a command line mean together, once each is understood."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from typer import Context

from ..batch.asked.path_list import read_path_list
from ..batch.asked.target import STREAM, target_of
from ..errors import UsageError


class Places(NamedTuple):
    """Where photographs come from, and where colourings go, as `Options` has it."""

    paths: tuple[Path, ...]
    out: Path
    is_single: bool
    is_from_stdin: bool


def places(
    words: Sequence[str], files_from: str | None, out: str | None, log: Path | None
) -> Places:
    """Say where photographs come from and where colourings go; UsageError where that is not said.

    Args:
        words: the paths that are named.
        files_from: a list of more of them.
        out: the folder or the file of `--out`, or `-`.
        log: the file of `--log`, which cannot have standard output too.
    """
    listed = read_path_list(files_from) if files_from else []
    if not words and not listed:
        raise UsageError("name the photographs, or folders of them: colorize scans/ --out colored/")
    if files_from and STREAM in words:
        raise UsageError("- is a photo on standard input, and comes alone: leave --files-from out")
    target = target_of(out, words)
    if target.is_single and target.out == Path(STREAM) and log == Path(STREAM):
        raise UsageError("standard output has the picture: name a file for --log")
    is_from_stdin = STREAM in words
    paths = tuple(Path(word) for word in (*words, *listed))
    return Places(paths, target.out, target.is_single, is_from_stdin)


def how_many(context: Context, samples: int | None, sample: int | None) -> int:
    """Say how many samples a photo has; UsageError where it is said twice."""
    if sample is None:
        return samples or 1
    source = context.get_parameter_source("samples")
    if samples is not None and source is not None and source.name == "COMMANDLINE":
        raise UsageError(
            f"--sample {sample} is one of the samples, and --samples {samples} are all: leave one "
            "of them out"
        )
    return sample


def usual_of(context: Context) -> Mapping[str, Any]:
    """The user's own defaults of what a folder's last run has, as `Options` has them."""
    return context.obj.usual if context.obj else {}
