"""Finds a Pulumi CLI, and builds one where there is none: PATH, the official installer's place, then Go modules.

The same for the language host of programs in YAML, which the official installer brings along. `python -m
lab.engine.toolchain pulumi pulumi-language-yaml` is the step of set-up; `environment()` is what a command that runs
the CLI needs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.engine import warm

CLI, YAML_HOST, NODEJS_SDK = "pulumi", "pulumi-language-yaml", "nodejs-sdk"


@dataclass(frozen=True)
class _Source:
    """What a command is built from where it is not installed; the modules are pinned in pulumi-cli/go.mod."""

    package: str
    version: str
    version_variable: str
    takes: str


_SOURCES = {
    CLI: _Source(
        "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        "v3.259.0",
        "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
        "about five minutes",
    ),
    YAML_HOST: _Source(
        "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
        "v1.38.1",
        "github.com/pulumi/pulumi-yaml/pkg/version.Version",
        "half a minute after the CLI",
    ),
    NODEJS_SDK: _Source("./nodejs-sdk", "", "main.version", "seconds after the CLI"),
}
_MODULE = Path(__file__).parent / "pulumi-cli"
_PYTHON_HOST = "pulumi-language-python"


class Missing(RuntimeError):
    """A command is not there, and none can be made; the message says what to do."""


def cache() -> Path:
    """Where what is built or made once is kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pulumi-aws-docker"


def find(command: str = CLI) -> Path | None:
    """The Pulumi CLI, or another of Pulumi's commands, that this machine has, if it has one."""
    if on_path := shutil.which(command):
        return Path(on_path)
    for place in (Path.home() / ".pulumi/bin" / command, _built() / command):
        if os.access(place, os.X_OK):
            return place
    return None


def ensure(command: str = CLI) -> Path:
    """The same, built first if there is none (the CLI: four minutes on two cores); raises Missing."""
    return find(command) or _build(command)


def environment() -> dict[str, str]:
    """The environment for running the CLI: it finds itself, a Python language host and the lab's interpreter on PATH.

    The interpreter's folder comes first: Pulumi's own language host runs what names no virtual environment (a policy
    pack, say) with the first `python3` of PATH.
    """
    cli = ensure()
    python = Path(sys.executable).parent
    path = os.pathsep.join([str(python), str(cli.parent), os.environ.get("PATH", os.defpath)])
    if shutil.which(_PYTHON_HOST, path=path) is None:
        path = os.pathsep.join([path, str(Path(__file__).parent / "bin")])
    if shutil.which(YAML_HOST, path=path) is None and (host := find(YAML_HOST)):
        path = os.pathsep.join([path, str(host.parent)])
    return {**os.environ, "PATH": path, "LAB_PYTHON": sys.executable, **warm.environment()}


def python_runtime() -> dict[str, Any]:
    """The `runtime` of a project or a plugin that whatever language host there is runs with the lab's interpreter."""
    if sys.prefix == sys.base_prefix:
        return {"name": "python"}  # no virtual environment: PATH names the interpreter
    return {"name": "python", "options": {"toolchain": "pip", "virtualenv": sys.prefix}}


def runnable_plugin(plugin: Path, folder: Path) -> Path:
    """The same plugin, in `folder`, as one that runs without an installation of its own.

    Pulumi's own language host runs a Python component plugin from `venv` beside it, which `pulumi install` makes
    there, unless its settings name another virtual environment. Other plugins stay where they are.
    """
    settings = plugin / "PulumiPlugin.yaml"
    if not settings.exists() or not (plugin / "__main__.py").exists():
        return plugin
    own = folder / f"plugin-{plugin.name}"
    own.mkdir(exist_ok=True)
    own_settings = {**yaml.safe_load(settings.read_text()), "runtime": python_runtime()}
    (own / settings.name).write_text(yaml.safe_dump(own_settings))
    if not (own / "__main__.py").exists():
        (own / "__main__.py").symlink_to(plugin / "__main__.py")
    return own


def _built() -> Path:
    """The folder of the commands that were built here."""
    made_from = hashlib.sha256()
    for source in _SOURCES.values():
        made_from.update(source.version.encode())
    for name in ("go.mod", "go.sum", "nodejs-sdk/main.go"):
        made_from.update((_MODULE / name).read_bytes())
    return cache() / f"pulumi-{made_from.hexdigest()[:16]}"


def _build(command: str) -> Path:
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin:/usr/lib/go/bin")
    if go is None:
        raise Missing(
            f"there is no {command} on PATH or in ~/.pulumi/bin, and no Go to build one with: install the Pulumi CLI "
            "(https://www.pulumi.com/docs/install/), or Go 1.21 or newer (https://go.dev/doc/install)"
        )
    source, target = _SOURCES[command], _built() / command
    target.parent.mkdir(parents=True, exist_ok=True)
    # Under another name until it is whole: an interrupted build leaves nothing that looks finished.
    unfinished = target.with_name(f"{command}.{os.getpid()}")
    _say(f"building {' '.join([command, source.version]).strip()} from its Go modules: {source.takes}, once")
    named = f"-s -w -X {source.version_variable}={source.version}"
    try:
        _run([go, "build", "-v", "-o", str(unfinished), "-ldflags", named, source.package])
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def _run(command: list[str]) -> None:
    """Runs Go's build, and says every 20 seconds how far it is; raises Missing with the last lines of its output."""
    build = subprocess.Popen(
        command, cwd=_MODULE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines: list[str] = []
    assert build.stdout is not None
    reader = threading.Thread(target=lines.extend, args=(build.stdout,), daemon=True)
    reader.start()
    started = time.monotonic()
    try:
        while True:
            try:
                build.wait(20)
                break
            except subprocess.TimeoutExpired:
                downloaded = sum(line.startswith("go: downloading") for line in lines)
                _say(
                    f"  {time.monotonic() - started:.0f} s: {downloaded} modules downloaded, "
                    f"{len(lines) - downloaded} of about 1500 packages compiled"
                )
    finally:
        if build.poll() is None:
            build.terminate()
            build.wait()
    reader.join()
    if build.returncode != 0:
        raise Missing(
            "it could not be built from its Go modules:\n"
            + "".join(lines[-10:])
            + "Is the Go module proxy reachable (`go env GOPROXY`)? Or install the Pulumi CLI: "
            "https://www.pulumi.com/docs/install/"
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        for wanted in sys.argv[1:] or [CLI]:
            ensure(wanted)
    except Missing as error:
        sys.exit(f"setup: {error}")
