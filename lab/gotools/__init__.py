"""Finds programs that tests need and that are in no package registry but Go's, and builds them from their modules where
there are none: actionlint, which checks GitHub's workflows, and Docker's buildx and compose.

`python -m lab.gotools` is the step of set-up. Each tool's modules are pinned in a folder of its own.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

TOOLS: Final = {
    "actionlint": "github.com/rhysd/actionlint/cmd/actionlint",
    "docker-buildx": "github.com/docker/buildx/cmd/buildx",
    "docker-compose": "github.com/docker/compose/v2/cmd",
}
_FOLDERS: Final = {"actionlint": "actionlint", "docker-buildx": "buildx", "docker-compose": "compose"}
# Where each is told its own version: compose asks buildx for it before it has it build anything.
_VERSIONS: Final = {
    "docker-buildx": ("github.com/docker/buildx", "github.com/docker/buildx/version.Version"),
    "docker-compose": ("github.com/docker/compose/v2", "github.com/docker/compose/v2/internal.Version"),
}


class Missing(RuntimeError):
    """There is no such tool, and none can be built; the message says what to do."""


def find(tool: str) -> Path | None:
    """The tool that this machine has on PATH or that was built, if there is one."""
    if on_path := shutil.which(tool):
        return Path(on_path)
    return _built(tool) if os.access(_built(tool), os.X_OK) else None


def ensure(tool: str) -> Path:
    """The tool, built first if there is none (half a minute, or two); raises Missing."""
    return find(tool) or _build(tool)


def _module(tool: str) -> Path:
    return Path(__file__).parent / _FOLDERS[tool]


def _built(tool: str) -> Path:
    pinned = _module(tool)
    made_from = hashlib.sha256((pinned / "go.mod").read_bytes() + (pinned / "go.sum").read_bytes())
    made_from.update(_flags(tool).encode())
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pulumi-aws-docker" / f"{tool}-{made_from.hexdigest()[:16]}" / tool


def _flags(tool: str) -> str:
    """What the linker is told."""
    if tool not in _VERSIONS:
        return "-s -w"
    module, variable = _VERSIONS[tool]
    pins = (_module(tool) / "go.mod").read_text().splitlines()
    version = next(words[1] for words in map(str.split, pins) if words[:1] == [module])
    return f"-s -w -X {variable}={version}"


def _build(tool: str) -> Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        raise Missing(f"there is no {tool} on PATH, and no Go to build one with: install either")
    target = _built(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole.
    unfinished = target.with_name(f"{tool}.{os.getpid()}")
    command = [go, "build", "-ldflags", _flags(tool), "-o", str(unfinished), TOOLS[tool]]
    done = subprocess.run(command, cwd=_module(tool), capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{tool} could not be built from its Go modules:\n{done.stderr[-1000:]}")
    unfinished.rename(target)
    return target
