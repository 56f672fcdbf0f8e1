"""`colorize train`: a model of colour photographs."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from ..options import Overrides


def train(
    recipe: Annotated[
        str | None, Option(metavar="NAME|FILE", help="Recipe, TOML; default if none is named.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        Option(metavar="PATH", help="Folder or tar shard of colour photographs; repeatable."),
    ] = None,
    backbone: Annotated[
        Path | None, Option(metavar="FILE", help="ImageNet weights of the encoder.")
    ] = None,
    init: Annotated[
        str | None,
        Option(
            metavar="NAME|PATH",
            help="Bundle, or weights.safetensors of a run, to take all weights from.",
        ),
    ] = None,
    out: Annotated[Path, Option("--out", "-o", metavar="DIR", help="Folder of the run.")] = Path(
        "runs/colorize"
    ),
    resume: Annotated[bool, Option("--resume", help="Go on with the run in --out.")] = False,
    other_data: Annotated[
        bool, Option("--other-data", help="Go on with other photos than the run had.")
    ] = False,
    minutes: Annotated[
        float | None,
        Option(metavar="M", help="Plan the run to end after this time, whatever its steps."),
    ] = None,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Tell what the run will take, from a few steps.")
    ] = False,
    auto_batch: Annotated[
        bool, Option("--auto-batch", help="Work through a step in parts that fit in memory.")
    ] = False,
    set_: Overrides = None,
    device: Annotated[Literal["auto", "cpu", "cuda"], Option(help="What to train on.")] = "auto",
    workers: Annotated[int, Option(min=1, metavar="N", help="Threads that prepare photos.")] = 1,
    memory: Annotated[
        float, Option(min=0, metavar="GB", help="What decoded photos may take.")
    ] = 6.0,
    track: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            help="Tell `tensorboard` or `wandb` too how it goes, beside log.csv; repeatable.",
        ),
    ] = None,
) -> None:
    """Train a model on folders or tar shards of colour photographs."""
    from ...system.installed import require

    require("train")
    from training.run import run as run_training

    from ..terminal import Terminal

    terminal = Terminal()
    with terminal.course("training") as course:
        run_training(
            recipe=recipe,
            data=data or [],
            out=out,
            backbone=backbone,
            init=init,
            resume_run=resume,
            other_data=other_data,
            minutes=minutes,
            is_dry=dry_run,
            auto_batch=auto_batch,
            overrides=set_ or [],
            device=device,
            workers=workers,
            memory=memory,
            track=track or [],
            report=terminal.note,
            warn=terminal.warn,
            course=course,
        )
