"""The command line: the group of commands, and how it ends; no import is heavier than Typer.

`colorize PATHS... --out DIR` is the command `run` with its name left out; the name is put in when
the first word is neither a command nor an option of the program itself.
"""

import atexit
import copy
import gc
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from typer import Context, Exit, Option, Typer, echo
from typer.core import TyperGroup

from .. import __version__, leave_converter_out
from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, ColorizeError, reason_of
from ..system.interrupts import INTERRUPTS
from .commands.bench import bench
from .commands.choosing.pick import pick
from .commands.choosing.sheet import sheet
from .commands.colorize import colorize
from .commands.compare import compare
from .commands.evaluate import evaluate
from .commands.export import export
from .commands.info import info
from .commands.merge import merge
from .commands.models import models
from .commands.pages.study import study
from .commands.pages.ui import ui
from .commands.prepare import prepare
from .commands.runs import runs
from .commands.status import status
from .commands.train import train
from .commands.validate import validate
from .commands.verify import verify
from .defaults import Defaults, defaults_file, load_defaults
from .forgiving_stderr import forgiving_stderr

_DEFAULT = "run"
_IS_HELP = "colorize.is_help"
_EPILOG = """\b
The first word decides: write ./export for a folder that is called like a command, and ./-a.jpg
for a name that begins with a dash.
A seed, model, device, size, saturation, quality or number of steps or candidates that is not
given is that of the last run into the output folder, as .colorize.sqlite in it has them; else that
of your own defaults, which `colorize info` shows.
Exit codes: 0 all done or skipped, 1 some failed, 2 wrong usage or no photographs,
3 device, model or extra cannot be used, 130 interrupted.
"""


def _before_nothing(args: Sequence[str]) -> str | None:
    """The word before an empty one, which would be taken for the working folder or a default."""
    words = [*args[: args.index("--")]] if "--" in args else list(args)
    for before, word in zip(["colorize", *words], words, strict=False):
        if not word:
            return before
        if word.startswith("--") and word.endswith("="):
            return word
    return None


class _Commands(TyperGroup):
    """Commands of which one may be called without its name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if (empty := _before_nothing(args)) and not ctx.resilient_parsing:
            ctx.fail(f"there is an empty word after {empty!r}, as of a variable that is not set")
        ctx.meta[_IS_HELP] = not {"-h", "--help"}.isdisjoint(args)
        own = {option for param in self.get_params(ctx) for option in param.opts}
        if args and args[0] not in self.commands and args[0].partition("=")[0] not in own:
            similar = get_close_matches(args[0], self.commands)
            if similar and not Path(args[0]).exists() and not ctx.resilient_parsing:
                ctx.fail(f"there is no file or command {args[0]!r}: did you mean {similar[0]}?")
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete commands, and options of the command without a name."""
        found = super().shell_complete(ctx, incomplete)
        return [*found, *self.commands[_DEFAULT].shell_complete(ctx, incomplete)]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return ["[OPTIONS] PATHS... --out DIR", "| COMMAND [ARGS]..."]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the options of the command without a name beside the commands."""
        whole = copy.copy(self)
        whole.params = [*self.commands[_DEFAULT].params, *self.params]
        super(_Commands, whole).format_help(ctx, formatter)


app = Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        echo(f"colorize {__version__}")
        raise Exit


@app.callback()
def _program(
    context: Context,
    version: Annotated[
        bool,
        Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Turn folders of black-and-white photographs into colour.

    Several plausible colourings a photo, offline; the originals are never written to.
    """
    try:
        defaults = load_defaults(context)
    except ColorizeError as error:
        # Help is given in any case, and `info` says what is wrong.
        if context.invoked_subcommand != "info" and not context.meta[_IS_HELP]:
            raise
        defaults = Defaults(defaults_file(), is_there=True, problem=str(error))
    context.obj, context.default_map = defaults, defaults.as_map


app.command(_DEFAULT)(colorize)
_TO_TRAIN = (prepare, train, runs, validate, evaluate)
_OF_A_FOLDER = (status, verify, sheet, pick, merge)
for _command in (*_OF_A_FOLDER, compare, export, bench, *_TO_TRAIN, models, info, ui):
    app.command()(_command)
app.add_typer(study, name="study")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with these words, or those of the process; return its exit code."""
    # At its end the interpreter would go through all that was imported for garbage: 0.1 s.
    atexit.register(gc.freeze)
    leave_converter_out()
    with forgiving_stderr(), INTERRUPTS.heeded():
        try:
            app(arguments, prog_name="colorize")
        except ColorizeError as error:
            from .terminal import Terminal

            Terminal().error(f"colorize: {error}")
            return error.exit_code
        except OSError as error:
            from .terminal import Terminal

            Terminal().error(f"colorize: {reason_of(error)}")
            return EXIT_FAILED
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except SystemExit as end:  # the way in which every command of Typer ends
            return end.code if isinstance(end.code, int) else EXIT_OK
    return EXIT_OK
