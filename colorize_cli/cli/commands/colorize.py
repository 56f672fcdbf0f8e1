"""`colorize PATHS... --out DIR`: photographs become colourings."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Context, Exit, Option

from ..options import MOST, Batch, DeviceName, Size, Steps, model_names

OnColourName = Literal["recolour", "recolor", "skip", "copy"]
FormatName = Literal["keep", "png", "jpg", "jpeg", "webp", "tiff", "tif"]
SAME_FORMAT = {"jpeg": "jpg", "tif": "tiff"}


def colorize(
    context: Context,
    paths: Annotated[
        list[str] | None,
        Argument(metavar="PATHS", help="Photographs and folders of them; - is standard input."),
    ] = None,
    out: Annotated[
        str | None,
        Option(
            *("--out", "-o"),
            metavar="DIR|FILE|-",
            help="Where the colourings go: a folder, the file of one, or standard output.",
        ),
    ] = None,
    files_from: Annotated[
        str | None,
        Option(metavar="LIST", help="Take the photos that a file lists, a line each; - is stdin."),
    ] = None,
    samples: Annotated[
        int | None, Option(min=1, max=MOST, metavar="N", help="Colourings a photo; 1 if not given.")
    ] = None,
    sample: Annotated[
        int | None,
        Option(min=1, max=MOST, metavar="K", help="Make the K-th of the samples alone."),
    ] = None,
    candidates: Annotated[
        int | None,
        Option(
            min=0,
            max=MOST,
            metavar="K",
            help="Draw K samples, keep those that are good and differ.",
        ),
    ] = None,
    seed: Annotated[
        int | None, Option(metavar="S", help="Another seed, other colourings; 0 if none is given.")
    ] = None,
    model: Annotated[
        str | None,
        Option(
            metavar="NAME|PATH",
            help="Bundle: a folder or a .zip; default if none.",
            autocompletion=model_names,
        ),
    ] = None,
    device: Annotated[DeviceName, Option(help="What the network runs on.")] = "auto",
    batch: Batch = None,
    size: Size = None,
    steps: Steps = None,
    format: Annotated[
        FormatName, Option(case_sensitive=False, help="Format of the outputs.")
    ] = "keep",
    quality: Annotated[
        int | None,
        Option(
            min=0,
            max=100,
            metavar="Q",
            help="Of JPEG (95), WebP and AVIF (no loss), 1 to 100; 0 is the usual one.",
        ),
    ] = None,
    saturation: Annotated[
        float | None,
        Option(min=0, max=4, metavar="X", help="Factor on the colours, for taste; 1 if none."),
    ] = None,
    name: Annotated[
        str | None,
        Option(metavar="TEMPLATE", help="How files are called: {stem}_colour{ext}, say."),
    ] = None,
    on_colour: Annotated[
        OnColourName,
        Option("--on-colour", "--on-color", help="What becomes of photographs in colour."),
    ] = "recolour",
    recursive: Annotated[
        bool, Option("--recursive/--no-recursive", help="Descend into folders.")
    ] = True,
    exclude: Annotated[
        list[str] | None,
        Option(metavar="GLOB", help="Leave out files and folders of this name; repeatable."),
    ] = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Make again what exists, altered files too.")
    ] = False,
    shard: Annotated[
        str | None, Option(metavar="I/N", help="Take the I-th of N parts; run them at once.")
    ] = None,
    restore: Annotated[
        bool, Option("--restore", help="Make again what was deleted or renamed since.")
    ] = False,
    keep_times: Annotated[
        bool, Option("--keep-times", help="Give colourings the time of their photo.")
    ] = False,
    changed: Annotated[
        bool, Option("--changed", help="Take only the photos that were edited since.")
    ] = False,
    retry_failed: Annotated[
        bool, Option("--retry-failed", help="Take only photos that failed, or lacked memory.")
    ] = False,
    fail_fast: Annotated[
        bool, Option("--fail-fast", help="Stop at the first photo that fails.")
    ] = False,
    max_megapixels: Annotated[
        float | None,
        Option(min=0.001, max=1073, metavar="N", help="Largest photo; 268 if none is given."),
    ] = None,
    max_memory: Annotated[
        float | None,
        Option(min=0.001, max=100_000, metavar="GB", help="Most memory that one photo may take."),
    ] = None,
    white: Annotated[
        float | None,
        Option(min=1e-9, metavar="X", help="White in 32-bit and float photos; 1 in float."),
    ] = None,
    no_mark: Annotated[
        bool, Option("--no-mark", help="Leave out of the files what says how they were made.")
    ] = False,
    salvage: Annotated[
        bool, Option("--salvage", help="Colour what is left of damaged photos; else they fail.")
    ] = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print input, output and action of each file; do nothing.")
    ] = False,
    log: Annotated[
        Path | None,
        Option(metavar="FILE", help="Append a line of JSON for each photo; - is stdout."),
    ] = None,
    report: Annotated[
        Path | None, Option(metavar="FILE", help="Write a table (CSV) with a row for each photo.")
    ] = None,
    sheet: Annotated[
        bool, Option("--sheet", help="Make a page to look and pick: DIR/colorize-sheet/.")
    ] = False,
    trace: Annotated[
        Path | None,
        Option(metavar="DIR", help="Write how each photo is denoised, as an animation, to DIR."),
    ] = None,
    trace_forward: Annotated[
        bool, Option("--trace-forward", help="Begin it with the forward process.")
    ] = False,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Say only what failed.")] = False,
    verbose: Annotated[
        bool, Option("--verbose", "-v", help="Name every photo that is worked on.")
    ] = False,
) -> None:
    """Colorize photographs; the word `run` may be left out."""
    from ...system.installed import require_runtime

    require_runtime()
    from ...batch.asked.name_template import PLAIN
    from ...batch.run import run
    from ...batch.run_log import RunLog
    from ...batch.run_report import RunReport
    from ...batch.settings import OnColour, Options
    from ...batch.shard import parse_shard
    from ...batch.sheet.observer import Sheet
    from ...model.view import parse_size
    from ...system.interrupts import INTERRUPTS
    from ..observers import Naming, PhotoProgress, Summary
    from ..terminal import Terminal
    from ..words import how_many, of_command_line, places, usual_of

    where = places(context, paths or [], files_from, out, log)
    count = how_many(context, samples, sample, is_single=where.is_single)
    if where.is_single:  # a default is of folders
        format = format if of_command_line(context, "format") else "keep"
        name = name if of_command_line(context, "name") else None
        sheet = sheet and of_command_line(context, "sheet")
    in_colour: OnColour = "recolour" if on_colour == "recolor" else on_colour
    is_quiet, is_verbose = quiet and not verbose, verbose and not quiet
    terminal = Terminal(is_quiet=is_quiet)
    has_ledger = not where.is_single
    naming = Naming(terminal, is_verbose=is_verbose, has_ledger=has_ledger)
    summary = Summary(terminal, on_colour=in_colour, fail_fast=fail_fast, has_ledger=has_ledger)
    files = (RunLog(log, where.out), RunReport(report, where.out))
    observers = [*files, naming, PhotoProgress(terminal), *([] if is_quiet else [summary])]
    if sheet:
        observers.append(Sheet(where.out, terminal))
    options = Options(
        **where._asdict(),
        samples=count,
        sample=sample,
        candidates=candidates,
        seed=seed,
        model=model,
        device=device if of_command_line(context, "device") else None,
        batch=batch,
        size=parse_size(size),
        steps=steps,
        format=SAME_FORMAT.get(format, format),
        quality=quality,
        saturation=saturation,
        name=name or PLAIN,
        on_colour=in_colour,
        recursive=recursive,
        exclude=tuple(exclude or ()),
        overwrite=overwrite,
        shard=parse_shard(shard) if shard else None,
        restore=restore,
        keep_times=keep_times,
        changed=changed,
        retry_failed=retry_failed,
        fail_fast=fail_fast,
        max_megapixels=max_megapixels,
        max_memory=max_memory,
        white=white,
        mark=not no_mark,
        salvage=salvage,
        sheet=sheet,
        trace=trace,
        trace_forward=trace_forward,
        dry_run=dry_run,
        usual=usual_of(context),
    )
    observers = [naming] if dry_run else observers
    raise Exit(run(options, terminal, observers, interrupts=INTERRUPTS))
