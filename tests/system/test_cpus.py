import os
from pathlib import Path

import pytest

from colorize_cli.system.cpus import inference_threads, usable_cpus


@pytest.fixture
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def system(root: Path, files: dict[str, str]) -> Path:
    """Lay out the files of /proc and /sys below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def test_this_process_may_use_at_least_one_cpu() -> None:
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)
    assert 1 <= inference_threads() <= usable_cpus()


@pytest.mark.usefixtures("eight_cpus")
def test_without_limits_every_cpu_counts(tmp_path: Path) -> None:
    assert inference_threads(tmp_path) == 8


@pytest.mark.usefixtures("eight_cpus")
def test_two_hardware_threads_of_a_core_count_once(tmp_path: Path) -> None:
    siblings = {
        f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": f"{cpu % 4},{cpu % 4 + 4}"
        for cpu in range(8)
    }

    assert inference_threads(system(tmp_path, siblings)) == 4


@pytest.mark.usefixtures("eight_cpus")
@pytest.mark.parametrize(
    ("limit", "threads"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", 8)],
)
def test_the_quota_of_cgroup_v2_is_kept(tmp_path: Path, limit: str, threads: int) -> None:
    root = system(tmp_path, {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": limit})

    assert inference_threads(root) == threads


@pytest.mark.usefixtures("eight_cpus")
def test_a_quota_further_up_the_hierarchy_counts(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/jobs/mine",
        "sys/fs/cgroup/jobs/cpu.max": "300000 100000",
        "sys/fs/cgroup/jobs/mine/cpu.max": "max 100000",
    }

    assert inference_threads(system(tmp_path, files)) == 3


@pytest.mark.usefixtures("eight_cpus")
@pytest.mark.parametrize(("quota", "threads"), [("250000", 3), ("-1", 8)])
def test_the_quota_of_cgroup_v1_is_kept(tmp_path: Path, quota: str, threads: int) -> None:
    files = {
        "proc/self/cgroup": "9:name=systemd:/\n3:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": quota,
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
    }

    assert inference_threads(system(tmp_path, files)) == threads


def test_without_affinity_every_cpu_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)

    assert inference_threads() == os.cpu_count()
