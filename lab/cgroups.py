"""A control group of its own for each booted host: else their units of the same name share one, and end together.

systemd-nspawn makes the host's groups below the one that it is started in. Only the second version is used.
"""

import contextlib
import os
import time
from pathlib import Path

_PLACES = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


def _root() -> Path | None:
    return next((place for place in _PLACES if (place / "cgroup.controllers").exists()), None)


def make(name: str) -> Path | None:
    """An empty group; None where there is no second version."""
    root = _root()
    if root is None:
        return None
    (root / name).mkdir(exist_ok=True)
    return root / name


def enter(group: Path) -> None:
    """For `preexec_fn`: what this process starts belongs to the group."""
    (group / "cgroup.procs").write_text(str(os.getpid()))


def remove(name: str) -> None:
    """Take a group away, with those below it, as soon as the last process there has died."""
    root = _root()
    until = time.monotonic() + 5
    while root is not None and (root / name).exists() and time.monotonic() < until:
        below = sorted((each for each in (root / name).rglob("*") if each.is_dir()), reverse=True)
        for group in (*below, root / name):
            with contextlib.suppress(OSError):
                group.rmdir()
        time.sleep(0.02)
