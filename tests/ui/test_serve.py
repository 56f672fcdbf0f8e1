"""What surrounds the page of `colorize ui`: whoever serves it is told of faults in it."""

import asyncio
from typing import Any

import pytest
from made.messages import Told

from colorize_cli.ui.serve import _Guarded


def test_a_fault_of_the_page_is_told_and_the_end_of_the_server_is_none() -> None:
    async def app(scope: dict[str, Any], receive: object, send: object) -> None:
        raise scope["fault"]

    told = Told()
    page = _Guarded(app, told)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(page({"path": "/file", "fault": ZeroDivisionError("by 0")}, None, None))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(page({"path": "/queue", "fault": asyncio.CancelledError()}, None, None))
    assert told.said == [("error", "the page failed at /file: ZeroDivisionError: by 0")]
