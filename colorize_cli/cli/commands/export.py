"""`colorize export`: a bundle of a checkpoint."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from ..options import Overrides


def export(
    checkpoint: Annotated[
        Path | None,
        Argument(metavar="CHECKPOINT", help="Weights of a run; the default bundle if none."),
    ] = None,
    out: Annotated[
        Path | None,
        Option("--out", "-o", metavar="DIR", help="Folder of the new bundle; bundle if none."),
    ] = None,
    fp16: Annotated[bool, Option("--fp16", help="Compute in half precision, for GPUs.")] = False,
    bf16: Annotated[
        bool, Option("--bf16", help="Compute in bfloat16, for --device openvino.")
    ] = False,
    int8: Annotated[
        bool, Option("--int8", help="Compute in integers of 8 bits, for CPUs.")
    ] = False,
    tensorrt: Annotated[
        bool, Option("--tensorrt", help="Build TensorRT's engines for this GPU too: minutes.")
    ] = False,
    opset: Annotated[
        int, Option(min=18, max=23, metavar="N", help="Version of ONNX's operators, 18 to 23.")
    ] = 18,
    check: Annotated[
        bool, Option("--check/--no-check", help="Compare with PyTorch, and write only what agrees.")
    ] = True,
    calibrate: Annotated[
        Path | None,
        Option(metavar="DIR", help="Photographs to calibrate --int8 on; built-in if none."),
    ] = None,
    family: Annotated[
        Literal["palette"] | None,
        Option(help="What a .pth is: the tutorial's UNet or the public Palette's."),
    ] = None,
    set_: Overrides = None,
    overwrite: Annotated[
        bool, Option("--overwrite", help="Replace the bundle that --out holds already.")
    ] = False,
    install: Annotated[
        bool, Option("--install", help="Keep it for --model by name, that of --out.")
    ] = False,
) -> None:
    """Make a bundle from a checkpoint, and check it against PyTorch."""
    from ...system.installed import require

    require("export")
    from export import run as exporting

    from ...model.find_bundle import own_place
    from ..terminal import Terminal

    settings = exporting.ExportSettings(
        checkpoint=checkpoint,
        out=own_place(out) if install else out or Path("bundle"),
        precision=exporting.choose_precision(fp16=fp16, bf16=bf16, int8=int8),
        tensorrt=tensorrt,
        opset=opset,
        check=check,
        calibrate=calibrate,
        family=family,
        overrides=tuple(set_ or ()),
        overwrite=overwrite,
    )
    exporting.run(settings, Terminal().note)
