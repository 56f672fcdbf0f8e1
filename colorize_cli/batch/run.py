"""Carry out `colorize PATHS... --out DIR`: plan, settings, network, photographs."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TypeAlias

from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from ..model.colorizer import Colorizer
from ..system.messages import Messages, write_stdout
from ..system.paths import shown
from ..system.wording import count_text
from . import pipeline
from .introduction import tell_given
from .ledger import Ledger
from .model_and_device import ModelAndDevice
from .options import Options
from .outcome import Observer, Outcome, RunFacts
from .output_names import Job
from .photo_job import Put, Treatment
from .plan import make_plan, require_photos
from .settings import settle

# What carries out jobs, as `pipeline.run` does.
Execute: TypeAlias = Callable[
    [Iterable[Job], Colorizer, Treatment, Callable[[Outcome], None], Put], None
]


def run(
    options: Options,
    messages: Messages,
    observers: Sequence[Observer] = (),
    execute: Execute = pipeline.run,
) -> int:
    """Colorize photographs, or say what would be done.

    Args:
        options: What to do.
        messages: The user is told through them.
        observers: They are told what becomes of the photographs.
        execute: Carries out the jobs.

    Returns:
        Exit code: 0 all done or skipped, 1 some failed, 130 interrupted.

    Raises:
        UsageError: There is no photograph, or the options make no sense together.
        DeviceError: The device asked for cannot run.
        ModelError: The model cannot be used.
    """
    out, code = options.out, EXIT_OK

    def tell(outcome: Outcome) -> None:
        nonlocal code
        if outcome.status == "failed":
            code = EXIT_FAILED
        for observer in observers:
            observer.outcome(outcome)

    with Ledger(out, messages.note) as ledger, ExitStack() as entered:
        last = None if options.overwrite else ledger.last_settings()
        parts = ModelAndDevice(out, options.model, options.device, last, messages)
        parts.check(options.size)
        plan = make_plan(
            options.paths,
            out,
            samples=options.samples,
            format=options.format,
            recursive=options.recursive,
            overwrite=options.overwrite,
            ledger=ledger,
        )
        for note in plan.notes:
            messages.note(note)
        require_photos(plan, options.paths)
        for observer in observers:
            entered.enter_context(observer)
        try:
            for outcome in plan.outcomes():
                tell(outcome)
            if not options.dry_run:
                ledger.note_moved()
            todo = [] if options.fail_fast and plan.problems else plan.todo
            if todo:
                settings = settle(options, last, parts.bundle)
                colorizer, settings = parts.open(settings, len(todo), dry=options.dry_run)
                if colorizer:
                    ledger.begin(settings)
                    messages.note(
                        f"{count_text(len(todo), 'photo')}, "
                        f"{count_text(settings.samples, 'sample')} each, into {shown(out)}"
                    )
                    treatment = Treatment(
                        samples=settings.samples,
                        seed=settings.seed,
                        candidates=settings.candidates,
                        on_colour=options.on_colour,
                        fail_fast=options.fail_fast,
                        gains=colorizer.family.gains,
                    )
                    device = colorizer.device.name
                    facts = RunFacts(len(todo), settings.seed, settings.model_digest, device)
                    for observer in observers:
                        observer.start(facts)
                    execute(todo, colorizer, treatment, tell, ledger.put)
            elif last and not plan.todo:
                tell_given(messages, out, last, options)
            if options.dry_run:
                write_stdout("".join(plan.lines()))
        except KeyboardInterrupt:
            code = EXIT_INTERRUPTED
        for observer in observers:
            observer.end(plan)
    return code
