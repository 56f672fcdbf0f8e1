"""`colorize info`: what is installed, what really works, what the model is, and what to do."""

from typing import Annotated

from typer import Context, Exit, Option

from ...errors import EXIT_ENVIRONMENT, EXIT_OK
from ..options import Model


def info(
    context: Context,
    model: Model = "default",
    json: Annotated[bool, Option("--json", help="As JSON.")] = False,
) -> None:
    """Say what is installed, what really works, and what the model is."""
    from ...system.installed import require_runtime

    require_runtime()
    import json as json_text

    from ...system.messages import write_stdout
    from ..installation_facts import as_text, collect_facts

    facts = collect_facts(model, context.obj)
    write_stdout(json_text.dumps(facts, indent=2) + "\n" if json else as_text(facts))
    problems = (facts["model"]["problem"], facts["devices"]["cpu"], facts["defaults"]["problem"])
    raise Exit(EXIT_OK if not any(problems) else EXIT_ENVIRONMENT)
