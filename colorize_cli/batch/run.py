"""Carry out `colorize PATHS... --out DIR`: plan, settings, network, photographs."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from ..model.colorizer import Colorizer
from ..photos.limits import limited_to
from ..system.messages import Messages, write_stdout
from ..system.paths import shown
from ..system.wording import count_text
from . import pipeline
from .ledger import Beginning, Ledger
from .model_and_device import ModelAndDevice
from .outcome import Observer, Outcome
from .output_names import Job
from .photo_job import Put, Treatment
from .plan import Plan, make_plan, require_photos
from .settings import Options, tell_given

# What carries out jobs, as `pipeline.run` does.
Execute: TypeAlias = Callable[[Iterable[Job], Colorizer, Treatment, pipeline.Report, Put], None]


def run(
    options: Options,
    messages: Messages,
    observers: Sequence[Observer] = (),
    execute: Execute = pipeline.run,
) -> int:
    """Colorize photographs, or say what would be done; observers are told what becomes of them.

    Returns:
        Exit code: 0 all done or skipped, 1 some failed, 130 interrupted.

    Raises:
        UsageError: There is no photograph, or the options make no sense together.
        DeviceError: The device asked for cannot run.
        ModelError: The model cannot be used.
    """
    with (
        Ledger(
            options.out, messages.note, shard=options.shard, reads_only=options.dry_run
        ) as ledger,
        ExitStack() as entered,
    ):
        entered.enter_context(limited_to(options.limits))
        last = ledger.last_settings
        network = ModelAndDevice(options, last, messages)
        network.check()
        plan = make_plan(options, ledger, ledger.made_otherwise(network.named))
        for note in plan.notes:
            messages.note(note)
        if nothing := require_photos(plan, options):
            messages.note(nothing)
        for observer in observers:
            entered.enter_context(observer)
        this = _Run(options, messages, observers, ledger, network)
        is_over = options.fail_fast and plan.problems and not options.dry_run
        todo = plan.todo
        try:
            for outcome in plan.outcomes():
                this.tell(outcome)
            if not options.dry_run:
                ledger.note_plan(plan.problems, plan.found)
            if todo and not is_over:
                this.colorize(plan, execute)
            elif last and not todo:
                tell_given(messages, options.out, last, options)
            if options.dry_run:
                write_stdout("".join(plan.lines()))
        except KeyboardInterrupt:
            this.code = EXIT_INTERRUPTED
        for observer in observers:
            observer.end(plan)
    return this.code


@dataclass
class _Run:
    """A run that is planned: what is asked for, what there is for it, and who is told."""

    options: Options
    messages: Messages
    observers: Sequence[Observer]
    ledger: Ledger
    network: ModelAndDevice
    code: int = EXIT_OK

    def colorize(self, plan: Plan, execute: Execute) -> None:
        """Colorize photographs; a dry run ends where settings that differ have been said."""
        todo = plan.todo
        colorizer, settings = self.network.open_network(len(todo))
        if colorizer is None:
            return
        self.ledger.begin(
            Beginning(
                settings,
                todo,
                self.options.overwrite,
                spares_unknown=plan.is_entangled,
                keeps_times=self.options.keep_times,
                is_part=plan.is_part,
            )
        )
        self.messages.note(
            f"{count_text(len(todo), 'photo')}, {count_text(settings.samples, 'sample')} each, "
            f"into {shown(self.options.out)}"
        )
        for observer in self.observers:
            observer.start(len(todo), settings)
        treatment = Treatment(
            settings.samples,
            settings.seed,
            settings.candidates,
            self.options.on_colour,
            self.options.fail_fast,
            self.options.salvage,
            self.options.white,
            settings.model_digest if self.options.mark else None,
        )
        execute(todo, colorizer, treatment, self.tell, self.ledger.put)

    def tell(self, outcome: Outcome) -> None:
        """Keep what became of a photograph, and tell the observers."""
        if outcome.status == "failed":
            self.code = EXIT_FAILED
        try:
            self.ledger.settle(outcome)
        finally:
            for observer in self.observers:
                observer.outcome(outcome)
