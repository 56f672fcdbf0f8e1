"""The page as people use it: scripted raters of known skill, keys and mouse, pauses and crashes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from made.studies import made_study, salted, served

from colorize_cli.study.answers import Answers
from colorize_cli.study.design import read_study
from colorize_cli.study.figures import Rate, figures_of
from colorize_cli.study.rater import Answer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CHOOSES = "#left:not(:disabled)"
WAITS = f"{CHOOSES}, #trial.told, #between:not([hidden]), #done:not([hidden])"
Answering = Callable[[Answer], bool]  # a trial -> whether the left one is chosen


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    words = ("--practice", "2", "--catch", "3", "--repeats", "3", "--seconds", "0.2")
    folder = tmp_path_factory.mktemp("made")
    return salted(made_study(folder, tiny_bundle, *words, "--display", "both", photos=18))


@pytest.fixture
def folder(made: Path) -> Path:
    for path in made.glob("answers.sqlite*"):
        path.unlink()
    return made


@contextmanager
def opened(browser: "Browser", url: str, script: str = "") -> Iterator["Page"]:
    """Open the page for somebody who was not there before, and let nothing go wrong in it."""
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    context.add_init_script(script)
    context.set_default_timeout(120_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(url)
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def begin(page: "Page", *, code: str = "") -> None:
    page.fill("#code", code)
    page.check("#agrees")
    page.click("#consent button")
    page.wait_for_selector("#between:not([hidden])")


def go_on(page: "Page") -> None:
    """Leave what is said before, between or after pairs, by the key that is at hand."""
    is_between = page.is_visible("#between")
    page.wait_for_selector("#go-on:focus" if is_between else "#next:focus")
    page.keyboard.press("Enter")
    left = "#between[hidden]" if is_between else "#trial:not(.told)"
    page.wait_for_selector(left, state="attached")


def step(page: "Page", answers: Answers, number: int, choose: Answering) -> bool:
    """Do what the page waits for; False once all is done."""
    page.wait_for_selector(WAITS)
    if page.is_visible("#done"):
        return False
    if not page.is_visible(CHOOSES):
        go_on(page)
        return True
    trial = answers.next_trial(answers.raters()[number])
    assert trial is not None
    page.keyboard.press("ArrowLeft" if choose(trial) else "ArrowRight")
    page.wait_for_selector("#left:disabled", state="attached")
    return True


def perfect(trial: Answer) -> bool:
    return trial.truth_is_left


def to_the_left(trial: Answer) -> bool:
    return True


def guesser(seed: int, *, sees_catches: bool) -> Answering:
    """Toss a coin; with `sees_catches` only where it is hard."""
    rng = Random(seed)

    def choose(trial: Answer) -> bool:
        return trial.truth_is_left if sees_catches and trial.kind == "catch" else rng.random() < 0.5

    return choose


def test_raters_of_known_skill_get_their_rates(browser: "Browser", folder: Path) -> None:
    """Four at once: two see pairs for a moment, two until they answer."""
    raters = [perfect, guesser(1, sees_catches=False), guesser(2, sees_catches=True), to_the_left]
    with served(folder) as (url, answers), ExitStack() as stack:
        pages = [stack.enter_context(opened(browser, url)) for _ in raters]
        for page in pages:
            begin(page)
        going = [*range(len(raters))]
        while going:
            going = [i for i in going if step(pages[i], answers, i, raters[i])]
        pages[0].reload()  # there is nothing more to do, and no way back
        pages[0].wait_for_selector("#done:not([hidden])")
        study = read_study(folder)
        rows = answers.raters(), answers.answered()
    figures = figures_of(study, *rows, of_scripts=True)
    assert len(rows[1]) == 4 * study.protocol.trials
    told_perfect, blind, attentive, leftist = figures.raters
    # On a busy machine some are seen too long, which then do not count; so they are counted here.
    assert {one.fooled.total + one.spoiled for one in figures.raters} == {13}
    assert {one.fooled.total for one in (blind, leftist)} == {13}
    assert (told_perfect.fooled.count, told_perfect.caught) == (0, Rate(3, 3))
    assert told_perfect.agreed.count == told_perfect.agreed.total
    for one in (blind, attentive, leftist):
        low, high = one.fooled.interval
        assert low <= 0.5 <= high
    assert (leftist.left, leftist.agreed) == (Rate(13, 13), Rate(0, 3))
    # Whose answers count: the rule of before, three catches of three.
    assert [bool(one.left_out) for one in figures.raters] == [False, True, False, True]
    for display in figures.displays:
        assert display.seconds == 0.2
        counting = [told_perfect.fooled, attentive.fooled]
        assert display.fooled.total == sum(rate.total for rate in counting)
        assert display.fooled.count == attentive.fooled.count
    assert figures_of(study, *rows, of_scripts=False).displays == []  # no script is a person


def test_pictures_are_seen_for_the_time_that_was_said_and_then_gone(
    browser: "Browser", folder: Path
) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        page.evaluate(_WATCH)
        begin(page)
        go_on(page)
        page.keyboard.press("ArrowLeft")  # too early, which counts for nothing
        page.wait_for_selector(CHOOSES)
        assert page.query_selector("#stage.showing") is None
        assert not page.is_visible("#left canvas")
        assert not page.is_visible("#right canvas")
        assert answers.answered() == []
        # Dark, seen, and gone; while they are seen there is nothing to choose.
        assert page.evaluate("seen") == ["false true", "true true", "false true", "false false"]
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#trial.told")
        assert page.is_visible("#left canvas")  # after practice, to learn from
        (kept,) = answers.answered()
        assert kept.chose_left
        assert kept.shown_ms is not None
        assert kept.answered_ms is not None
        assert 0.2 * 1000 - 100 < kept.shown_ms <= kept.answered_ms


def test_practice_tells_the_answer_and_what_counts_does_not(
    browser: "Browser", folder: Path
) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        begin(page)
        for _ in range(8):
            page.wait_for_selector(WAITS)
            if page.is_visible(CHOOSES):
                trial = answers.next_trial(answers.raters()[0])
                assert trial is not None
                page.click("#right")
                if trial.kind != "practice":
                    break
                page.wait_for_selector("#trial.told")
                side = "left" if trial.truth_is_left else "right"
                assert page.inner_text(f"#{side} strong") == "✓ real colours"
                verdict = "Not this one." if trial.truth_is_left else "Right."
                assert page.inner_text("#verdict") == verdict
            else:
                go_on(page)
        else:
            pytest.fail("no trial that counts came")
        page.wait_for_selector("#count:has-text('Pair 2 of 19')")
        assert page.query_selector("#trial.told") is None
        assert page.inner_text("#verdict") == ""


def test_who_leaves_goes_on_where_they_were_and_what_they_had_seen_is_known(
    browser: "Browser", folder: Path
) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        begin(page)
        go_on(page)
        for _ in range(2):
            step(page, answers, 0, perfect)
        page.wait_for_selector(CHOOSES)  # the second pair was seen
        assert answers.answered()[-1].n == 0
        page.reload()
        page.wait_for_selector("#between:has-text('Welcome back')")
        assert len(answers.raters()) == 1
        while len(answers.answered()) < 3:
            step(page, answers, 0, perfect)
        # The fourth may have been answered before the third was seen here.
        assert [one.showings for one in answers.answered()][:3] == [1, 2, 1]


def test_a_pause_shows_nothing_until_it_ends(browser: "Browser", folder: Path) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        begin(page)
        go_on(page)
        page.wait_for_selector(CHOOSES)
        heard = "#pause[aria-pressed='true']"
        page.click("#pause")
        assert page.is_visible(heard)
        page.click("#pause")
        assert not page.is_visible(heard)
        page.click("#pause")
        step(page, answers, 0, perfect)
        page.wait_for_selector("#trial.told")
        go_on(page)
        page.wait_for_selector("#between:has-text('Pause')")
        trial = answers.next_trial(answers.raters()[0])
        assert trial is not None
        assert (trial.n, trial.showings) == (1, 0)
        go_on(page)
        assert not page.is_visible(heard)
        page.wait_for_selector(CHOOSES)


def test_who_needs_time_gets_it_and_nobody_begins_without_agreeing(
    browser: "Browser", folder: Path
) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        page.click("#consent button")
        assert page.is_visible("#welcome")
        assert answers.raters() == []
        page.check("#asks-for-time")
        begin(page, code="  violet 7 ")
        assert [rater.seconds for rater in answers.raters()] == [None]
        go_on(page)
        page.wait_for_selector(CHOOSES)
        assert page.is_visible("#left canvas")
        with opened(browser, url) as elsewhere:  # the code leads back, on another machine too
            begin(elsewhere, code="violet 7")
            assert len(answers.raters()) == 1


def test_the_browser_keeps_a_place_in_each_study(browser: "Browser", folder: Path) -> None:
    """Two studies, one after the other, at one address: as `localhost` and the usual port are."""
    with served(folder) as (url, answers):
        context = browser.new_context()
        try:
            page = context.new_page()
            page.goto(url)
            begin(page)
            keys = "Object.keys(localStorage)"
            (kept,) = page.evaluate(keys)
            facts = page.evaluate("fetch('api/study').then((reply) => reply.json())")
            assert kept == f"colorize-study-rater-{facts['study']}"
            # What another study has kept is neither used nor forgotten.
            page.evaluate("localStorage.setItem('colorize-study-rater-other', 'its')")
            page.evaluate(f"localStorage.removeItem('{kept}')")
            page.reload()
            page.wait_for_selector("#welcome:not([hidden])")
            begin(page)
            assert len(answers.raters()) == 2
            assert sorted(page.evaluate(keys)) == sorted([kept, "colorize-study-rater-other"])
        finally:
            context.close()


def test_both_pictures_lie_level_on_a_narrow_screen(browser: "Browser", folder: Path) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        page.set_viewport_size({"width": 400, "height": 800})
        begin(page)
        while not page.is_visible("#verdict:not(:empty)"):
            step(page, answers, 0, perfect)
            page.wait_for_selector(f"{CHOOSES}, #trial.told")
        # One label takes two lines, as it does beside wider pictures.
        page.evaluate("""$("right").querySelector("strong").textContent = 'x'""")
        left, right = (page.locator(f"#{side} canvas").bounding_box() for side in ("left", "right"))
        assert left
        assert right
        assert left["y"] == right["y"]


@pytest.mark.parametrize("size", [(1280, 800), (1000, 600), (400, 800)])
@pytest.mark.parametrize("shape", ["384, 384", "384, 256", "256, 384"])
def test_a_pair_fits_the_window_and_the_space_bar_moves_nothing(
    browser: "Browser", folder: Path, size: tuple[int, int], shape: str
) -> None:
    width, height = size
    with served(folder) as (url, _), opened(browser, url) as page:
        page.set_viewport_size({"width": width, "height": height})
        begin(page)
        go_on(page)
        page.wait_for_selector(CHOOSES)
        page.keyboard.press("ArrowLeft")
        page.wait_for_selector("#trial.told")
        page.evaluate(f"""trouble("The server does not answer.");
            for (const one of document.querySelectorAll("canvas"))
              [one.width, one.height] = [{shape}];""")
        root = "document.documentElement"
        assert page.evaluate(f"[{root}.scrollWidth, {root}.scrollHeight]") == [width, height]
        page.set_viewport_size({"width": width, "height": 200})
        assert page.evaluate(f"{root}.scrollHeight") > 200
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Space")
        page.wait_for_timeout(200)
        assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("way", ["reload", "code"])
def test_who_comes_back_is_asked_before_a_pair_is_shown(
    browser: "Browser", folder: Path, way: str
) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        begin(page, code="violet 7")
        while len(answers.answered()) < 3:
            step(page, answers, 0, perfect)
        page.wait_for_selector(CHOOSES)
        if way == "code":
            page.evaluate("localStorage.clear()")
        page.reload()
        if way == "code":
            begin(page, code="violet 7")
        page.wait_for_selector("#between:has-text('Welcome back')")
        trial = answers.next_trial(answers.raters()[0])
        assert trial is not None
        assert (trial.n, trial.showings) == (3, 1)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        go_on(page)
        page.wait_for_selector(CHOOSES)
        # The same grey before a pair as with it, so that no eye has to get used to the dark.
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


_NO_STORAGE = """
Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("The operation is insecure.", "SecurityError"); },
});
"""


def test_a_browser_that_keeps_nothing_is_enough(browser: "Browser", folder: Path) -> None:
    with served(folder) as (url, answers), opened(browser, url, _NO_STORAGE) as page:
        page.wait_for_selector("#welcome:not([hidden])")
        assert "leave this page open" in page.inner_text("#later")
        begin(page)
        while len(answers.answered()) < 3:
            step(page, answers, 0, perfect)
        page.reload()
        page.wait_for_selector("#welcome:not([hidden])")


def test_a_code_that_is_in_use_is_told_and_another_one_does(
    browser: "Browser", folder: Path
) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        person = {"asks_for_time": False, "scripted": False, "screen": ""}
        answers.add_rater(code="violet 7", **person)  # type: ignore[arg-type]
        page.fill("#code", "violet 7")
        page.check("#agrees")
        page.click("#consent button")
        page.wait_for_selector("#trouble:has-text('in use: begin with another one')")
        begin(page, code="green 3")
        assert page.is_hidden("#trouble")
        assert [rater.is_scripted for rater in answers.raters()] == [False, True]


def test_all_can_be_done_and_read_without_a_mouse(browser: "Browser", folder: Path) -> None:
    with served(folder) as (url, answers), opened(browser, url) as page:
        page.wait_for_selector("#welcome:not([hidden])")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "agrees"
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#go-on:focus")
        page.keyboard.press("Space")
        page.wait_for_selector(CHOOSES)
        assert re.fullmatch(r"Practice: pair 1 of 2\. Which .* Left or right\?", say(page))
        page.keyboard.press("2")
        page.wait_for_selector("#next:focus")
        trial = answers.answered()[0]
        side = "left" if trial.truth_is_left else "right"
        assert say(page).endswith(f"The {side} one has the real colours.")
        unnamed = page.query_selector_all("button, input, progress")
        assert all(element.evaluate(_NAME) for element in unnamed)


# Notes whether pictures are seen, and whether the choice is closed, whenever that changes.
_WATCH = """
seen = [];
new MutationObserver(() => {
  const now = `${$("stage").classList.contains("showing")} ${$("left").disabled}`;
  if (now !== seen.at(-1) && !$("trial").hidden) seen.push(now);
}).observe($("trial"), { subtree: true, attributes: true });
"""
_NAME = "e => e.textContent.trim() || e.labels?.[0]?.textContent.trim() || e.ariaLabelledByElements"


def say(page: "Page") -> str:
    return page.inner_text("#say")


@contextmanager
def process(folder: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `colorize study run` in a process of its own; give it and its port."""
    words = [sys.executable, "-m", "colorize_cli", "study", "run", str(folder), "--port", str(port)]
    run = subprocess.Popen(
        words, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ | {"NO_COLOR": "1"}
    )
    assert run.stderr is not None
    with run.stderr:
        found = re.search(r"localhost:(\d+)/", run.stderr.readline())
        try:
            assert found
            yield run, int(found[1])
        finally:
            run.kill()
            run.wait()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_server_that_is_killed_and_comes_back_loses_no_answer(
    browser: "Browser", folder: Path
) -> None:
    study = read_study(folder)
    with process(folder, 0) as (first, port), Answers(folder, study) as answers:
        with opened(browser, f"http://localhost:{port}/") as page:
            begin(page)
            go_on(page)
            page.wait_for_selector(CHOOSES)
            first.send_signal(signal.SIGKILL)
            first.wait()
            page.keyboard.press("ArrowLeft")
            page.wait_for_selector("#trouble:has-text('does not answer. Trying again')")
            with process(folder, port) as (second, _):
                page.wait_for_selector("#trial.told")  # the page has sent it again
                assert page.is_hidden("#trouble")
                (kept,) = answers.answered()
                assert (kept.n, kept.chose_left, kept.showings) == (0, True, 1)
                second.send_signal(signal.SIGINT)
                assert second.wait(20) == 0  # Ctrl-C is the ordinary end
