"""`colorize ui`: a page on this machine, to drop photographs on."""

from typing import Annotated

from typer import Option

from ...options import DeviceName, Model, Size


def ui(
    model: Model = "default",
    device: Annotated[DeviceName, Option(help="What the networks run on.")] = "auto",
    size: Size = None,
    port: Annotated[
        int, Option(min=0, max=65_535, metavar="N", help="Where it listens; 0: any free one.")
    ] = 8710,
    host: Annotated[
        str, Option(metavar="ADDRESS", help="Other than this machine alone: 0.0.0.0, say.")
    ] = "127.0.0.1",
    max_megapixels: Annotated[
        float, Option(min=0.001, max=1073, metavar="N", help="Largest photo.")
    ] = 100.0,
    max_memory: Annotated[
        float | None,
        Option(min=0.001, max=100_000, metavar="GB", help="Most memory that one photo may take."),
    ] = None,
    queue: Annotated[
        int, Option(min=1, max=1000, metavar="N", help="Requests that wait, at most.")
    ] = 20,
) -> None:
    """Serve a page in the browser, until Ctrl-C: drop photos or a zip, look, download.

    It sends nothing elsewhere. Requests are worked on in turn.
    """
    from ....system.installed import require, require_runtime

    require_runtime()
    require("ui")
    from ....model.find_bundle import installed_names, shipped_names
    from ....model.view import parse_size
    from ....ui.serve import UiOptions, serve
    from ...terminal import Terminal

    options = UiOptions(
        models=tuple(dict.fromkeys((model, *shipped_names(), *installed_names()))),
        host=host,
        port=port,
        device=device,
        size=parse_size(size),
        megapixels=max_megapixels,
        memory=max_memory,
        queue=queue,
    )
    serve(options, Terminal())
