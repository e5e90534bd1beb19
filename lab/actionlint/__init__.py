"""Finds actionlint, which checks GitHub's workflows, and builds it from its Go modules where there is none.

`python -m lab.actionlint` is the step of set-up. It is in no package registry but Go's: its wrapper on PyPI downloads
it from elsewhere.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

_MODULE = Path(__file__).parent


class Missing(RuntimeError):
    """There is no actionlint, and none can be built; the message says what to do."""


def find() -> Path | None:
    """The actionlint that this machine has, if it has one."""
    if on_path := shutil.which("actionlint"):
        return Path(on_path)
    return _built() if os.access(_built(), os.X_OK) else None


def ensure() -> Path:
    """actionlint, built first if there is none (half a minute); raises Missing."""
    return find() or _build()


def _built() -> Path:
    made_from = hashlib.sha256((_MODULE / "go.mod").read_bytes() + (_MODULE / "go.sum").read_bytes())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pulumi-aws-docker" / f"actionlint-{made_from.hexdigest()[:16]}" / "actionlint"


def _build() -> Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        raise Missing("there is no actionlint on PATH, and no Go to build one with: install either")
    target = _built()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole.
    unfinished = target.with_name(f"actionlint.{os.getpid()}")
    command = [go, "build", "-o", str(unfinished), "github.com/rhysd/actionlint/cmd/actionlint"]
    done = subprocess.run(command, cwd=_MODULE, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"actionlint could not be built from its Go modules:\n{done.stderr[-1000:]}")
    unfinished.rename(target)
    return target
