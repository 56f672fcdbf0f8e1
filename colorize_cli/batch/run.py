"""Carry out `colorize PATHS... --out DIR`: plan, settings, network, photographs."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from ..model.colorizer import Colorizer
from ..system.messages import Messages, write_stdout
from ..system.paths import shown
from ..system.wording import count_text
from . import pipeline
from .ledger import Ledger
from .model_and_device import ModelAndDevice
from .outcome import Observer, Outcome
from .output_names import Job
from .photo_job import Put, Treatment
from .plan import Plan, make_plan, require_photos
from .settings import Options, RunSettings, tell_given

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
    """Colorize photographs, or say what would be done; observers are told what becomes of them.

    Returns:
        Exit code: 0 all done or skipped, 1 some failed, 130 interrupted.

    Raises:
        UsageError: There is no photograph, or the options make no sense together.
        DeviceError: The device asked for cannot run.
        ModelError: The model cannot be used.
    """
    with Ledger(options.out, messages.note) as ledger, ExitStack() as entered:
        last = None if options.overwrite else ledger.last_settings()
        network = ModelAndDevice(options, last, messages)
        network.check()
        plan = make_plan(options, ledger)
        for note in plan.notes:
            messages.note(note)
        require_photos(plan, options.paths)
        for observer in observers:
            entered.enter_context(observer)
        this = _Run(options, messages, observers, ledger, last, network)
        try:
            for outcome in plan.outcomes():
                this.tell(outcome)
            this.carry_out(plan, execute)
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
    last: RunSettings | None
    network: ModelAndDevice
    code: int = EXIT_OK

    def carry_out(self, plan: Plan, execute: Execute) -> None:
        """Colorize what is left to do, or say what would be done."""
        options = self.options
        is_over = options.fail_fast and plan.problems and not options.dry_run
        todo = [] if is_over else plan.todo
        if not options.dry_run:
            self.ledger.note_moved()
        if todo:
            self._colorize(todo, execute)
        elif self.last and not plan.todo:
            tell_given(self.messages, options.out, self.last, options)
        if options.dry_run:
            write_stdout("".join(plan.lines()))

    def _colorize(self, todo: Sequence[Job], execute: Execute) -> None:
        """Colorize photographs; a dry run ends where settings that differ have been said."""
        colorizer, settings = self.network.open_network(len(todo))
        if colorizer is None:
            return
        self.ledger.begin(settings)
        self.messages.note(
            f"{count_text(len(todo), 'photo')}, {count_text(settings.samples, 'sample')} each, "
            f"into {shown(self.options.out)}"
        )
        for observer in self.observers:
            observer.start(len(todo), settings)
        on_colour, fail_fast = self.options.on_colour, self.options.fail_fast
        treatment = Treatment(
            settings.samples, settings.seed, settings.candidates, on_colour, fail_fast
        )
        execute(todo, colorizer, treatment, self.tell, self.ledger.put)

    def tell(self, outcome: Outcome) -> None:
        """Tell the observers what became of a photograph."""
        if outcome.status == "failed":
            self.code = EXIT_FAILED
        for observer in self.observers:
            observer.outcome(outcome)
