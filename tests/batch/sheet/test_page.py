"""The page of a sheet in a browser, opened from the disk: keyboard, picks, filters, looking."""

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from made.browsed import until
from made.messages import Told
from made.pictures import encode, tiff
from made.sheets import head_of

from benchmarks.made_folder import make_folder
from colorize_cli.batch.records.inspect_folder import open_ledgers
from colorize_cli.batch.run import run
from colorize_cli.batch.settings import Options
from colorize_cli.batch.sheet.build import build
from colorize_cli.batch.sheet.entries import entries_of
from colorize_cli.batch.sheet.observer import Sheet
from colorize_cli.cli.app import main
from colorize_cli.errors import EXIT_OK

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHOTOS = 200  # of which 4 failed, those that end in 07 and 57, and 10 are flagged


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of 200 photographs with 4 samples each, and its sheet."""
    folder = make_folder(tmp_path_factory.mktemp("sheet"), PHOTOS, side=96)
    assert build(folder, Told()).lacking == 0
    return folder


@pytest.fixture
def page(browser: "Browser", out: Path) -> Iterator["Page"]:
    """The page of the sheet of 200, in a browser that has not seen it before."""
    yield from opened(browser, out)


def opened(browser: "Browser", out: Path, count: int | None = None) -> Iterator["Page"]:
    """Open a sheet, of so many photographs; whatever the page complains of fails the test."""
    wanted = "sheet.head.photos" if count is None else str(count)
    with browser.new_context(viewport={"width": 1200, "height": 800}) as context:
        page = context.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((out / "colorize-sheet" / "index.html").as_uri())
        until(page, f"sheet.photos.length === {wanted}")
        yield page
        assert complaints == []
        assert {url.partition(":")[0] for url in asked} <= {"file", "data", "blob"}


def focused(page: "Page") -> str:
    """The name of the photograph that has the focus."""
    return str(
        page.evaluate("document.activeElement.closest('.card')?.querySelector('h2').textContent")
    )


def begin(page: "Page") -> None:
    """Go to the first photograph as somebody without a mouse does."""
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the link that leads past the tools
    page.keyboard.press("Tab")
    assert focused(page) == "00000.jpg"


def kept(page: "Page") -> dict[str, Any]:
    """The picks that the browser keeps, by names, as numbers."""
    found = page.evaluate("sheet.photos.map((photo) => [photo.name, picks.of(photo)])")
    return {name: number for name, number in found if number}


def test_two_hundred_photographs_are_gone_through_and_picked_by_the_keyboard(page: "Page") -> None:
    begin(page)
    keys = page.keyboard
    keys.press("3")
    keys.press("ArrowRight")
    keys.press("1")
    keys.press("ArrowDown")
    assert focused(page) == "00002.jpg"
    keys.press("End")
    assert focused(page) == "00199.jpg"
    keys.press("4")
    keys.press("Home")
    keys.press("PageDown")
    assert focused(page) not in ("00000.jpg", "00199.jpg")
    assert kept(page) == {"00000.jpg": 3, "00001.jpg": 1, "00199.jpg": 4}
    keys.press("Home")
    for _ in range(40):
        keys.press("ArrowDown")
    assert focused(page) == "00040.jpg"
    assert page.locator(".card").count() < 30


def test_what_a_key_picked_is_marked_counted_told_and_undone(page: "Page") -> None:
    begin(page)
    page.keyboard.press("2")
    pressed = (
        "[...document.querySelectorAll('.card.current [aria-pressed]')].map((b) => b.ariaPressed)"
    )
    assert page.evaluate(pressed) == ["false", "true", "false", "false"]
    assert page.inner_text("#progress").startswith("1 of 196 picked")
    assert page.inner_text("#told") == "Sample 2 of 00000.jpg is picked."
    page.keyboard.press("4")
    page.keyboard.press("End")
    assert page.text_content("#told") == ""  # that was of another photograph
    page.keyboard.press("u")
    assert focused(page) == "00000.jpg"
    assert kept(page) == {"00000.jpg": 2}
    page.keyboard.press("u")
    assert kept(page) == {}
    page.keyboard.press("u")
    assert page.inner_text("#told") == "There is nothing to undo."


def test_the_same_key_once_more_takes_the_pick_back(page: "Page") -> None:
    begin(page)
    page.keyboard.press("2")
    page.keyboard.press("2")
    assert kept(page) == {}
    page.keyboard.press("9")
    assert kept(page) == {}
    assert page.inner_text("#told") == "00000.jpg has no sample 9, but 1, 2, 3, 4."
    page.keyboard.press("Enter")
    page.keyboard.press("8")
    assert page.inner_text("#v-told") == "00000.jpg has no sample 8, but 1, 2, 3, 4."


def test_picks_survive_a_reload_and_are_saved_as_a_table_that_pick_takes(
    page: "Page", out: Path, tmp_path: Path
) -> None:
    begin(page)
    page.keyboard.press("3")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    page.reload()
    until(page, "sheet.photos.length === sheet.head.photos")
    assert kept(page) == {"00000.jpg": 3, "00001.jpg": 1}
    with page.expect_download() as saved:
        page.keyboard.press("s")
    table = tmp_path / "picks.csv"
    saved.value.save_as(table)
    rows = [*csv.reader(io.StringIO(table.read_text("utf-8-sig")))]
    scans = out.parent / "scans"
    assert [row[:3] for row in rows] == [
        ["photograph", "sample", "colouring"],
        [str(scans / "00000.jpg"), "3", "00000.3.jpg"],
        [str(scans / "00001.jpg"), "1", "00001.1.jpg"],
    ]
    chosen = tmp_path / "chosen"
    assert main(["pick", str(out), str(table), "--to", str(chosen)]) == EXIT_OK
    assert sorted(path.name for path in chosen.glob("*.jpg")) == ["00000.jpg", "00001.jpg"]


def test_a_table_of_picks_is_taken_up_again(page: "Page", out: Path, tmp_path: Path) -> None:
    table = tmp_path / "picks.csv"
    scans = out.parent / "scans"
    lines = [
        f'"{scans / "00004.jpg"}";2',
        f"{scans / 'gone.jpg'};1",
        "00005.jpg;3",
        "./00006.jpg;4",
    ]
    table.write_text("Photograph;sample\r\n" + "\r\n".join(lines))
    page.set_input_files("#file", table)
    until(page, "document.getElementById('told').textContent.includes('taken')")
    assert kept(page) == {"00004.jpg": 2, "00005.jpg": 3, "00006.jpg": 4}
    told = "3 picks taken from picks.csv; 1 row of other photographs or colours left out."
    assert page.inner_text("#told") == told


def test_a_row_that_may_mean_two_photographs_is_left_out_and_told(
    page: "Page", tmp_path: Path
) -> None:
    page.evaluate("sheet.photos[2].name = sheet.photos[1].name")
    table = tmp_path / "picks.csv"
    table.write_text("photograph,sample\n00001.jpg,2\n00003.jpg,1\n")
    page.set_input_files("#file", table)
    until(page, "document.getElementById('told').textContent.includes('taken')")
    assert kept(page) == {"00003.jpg": 1}
    told = page.inner_text("#told")
    assert "1 pick taken" in told
    assert "1 row left out that may be of two photographs" in told


def test_a_pick_of_colours_that_were_made_again_counts_no_more(
    browser: "Browser", tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "again", 3, side=32)
    build(folder, Told())
    for page in opened(browser, folder):
        begin(page)
        page.keyboard.press("3")
        with open_ledgers(folder) as databases:
            (entry, *_) = entries_of(databases, folder)
        made = entry.samples[2].made[:20]
        for part in (folder / "colorize-sheet" / "data").glob("*.js"):
            part.write_text(part.read_text().replace(made, "0" * 20))
        page.reload()
        until(page, "sheet.photos.length === sheet.head.photos")
        assert kept(page) == {}
        assert "coloured again since it was picked" in page.inner_text(".card.current")


def test_filters_show_what_they_name_and_what_is_picked_leaves_those_that_are_not(
    page: "Page",
) -> None:
    counts = {"all": 200, "open": 196, "picked": 0, "flagged": 10, "failed": 4}
    for name, count in counts.items():
        page.select_option("#show", name)
        assert page.evaluate("grid.list.length") == count
    assert "the file is truncated" in page.inner_text("#canvas")
    page.select_option("#show", "picked")
    assert page.inner_text("#none") == "No photograph is picked."
    page.select_option("#show", "failed")
    page.fill("#find", "0001")
    assert "has 0001 in its name" in page.inner_text("#none")
    page.keyboard.press("Escape")
    assert page.input_value("#find") == ""
    assert page.evaluate("grid.list.length") == 4
    page.select_option("#show", "open")
    page.fill("#find", "0001")
    assert page.evaluate("grid.list.length") == 11
    page.keyboard.press("Enter")
    assert focused(page) == "00001.jpg"
    page.keyboard.press("1")
    assert focused(page) == "00010.jpg"
    assert page.evaluate("grid.list.length") == 10
    page.keyboard.press("u")
    assert focused(page) == "00001.jpg"


def test_a_photograph_is_looked_at_compared_and_picked_by_keys(page: "Page") -> None:
    begin(page)
    page.keyboard.press("Enter")
    assert page.is_visible("#viewer")
    assert page.inner_text("#v-name") == "00000.jpg"
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#v-right") == "sample 2"
    assert kept(page) == {}
    page.keyboard.press("4")
    assert page.inner_text("#v-right") == "sample 4"
    assert kept(page) == {"00000.jpg": 4}
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#v-name") == "00001.jpg"
    page.keyboard.press("m")
    assert page.inner_text("#v-right") == "where the samples differ"
    assert page.is_visible("#v-legend")
    page.keyboard.press("u")
    assert page.inner_text("#v-name") == "00000.jpg"
    assert kept(page) == {}
    page.keyboard.press("Escape")
    assert not page.is_visible("#viewer")
    assert focused(page) == "00000.jpg"


@pytest.mark.parametrize("goes_on", [True, False])
def test_no_photograph_is_skipped_while_those_without_a_pick_are_looked_at(
    page: "Page", goes_on: bool
) -> None:
    page.select_option("#show", "open")
    page.set_checked("#onward", goes_on)
    page.focus(".card.current")
    page.keyboard.press("Enter")
    seen = []
    for _ in range(4):
        seen.append(page.inner_text("#v-name"))
        page.keyboard.press("2")
        if not goes_on:
            page.keyboard.press("ArrowRight")
    assert seen == ["00000.jpg", "00001.jpg", "00002.jpg", "00003.jpg"]
    assert kept(page) == dict.fromkeys(seen, 2)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("1")
    if not goes_on:
        page.keyboard.press("ArrowLeft")
        assert page.inner_text("#v-name") == "00004.jpg"


def test_the_last_of_those_without_a_pick_leads_back_to_none_before_it(page: "Page") -> None:
    page.select_option("#show", "open")
    page.fill("#find", "0001")
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.inner_text("#v-name") == "00019.jpg"
    page.keyboard.press("2")
    assert page.inner_text("#v-name") == "00019.jpg"
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#v-name") == "00018.jpg"


def test_a_script_that_is_missing_leaves_out_its_photographs_alone(
    browser: "Browser", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colorize_cli.batch.sheet.folder._PART", 2)
    folder = make_folder(tmp_path / "parts", 6, side=32)
    build(folder, Told())
    missing = head_of(folder)["parts"][1]
    (folder / "colorize-sheet" / missing).unlink()
    for page in opened(browser, folder, count=4):
        begin(page)
        until(page, "document.getElementById('told').textContent !== ''")
        assert missing in page.inner_text("#told")
        page.keyboard.press("3")
        page.keyboard.press("End")
        assert focused(page) == "00005.jpg"
        page.keyboard.press("2")
        assert kept(page) == {"00000.jpg": 3, "00005.jpg": 2}
        assert page.inner_text("#progress").startswith("2 of 4 picked")
        with page.expect_download() as saved:
            page.keyboard.press("s")
        assert len(saved.value.path().read_text("utf-8-sig").splitlines()) == 3


def test_a_sheet_whose_only_script_is_missing_says_so(browser: "Browser", tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "none", 2, side=32)
    build(folder, Told())
    (folder / "colorize-sheet" / head_of(folder)["parts"][0]).unlink()
    for page in opened(browser, folder, count=0):
        until(page, "document.getElementById('told').textContent !== ''")
        assert page.inner_text("#none") == "There is no photograph."


@pytest.mark.parametrize("key", ["m", "ArrowDown", "3"])
def test_what_is_asked_for_is_seen_though_the_photograph_alone_was(page: "Page", key: str) -> None:
    begin(page)
    page.keyboard.press("Enter")
    until(page, "viewer.stage.size !== null")
    page.keyboard.press("b")
    assert page.evaluate("viewer.stage.share") == 100
    page.keyboard.press(key)
    assert page.evaluate("viewer.stage.share") == 50


@pytest.mark.skipif(os.name == "nt", reason="other shells, other quotes")
def test_a_command_that_a_person_can_copy_names_the_folder_where_it_is_now(
    browser: "Browser", tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "first", 2, side=32)
    build(folder, Told())
    odd = tmp_path / 'it\'s $(echo x) `a` 50% "b"'
    folder.rename(odd)
    for page in opened(browser, odd):
        told = page.text_content("#k-command")
        script = f"colorize() {{ printf '%s\n' \"$@\"; }}; {told}"
        given = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert given.stdout.splitlines() == ["pick", str(odd), "picks.csv", "--to", "chosen/"]


def test_the_pattern_of_a_photograph_matches_no_other(page: "Page", out: Path) -> None:
    assert page.evaluate("globOf(sheet.photos[1])") == "00001.jpg"
    page.evaluate("sheet.photos[2].name = 'sub/00001.jpg'")
    whole = str(out.parent / "scans" / "00001.jpg")
    assert page.evaluate("globOf(sheet.photos[1])") == whole
    assert page.evaluate("globOf(sheet.photos[2])") == "sub/00001.jpg"
    assert main(["sheet", str(out), "--zoom", whole]) == EXIT_OK


def test_keys_go_over_what_failed_while_looking(page: "Page") -> None:
    begin(page)
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#v-name") == "00008.jpg"


def test_the_slider_goes_from_before_to_after_and_the_line_with_it(page: "Page") -> None:
    begin(page)
    page.keyboard.press("Enter")
    until(page, "viewer.stage.size !== null")
    assert " ".join(page.inner_text(".v-slide").split()) == "Before after"
    line = "divider.getBoundingClientRect().x + 12"
    edges = page.evaluate("[after.getBoundingClientRect()].map((box) => [box.left, box.right])[0]")
    page.focus("#slide")
    page.keyboard.press("End")
    assert page.evaluate(line) == pytest.approx(edges[0], abs=1)  # all of it is the colouring
    page.keyboard.press("Home")
    assert page.evaluate(line) == pytest.approx(edges[1], abs=1)
    box = page.locator("#stage").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 2, box["y"] + 60)
    page.mouse.up()
    assert page.evaluate(line) == pytest.approx(edges[0], abs=1)
    assert page.input_value("#slide") == "100"


def test_full_size_is_a_pixel_of_the_picture_for_one_of_the_screen(page: "Page") -> None:
    begin(page)
    page.keyboard.press("Enter")
    until(page, "viewer.stage.size !== null")
    page.keyboard.press("z")
    assert page.inner_text("#v-scale") == "100%"
    assert page.evaluate("after.getBoundingClientRect().width") == page.evaluate(
        "after.naturalWidth"
    )
    page.keyboard.press("+")
    assert page.inner_text("#v-scale") == "150%"


def test_every_control_has_a_name_and_only_the_current_card_is_in_the_order_of_tabs(
    page: "Page",
) -> None:
    nameless = """[...document.querySelectorAll('button, select, input')].filter((each) =>
        !each.ariaLabel && !each.labels?.length && !each.textContent.trim()).map((e) => e.id)"""
    assert page.evaluate(nameless) == []
    assert page.evaluate("document.querySelectorAll('#canvas [tabindex=\"0\"]').length") == 6 + 1
    assert page.evaluate("[...document.images].every((image) => image.hasAttribute('alt'))")
    card = page.locator(".card.current")
    assert (card.get_attribute("aria-posinset"), card.get_attribute("aria-setsize")) == ("1", "200")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(browser: "Browser", out: Path, scheme: Any) -> None:
    """By the contrast of WCAG 2: 4.5 at least."""
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto((out / "colorize-sheet" / "index.html").as_uri())
        inks = ("ink", "faint", "failed", "flagged", "picked", "on-main")
        names = ("paper", "card", "main", *inks)
        colours = {name: page.evaluate(_COLOUR, f"--{name}") for name in names}
    pairs = [
        (ink, ground)
        for ink in ("ink", "faint", "failed", "flagged")
        for ground in ("paper", "card")
    ]
    for ink, ground in [*pairs, ("picked", "card"), ("on-main", "main")]:
        assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)


_COLOUR = """(name) => { const context = document.createElement('canvas').getContext('2d');
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
    return context.fillStyle; }"""


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        levels = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_odd_names_are_text_and_their_pictures_are_found(
    browser: "Browser", tmp_path: Path, tiny_bundle: Path
) -> None:
    scans, out = tmp_path / "scans #1", tmp_path / "out 100%"
    scans.mkdir()
    smooth = np.asarray(cv2.resize(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, (64, 48)))
    (scans / "<img src=x onerror=alert(1)> 50% é.png").write_bytes(encode(smooth, "PNG"))
    (scans / "t.tif").write_bytes(tiff(smooth.astype(np.uint16) * 257))
    told = Told()
    options = Options(
        (scans,), out, samples=2, model=str(tiny_bundle), device="cpu", steps=2, sheet=True
    )
    assert run(options, told, [Sheet(out, told)]) == EXIT_OK
    for page in opened(browser, out):
        begin_at = page.locator(".card h2").first
        assert begin_at.inner_text() == "<img src=x onerror=alert(1)> 50% é.png"
        until(page, "[...document.images].every((image) => image.naturalWidth > 0 || !image.src)")
        assert page.locator(".tile.empty").count() == 0
        page.locator(".look").first.click()
        until(page, "after.src.includes('50%25') && before.src.includes('50%25')")
        assert not page.is_visible("#v-note")
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("#v-note")
        until(page, "document.getElementById('v-command').textContent.endsWith('--zoom t.tif')")
        assert page.inner_text("#v-command") == f"colorize sheet '{out}' --zoom t.tif"
    build(out, told, zoom=["t.tif"])
    for page in opened(browser, out):
        page.locator(".look").nth(1).click()
        until(page, "after.src.includes('/zoom/') && before.src.includes('/zoom/')")
        assert not page.is_visible("#v-note")


def test_a_sheet_that_was_moved_with_its_folder_finds_its_colourings(
    browser: "Browser", out: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(out, moved)
    for page in opened(browser, moved):
        page.locator(".look").first.click()
        until(page, "after.src.includes('/elsewhere/00000.1.jpg')")
