"""`colorize models`: which models there are, and what is known of them."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option


def models(
    folders: Annotated[
        list[Path] | None,
        Argument(metavar="[DIR]...", help="Bundles, or folders to look for them in."),
    ] = None,
    json: Annotated[bool, Option("--json", help="As JSON.")] = False,
) -> None:
    """List the models that are installed, and those in folders."""
    from ...system.installed import require_runtime

    require_runtime()
    import json as json_text

    from ...system.messages import write_stdout
    from ..model_facts import collect_models, model_lines

    facts = collect_models(folders or [])
    lines = [json_text.dumps(facts, indent=2)] if json else model_lines(facts)
    write_stdout("".join(f"{line}\n" for line in lines))
