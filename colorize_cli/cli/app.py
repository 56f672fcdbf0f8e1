"""The command line: options and calls, nothing else. No import at the top is heavier than Typer.

`colorize PATHS... --out DIR` is the command `run` with its name left out; the name is put in when
the first word is neither a command nor an option of the program itself.
"""

import atexit
import copy
import gc
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from .. import __version__, leave_converter_out
from ..errors import EXIT_OK, ColorizeError
from .interrupt import stop_on_signals

_DEFAULT = "run"
_EPILOG = """\b
The first word decides: write ./export for a folder that is called like a command, and ./-a.jpg
for a name that begins with a dash.
A seed, model, device, size or number of steps or candidates that is not given is that of the
last run into the output folder, as .colorize.json in it has them.
Exit codes: 0 all done or skipped, 1 some failed, 2 wrong usage or no photographs,
3 device, model or extra cannot be used, 130 interrupted.
"""

DeviceName = Literal["auto", "cpu", "openvino", "cuda", "tensorrt"]
OnColourName = Literal["recolour", "skip", "copy"]
FormatName = Literal["keep", "png", "jpg", "webp", "tiff"]
Model = Annotated[str, typer.Option(metavar="NAME|PATH", help="Bundle: a folder or a .zip.")]
Batch = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Photos that go through the network together; the device's own if not given.",
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PX",
        help="Square root of the area that the network sees; the model's if not given.",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Denoising steps; the model's if not given."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe; repeatable."),
]


class _Commands(TyperGroup):
    """Commands of which one may be called without its name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {option for param in self.get_params(ctx) for option in param.opts}
        if args and args[0] not in self.commands and args[0].partition("=")[0] not in own:
            similar = get_close_matches(args[0], self.commands)
            if similar and not Path(args[0]).exists():
                ctx.fail(f"there is no file or command {args[0]!r}: did you mean {similar[0]}?")
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["[OPTIONS] PATHS... --out DIR", "| COMMAND [ARGS]..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the options of the command without a name beside the commands."""
        whole = copy.copy(self)
        whole.params = [*self.commands[_DEFAULT].params, *self.params]
        super(_Commands, whole).format_help(ctx, formatter)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=_EPILOG,
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"colorize {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Turn folders of black-and-white photographs into colour.

    Several plausible colourings a photo, offline; the originals are never written to.
    """


@app.command(_DEFAULT)
def run(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS", help="Photographs and folders of them.")
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where the colourings go, in the tree of the input."),
    ],
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="Colourings a photo.")] = 1,
    candidates: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="K", help="Draw K samples, keep those that are good and differ."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="S", help="Another seed, other colourings; 0 if none is given."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME|PATH", help="Bundle: a folder or a .zip; default if none."),
    ] = None,
    device: Annotated[DeviceName, typer.Option(help="What the network runs on.")] = "auto",
    batch: Batch = None,
    size: Size = None,
    steps: Steps = None,
    format: Annotated[FormatName, typer.Option(help="Format of the outputs.")] = "keep",
    on_colour: Annotated[
        OnColourName, typer.Option(help="What becomes of photographs in colour.")
    ] = "recolour",
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Descend into folders.")
    ] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make again what exists, and forget its settings.")
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Stop at the first photo that fails.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print input, output and action of each file; do nothing."),
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Append a line of JSON for each photo; - is stdout."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", help="Say only what failed.")] = False,
    verbose: Annotated[bool, typer.Option("-v", help="Name every photo.")] = False,
) -> None:
    """Colorize photographs; the word `run` may be left out."""
    from ..system.install import require_runtime

    require_runtime()
    from ..batch.options import Options
    from ..batch.run import run as run_photos
    from .terminal import Terminal, Verbosity

    verbosity = Verbosity.NORMAL + verbose - quiet
    options = Options(
        paths=tuple(paths),
        out=out,
        samples=samples,
        candidates=candidates,
        seed=seed,
        model=model,
        device=device,
        batch=batch,
        size=size,
        steps=steps,
        format=format,
        on_colour=on_colour,
        recursive=recursive,
        overwrite=overwrite,
        fail_fast=fail_fast,
        dry_run=dry_run,
        log=log,
    )
    raise typer.Exit(run_photos(options, Terminal(Verbosity(verbosity))))


@app.command()
def export(
    checkpoint: Annotated[
        Path | None,
        typer.Argument(metavar="CHECKPOINT", help="Weights of a run; the default bundle if none."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new bundle.")] = Path(
        "bundle"
    ),
    fp16: Annotated[
        bool, typer.Option("--fp16", help="Compute in half precision, for GPUs.")
    ] = False,
    bf16: Annotated[
        bool, typer.Option("--bf16", help="Compute in bfloat16, for --device openvino.")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Compute in integers of 8 bits, for CPUs.")
    ] = False,
    tensorrt: Annotated[
        bool,
        typer.Option("--tensorrt", help="Build TensorRT's engines for this GPU too: minutes."),
    ] = False,
    opset: Annotated[
        int,
        typer.Option(min=18, max=23, metavar="N", help="Version of ONNX's operators, 18 to 23."),
    ] = 18,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check", help="Compare with PyTorch, and write only what agrees."
        ),
    ] = True,
    calibrate: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Photographs to calibrate --int8 on; built-in if none."),
    ] = None,
    family: Annotated[
        Literal["palette"] | None,
        typer.Option(help="What a .pth is: the tutorial's UNet or the public Palette's."),
    ] = None,
    set_: Overrides = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the bundle that --out holds already.")
    ] = False,
) -> None:
    """Make a bundle from a checkpoint, and check it against PyTorch."""
    _require("export")
    from export.run import ExportSettings, choose_precision
    from export.run import run as run_export

    from .terminal import Terminal

    settings = ExportSettings(
        checkpoint=checkpoint,
        out=out,
        precision=choose_precision(fp16=fp16, bf16=bf16, int8=int8),
        tensorrt=tensorrt,
        opset=opset,
        check=check,
        calibrate=calibrate,
        family=family,
        overrides=tuple(set_ or ()),
        overwrite=overwrite,
    )
    run_export(settings, Terminal().note)


@app.command()
def bench(
    photos: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PHOTOS", help="Photographs to measure with; a built-in one if none."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|PATH", help="Bundle: a folder or a .zip; repeatable."),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="As of `run`; repeatable; all that work here if none, but for tensorrt.",
        ),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="N,N", help="Batch sizes; the device's own and a larger one if not given."
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="Colourings a photo.")] = 1,
    quick: Annotated[
        bool, typer.Option("--quick", help="Measure for a third of the time, with more noise.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the figures as JSON; - is stdout.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON of an earlier run, to say what is faster now."),
    ] = None,
) -> None:
    """Say what is fastest on this machine, what it takes, and which options to use."""
    from ..system.install import require_runtime

    require_runtime()
    from ..bench.run import BenchOptions
    from ..bench.run import run as run_bench
    from .terminal import Terminal

    run_bench(
        BenchOptions(
            photos=tuple(photos or ()),
            models=tuple(model or ()),
            devices=tuple(device or ()),
            batch=batch,
            samples=samples,
            is_quick=quick,
            json=json,
            compare=compare,
        ),
        Terminal(),
    )


@app.command()
def train(
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Recipe, TOML; default if none is named."),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", help="Folder or tar shard of colour photographs; repeatable."),
    ] = None,
    backbone: Annotated[
        Path | None, typer.Option(metavar="FILE", help="ImageNet weights of the encoder.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="Bundle, or weights.safetensors of a run, to take all weights from.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run.")] = Path(
        "runs/colorize"
    ),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", help="Stop after this time; --resume goes on.")
    ] = None,
    set_: Overrides = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="What to train on.")
    ] = "auto",
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Threads that prepare batches.")
    ] = 1,
) -> None:
    """Train a model on folders or tar shards of colour photographs."""
    _require("train")
    from training.run import run as run_training

    from .terminal import Terminal

    run_training(
        recipe=recipe,
        data=data or [],
        out=out,
        backbone=backbone,
        init=init,
        resume_run=resume,
        minutes=minutes,
        overrides=set_ or [],
        device=device,
        workers=workers,
        report=Terminal().note,
    )


@app.command()
def evaluate(
    photos: Annotated[
        list[Path],
        typer.Argument(metavar="PHOTOS", help="Colour photographs, folders or tar shards of them."),
    ],
    model: Model = "default",
    samples: Annotated[int, typer.Option(min=1, metavar="N", help="Colourings a photo.")] = 4,
    candidates: Annotated[
        int, typer.Option(min=0, metavar="K", help="Draw K samples and choose from them.")
    ] = 0,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write all figures as JSON.")
    ] = None,
    split: Annotated[
        Literal["tune", "report", "all"],
        typer.Option(help="The half for choices, the half for published figures, or both."),
    ] = "report",
    device: Annotated[DeviceName, typer.Option(help="What the network runs on.")] = "auto",
    batch: Batch = None,
    size: Size = None,
    steps: Steps = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Of the noise.")] = 0,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Photos of a set, at most.")
    ] = None,
    degraded: Annotated[
        bool, typer.Option("--degraded", help="Degrade the inputs like old prints.")
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON of an earlier run, to say what changed since."),
    ] = None,
    lpips: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of LPIPS; the package's if not given."),
    ] = None,
    no_lpips: Annotated[
        bool, typer.Option("--no-lpips", help="Leave LPIPS and diversity out.")
    ] = False,
    inception: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Inception network; the package's if not given."),
    ] = None,
    no_inception: Annotated[
        bool, typer.Option("--no-inception", help="Leave Frechet and kernel distance out.")
    ] = False,
) -> None:
    """Measure colourings of colour photographs against the truth."""
    _require("evaluate")
    from training.evaluation.run import run as run_evaluation

    from .terminal import Terminal

    run_evaluation(
        photos,
        Terminal(),
        model=model,
        samples=samples,
        candidates=candidates,
        json=json,
        split=split,
        device=device,
        size=size,
        steps=steps,
        batch=batch,
        seed=seed,
        limit=limit,
        degraded=degraded,
        compare_with=compare,
        lpips=lpips,
        no_lpips=no_lpips,
        inception=inception,
        no_inception=no_inception,
    )


@app.command()
def info(
    model: Model = "default",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what is installed, what really works, and what the model is."""
    from ..system.install import require_runtime

    require_runtime()
    from .info import run as run_info

    raise typer.Exit(run_info(model, as_json=json))


def _require(extra: str) -> None:
    from ..system.install import require

    require(extra)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: Words of the command; those of the process by default.

    Returns:
        Exit code, as `errors` has them.
    """
    # At its end the interpreter would go through all that was imported for garbage: 0.1 s.
    atexit.register(gc.freeze)
    leave_converter_out()
    with stop_on_signals():
        try:
            app(arguments, prog_name="colorize")
        except ColorizeError as error:
            from .terminal import Terminal

            Terminal().error(f"colorize: {error}")
            return error.exit_code
        except SystemExit as end:  # the way in which every command of Typer ends
            return end.code if isinstance(end.code, int) else EXIT_OK
    return EXIT_OK
