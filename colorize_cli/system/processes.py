"""Other processes: whether one that left its number in a file still runs."""

import os
import platform
import sys


def identity() -> dict[str, object]:
    """Give the number of this process and the name of its machine, as `may_run` takes them."""
    return {"pid": os.getpid(), "host": platform.node()}


def may_run(pid: object, host: object) -> bool:
    """Tell whether a process may run; of another machine's, that is assumed."""
    if not isinstance(pid, int):
        return False
    if host != platform.node() or sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # the latter: no system has such a number
        return False
    except OSError:
        pass
    return True
