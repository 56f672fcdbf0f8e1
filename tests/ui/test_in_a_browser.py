"""The page of `colorize ui` in a browser: upload, download, faults, turns, cancelling."""

import io
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made.pictures import grey
from PIL import Image

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
def run(*words: str, **environment: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Run `colorize ui`, and give its address and process."""
    command = [sys.executable, "-m", "colorize_cli", "ui", "--port", "0", "--device", "cpu", *words]
    environment = os.environ | {"PYTHONPATH": "."} | environment
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stderr
            lines = []
            for line in process.stderr:
                lines.append(line)
                if found := re.search(r"http://localhost:\d+/", line):
                    yield found[0], process
                    break
            else:
                pytest.fail("".join(lines))
        finally:
            process.terminate()
            process.communicate()


@pytest.fixture(scope="module")
def address(tiny_bundle: Path) -> Iterator[str]:
    words = ("--model", str(tiny_bundle), "--max-megapixels", "0.5", "--queue", "1")
    with run(*words) as (found, _):
        yield found


@contextmanager
def visit(browser: "Browser", address: str, asked: list[str] | None = None) -> Iterator["Page"]:
    """Open the page once more, and note which addresses it asks."""
    with browser.new_page() as opened:
        opened.on("request", lambda request: asked is None or asked.append(request.url))
        opened.set_default_timeout(MILLISECONDS)
        opened.goto(address)
        opened.wait_for_selector("#go")
        yield opened


@pytest.fixture
def page(browser: "Browser", address: str) -> Iterator["Page"]:
    """The page, opened; no request of it may leave this machine."""
    asked: list[str] = []
    with visit(browser, address, asked) as opened:
        yield opened
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
    page.wait_for_selector("#slider img[src$='0-3-1.jpg']")  # which comes with the file
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


def test_the_buttons_are_for_what_can_be_done(page: "Page", tmp_path: Path) -> None:
    assert page.is_disabled("#stop")
    page.click("#go")
    assert wait_for_words(page, "Drop a photograph first")
    drop(page, *(photo(tmp_path / f"{k}.jpg", 320, seed=k) for k in range(6)))
    page.click("#go")
    wait_for_words(page, "Working.")
    assert page.is_disabled("#go")
    page.dispatch_event("#go", "click")
    wait_for_words(page, "Done: 24 colourings.")
    page.wait_for_selector("#go:enabled")
    assert page.is_disabled("#stop")


def look_at(page: "Page", index: int, name: str) -> None:
    """Choose a colouring, once more where the gallery was drawn anew under the click."""
    from playwright.sync_api import TimeoutError

    for _ in range(6):
        page.locator("#gallery .thumbnail-item").nth(index).click()
        with suppress(TimeoutError):
            page.wait_for_selector(f"#slider img[src$='{name}']", timeout=10_000)
            return
    raise AssertionError(f"{name} is not shown")


def test_what_is_looked_at_stays_while_more_comes_and_is_served_where_it_lies(
    page: "Page", tmp_path: Path
) -> None:
    drop(page, *(photo(tmp_path / f"{k}.jpg", 320, seed=k) for k in range(6)))
    page.click("#go")
    look_at(page, 2, "0-3-1.jpg")
    wait_for_words(page, "Done: 24 colourings.")
    page.wait_for_selector("#download-all:enabled")
    source = page.get_attribute("#slider img >> nth=1", "src")
    assert source
    assert source.endswith("0-3-1.jpg")
    assert "/requests/" in source


def test_a_zip_of_odd_names_and_pages_is_taken_and_given(page: "Page", tmp_path: Path) -> None:
    odd = photo(tmp_path / "one.jpg").read_bytes()
    pages = io.BytesIO()
    first = Image.fromarray(grey())
    first.save(pages, "TIFF", save_all=True, append_images=[first])
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
        archive.writestr("1910/<b>&amp;.jpg", odd)
        archive.writestr("pages.tif", pages.getvalue())
        archive.writestr("<i>torn.jpg", odd[:300])
    drop(page, tmp_path / "scans.zip")
    page.locator("input[type=number]").first.fill("1")
    page.click("#go")
    said = wait_for_words(page, "Done: 2 colourings.")
    assert "<i>torn.jpg: " in said
    assert "--salvage" not in said
    page.wait_for_selector("#gallery .thumbnail-item >> nth=2")
    captions = page.locator("#gallery .caption-label").all_inner_texts()
    assert sorted(captions) == ["<b>&amp;.jpg", "pages.tif, page 1", "pages.tif, page 2"]
    page.wait_for_selector("#download-all:enabled")
    with page.expect_download() as download:
        page.click("#download-all")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(Path(name).name for name in archive.namelist()) == [
            "<b>&amp;.jpg",
            "pages.tif",
        ]


def test_a_number_that_is_none_is_told(page: "Page", tmp_path: Path) -> None:
    drop(page, photo(tmp_path / "a.jpg"))
    page.click("text=Seed, saturation, model, steps")
    page.get_by_label("Seed").fill("")
    page.click("#go")
    wait_for_words(page, "The seed must be a whole number")
    assert page.is_enabled("#go")


def test_pages_are_served_in_turn_and_a_full_queue_takes_nothing_away(
    browser: "Browser", page: "Page", address: str, tmp_path: Path
) -> None:
    with visit(browser, address) as waits, visit(browser, address) as late:
        drop(late, photo(tmp_path / "c.jpg"))
        late.click("#go")
        wait_for_words(late, "Done: 4 colourings.")
        drop(waits, photo(tmp_path / "b.jpg"))
        drop(page, *(photo(tmp_path / f"{k}.jpg", 320, seed=k) for k in range(60)))
        page.click("#go")
        wait_for_words(page, "Working.")
        waits.click("#go")
        wait_for_words(waits, "In the queue, after 1 request.")
        late.click("#go")
        wait_for_words(late, "The queue is full (1 request)")
        with late.expect_download() as download:
            late.click("#download")
        assert Path(download.value.path()).stat().st_size > 0
        waits.click("#stop")
        wait_for_words(waits, "Cancelled.")
        late.click("#go")
        wait_for_words(late, "In the queue, after 1 request.")
        page.click("#stop")
        said = wait_for_words(page, "Cancelled.")
        assert int(said.split()[1]) < 240
        wait_for_words(late, "Done: 4 colourings.")


@pytest.mark.skipif(os.name == "nt", reason="there Ctrl-C is no signal to one process")
def test_ctrl_c_ends_a_request_and_leaves_nothing(
    browser: "Browser", tiny_bundle: Path, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    words = ("--model", str(tiny_bundle))
    with run(*words, TMPDIR=str(temporary)) as (address, process), visit(browser, address) as page:
        drop(page, *(photo(tmp_path / f"{k}.jpg", 320, seed=k) for k in range(60)))
        page.click("#go")
        wait_for_words(page, "Working.")
        page.wait_for_selector("#gallery .thumbnail-item")
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=MILLISECONDS / 1000)
    assert process.returncode == 0
    assert "Traceback" not in told
    assert [*temporary.glob("colorize-ui-*")] == []
