"""What lies below a path: a disk of this machine, or a share of another."""

import os
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_SHARES = (
    *("nfs", "cifs", "smb", "9p", "afs", "ceph", "lustre", "gluster", "ncp"),
    *("fuse", "vboxsf", "virtiofs"),
)


def is_network_share(folder: Path) -> bool:
    """Whether a folder may lie on another machine, as far as this system tells.

    Linux tells the kind of each mount, and what goes through FUSE counts; Windows spells shares
    with two backslashes. Of other systems nothing is known.
    """
    real = os.path.realpath(folder)
    if os.name == "nt":
        return real.startswith("\\\\") and not real.startswith("\\\\?\\")
    return _kind_of_mount(real).startswith(_SHARES)


def _kind_of_mount(real: str) -> str:
    """The kind of file system of a real path, of the innermost mount; empty if unknown."""
    found, kind = "", ""
    try:
        lines = os.fsdecode(_MOUNTS.read_bytes()).splitlines()
    except OSError:
        return ""
    for line in lines:
        left, _, right = line.partition(" - ")
        point = "".join(left.split(" ")[4:5])
        for octal, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            point = point.replace(octal, char)
        is_inside = real == point or real.startswith(point.rstrip("/") + "/")
        if point and is_inside and len(point) >= len(found):  # of two at one place the last is seen
            found, kind = point, right.split(" ", 1)[0]
    return kind
