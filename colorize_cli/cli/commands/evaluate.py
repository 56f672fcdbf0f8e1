"""`colorize evaluate`: colourings against the truth."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from ..options import Batch, DeviceName, Model, Size, Steps


def evaluate(
    photos: Annotated[
        list[Path],
        Argument(metavar="PHOTOS", help="Colour photographs, folders or tar shards of them."),
    ],
    model: Model = "default",
    samples: Annotated[int, Option(min=1, metavar="N", help="Colourings a photo.")] = 4,
    candidates: Annotated[
        int, Option(min=0, metavar="K", help="Draw K samples and choose from them.")
    ] = 0,
    json: Annotated[
        Path | None, Option(metavar="FILE", help="Write all figures as JSON; - is stdout.")
    ] = None,
    split: Annotated[
        Literal["tune", "report", "all"],
        Option(help="The half for choices, the half for published figures, or both."),
    ] = "all",
    device: Annotated[DeviceName, Option(help="What the network runs on.")] = "auto",
    batch: Batch = None,
    size: Size = None,
    steps: Steps = None,
    seed: Annotated[int, Option(metavar="S", help="Of the noise.")] = 0,
    limit: Annotated[
        int | None, Option(min=1, metavar="N", help="Photos of a set, at most.")
    ] = None,
    degraded: Annotated[
        bool, Option("--degraded", help="Degrade the inputs like old prints.")
    ] = False,
    judge_at: Annotated[
        int | None,
        Option(
            min=64,
            metavar="PX",
            help="Judge at so many pixels of the short side; full size by default.",
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        Option(metavar="FILE", help="JSON of an earlier run, to say what changed since."),
    ] = None,
    lpips: Annotated[
        Path | None, Option(metavar="FILE", help="Weights of LPIPS; the package's if not given.")
    ] = None,
    no_lpips: Annotated[bool, Option("--no-lpips", help="Leave LPIPS and diversity out.")] = False,
    inception: Annotated[
        Path | None, Option(metavar="FILE", help="Inception network; the package's if not given.")
    ] = None,
    no_inception: Annotated[
        bool, Option("--no-inception", help="Leave Frechet and kernel distance out.")
    ] = False,
) -> None:
    """Measure colourings of colour photographs against the truth."""
    from ...system.installed import require

    require("evaluate")
    from training.evaluation import run as evaluation

    from ...model.view import parse_size
    from ..terminal import Terminal

    options = evaluation.EvaluateOptions(
        photos=photos,
        model=model,
        samples=samples,
        candidates=candidates,
        json=json,
        compare=compare,
        split=split,
        degraded=degraded,
        judge_at=judge_at,
        device=device,
        size=parse_size(size),
        steps=steps,
        batch=batch,
        seed=seed,
        limit=limit,
        lpips=lpips,
        no_lpips=no_lpips,
        inception=inception,
        no_inception=no_inception,
    )
    evaluation.run(options, Terminal())
