"""An output folder that can no longer be written to: full, read-only, gone, or somewhere else."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
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

from colorize_cli.batch.records.database import LEDGER_NAME

pytestmark = pytest.mark.slow


@pytest.fixture
def mount(shop: Shop) -> Iterator[Callable[[str], None]]:
    """Lay a `tmpfs` of a size in the place of the output folder, or make it larger."""
    OUT.mkdir()
    place = str(OUT.absolute())
    is_mounted = False

    def lay(size: str) -> None:
        nonlocal is_mounted
        options = f"remount,size={size}" if is_mounted else f"size={size}"
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
        try:
            subprocess.run(words, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("only root can mount, and not in every container")
        is_mounted = True

    yield lay
    if is_mounted:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.parametrize("size", ["120k", "200k"])
def test_a_full_disk_ends_the_run_at_once_and_more_room_lets_it_go_on(
    shop: Shop, mount: Callable[[str], None], size: str
) -> None:
    mount(size)
    code, err = shop.run()
    assert code == 1
    assert "--out out can be written to no more (No space left on device" in err
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert len(contents(OUT)) < len(shop.whole)
    mount("64m")
    shop.check()
    shop.finish()


def test_a_disk_that_is_full_from_the_start_is_said(
    shop: Shop, mount: Callable[[str], None]
) -> None:
    mount("4k")
    code, err = shop.run()
    assert code == 2
    assert "cannot be written to: No space left" in err
    assert "Traceback" not in err
    assert not contents(OUT)
    mount("64m")
    shop.finish()


def test_an_output_folder_on_another_file_system_is_as_any_other(
    shop: Shop, mount: Callable[[str], None]
) -> None:
    mount("64m")
    assert OUT.stat().st_dev != Path("scans").stat().st_dev
    shop.finish()


@pytest.mark.skipif(not can_be_unprivileged(), reason="root passes by permissions, without setpriv")
def test_a_folder_that_may_not_be_written_to_is_said_and_left(shop: Shop) -> None:
    OUT.mkdir(mode=0o555)
    code, err = shop.run(prefix=unprivileged())
    assert code == 2
    assert "--out out cannot be written to: Permission denied" in err
    assert not list(OUT.iterdir())
    OUT.chmod(0o755)
    shop.finish()


@pytest.mark.skipif(not can_be_unprivileged(), reason="root passes by permissions, without setpriv")
def test_a_folder_that_becomes_read_only_ends_the_run(shop: Shop) -> None:
    with shop.running(SLOW_FILES, unprivileged()) as process:
        wait_for_files(3, process)
        OUT.chmod(0o555)
        _, err = process.communicate(timeout=60)
    OUT.chmod(0o755)
    assert process.returncode == 1
    assert "can be written to no more (Permission denied" in err
    assert "not reached" in err
    assert len(contents(OUT)) < len(shop.whole)
    shop.check()
    shop.finish()


@pytest.mark.parametrize("is_moved", [True, False])
def test_a_folder_that_goes_away_ends_the_run_and_is_not_made_anew(
    shop: Shop, is_moved: bool
) -> None:
    with shop.running(SLOW_FILES) as process:
        wait_for_files(3, process)
        if is_moved:
            OUT.rename("elsewhere")
        else:
            (OUT / LEDGER_NAME).unlink()
            shutil.rmtree(OUT, ignore_errors=True)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "can be written to no more" in err
    assert "Traceback" not in err
    if is_moved:
        assert not OUT.exists()
        Path("elsewhere").rename(OUT)
        shop.check()
    else:
        shutil.rmtree(OUT, ignore_errors=True)
    shop.finish()


def test_a_device_that_fails_ends_the_run(shop: Shop) -> None:
    code, err = shop.run(
        before=f"""
import os
from colorize_cli.system import files
sync, calls = os.fsync, []
def fail(descriptor):
    calls.append(descriptor)
    if len(calls) > 9:
        raise OSError({errno.EIO}, {os.strerror(errno.EIO)!r})
    sync(descriptor)
os.fsync = fail
"""
    )
    assert code == 1
    assert "can be written to no more (Input/output error)" in err
    assert 0 < len(contents(OUT)) < len(shop.whole)
    shop.check()
    shop.finish()
