import ctypes
import hashlib
import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from colorize_cli import __version__
from colorize_cli.system.machine import (
    describe_machine,
    peak_memory,
    return_memory,
    seconds_without_core,
)
from colorize_cli.system.own_process import run_apart

X86 = """processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 143
model name	: Intel(R) Xeon(R) Platinum 8488C
flags		: fpu sse2 avx2 avx512f avx512_vnni avx512_bf16 amx_bf16 amx_tile amx_int8 avx512_fp16

processor	: 1
model name	: another
"""
ARM = """processor	: 0
BogoMIPS	: 2100.00
Features	: fp asimd evtstrm aes asimddp sve i8mm bf16
CPU part	: 0xd40
"""


def described(root: Path, cpuinfo: str) -> dict[str, object]:
    (root / "proc").mkdir()
    (root / "proc/cpuinfo").write_text(cpuinfo)
    return describe_machine(root)


def test_the_cpu_is_known_by_name_numbers_and_instruction_sets(tmp_path: Path) -> None:
    machine = described(tmp_path, X86)
    assert machine["cpu"] == "Intel(R) Xeon(R) Platinum 8488C, cpu family 6, model 143"
    assert machine["flags"] == [
        *("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
        *("amx_tile", "amx_int8", "amx_bf16"),
    ]


def test_so_is_one_of_another_architecture(tmp_path: Path) -> None:
    machine = described(tmp_path, ARM)
    assert machine["cpu"]
    assert machine["flags"] == ["asimd", "asimddp", "i8mm", "bf16", "sve"]


def test_where_nothing_tells_the_rest_is_known(tmp_path: Path) -> None:
    machine = describe_machine(tmp_path)
    assert machine["flags"] == []
    assert machine["cpu"]
    assert machine["usable_cpus"] >= 1
    packages = machine["packages"]
    assert packages["numpy"] == np.__version__
    assert packages["colorize-cli"] == __version__
    assert {"onnxruntime", "onnxruntime-gpu"} & set(packages)


def peaks_around(size: int) -> tuple[int | None, int | None]:
    before = peak_memory()
    block = np.ones(size, np.uint8)
    del block
    return before, peak_memory()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_a_peak_of_memory_is_seen_and_is_the_processes_own() -> None:
    size = 64 << 20
    larger = np.ones(4 * size, np.uint8)
    before, after = run_apart(peaks_around, size)
    assert before is not None
    assert after is not None
    assert 0.9 * size < after - before < 1.1 * size
    assert after < larger.nbytes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_waiting_for_a_core_that_another_thread_holds_is_seen() -> None:
    cpu = min(os.sched_getaffinity(0))

    def work() -> None:
        os.sched_setaffinity(0, {cpu})  # of this thread alone
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            hashlib.sha256(bytes(1 << 20)).digest()  # which lets go of the interpreter's lock

    before = seconds_without_core()
    if before is None:
        pytest.skip("this kernel does not tell")
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(work) for _ in range(2)]:
            future.result()
        after = seconds_without_core()
    assert after is not None
    # 0.1 s of work each on one core: one waits while the other works.
    assert after - before > 0.07


@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_a_system_that_takes_no_memory_back_is_left_alone(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(name: str | None) -> object:
        raise error(name)

    monkeypatch.setattr(ctypes, "CDLL", refuse)
    return_memory()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others give back by themselves")
def test_freed_memory_goes_back_to_the_system() -> None:
    psutil = pytest.importorskip("psutil")
    pieces = [bytearray(50_000) for _ in range(4000)]  # small enough for the heap
    last = bytearray(50_000)
    full = psutil.Process().memory_info().rss
    del pieces
    return_memory()
    assert psutil.Process().memory_info().rss < full - 100_000_000
    assert last
