"""The page of `colorize ui` in a browser: upload, download, faults, turns, cancelling."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from colorize_cli.cli.app import main
from colorize_cli.photos.read import read_photo
from colorize_cli.photos.write import encode_photo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("gradio")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MILLISECONDS = 60_000  # that a page may take at most, on a machine under load


@contextmanager
def served(*words: str) -> Iterator[str]:
    """Run `colorize ui` and give its address."""
    command = [sys.executable, "-m", "colorize_cli", "ui", "--port", "0", "--device", "cpu", *words]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."}
    ) as process:
        try:
            assert process.stderr
            lines = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"http://localhost:\d+/", line):
                    yield found[0]
                    break
            else:
                pytest.fail("".join(lines))
        finally:
            process.terminate()
            process.communicate()


@pytest.fixture(scope="module")
def address(tiny_bundle: Path) -> Iterator[str]:
    with served("--model", str(tiny_bundle), "--max-megapixels", "0.5") as found:
        yield found


@pytest.fixture
def page(browser: "Browser", address: str) -> Iterator["Page"]:
    """The page, opened; no request of it may leave this machine."""
    opened = browser.new_page()
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.set_default_timeout(MILLISECONDS)
    opened.goto(address)
    opened.wait_for_selector("#go")
    yield opened
    opened.close()
    local = (address, "data:", "blob:")
    assert asked
    assert not [url for url in asked if not url.startswith(local)]


def photo(path: Path, side: int = 64, seed: int = 1) -> Path:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 220, (8, 8)).astype(np.uint8)
    pixels = np.kron(coarse, np.ones((side // 8, side // 8), np.uint8))
    data = (ROOT / "examples" / "camera.jpg").read_bytes()
    of = read_photo(data)
    rgb = np.repeat(pixels[..., None], 3, 2)
    like = type(of)(**{**of.__dict__, "pixels": rgb, "alpha": None})
    path.write_bytes(encode_photo(rgb, like, "jpg"))
    return path


def drop(page: "Page", *paths: Path) -> None:
    page.set_input_files("#files input[type=file]", [str(path) for path in paths])
    for path in paths:
        page.wait_for_selector(f"#files :text('{path.stem}')")


def wait_for_words(page: "Page", words: str) -> str:
    page.wait_for_function(
        "words => document.querySelector('#said textarea').value.includes(words)", arg=words
    )
    return page.input_value("#said textarea")


def test_four_samples_appear_and_the_download_is_what_the_command_line_writes(
    page: "Page", tiny_bundle: Path, tmp_path: Path
) -> None:
    source = photo(tmp_path / "a.jpg")
    drop(page, source)
    page.click("#go")
    wait_for_words(page, "Done: 4 colourings.")
    page.wait_for_selector("#gallery button img >> nth=3")
    assert page.locator("#gallery .thumbnail-item").count() == 4
    page.locator("#gallery .thumbnail-item").nth(2).click()
    page.wait_for_selector("#slider img[src$='0-3.jpg']")  # which comes with the file
    with page.expect_download() as download:
        page.click("#download")
    options = ["--samples", "4", "--seed", "0", "--model", str(tiny_bundle), "--device", "cpu"]
    assert main([str(source), "--out", str(tmp_path / "out"), *options]) == 0
    taken = Path(download.value.path()).read_bytes()
    assert taken == (tmp_path / "out" / "a.3.jpg").read_bytes()
    assert b"algorithmicallyEnhanced" in taken


def test_the_slider_moves(page: "Page", tmp_path: Path) -> None:
    drop(page, photo(tmp_path / "a.jpg"))
    page.click("#go")
    wait_for_words(page, "Done")
    handle = page.locator("#slider .slider-wrap .outer, #slider .outer").first
    handle.wait_for()
    before = handle.bounding_box()
    assert before
    page.mouse.move(before["x"] + before["width"] / 2, before["y"] + before["height"] / 2)
    page.mouse.down()
    page.mouse.move(before["x"] - 60, before["y"] + before["height"] / 2, steps=4)
    page.mouse.up()
    after = handle.bounding_box()
    assert after
    assert after["x"] < before["x"] - 20


def test_a_broken_file_shows_a_message_and_stops_no_other(page: "Page", tmp_path: Path) -> None:
    whole = photo(tmp_path / "whole.jpg")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(whole.read_bytes()[:300])
    drop(page, whole, broken)
    page.click("#go")
    said = wait_for_words(page, "Done: 4 colourings.")
    assert "broken.jpg: " in said


def test_a_photo_over_the_limit_is_refused_with_words(page: "Page", tmp_path: Path) -> None:
    drop(page, photo(tmp_path / "large.jpg", side=1024))
    page.click("#go")
    assert "megapixels" in wait_for_words(page, "Done: 0 colourings.")


def test_two_pages_are_served_in_turn_and_cancelling_ends_a_request(
    browser: "Browser", page: "Page", address: str, tmp_path: Path
) -> None:
    other = browser.new_page()
    other.set_default_timeout(MILLISECONDS)
    other.goto(address)
    other.wait_for_selector("#go")
    drop(other, photo(tmp_path / "b.jpg"))
    drop(page, *(photo(tmp_path / f"{k}.jpg", 320, seed=k) for k in range(40)))
    page.click("#go")
    wait_for_words(page, "Working.")
    other.click("#go")
    other.wait_for_selector(":text('queue: ')")
    assert "Done" not in other.input_value("#said textarea")
    page.click("#stop")
    said = wait_for_words(page, "Cancelled.")
    assert int(said.split()[1]) < 160
    wait_for_words(other, "Done: 4 colourings.")
    other.close()
