"""The page of a study and what it asks the server for.

Nothing that the server says tells which picture is the photograph, but after a trial of practice:
pictures have no names but the number of the trial, come as one, and only when it is their turn.
"""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import ColorizeError, reason_of
from . import pictures
from .answers import Answers, CodeError
from .design import PICTURES, Study
from .rater import Answer, Rater

_PAGES = {
    "index.html": "text/html",
    "study.css": "text/css",
    "study.js": "text/javascript",
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MOST_BYTES = 10_000  # of what a page sends
_LONGEST_MS = 1e8  # a day, about
_LONGEST_CODE = _LONGEST_SCREEN = 40  # characters
_NUMBER = re.compile(r"[0-9]{1,6}")
_HALF = re.compile("[\ud800-\udfff]")  # of a character, which JSON can have and UTF-8 cannot
_FAULT = "Something keeps the server from its work, and who runs it is told what."


@dataclass(frozen=True)
class _Service:
    """What answers the page's questions; each method runs in a thread."""

    study: Study
    folder: Path
    answers: Answers

    def facts(self) -> dict[str, Any]:
        """Say what a person has to know before taking part."""
        protocol = self.study.protocol
        return {
            "consent": protocol.consent,
            "question": protocol.question,
            "practice": protocol.practice,
            "trials": protocol.trials - protocol.practice,
            "seconds": None if protocol.display == "untimed" else protocol.seconds,
            "study": self.study.digest[:16],
        }

    def begin(self, told: dict[str, Any]) -> dict[str, Any]:
        """Take in a rater who agrees."""
        if told.get("agrees") is not True:
            raise HTTPException(400, "Nobody takes part without agreeing.")
        try:
            rater = self.answers.add_rater(
                code=_code(_text(told.get("code", ""))),
                asks_for_time=told.get("asks_for_time") is True,
                scripted=_is_scripted(told),
                screen=_text(told.get("screen", ""))[:_LONGEST_SCREEN],
            )
        except CodeError as error:
            raise HTTPException(409, str(error)) from error
        return {"token": rater.token, **self.state(rater)}

    def state(self, rater: Rater) -> dict[str, Any]:
        """Say which trial is next; none where all are answered."""
        trial, protocol = self.answers.next_trial(rater), self.study.protocol
        return {
            "next": None if trial is None else trial.n,
            "practice": protocol.practice,
            "total": protocol.trials,
            "seconds": rater.seconds,
            "question": protocol.question,
        }

    def picture(self, rater: Rater, n: int) -> bytes:
        """Give both pictures of a trial, as one, whose turn it is or comes next."""
        trial, current = self.answers.trial(rater, n), self.answers.next_trial(rater)
        if trial is None or current is None or not current.n <= n <= current.n + 1:
            raise HTTPException(404, "It is not this trial's turn.")
        pair = next(pair for pair in self.study.pairs if pair.id == trial.pair)
        names = (pair.truth, pair.other) if trial.truth_is_left else (pair.other, pair.truth)
        return _side_by_side(*(self.folder / PICTURES / name for name in names))

    def shown(self, rater: Rater, n: int) -> dict[str, Any]:
        """Note that a trial is about to be seen."""
        if self._current(rater, n):
            self.answers.mark_shown(rater, n)
        return self.state(rater)

    def answer(self, rater: Rater, n: int, told: dict[str, Any]) -> dict[str, Any]:
        """Keep an answer; one that comes again changes nothing."""
        trial = self._current(rater, n)
        if trial is None:
            return self.state(rater)
        if told.get("side") not in ("left", "right"):
            raise HTTPException(400, "An answer is left or right.")
        if not trial.showings:
            raise HTTPException(409, "That pair was not shown yet.")
        self.answers.keep(
            rater,
            n,
            chose_left=told["side"] == "left",
            shown_ms=_milliseconds(told.get("shown_ms")),
            answered_ms=_milliseconds(told.get("answered_ms")),
            was_hidden=told.get("was_hidden") is True,
            scripted=_is_scripted(told),
        )
        side = "left" if trial.truth_is_left else "right"
        return {**self.state(rater), **({"real": side} if trial.kind == "practice" else {})}

    def _current(self, rater: Rater, n: int) -> Answer | None:
        """The trial if it is the next one; None if it is answered."""
        trial = self.answers.next_trial(rater)
        if trial is not None and n > trial.n:
            raise HTTPException(409, "It is not this trial's turn.")
        return trial if trial is not None and n == trial.n else None


def app_of(
    study: Study,
    folder: Path,
    answers: Answers,
    *,
    hosts: list[str],
    tell: Callable[[str], None] = lambda text: None,
) -> Starlette:
    """Make the application.

    Args:
        study: what is asked.
        folder: of the study.
        answers: where answers go.
        hosts: names by which the server may be called; others, which a foreign page could have
            chosen, are refused.
        tell: called with what keeps the server from its work, of which raters learn only that it
            is so; the page tries again meanwhile.
    """

    async def failed(request: Request, error: Exception) -> Response:
        tell(reason_of(error))
        return JSONResponse({"error": _FAULT}, 503, headers=_HEADERS)

    service = _Service(study, folder, answers)
    routes = [
        *(Route(f"/{name}".replace("index.html", ""), _static(name)) for name in _PAGES),
        Route("/api/study", partial(_told, service.facts)),
        Route("/api/raters", partial(_begun, service), methods=["POST"]),
        Route("/api/state", partial(_asked, service, service.state)),
        Route("/api/pictures/{n}", partial(_asked, service, service.picture)),
        Route("/api/showings/{n}", partial(_asked, service, service.shown), methods=["POST"]),
        Route("/api/answers/{n}", partial(_answered, service), methods=["POST"]),
    ]
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False)
    handlers = {HTTPException: _refused, ColorizeError: failed, OSError: failed}
    return Starlette(routes=routes, middleware=[trusted], exception_handlers=handlers)


def _static(name: str) -> Callable[[Request], Response]:
    data = files(__package__).joinpath("pages", name).read_bytes()

    def page(request: Request) -> Response:
        return Response(data, media_type=_PAGES[name], headers=_HEADERS)

    return page


async def _told(tell: Callable[[], dict[str, Any]], request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(tell), headers=_HEADERS)


async def _begun(service: _Service, request: Request) -> Response:
    told = await _body(request)
    return JSONResponse(await run_in_threadpool(service.begin, told), headers=_HEADERS)


async def _asked(service: _Service, ask: Callable[..., Any], request: Request) -> Response:
    rater = await _rater(service, request)
    found = await run_in_threadpool(ask, rater, *_number(request))
    if isinstance(found, bytes):
        return Response(found, media_type="image/png", headers=_HEADERS)
    return JSONResponse(found, headers=_HEADERS)


async def _answered(service: _Service, request: Request) -> Response:
    rater, told = await _rater(service, request), await _body(request)
    (n,) = _number(request)
    found = await run_in_threadpool(service.answer, rater, n, told)
    return JSONResponse(found, headers=_HEADERS)


async def _rater(service: _Service, request: Request) -> Rater:
    """Know a rater by a header of our own, which no foreign page can send."""
    token = request.headers.get("x-rater", "")
    rater = await run_in_threadpool(service.answers.rater, token)
    if rater is None:
        raise HTTPException(403, "Nobody is known by this token: begin anew.")
    return rater


async def _body(request: Request) -> dict[str, Any]:
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(415, "JSON is wanted.")
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _MOST_BYTES:
            raise HTTPException(413, "That is too long.")
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):  # the latter: lists in lists in lists
        told = None
    if not isinstance(told, dict):
        raise HTTPException(400, "A JSON object is wanted.")
    return told


def _number(request: Request) -> list[int]:
    """Give the number of the trial that a path names; none where it names none."""
    given = request.path_params.values()
    if not all(_NUMBER.fullmatch(text) for text in given):
        raise HTTPException(400, "A trial has a number.")
    return [int(text) for text in given]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=_HEADERS)


def _is_scripted(told: dict[str, Any]) -> bool:
    """Take whoever does not deny it for a script."""
    return told.get("scripted") is not False


def _text(value: object) -> str:
    if not isinstance(value, str) or _HALF.search(value):
        raise HTTPException(400, "A text is wanted.")
    return value


def _code(typed: str) -> str:
    """Take a code for the same however it is typed: in capitals, with more spaces, fullwidth."""
    code = " ".join(unicodedata.normalize("NFKC", typed).casefold().split())
    if len(code) > _LONGEST_CODE:
        raise HTTPException(400, f"A code has {_LONGEST_CODE} characters at most: is it that one?")
    return code


def _milliseconds(value: object) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value < _LONGEST_MS
    ):
        raise HTTPException(400, "A time is in milliseconds.")
    return float(value)


@lru_cache(maxsize=64)
def _side_by_side(left: Path, right: Path) -> bytes:
    """Encode two pictures as one, in one go for all who ask for it again."""
    return pictures.side_by_side(*(pictures.decode(path.read_bytes()) for path in (left, right)))
