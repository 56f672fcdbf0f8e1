"""Carry out `colorize PATHS... --out DIR`: plan, settings, network, photographs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ..errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, OutputError
from ..model.colorizer import Colorizer
from ..photos.limits import limited_to
from ..system.interrupts import Interrupts
from ..system.messages import Messages, write_stdout
from ..system.paths import shown
from ..system.wording import count_text
from . import pipeline
from .asked.differences import tell_given
from .asked.single_file import SingleFile, plan_single
from .asked.streams import as_named, check_streams, job_as_named, taking_stdin
from .asked.treatment import Treatment
from .ledger import Beginning, Ledger
from .model_and_device import ModelAndDevice
from .outcome import Audience, Observer, Outcome
from .output_names import Job
from .photo_job import Put
from .plan import Plan, make_plan, require_photos
from .settings import Options, RunSettings
from .sheet.thumbnails import Thumbnails
from .traces.folder import Traces

# What carries out jobs, as `pipeline.run` does.
Execute: TypeAlias = Callable[
    [Iterable[Job], Colorizer, Treatment, pipeline.Report, Put, Callable[[], bool]], None
]


def run(
    options: Options,
    messages: Messages,
    observers: Sequence[Observer] = (),
    execute: Execute = pipeline.run,
    interrupts: Interrupts | None = None,
) -> int:
    """Colorize photographs, or say what would be done; observers are told what becomes of them.

    `interrupts` are those that the photo in hand is finished after.

    Returns:
        Exit code: 0 all done or skipped, 1 some failed or the output folder cannot be written to
        any more, 130 interrupted.

    Raises:
        UsageError: There is no photograph, or the options make no sense together.
        DeviceError: The device asked for cannot run.
        ModelError: The model cannot be used.
    """
    check_streams(options)
    with taking_stdin(options) as taken:
        return _run_on_files(taken, messages, observers, execute, interrupts)


def _run_on_files(
    options: Options,
    messages: Messages,
    observers: Sequence[Observer],
    execute: Execute,
    interrupts: Interrupts | None,
) -> int:
    """Do what `run` does, where all photographs are files."""
    traces = Traces.of(options)
    with _records(options, messages) as ledger, limited_to(options.limits):
        last = ledger.last_settings
        options = options if last else options.without_last_run()
        network = ModelAndDevice(options, last, messages)
        network.check()
        if isinstance(ledger, Ledger):
            plan = make_plan(options, ledger, ledger.made_otherwise(network.named))
        else:
            plan = plan_single(options)
        for note in plan.notes:
            messages.note(note)
        if nothing := require_photos(plan, options):
            messages.note(nothing)
        with Audience(observers, messages.warn) as audience:
            this = _Run(
                options, messages, audience, ledger, network, traces, interrupts or Interrupts()
            )
            try:
                this.carry_out(plan, last, execute)
            except KeyboardInterrupt:
                this.code = EXIT_INTERRUPTED
            except OutputError as error:
                messages.error(str(error))
                this.code = error.exit_code
            audience.end(plan)
    return this.code


def _records(options: Options, messages: Messages) -> Ledger | SingleFile:
    """Whoever writes the files, and keeps what is known of them."""
    if options.is_single:
        return SingleFile(options)
    shard = options.shard
    return Ledger(options.out, messages.note, shard=shard, reads_only=options.dry_run)


@dataclass
class _Run:
    """A run that is planned: what is asked for, what there is for it, and who is told."""

    options: Options
    messages: Messages
    audience: Audience
    ledger: Ledger | SingleFile
    network: ModelAndDevice
    traces: Traces | None
    interrupts: Interrupts
    code: int = EXIT_OK

    def carry_out(self, plan: Plan, last: RunSettings | None, execute: Execute) -> None:
        """Do what is planned; in a dry run, say it."""
        options, todo = self.options, plan.todo
        for outcome in plan.known:
            self.tell(outcome)
        if not options.dry_run:
            folders = {job.folder for job in plan.jobs}
            self.ledger.note_plan(plan.problems, plan.found, folders)
        if todo and not (options.fail_fast and plan.problems and not options.dry_run):
            self.colorize(plan, execute)
        elif last and not todo:
            size: Any = self.network.named.get("size")  # as it is recorded
            tell_given(self.messages, options.out, last, replace(options, size=size))
        if options.dry_run:
            jobs = tuple(job_as_named(job, options) for job in plan.jobs)
            write_stdout("".join(replace(plan, jobs=jobs).lines()))

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
            f"{count_text(len(todo), 'photo')}, {_samples_text(self.options)}, "
            f"into {'standard output' if self.options.is_to_stdout else shown(self.options.out)}"
        )
        self.audience.start(len(todo), settings)
        treatment = Treatment(
            samples=settings.samples,
            only=self.options.only,
            seed=settings.seed,
            saturation=settings.saturation,
            quality=settings.quality,
            candidates=settings.candidates,
            on_colour=self.options.on_colour,
            fail_fast=self.options.fail_fast,
            salvages=self.options.salvage,
            white=settings.white,
            marked_bundle=settings.model_digest if settings.mark else None,
            falls_to_cpu=not self.options.names_device and colorizer.device.is_gpu,
            traces=self.traces,
            thumbnails=Thumbnails.of(self.options.out) if self.options.sheet else None,
        )
        with self.interrupts.gently():
            put, interrupts = self.ledger.put, self.interrupts
            execute(todo, colorizer, treatment, self.tell, put, lambda: interrupts.is_wanted)

    def tell(self, outcome: Outcome) -> None:
        """Keep what became of a photograph, and tell the observers."""
        if outcome.status == "failed":
            self.code = EXIT_FAILED
        try:
            self.ledger.settle(outcome)
        finally:
            self.audience.outcome(as_named(outcome, self.options))


def _samples_text(options: Options) -> str:
    if options.sample is not None:
        return f"sample {options.sample} of each"
    return f"{count_text(options.samples, 'sample')} each"
