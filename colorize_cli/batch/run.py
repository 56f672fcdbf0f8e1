"""Carry out `colorize PATHS... --out DIR`: plan, settings, network, photographs."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import cache, partial
from typing import TypeAlias

from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK
from ..model.colorizer import Colorizer, check_size
from ..system.messages import Messages, write_stdout
from ..system.paths import shown
from ..system.wording import count_text
from . import pipeline
from .introduction import introduce, tell_differences, tell_given
from .ledger import Ledger
from .model_and_device import foresee, load_model, open_network, prove_device
from .options import Options
from .outcome import Observer, Outcome
from .output_names import Job
from .photo_job import Put, Treatment
from .plan import Plan, make_plan, require_photos

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
    """Colorize photographs, or say what would be done; the observers are told what becomes of them.

    Returns:
        Exit code: 0 all done or skipped, 1 some failed, 130 interrupted.

    Raises:
        UsageError: There is no photograph, or the options make no sense together.
        DeviceError: The device asked for cannot run.
        ModelError: The model cannot be used.
    """
    with Ledger(options.out, messages.note) as ledger, ExitStack() as entered:
        this = _Run(options, messages, observers, ledger)
        this.check()
        plan = this.plan()
        for observer in observers:
            entered.enter_context(observer)
        try:
            this.carry_out(plan, execute)
        except KeyboardInterrupt:
            this.code = EXIT_INTERRUPTED
        for observer in observers:
            observer.end(plan)
    return this.code


class _Run:
    """A run: what is asked for, what the last one was, and who is told."""

    def __init__(
        self, options: Options, messages: Messages, observers: Sequence[Observer], ledger: Ledger
    ) -> None:
        self.code = EXIT_OK
        self._options = options
        self._messages = messages
        self._observers = observers
        self._ledger = ledger
        self._last = None if options.overwrite else ledger.last_settings()
        # Each once, when it is first asked for: a run with nothing to do may need neither.
        self._model = cache(partial(load_model, options, self._last))
        self._device = cache(partial(prove_device, options, self._last))

    def check(self) -> None:
        """Check what is given of model, size and device, before photographs are looked for."""
        if self._options.model or self._options.size:
            check_size(self._model(), self._options.size or self._model().working_size)
        if self._options.device != "auto":
            self._device()

    def plan(self) -> Plan:
        """Plan it, and say what the user should know of that."""
        plan = make_plan(self._options, self._ledger)
        for note in plan.notes:
            self._messages.note(note)
        require_photos(plan, self._options.paths)
        return plan

    def carry_out(self, plan: Plan, execute: Execute) -> None:
        """Tell what is known already, and colorize the rest or say what would be done."""
        options = self._options
        for outcome in plan.outcomes():
            self._tell(outcome)
        if not options.dry_run:
            self._ledger.note_moved()
        todo = [] if options.fail_fast and plan.problems else plan.todo
        if todo and options.dry_run:
            self._foresee(len(todo))
        elif todo:
            self._colorize(todo, execute)
        elif self._last and not plan.todo:
            tell_given(self._messages, options.out, self._last, options)
        if options.dry_run:
            write_stdout("".join(plan.lines()))

    def _tell(self, outcome: Outcome) -> None:
        if outcome.status == "failed":
            self.code = EXIT_FAILED
        for observer in self._observers:
            observer.outcome(outcome)

    def _foresee(self, photos: int) -> None:
        """Say what differs from the last run, as far as it is known without a measurement."""
        options, last, model, device = self._options, self._last, self._model(), self._device()
        if last and device:
            settings = foresee(options, last, model, device, photos)
            tell_differences(self._messages, options.out, last, settings)

    def _colorize(self, todo: Sequence[Job], execute: Execute) -> None:
        options, last, messages = self._options, self._last, self._messages
        colorizer, settings = open_network(
            options, last, self._model(), self._device(), len(todo), messages.note
        )
        introduce(messages, colorizer, settings, is_kept_to=bool(last) and options.device == "auto")
        if last:
            tell_differences(messages, options.out, last, settings)
        self._ledger.begin(settings)
        messages.note(
            f"{count_text(len(todo), 'photo')}, {count_text(settings.samples, 'sample')} each, "
            f"into {shown(options.out)}"
        )
        for observer in self._observers:
            observer.start(len(todo), settings)
        treatment = Treatment(
            settings.samples,
            settings.seed,
            settings.candidates,
            options.on_colour,
            options.fail_fast,
        )
        execute(todo, colorizer, treatment, self._tell, self._ledger.put)
