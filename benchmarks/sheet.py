"""Open the sheet of many made-up photographs in a headless Chromium, and time what a person feels.

    python -m benchmarks.sheet [--photos 10000] [--samples 4] [--record]

Needs the extra `dev` and a Chromium. `--record` writes `benchmarks/sheet.md` and its figures.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from time import perf_counter, process_time
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.made_folder import make_folder
from benchmarks.page import RESULTS, fill, machine_text, table
from colorize_cli.batch.sheet.build import build
from colorize_cli.cli.terminal import Terminal
from colorize_cli.system.machine import describe_machine

_PAGE = Path(__file__).with_suffix(".md")
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
_LOADED = "typeof sheet === 'object' && sheet.head && sheet.photos.length === sheet.head.photos"
_COMPLETE = "document.images.length && [...document.images].every((image) => image.complete)"
# Scrolls so many pixels a frame for so many ms, and gives the time between frames, in ms.
_SCROLL = """([pixels, length]) => new Promise((done) => {
    const times = [], main = document.getElementById("grid");
    const step = (now) => {
        times.push(now);
        main.scrollTop += pixels;
        if (now - times[0] < length) requestAnimationFrame(step);
        else done(times.slice(1).map((time, k) => time - times[k]));
    };
    requestAnimationFrame(step);
})"""
# Does something, and gives the ms until the frame after it has been painted.
_TIMED = """() => new Promise((done) => {
    const start = performance.now();
    ACT;
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""
_PICK_HALF = """() => { sheet.photos.forEach((photo, k) => { if (k % 2 && photo.numbers.length)
    picks.set(photo.id, [2, photo.madeAs(2)]); }); picks.onChange(); }"""
_SCROLLING = (
    *("scrolling", "CPU of the page, ms a frame", "of the whole browser"),
    *("ms a frame, median", "95%", "longest", "over 50 ms"),
)
_ACTS = {
    "a pick, while half are picked": "pick(grid.list[grid.current], 3)",
    "undoing it": "undo()",
    "an arrow key": "grid.go(grid.current + 1)",
    "the End key": "grid.go(grid.list.length - 1)",
    "the filter: not picked": "byId('show').value = 'open'; update({ toTop: true })",
    "a name: 077": "byId('find').value = '077'; update({ toTop: true })",
}


def main() -> None:
    """Measure, and say or record it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--record", action="store_true", help=f"write {_PAGE.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = make_folder(Path(folder) / "made", options.photos, options.samples)
        started, used = perf_counter(), process_time()
        page = build(out, Terminal()).page
        made, used = perf_counter() - started, process_time() - used
        data = sum(path.stat().st_size for path in page.parent.rglob("*.js"))
        with _browser() as browser:
            seen = {
                "made_s": made,
                "made_cpu_s": used,
                "data_mb": data / 1e6,
                **measure(browser, page),
            }
    facts = {"photos": options.photos, "samples": options.samples, **seen}
    facts |= {"load": os.getloadavg()[0], "machine": describe_machine()}
    text = report(facts)
    print(text)
    if options.record:
        fill(_PAGE, "benchmarks/sheet.py", text)
        (RESULTS / "sheet.json").write_text(json.dumps(facts, indent=1) + "\n")


@contextmanager
def _browser() -> Iterator[Browser]:
    path = os.environ.get("COLORIZE_CHROMIUM") or next(filter(None, map(which, _NAMES)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield browser
        browser.close()


def measure(browser: Browser, path: Path) -> dict[str, Any]:
    """Open a sheet of 1,400 x 900 pixels, scroll it, pick and filter."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    started = perf_counter()
    page.goto(path.as_uri(), wait_until="commit")
    _until(page, _COMPLETE)
    pictures = perf_counter() - started
    _until(page, _LOADED)
    loaded = perf_counter() - started
    paints = page.evaluate(
        "performance.getEntriesByType('paint').map((each) => [each.name, each.startTime])"
    )
    found: dict[str, Any] = {
        "first_paint_s": dict(paints)["first-contentful-paint"] / 1000,
        "first_pictures_s": pictures,
        "all_known_s": loaded,
        "memory_opened": memory(page),
    }
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    found["slow"] = scrolling(page, session, 40)
    found["fast"] = scrolling(page, session, 900)
    found["jumps_s"] = [jump(page, share) for share in (0.1, 0.9, 0.3, 0.7, 0.5)]
    found["memory_scrolled"] = memory(page)
    page.evaluate(_PICK_HALF)
    found["acts_ms"] = {name: timed(page, session, act) for name, act in _ACTS.items()}
    return found


def _until(page: Page, condition: str) -> None:
    """Wait as Playwright's own wait cannot: the page's policy lets nobody evaluate text in it."""
    while not page.evaluate(condition):
        page.wait_for_timeout(5)


def scrolling(page: Page, session: CDPSession, pixels: int) -> dict[str, float]:
    """Scroll so many pixels a frame for six seconds, and sum up the ms between frames.

    Where others use the CPUs too, what a frame takes of them says more than its time.
    """
    before, own = cpu_seconds(), own_seconds(session)
    late = np.asarray(page.evaluate(_SCROLL, [pixels, 6000]))
    return {
        "frames": len(late),
        "own_ms": 1000 * (own_seconds(session) - own) / len(late),
        "cpu_ms": 1000 * (cpu_seconds() - before) / len(late),
        "median_ms": float(np.median(late)),
        "p95_ms": float(np.quantile(late, 0.95)),
        "longest_ms": float(late.max()),
        "over_50_ms": float((late > 50).mean()),
    }


def jump(page: Page, share: float) -> float:
    """Seconds until all pictures are there at a place far away."""
    started = perf_counter()
    page.evaluate(
        "(share) => { const main = byId('grid'); main.scrollTop = share * main.scrollHeight; }",
        share,
    )
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    _until(page, _COMPLETE)
    return perf_counter() - started


def chromium() -> list[psutil.Process]:
    """The browser's processes."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if "chrom" in process.name()]


def own_seconds(session: CDPSession) -> float:
    """What the thread that runs the page's scripts and lays it out has taken of a CPU."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return {each["name"]: each["value"] for each in metrics}["TaskDuration"]


def timed(page: Page, session: CDPSession, act: str) -> tuple[float, float]:
    """Milliseconds from an act to the painted frame after it, and those that the page computed."""
    own = own_seconds(session)
    ms = page.evaluate(_TIMED.replace("ACT", act))
    return ms, 1000 * (own_seconds(session) - own)


def cpu_seconds() -> float:
    """What the browser's processes have taken of the CPUs."""
    return sum(sum(process.cpu_times()[:2]) for process in chromium())


def memory(page: Page) -> dict[str, float]:
    """MB of the page's objects and of all of the browser's processes, and elements of the page."""
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    uss = sum(process.memory_full_info().uss for process in chromium())
    heap, nodes = page.evaluate(
        "[performance.memory.usedJSHeapSize, document.getElementsByTagName('*').length]"
    )
    return {"heap_mb": heap / 1e6, "processes_mb": uss / 1e6, "elements": nodes}


def report(facts: Mapping[str, Any]) -> str:
    """Write what was measured, in Markdown."""
    opened, scrolled = facts["memory_opened"], facts["memory_scrolled"]
    written = (
        f"{facts['made_s']:.1f} s, {facts['made_cpu_s']:.1f} s of CPU; {facts['data_mb']:.1f} MB"
    )
    acts = facts["acts_ms"].items()
    rows = [
        ("writing the page and its data", written),
        ("first paint", f"{facts['first_paint_s']:.2f} s"),
        ("pictures of the first screen", f"{facts['first_pictures_s']:.2f} s"),
        ("all photographs known, for filters", f"{facts['all_known_s']:.2f} s"),
        ("pictures after a jump, median of 5", f"{np.median(facts['jumps_s']):.2f} s"),
        *((name, f"{ms:.0f} ms, {own:.0f} ms of CPU") for name, (ms, own) in acts),
    ]
    scrolling = [
        (
            name,
            f"{facts[key]['own_ms']:.1f}",
            f"{facts[key]['cpu_ms']:.0f}",
            f"{facts[key]['median_ms']:.1f}",
            f"{facts[key]['p95_ms']:.1f}",
            f"{facts[key]['longest_ms']:.0f}",
            f"{100 * facts[key]['over_50_ms']:.1f}%",
        )
        for name, key in (("40 pixels a frame", "slow"), ("900, a screen, a frame", "fast"))
    ]
    kept = [
        (name, f"{each['heap_mb']:.0f}", f"{each['processes_mb']:.0f}", f"{each['elements']:,}")
        for name, each in (("opened", opened), ("scrolled", scrolled))
    ]
    machine = facts["machine"]
    return "\n\n".join(
        (
            f"{facts['photos']:,} photographs, {facts['samples']} samples each.",
            table(("what", "takes"), rows),
            table(_SCROLLING, scrolling),
            table(("memory", "objects, MB", "all processes of the browser, MB", "elements"), kept),
            f"{machine_text(machine)} Load {facts['load']:.1f} beside it.",
        )
    )


if __name__ == "__main__":
    main()
