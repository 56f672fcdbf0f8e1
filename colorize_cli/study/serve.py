"""The body of `colorize study run`: serve the page until somebody stops it."""

from pathlib import Path

from ..errors import UsageError
from ..system.messages import Messages
from ..system.page_server import listening_at, run_server
from ..system.paths import quoted, shown
from ..system.wording import count_text
from .answers import Answers
from .design import PICTURES, Study, read_study
from .server import app_of


def serve(folder: Path, host: str, port: int, messages: Messages) -> None:
    """Serve the page of a study until Ctrl-C, which is its ordinary end.

    Args:
        folder: of the study.
        host: address to listen at.
        port: to listen at; 0 for any that is free.
        messages: are told where the page is.

    Raises:
        UsageError: There is no study, pictures of it are missing, or the port cannot be had.
        OutputError: Answers cannot be kept.
    """
    study = read_study(folder)
    _check_pictures(folder, study)
    with Answers(folder, study) as answers, listening_at(host, port) as listening:
        app = app_of(study, folder, answers, hosts=listening.hosts, tell=messages.error)
        messages.note(f"the page: {listening.url}")
        if not listening.is_local:
            messages.warn("anyone who reaches this machine can take part, without encryption")
        messages.note(f"answers: {shown(answers.path)}; Ctrl-C stops, and nothing is lost")
        run_server(app, listening, messages.error)
        finished = sum(answers.next_trial(rater) is None for rater in answers.raters())
        messages.note(f"{count_text(finished, 'rater')} came to the end so far")
    messages.note(f"next: colorize study report {quoted(folder)}")


def _check_pictures(folder: Path, study: Study) -> None:
    """Raise UsageError where a picture is missing, which a rater would wait for in vain."""
    place = folder / PICTURES
    there = {path.name for path in place.iterdir()} if place.is_dir() else set()
    missing = {name for pair in study.pairs for name in (pair.truth, pair.other)} - there
    if missing:
        raise UsageError(
            f"{shown(place)} lacks {count_text(len(missing), 'picture')} of the study, "
            f"{min(missing)} for one: put back what was there, or make the study anew."
        )
