"""A headless Chromium for tests of pages: the system's, or Playwright's own where it is there."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of a Chromium: of COLORIZE_CHROMIUM, or the first on the PATH."""
    named = os.environ.get("COLORIZE_CHROMIUM")
    return named or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def browser() -> Iterator["Browser"]:
    """Give a browser; skip the test where there is none."""
    api = pytest.importorskip("playwright.sync_api")
    path = chromium()
    with api.sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium here: apt-get install chromium, or name it COLORIZE_CHROMIUM")
        # Root has no sandbox, and containers little shared memory.
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        opened = playwright.chromium.launch(executable_path=path, args=flags)
        try:
            yield opened
        finally:
            opened.close()


def until(page: "Page", condition: str) -> None:
    """Wait for an expression to be true, on a page whose policy lets nobody evaluate text.

    Playwright's own `wait_for_function` does so from within the page, and is refused.
    """
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not so after 10 s: {condition}")
