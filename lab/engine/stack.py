"""Runs the real Pulumi CLI on a program, with the lab's project settings in place of a user's.

The program is the one that users run: only the settings around it differ (plugins, endpoints, a local backend).
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab import folders, guard
from lab.engine import toolchain
from lab.engine.cloud import Cloud
from lab.processes import die_with_lab

_PLUGINS = Path(__file__).parent / "plugins"
# wait_until_ready in a program, in YAML, or in a configuration, and resources of the docker provider.
_CONNECTS = re.compile(
    r"wait_?until_?ready[\"']?\s*[:=]\s*['\"]?true|pulumi_docker|type:\s*docker:", re.IGNORECASE
)
_SERVICES = ("ec2", "iam", "ssm", "sts", "kms")


@dataclass
class Result:
    """What a run of the CLI said, and what it changed."""

    exit_code: int
    stdout: str
    stderr: str
    changes: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def text(self) -> str:
        return self.stdout + self.stderr

    def check(self) -> "Result":
        if self.exit_code:
            raise RuntimeError(f"pulumi exited {self.exit_code}:\n{self.text[-4000:]}")
        return self


class Stack:
    """One stack of one program, in a folder of its own, until closed.

    With `namespace` (and a Relay to the cloud there), the engine and all that it starts run in that network namespace:
    what a program asks of a stack's endpoint then reaches a booted host, and nobody else.
    """

    def __init__(
        self,
        cloud: Cloud,
        program: Path,
        config: Mapping[str, Any] | None = None,
        *,
        project: str = "lab",
        name: str = "local",
        folder: Path | None = None,
        plugins: Mapping[str, Path] | None = None,
        backend: Path | None = None,
        namespace: str | None = None,
    ) -> None:
        self.name = name
        self.project = project
        self._cloud = cloud
        self._program = program
        self._made = folder is None
        self.folder = folder or folders.make("stack")
        # Stacks that refer to one another share a backend.
        self.backend = backend or self.folder / "backend"
        self.backend.mkdir(exist_ok=True)
        settings = {"name": project, **self._program_settings()}
        providers = {
            each: toolchain.runnable_plugin(path, self.folder) for each, path in (plugins or {}).items()
        }
        # With the real plugins installed, the same programs run on them: LAB_PROVIDERS=real.
        if os.environ.get("LAB_PROVIDERS") != "real":
            providers |= {each: _PLUGINS / each for each in ("aws", "tls")}
        if providers:
            named = [{"name": each, "path": str(path)} for each, path in providers.items()]
            settings["plugins"] = {"providers": named}
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(settings))
        self._aws: dict[str, Any] = {
            "aws:region": cloud.region,
            "aws:accessKey": cloud.access_key,
            "aws:secretKey": cloud.secret_key,
            "aws:endpoints": [dict.fromkeys(_SERVICES, cloud.endpoint)],
            "aws:skipCredentialsValidation": True,
            "aws:skipMetadataApiCheck": True,
            "aws:skipRequestingAccountId": False,
        }
        self._environment = {
            **toolchain.environment(),
            # No run lives long enough to run out of memory.
            "GOGC": "off",
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_CONFIG_PASSPHRASE": "lab",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Else there is no --event-log.
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_OPTION_NON_INTERACTIVE": "true",
            "PYTHONPATH": os.pathsep.join(
                [str(_PLUGINS.parent.parent.parent / "components"), os.environ.get("PYTHONPATH", "")]
            ),
            "PYTHONWARNINGS": "ignore",
            # Whom the engine kills cannot take its files away.
            "TMPDIR": str(self.folder),
        }
        self._within = guard.command_in(namespace, []) if namespace else []
        self.configure(config or {})
        self.cli("stack", "init", name).check()

    def _program_settings(self) -> dict[str, Any]:
        """What the project says of its program: where it is, or, of one in YAML, the program itself."""
        own = self._program / "Pulumi.yaml"
        written: dict[str, Any] = yaml.safe_load(own.read_text()) if own.exists() else {}
        if written.get("runtime") != "yaml":
            return {"runtime": toolchain.python_runtime(), "main": str(self._program)}
        parts = {
            each: written[each] for each in ("runtime", "config", "resources", "outputs") if each in written
        }
        packages = {
            name: str(toolchain.runnable_plugin((self._program / place).resolve(), self.folder))
            for name, place in written.get("packages", {}).items()
        }
        return {**parts, "packages": packages}

    def __enter__(self) -> "Stack":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._made:
            shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Replace the program's configuration (`name`, or `namespace:name`)."""
        named = {(key if ":" in key else f"{self.project}:{key}"): value for key, value in config.items()}
        path = self.folder / f"Pulumi.{self.name}.yaml"
        kept = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump({**kept, "config": {**self._aws, **named}}))

    def advance(self, days: int) -> None:
        """From now on this stack's program and providers see a clock that is so many days ahead (libfaketime), or
        behind; with 0 the real one. Raises LookupError where the library is missing."""
        clock = ("LD_PRELOAD", "FAKETIME", "FAKETIME_DONT_FAKE_MONOTONIC")
        self._environment = {name: value for name, value in self._environment.items() if name not in clock}
        if days == 0:
            return
        library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        if library is None:
            raise LookupError("the Debian package faketime is missing")
        self._environment.pop("LAB_WARM", None)  # the forks' parent has a clock already
        values = (str(library), f"{days:+d}d", "1")  # what waits would wait as long
        self._environment |= dict(zip(clock, values, strict=True))

    def up(self, *arguments: str) -> Result:
        self._refuse_outside()
        return self._operate("up", "--yes", "--skip-preview", *arguments)

    def preview(self, *arguments: str) -> Result:
        return self._operate("preview", *arguments)

    def refresh(self, *arguments: str) -> Result:
        return self._operate("refresh", "--yes", "--skip-preview", *arguments)

    def destroy(self, *arguments: str) -> Result:
        return self._operate("destroy", "--yes", "--skip-preview", *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A run that the caller waits for, or interrupts."""
        self._refuse_outside()
        return subprocess.Popen(
            self._command(*arguments),
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            preexec_fn=die_with_lab,
        )

    def is_locked(self) -> bool:
        """Whether a run is under way, or was interrupted."""
        return any((self.backend / ".pulumi" / "locks").rglob("*.json"))

    def cancel(self) -> None:
        """Take away the lock that an interrupted run left behind."""
        self.cli("cancel", "--yes")

    @property
    def checkpoint(self) -> Path:
        """The file that holds the state."""
        return self.backend / ".pulumi" / "stacks" / self.project / f"{self.name}.json"

    def restore_checkpoint(self) -> None:
        """Take away the note beside the state where a kill cut its writing short; the state is replaced whole."""
        note = self.checkpoint.with_name(f"{self.checkpoint.name}.attrs")
        try:
            json.loads(note.read_text())
        except ValueError:
            note.unlink()

    def unprotect(self) -> None:
        self.cli("state", "unprotect", "--all", "--yes")

    def outputs(self, secrets: bool = True) -> dict[str, Any]:
        shown = ["--show-secrets"] if secrets else []
        return json.loads(self.cli("stack", "output", "--json", *shown).check().stdout)

    def export(self) -> dict[str, Any]:
        return json.loads(self.cli("stack", "export").check().stdout)

    def resources(self) -> list[dict[str, Any]]:
        return self.export()["deployment"].get("resources", [])

    def _refuse_outside(self) -> None:
        """A program that connects to its host would connect to an address that the cloud chose, which beside the lab
        may be somebody's."""
        texts = [path.read_text() for path in (*self._program.glob("*.py"), *self._program.glob("*.yaml"))]
        texts.append((self.folder / f"Pulumi.{self.name}.yaml").read_text())
        if not self._within and any(_CONNECTS.search(text) for text in texts):
            raise guard.OutsideTheLab(
                "this program connects to its host: run it in a namespace of the lab's network"
            )

    def _operate(self, *arguments: str) -> Result:
        log = self.folder / "events"
        log.unlink(missing_ok=True)
        result = self.cli(*arguments, "--event-log", str(log))
        for line in log.read_text().splitlines() if log.exists() else []:
            summary = json.loads(line).get("summaryEvent")
            if summary:
                changes = summary.get("resourceChanges") or {}
                result.changes = {kind: count for kind, count in changes.items() if kind != "same"}
        return result

    def aws_docker(self, *arguments: str) -> Result:
        """Our own command, as who works with this stack runs it."""
        done = subprocess.run(
            [*self._within, str(Path(sys.executable).with_name("aws-docker")), *arguments],
            cwd=self.folder,
            env={**self._environment, **self._cloud.environment, "COLUMNS": "120"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def cli(self, *arguments: str) -> Result:
        """Run any command of the CLI on this stack."""
        done = subprocess.run(
            self._command(*arguments),
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def _command(self, *arguments: str) -> Sequence[str]:
        stack = [] if arguments[:2] == ("stack", "init") else ["--stack", self.name]
        return [*self._within, "pulumi", *arguments, *stack, "--non-interactive", "--color", "never"]
