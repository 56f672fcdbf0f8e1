"""Count the CPUs that this process may use, which may be fewer than the machine has."""

import math
import os
from pathlib import Path


def usable_cpus() -> int:
    """Count the CPUs for Python threads within the affinity and the cgroup quota."""
    return _limited(len(_affinity() or range(os.cpu_count() or 1)), Path("/"))


def inference_threads(root: Path = Path("/")) -> int:
    """Count the threads for the network: one, at least, for each core that the process may use.

    The runtimes see neither affinity nor quota, and more threads than cores make them slower.
    Systems without CPU affinity do not tell which CPUs share a core either; there every CPU counts.
    The folder in which /proc and /sys are found is `root`.
    """
    affinity = _affinity()
    if affinity is None:
        return os.cpu_count() or 1
    cpus = root / "sys/devices/system/cpu"
    cores = {
        read_or_empty(cpus / f"cpu{k}/topology/thread_siblings_list") or str(k) for k in affinity
    }
    return _limited(len(cores), root)


def _affinity() -> set[int] | None:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def _limited(cpus: int, root: Path) -> int:
    # A quota of 1.5 CPUs keeps two threads busy three quarters of the time: rounded up.
    return max(1, math.ceil(min(cpus, _quota(root))))


def _quota(root: Path) -> float:
    """Read how many CPUs cgroup v2 or v1 allows; the number is infinite without a limit."""
    quotas = [math.inf]
    for line in read_or_empty(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us") if controllers else ("cpu.max",)
        for folder in (Path(group), *Path(group).parents):
            # In a container the group's own path may not be mounted; its parents' limits count.
            inside = root / "sys/fs/cgroup" / controllers / str(folder).lstrip("/")
            quota, _, period = " ".join(read_or_empty(inside / n) for n in names).partition(" ")
            if quota not in ("", "max", "-1"):
                quotas.append(int(quota) / int(period or 100_000))
    return min(quotas)


def read_or_empty(path: Path) -> str:
    """Read a file of /proc or /sys; a system without it gives an empty text."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
