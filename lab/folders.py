"""The lab's temporary folders: named after the process that they are for, so that they can go when it was killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from lab import cgroups

_PREFIX = "dockerhost-"


def make(kind: str) -> Path:
    """A folder of this process, which only its user can enter."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{kind}-{os.getpid()}-"))


def clean() -> list[str]:
    """Take away the folders of processes that are no more, what runs and what is mounted there; returns them."""
    removed: list[str] = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*-*"):
        if is_alive(folder.name.split("-")[2]):
            continue
        until = time.monotonic() + 10
        while (pids := running(folder)) and time.monotonic() < until:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        for place in _mounted(folder):
            subprocess.run(["umount", place], check=False)
        cgroups.remove(folder.name)
        shutil.rmtree(folder, ignore_errors=True)
        removed.append(str(folder))
    return removed


def is_alive(pid: str) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        pass
    return True


def running(folder: Path) -> list[int]:
    """The processes of a booted host: those whose root is a layer in this folder."""
    found: list[int] = []
    for mounts in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):
            for line in mounts.read_text().splitlines():
                if line.split()[4] == "/" and f"upperdir={folder}/" in line:
                    found.append(int(mounts.parent.name))
    return found


def _mounted(folder: Path) -> list[str]:
    mounts = Path("/proc/mounts")
    lines = mounts.read_text().splitlines() if mounts.exists() else []
    places = [line.split()[1] for line in lines]
    return [place for place in reversed(places) if place.startswith(f"{folder}/")]
