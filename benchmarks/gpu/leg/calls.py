"""Plan the calls of a leg: what each carries, what it runs, how long it takes, and the limits."""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorize_cli.errors import UsageError

MIB = 1 << 20
# What a call may copy and run, and for how long the machine is lent in all.
CALL_MIB, COMMAND_LENGTH, CALL_PATHS, PATH_LENGTH, RUN_S, LENT_S = 64, 2000, 8, 200, 590, 900
# What comes back of a call.
BACK_FILES, BACK_FILE_MIB, BACK_MIB = 8, 16, 64
PACKED = Path("runs/leg")
MANIFEST = "manifest.json"
# The default model is half of a call, so only the call that trains carries it.
MODEL = tuple(f"colorize_cli/model/shipped/default/{name}.onnx" for name in ("encoder", "denoiser"))
# What git must not know while the calls are made, since they copy whatever it does not ignore.
AWAY = (*MODEL, "benchmarks/results")

# As a leg had them: seconds until the machine is there, MiB a second, and seconds of any call.
START_S, MIB_PER_S, _CALL_S = (45.0, 75.0), 12.0, 1.0
_RECEIVE_S, _INSTALL_S = 1.0, 35.0  # for the second PyTorch is imported, and something is compiled
_AROUND_TRAINING_S = 75.0  # photos are read before it; the last weights are judged after
# Side of the crops: the photos' own short side, for the default is served larger than the 128 px
# that it was trained at. Those of one set have 150.
SIZE, SMALLEST = 160, 0.93

_RUN = "PYTHONUNBUFFERED=1 python3 -m benchmarks.gpu.leg"


@dataclass(frozen=True)
class Call:
    """A call of the machine.

    Attributes:
        command: what it runs, in the root of the copy.
        carry: ignored paths that it carries beside the tree.
        timeout_s: when the command is ended.
        run_s: for how long it runs, about.
        back_mib: what comes back, at most.
    """

    command: str
    carry: tuple[str, ...]
    timeout_s: int
    run_s: float
    back_mib: float = 0.0


def calls_of(
    manifest: Mapping[str, Any], seconds: float, options: Sequence[str] = ()
) -> list[Call]:
    """List the calls for what was packed; the last one trains.

    Args:
        manifest: what `pack` wrote.
        seconds: for how long it trains.
        options: further options of `train`.
    """
    calls = []
    for number, files in enumerate(manifest["calls"]):
        is_long = any(name.endswith(".whl") for name in files)
        carry = (f"{PACKED}/{MANIFEST}", f"{PACKED}/call-{number}")
        run_s = _RECEIVE_S + (_INSTALL_S if is_long else 0)
        calls.append(Call(f"{_RUN} receive {number}", carry, 180 if is_long else 60, run_s))
    command = " ".join([_RUN, "train", "--seconds", f"{seconds:g}", *options])
    carried = (f"{PACKED}/{MANIFEST}", *MODEL)
    return [*calls, Call(command, carried, RUN_S, seconds + _AROUND_TRAINING_S, BACK_MIB)]


def tree_files(root: Path) -> list[str]:
    """List what every call copies: all files that git does not ignore, without those of `AWAY`."""
    asked = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(asked, cwd=root, capture_output=True, text=True, check=True).stdout
    return sorted(
        name
        for name in set(listed.split("\0"))
        if (root / name).is_file() and not any(Path(name).is_relative_to(path) for path in AWAY)
    )


def call_bytes(call: Call, root: Path, packed_in: Path) -> int:
    """Count the bytes that a call copies.

    Args:
        call: the call.
        root: of the repository.
        packed_in: the folder that `runs/leg` lies in, where it is not the root.
    """
    tree = sum((root / name).stat().st_size for name in tree_files(root))
    return tree + sum(
        file.stat().st_size
        for path in call.carry
        for file in files_below(carried_path(path, root, packed_in))
    )


def carried_path(path: str, root: Path, packed_in: Path) -> Path:
    """Find what a call carries: what was packed, or a file of the repository."""
    return (packed_in if Path(path).is_relative_to(PACKED) else root) / path


def files_below(path: Path) -> list[Path]:
    """List a file itself, or the files of a folder."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def check_limits(call: Call, size: int) -> None:
    """Refuse a call that the machine would refuse.

    Raises:
        UsageError: it carries or says too much, or runs for too long.
    """
    faults = []
    if size > CALL_MIB * MIB:
        faults.append(f"copies {size / MIB:.1f} MiB, more than {CALL_MIB}")
    if len(call.command) > COMMAND_LENGTH:
        faults.append(f"has a command of over {COMMAND_LENGTH} characters")
    if len(call.carry) > CALL_PATHS or max(map(len, call.carry)) > PATH_LENGTH:
        faults.append("carries too many paths, or too long ones")
    if max(call.timeout_s, call.run_s) > RUN_S:
        faults.append(f"runs for over {RUN_S} seconds")
    if faults:
        raise UsageError(f"`{call.command}` {' and '.join(faults)}.")


def transfer_s(call: Call, size: int) -> float:
    """Estimate the seconds that a call takes besides its command, there and back."""
    return _CALL_S + (size / MIB + call.back_mib) / MIB_PER_S


def plan_lines(calls: Sequence[Call], sizes: Sequence[int]) -> Iterator[str]:
    """Tell the calls one by one, with the sum of the time against what is lent.

    Raises:
        UsageError: a call is over a limit.
    """
    total = START_S[1]
    yield (
        f"Assumed: {START_S[0]:.0f} to {START_S[1]:.0f} s until the machine is there (the sums "
        f"have {START_S[1]:.0f}), {MIB_PER_S:g} MiB a second, {_CALL_S:g} s for any call. It is "
        "lost after 30 s without one: have all commands at hand before the first."
    )
    for number, (call, size) in enumerate(zip(calls, sizes, strict=True), 1):
        check_limits(call, size)
        needed = transfer_s(call, size) + call.run_s
        total += needed
        yield (
            f"\ncall {number} of {len(calls)}: {size / MIB:.1f} MiB, timeout {call.timeout_s} s, "
            f"about {needed:.0f} s, {total:.0f} of {LENT_S} s in all\n"
            f"  carries {' '.join(call.carry)}\n  {call.command}"
        )
    if total > LENT_S:
        yield f"\nThis is more than the {LENT_S} s that it is lent for: lower --seconds."
