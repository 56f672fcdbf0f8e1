"""The pipeline, with a network that is a few lines of NumPy."""

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made.networks import Network
from made.pictures import color, encode, grey
from made.settings import run_settings

from colorize_cli.batch import pipeline as batch
from colorize_cli.batch.asked.treatment import Treatment
from colorize_cli.batch.ledger import Beginning, Ledger
from colorize_cli.batch.outcome import Outcome
from colorize_cli.batch.output_names import Job
from colorize_cli.batch.photo_job import Put, write_file
from colorize_cli.batch.pipeline import run
from colorize_cli.batch.plan import make_plan
from colorize_cli.batch.records.photo_rows import FileRow, PhotoRows
from colorize_cli.batch.settings import OnColour, Options
from colorize_cli.errors import DeviceError
from colorize_cli.imaging.lab import Float
from colorize_cli.model.colorizer import Prepared
from colorize_cli.photos.read import read_photo


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    return tmp_path


def put(name: str, number: int = 0, *, wide: bool = False) -> str:
    """Write a photo of its own; wide ones are padded to another shape. Return its digest."""
    pixels = np.tile(grey(), (1, 3)) if wide else grey()
    data = encode(np.roll(pixels, number, axis=1), "PNG")
    Path("scans", name).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def jobs(out: str = "out", samples: int = 1) -> tuple[Job, ...]:
    return make_plan(Options((Path("scans"),), Path(out), samples=samples)).jobs


def colorize(
    network: Network, todo: Sequence[Job], treatment: Treatment, put: Put = write_file
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    run(todo, network, treatment, outcomes.append, put)  # type: ignore[arg-type]
    return outcomes


def reasons(outcomes: list[Outcome]) -> dict[str, str | None]:
    return {outcome.source.name: outcome.reason for outcome in outcomes}


def files(out: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(out).glob("*")}


def test_every_sample_of_every_photo_is_written() -> None:
    digests = {put(f"{number}.png", number) for number in range(7)}
    outcomes = colorize(Network(), jobs(samples=3), Treatment(samples=3))
    assert len(files("out")) == 21
    assert {outcome.digest for outcome in outcomes} == digests
    assert all(outcome.reason is None and outcome.seconds > 0 for outcome in outcomes)
    assert {(outcome.kind, outcome.status) for outcome in outcomes} == {("grey", "done")}


def test_samples_are_judged_with_the_gains_in_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    def pale(prepared: Prepared, k: int, seed: int) -> Float:
        height, width = (side // 4 for side in prepared.L.shape)
        return np.full((2, height, width), 2, np.float32)

    monkeypatch.setattr(Network, "_field", staticmethod(pale))
    put("1.png")
    (plain,) = colorize(Network(), jobs("plain"), Treatment())
    (muted,) = colorize(Network(gains=(0.5, 1.5)), jobs("muted"), Treatment())
    assert plain.choice is not None
    assert muted.choice is not None
    assert (plain.choice.grey, muted.choice.grey) == ((0,), ())


@pytest.mark.parametrize("on_colour", ["recolour", "copy"])
def test_every_file_is_announced_before_it_appears(
    on_colour: OnColour, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey_digest = put("grey.png")
    Path("scans/color.png").write_bytes(data := encode(color(), "PNG"))
    Path("out").mkdir()
    for name in ("grey", "color"):
        Path(f"out/{name}.2.png").write_bytes(b"another photo's")
    told: list[tuple[str, str, str]] = []
    intend = PhotoRows.intend

    def watched(rows: PhotoRows, path: Path, row: FileRow) -> None:
        told.append((Path(row.photo).name, row.source, path.name))
        now = path.read_bytes() if path.exists() else None
        assert now == (b"another photo's" if row.sample == 2 else None), "what it replaces is there"
        assert row.before == (hashlib.sha256(now).hexdigest() if now else None)
        if row.photo.endswith("color.png"):
            raise OSError(27, "File too large")
        intend(rows, path, row)

    monkeypatch.setattr(PhotoRows, "intend", watched)
    options = Options((Path("scans"),), Path("out"), samples=2, overwrite=True)
    with Ledger(options.out) as ledger:
        todo = make_plan(options, ledger).jobs
        ledger.begin(Beginning(run_settings(), todo, overwrites=True))
        treatment = Treatment(samples=2, on_colour=on_colour)
        outcomes = colorize(Network(), todo, treatment, ledger.put)
    assert sorted(told) == [
        ("color.png", hashlib.sha256(data).hexdigest(), "color.1.png"),
        ("grey.png", grey_digest, "grey.1.png"),
        ("grey.png", grey_digest, "grey.2.png"),
    ]
    assert reasons(outcomes) == {"grey.png": None, "color.png": "File too large"}
    assert files("out").keys() >= {"grey.1.png", "grey.2.png", "color.2.png"}
    assert "color.1.png" not in files("out")
    assert files("out")["color.2.png"] == b"another photo's"


def test_an_edit_while_a_photo_is_worked_on_is_seen_by_the_next_run() -> None:
    put("x.png")
    before = Path("scans/x.png").stat()

    def edit(prepared: Sequence[Prepared]) -> None:
        put("x.png", 5)
        os.utime("scans/x.png", ns=(0, before.st_mtime_ns + 1))

    with Ledger(Path("out")) as ledger:
        (job,) = make_plan(Options((Path("scans"),), Path("out")), ledger).jobs
        ledger.begin(Beginning(run_settings(), [job], overwrites=False))
        (outcome,) = colorize(Network(act=edit), [job], Treatment(), ledger.put)
        ledger.settle(outcome)
    assert outcome.stamp == (before.st_size, before.st_mtime_ns)
    with Ledger(Path("out")) as ledger:
        plan = make_plan(Options((Path("scans"),), Path("out")), ledger)
    assert [job.missing for job in plan.jobs] == [(0,)]
    assert "changed since they were coloured" in plan.notes[0]


def test_files_do_not_depend_on_batch_order_or_company() -> None:
    for number in range(6):
        put(f"{number}.png", number, wide=number % 3 == 0)
    colorize(Network(), jobs("one", 2), Treatment(samples=2))
    colorize(Network(batch=4), jobs("four", 2)[::-1], Treatment(samples=2))
    assert files("one") == files("four")
    alone = [job for job in jobs("alone", 2) if job.source.name == "3.png"]
    colorize(Network(batch=2), alone, Treatment(samples=2))
    assert files("alone").items() <= files("one").items()


def test_what_is_missing_is_made_and_nothing_else() -> None:
    put("x.png")
    colorize(Network(), jobs("whole", 4), Treatment(samples=4))
    Path("out").mkdir()
    Path("out/x.2.png").write_bytes(b"retouched by hand")
    (job,) = jobs("out", 4)
    colorize(Network(), [replace(job, missing=(0, 2, 3))], Treatment(samples=4))
    assert files("out") == files("whole") | {"x.2.png": b"retouched by hand"}
    network = Network()
    assert colorize(network, [replace(job, missing=())], Treatment(samples=4)) == []
    assert network.prepared == 0


@pytest.mark.parametrize(
    ("policy", "status"), [("recolour", "done"), ("skip", "left out"), ("copy", "copied")]
)
def test_photos_in_colour_are_treated_as_asked(policy: OnColour, status: str) -> None:
    put("grey.png")
    Path("scans/colour.png").write_bytes(data := encode(color(), "PNG"))
    network = Network()
    outcomes = colorize(network, jobs(samples=2), Treatment(samples=2, on_colour=policy))
    assert {r.source.name: r.status for r in outcomes} == {
        "grey.png": "done",
        "colour.png": status,
    }
    made = {name: found for name, found in files("out").items() if name.startswith("colour")}
    assert len(made) == (0 if policy == "skip" else 2)
    if policy == "copy":
        assert set(made.values()) == {data}
    assert len(network.groups) == (2 if policy == "recolour" else 1)


def test_a_copy_in_another_format_has_the_pixels_of_the_photo() -> None:
    Path("scans/colour.png").write_bytes(encode(color(), "PNG"))
    todo = make_plan(Options((Path("scans"),), Path("out"), format="tiff")).jobs
    colorize(Network(), todo, Treatment(on_colour="copy"))
    np.testing.assert_array_equal(read_photo(files("out")["colour.tif"]).pixels, color())


def test_samples_are_chosen_from_the_candidates() -> None:
    put("x.png")
    colorize(Network(), jobs("all", 6), Treatment(samples=6))
    outcome = colorize(Network(), jobs("out", 3), Treatment(samples=3, candidates=6))[0]
    assert outcome.choice is not None
    kept = [files("all")[f"x.{k + 1}.png"] for k in outcome.choice.order]
    assert files("out") == {f"x.{i + 1}.png": data for i, data in enumerate(kept)}
    Path("out/x.2.png").unlink()
    colorize(Network(), jobs("out", 3), Treatment(samples=3, candidates=6))
    assert files("out")["x.2.png"] == kept[1]


def test_a_bad_photo_stops_nothing_but_itself() -> None:
    for number in range(3):
        put(f"{number}.png", number)
    Path("scans/bad.png").write_bytes(encode(grey(), "PNG")[:60])
    todo = jobs()
    Path("scans/2.png").unlink()
    found = reasons(colorize(Network(batch=2), todo, Treatment()))
    assert {name for name, reason in found.items() if reason} == {"bad.png", "2.png"}
    assert "No such file" in (found["2.png"] or "")
    assert set(files("out")) == {"0.png", "1.png"}


def test_a_file_that_cannot_be_written_is_a_failure_of_that_photo() -> None:
    put("x.png")
    put("y.png", 1)

    def full_disk(job: Job, k: int, data: bytes, digest: str, is_degraded: bool) -> None:
        if job.source.name == "x.png":
            raise OSError(28, "No space left on device")
        write_file(job, k, data, digest)

    found = reasons(colorize(Network(), jobs(), Treatment(), full_disk))
    assert found == {"x.png": "No space left on device", "y.png": None}


def test_what_fails_together_is_tried_one_by_one() -> None:
    bad = bytes.fromhex(put("bad.png", 9))
    for number in range(3):
        put(f"{number}.png", number)

    def fail(prepared: Sequence[Prepared]) -> None:
        if bad in [p.key for p in prepared]:
            raise DeviceError("out of memory: try a smaller --batch")

    network = Network(batch=4, act=fail)
    found = reasons(colorize(network, jobs(), Treatment()))
    assert found == {
        "0.png": None,
        "1.png": None,
        "2.png": None,
        "bad.png": "out of memory: try a smaller --batch",
    }
    assert sorted(map(len, network.groups)) == [1, 1, 1, 1, 4]


def test_an_unforeseen_error_names_its_kind() -> None:
    put("x.png")

    def fail(prepared: Sequence[Prepared]) -> None:
        raise RuntimeError("first line\nsecond line")

    assert reasons(colorize(Network(act=fail), jobs(), Treatment())) == {
        "x.png": "RuntimeError: first line"
    }


@pytest.mark.parametrize("batch", [1, 4])
def test_the_first_failure_ends_the_run_on_demand(batch: int) -> None:
    for number in range(40):
        put(f"{number}.png", number)

    def fail(prepared: Sequence[Prepared]) -> None:
        raise RuntimeError("broken")

    network = Network(batch=batch, act=fail)
    outcomes = colorize(network, jobs(), Treatment(fail_fast=True))
    assert [outcome.reason for outcome in outcomes] == ["RuntimeError: broken"]
    assert len(network.groups) == min(batch, 2), "a batch is tried again with one photo"
    assert not Path("out").exists()


def test_photos_are_batched_by_shape() -> None:
    for number in range(8):
        put(f"{number}.png", number, wide=number % 2 == 0)
    network = Network(batch=4)
    colorize(network, jobs(), Treatment())
    assert [len(group) for group in network.groups] == [4, 4]


def test_an_odd_shape_does_not_wait_for_ever() -> None:
    odd = bytes.fromhex(put("0.png", wide=True))
    for number in range(1, 60):
        put(f"{number}.png", number)
    network = Network(batch=3)
    colorize(network, jobs(), Treatment())
    position = next(i for i, group in enumerate(network.groups) if odd in group)
    assert position < 10


def test_what_is_in_flight_is_bounded_however_slow_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(60):
        put(f"{number}.png", number)
    network = Network(batch=2)
    written = 0
    most = 0

    def slow(job: Job, k: int, data: bytes, digest: str, is_degraded: bool) -> None:
        nonlocal written, most
        threading.Event().wait(0.01)
        most = max(most, network.prepared - written)
        write_file(job, k, data, digest)
        written += 1

    monkeypatch.setattr(batch, "usable_cpus", lambda: 2)
    assert len(colorize(network, jobs(), Treatment(), slow)) == 60
    # Waiting for the network, in it, and in the queues of two decoders and two encoders.
    assert most <= 4 * 2 + 2 + 2 + 4 + 1


@pytest.mark.parametrize("cpus", [1, 4])
def test_little_memory_lets_photos_through_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, cpus: int
) -> None:
    for number in range(12):
        put(f"{number}.png", number, wide=number % 5 == 0)
    monkeypatch.setattr(batch, "usable_cpus", lambda: cpus)
    monkeypatch.setattr(batch, "_IN_FLIGHT_BYTES", 1)
    network = Network(batch=4)
    assert all(r.reason is None for r in colorize(network, jobs(), Treatment()))
    assert max(map(len, network.groups)) <= cpus


def test_an_interruption_leaves_whole_files_and_ends_the_threads() -> None:
    for number in range(40):
        put(f"{number}.png", number)

    def interrupt(prepared: Sequence[Prepared]) -> None:
        if outcomes:
            raise KeyboardInterrupt

    network = Network(act=interrupt)
    outcomes: list[Outcome] = []
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run(jobs(samples=2), network, Treatment(samples=2), outcomes.append)  # type: ignore[arg-type]
    assert threading.active_count() == before
    assert 1 <= len(outcomes) < len(network.groups)
    whole = {path.name for outcome in outcomes for path in outcome.outputs}
    assert whole <= set(files("out"))
    assert all(data.endswith(b"IEND\xaeB`\x82") for data in files("out").values())
    done = {outcome.source for outcome in outcomes}
    rest = [job for job in jobs(samples=2) if job.source not in done]
    colorize(Network(), rest, Treatment(samples=2))
    assert len(files("out")) == 80


def test_an_error_of_the_reporter_is_raised_and_ends_the_threads() -> None:
    for number in range(10):
        put(f"{number}.png", number)

    def report(outcome: Outcome) -> None:
        raise BrokenPipeError

    before = threading.active_count()
    with pytest.raises(BrokenPipeError):
        run(jobs(), Network(), Treatment(), report)  # type: ignore[arg-type]
    assert threading.active_count() == before


def test_a_wish_to_stop_before_the_first_photo_is_no_end_of_the_work() -> None:
    put("a.png")
    with pytest.raises(KeyboardInterrupt):
        run(jobs(), Network(), Treatment(), print, is_stopping=lambda: True)  # type: ignore[arg-type]
    run((), Network(), Treatment(), print, is_stopping=lambda: True)  # type: ignore[arg-type]
