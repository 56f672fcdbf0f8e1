"""What the words of a command line mean together, once each is understood."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from typer import Context

from ..batch.asked.path_list import read_path_list
from ..batch.asked.target import STREAM, target_of
from ..errors import UsageError
from ..model.view import parse_size
from ..system.paths import shown


class Places(NamedTuple):
    """Where photographs come from, and where colourings go, as `Options` has it."""

    paths: tuple[Path, ...]
    out: Path
    is_single: bool
    is_from_stdin: bool


def places(
    context: Context,
    words: Sequence[str],
    files_from: str | None,
    out: str | None,
    log: Path | None,
) -> Places:
    """Say where photographs come from and where colourings go; UsageError where that is not said.

    Args:
        context: tells what is given on the command line.
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
    if STREAM in words and not of_command_line(context, "out"):
        out = None
    target = target_of(out, words)
    if target.is_single and target.out == Path(STREAM) and log == Path(STREAM):
        raise UsageError("standard output has the picture: name a file for --log")
    is_from_stdin = STREAM in words
    paths = tuple(Path(word) for word in (*words, *listed))
    return Places(paths, target.out, target.is_single, is_from_stdin)


def of_command_line(context: Context, name: str) -> bool:
    """Whether an option was given on the command line, and not in the user's file of defaults."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def how_many(context: Context, samples: int | None, sample: int | None, *, is_single: bool) -> int:
    """Say how many samples a photo has; UsageError where it is said twice.

    A default of several is not for a file that is named, nor for one of the samples.
    """
    is_given = of_command_line(context, "samples")
    if sample is not None:
        if is_given:
            raise UsageError(
                f"--sample {sample} is one of the samples, and --samples {samples} are all: leave "
                "one of them out"
            )
        return sample
    return samples if samples and (is_given or not is_single) else 1


def usual_of(context: Context) -> Mapping[str, Any]:
    """The user's own defaults of what a folder's last run has, as `Options` has them."""
    if context.obj is None:
        return {}
    usual = dict(context.obj.usual)
    if "size" in usual:
        try:
            usual["size"] = parse_size(usual["size"])
        except UsageError as error:
            raise UsageError(f"{shown(context.obj.path)}: {error}") from error
    return usual
