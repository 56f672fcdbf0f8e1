"""`colorize compare PHOTOS --models a,b --out sheet.png`: models side by side."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Exit, Option

from ..options import MOST, DeviceName, Size


def compare(
    photos: Annotated[
        list[Path], Argument(metavar="PHOTOS", help="Photographs and folders of them.")
    ],
    models: Annotated[
        str, Option(metavar="A,B,...", help="Models by name or path: `colorize models` lists them.")
    ],
    out: Annotated[Path, Option("--out", "-o", metavar="FILE.png", help="Where the sheet goes.")],
    samples: Annotated[
        int, Option(min=1, max=MOST, metavar="N", help="Colourings of each photo by each model.")
    ] = 4,
    seed: Annotated[int, Option(metavar="S", help="Of all colourings.")] = 0,
    device: Annotated[DeviceName, Option(help="What the networks run on.")] = "auto",
    size: Size = None,
    side: Annotated[
        int, Option(min=16, max=2048, metavar="PX", help="Longer side of a picture on the sheet.")
    ] = 224,
    overwrite: Annotated[bool, Option("--overwrite", help="Replace the file of --out.")] = False,
) -> None:
    """Colour photographs with several models, and lay them side by side on a sheet."""
    from ...system.installed import require_runtime

    require_runtime()
    from ...bench.side_by_side import Comparison, run
    from ...model.view import parse_size
    from ..terminal import Terminal

    comparison = Comparison(
        photos=photos,
        models=[name.strip() for name in models.split(",") if name.strip()],
        out=out,
        samples=samples,
        seed=seed,
        device=device,
        side=side,
        size=parse_size(size),
        overwrite=overwrite,
    )
    raise Exit(run(comparison, Terminal()))
