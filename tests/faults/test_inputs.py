"""Photographs that change, vanish or may not be read while a run is under way."""

import os
from pathlib import Path

import pytest
from made.faulted import (
    OUT,
    SLOW_FILES,
    Shop,
    can_be_unprivileged,
    contents,
    unprivileged,
    wait_for_files,
)
from made.records import states

pytestmark = pytest.mark.slow

LAST = Path("scans/011.jpg")  # late enough to be still to come when the first files are there
# What happens to a photograph just before and after its bytes are read.
AROUND_READING = """
from pathlib import Path
from colorize_cli.batch import photo_job
read, late = photo_job._read, Path("scans/003.jpg")
def around(item):
    whole = late.read_bytes()
    if item.job.source == late:
        late.write_bytes({during})
    data = read(item)
    if item.job.source == late:
        late.write_bytes(whole)
    return data
photo_job._read = around
"""


def test_a_photo_that_vanishes_fails_alone(shop: Shop) -> None:
    data = LAST.read_bytes()
    with shop.running(SLOW_FILES) as process:
        wait_for_files(1, process)
        LAST.unlink()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"failed {LAST}: No such file or directory" in err
    assert contents(OUT).items() < shop.whole.items()
    assert states(OUT)[LAST.name] == "failed"
    LAST.write_bytes(data)
    shop.check()
    shop.finish()


@pytest.mark.parametrize("during", ["whole[:300]", "b''", "whole + b'more'"])
def test_a_photo_that_is_written_to_while_it_is_read_is_made_of_what_it_is_in_the_end(
    shop: Shop, during: str
) -> None:
    code, err = shop.run(before=AROUND_READING.format(during=during))
    assert code == (0 if during.endswith("b'more'") else 1), err
    left = contents(OUT)
    assert {name for name, data in left.items() if shop.whole[name] != data} <= {
        "003.1.jpg",
        "003.2.jpg",
    }
    shop.finish()


@pytest.mark.skipif(not can_be_unprivileged(), reason="root passes by permissions, without setpriv")
def test_a_photo_that_may_not_be_read_fails_alone_and_is_tried_again(shop: Shop) -> None:
    names = ["002.jpg", "005.jpg"]
    for name in names:
        os.chmod(Path("scans", name), 0o000)  # noqa: PTH101
    code, err = shop.run(prefix=unprivileged())
    for name in names:
        assert f"failed scans/{name}: " in err
        Path("scans", name).chmod(0o644)
    assert code == 1
    assert err.count("Permission denied") >= len(names)
    assert len(contents(OUT)) == len(shop.whole) - 2 * len(names)
    shop.check()
    shop.finish("--retry-failed")
