"""`colorize study make | run | report`: do people take the colourings for photographs?"""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Exit, Option, Typer

from ...options import MOST, DeviceName, Model, Size, Steps

study = Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Find out whether people take colourings for photographs: make, run, report.",
)
Folder = Annotated[Path, Argument(metavar="STUDY", help="Folder that `make` made.")]


@study.command()
def make(
    truth: Annotated[Path, Argument(metavar="TRUTH", help="Folder of colour photographs.")],
    out: Annotated[Path, Argument(metavar="OUT", help="New folder, for the study.")],
    model: Model = "default",
    seed: Annotated[
        int, Option(metavar="S", help="Of the colourings, and of what each photo is for.")
    ] = 0,
    size: Size = None,
    steps: Steps = None,
    device: Annotated[DeviceName, Option(help="What the network runs on.")] = "auto",
    limit: Annotated[
        int | None, Option(min=3, metavar="N", help="Photographs to take, at most.")
    ] = None,
    display: Annotated[
        Literal["timed", "untimed", "both"],
        Option(help="For some seconds, until the answer, or for half of the raters each."),
    ] = "timed",
    seconds: Annotated[
        float, Option(min=0.1, max=60, metavar="X", help="How long a timed pair is shown.")
    ] = 1.0,
    side: Annotated[
        int, Option(min=64, max=2048, metavar="PX", help="Longer side of a picture.")
    ] = 384,
    trials: Annotated[
        int | None,
        Option(min=1, max=MOST, metavar="N", help="Pairs that a rater compares; 40 if there are."),
    ] = None,
    practice: Annotated[
        int | None,
        Option(min=0, max=MOST, metavar="N", help="Pairs to practise on; 10 if there are."),
    ] = None,
    catch: Annotated[
        int | None,
        Option(min=0, max=MOST, metavar="N", help="Pairs in plainly wrong colour; 8 if there are."),
    ] = None,
    catch_right: Annotated[
        int | None,
        Option(min=0, max=MOST, metavar="N", help="Of these to be found, or no answer counts."),
    ] = None,
    repeats: Annotated[
        int | None, Option(min=0, max=MOST, metavar="N", help="Pairs seen twice; 6 if there are.")
    ] = None,
    consent: Annotated[
        str | None, Option(metavar="TEXT", help="What raters agree to, in the place of our line.")
    ] = None,
) -> None:
    """Build pairs: each photograph beside a colouring of its grey, of one size and encoding.

    All that decides whose answers count is fixed here, before anybody is asked.
    """
    from ....system.installed import require_runtime

    require_runtime()
    from ....model.view import parse_size
    from ....study.design import CONSENT
    from ....study.make import MakeOptions, run
    from ....study.wishes import Wishes
    from ...terminal import Terminal

    wishes = Wishes(
        comparisons=trials,
        practice=practice,
        catches=catch,
        catches_right=catch_right,
        repeats=repeats,
        display=display,
        seconds=seconds,
        side=side,
        consent=consent or CONSENT,
    )
    options = MakeOptions(
        truth=truth,
        out=out,
        wishes=wishes,
        limit=limit,
        seed=seed,
        model=model,
        device=device,
        size=parse_size(size),
        steps=steps,
    )
    raise Exit(run(options, Terminal()))


@study.command()
def run(
    study: Folder,
    port: Annotated[
        int, Option(min=0, max=65_535, metavar="N", help="Where it listens; 0: any free one.")
    ] = 8711,
    host: Annotated[
        str, Option(metavar="ADDRESS", help="Other than this machine alone: 0.0.0.0, say.")
    ] = "127.0.0.1",
) -> None:
    """Serve the page on which people answer, until Ctrl-C; answers go to STUDY/answers.sqlite.

    The page takes a code, with which a person goes on in another browser: any text that you make
    up, another for each.
    """
    from ....system.installed import require, require_runtime

    require_runtime()
    require("study")
    from ....study.serve import serve
    from ...terminal import Terminal

    serve(study, host, port, Terminal())


@study.command()
def report(
    study: Folder,
    out: Annotated[
        Path | None, Option(metavar="FILE.html", help="The page; STUDY/report.html if not given.")
    ] = None,
    json: Annotated[
        Path | None, Option(metavar="FILE", help="Write all figures as JSON; - is stdout.")
    ] = None,
    scripted: Annotated[
        bool, Option("--scripted", help="Report on scripts instead of people, for tests.")
    ] = False,
) -> None:
    """Say how often colourings were taken for photographs, with 95% intervals."""
    from ....system.installed import require_runtime

    require_runtime()
    from ....study.report import run
    from ...terminal import Terminal

    run(study, out, json, Terminal(), of_scripts=scripted)
