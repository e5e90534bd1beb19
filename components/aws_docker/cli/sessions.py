"""Opens a session of AWS Session Manager that brings a port of this machine to a host's loopback, and ends it.

AWS's own plugin carries the bytes; it is called as the AWS CLI calls it (awscli/customizations/sessionmanager.py), with
the session's token in its environment and never in its arguments, which every user of this machine can read. Who may
open a session is IAM's to say. Whether the host answers through it is for tunnel.py.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import CommandError

if TYPE_CHECKING:
    from aws_docker.audit import session_manager

PLUGIN: Final = "session-manager-plugin"
LOOPBACK: Final = "127.0.0.1"

_INSTALL: Final = (
    "install AWS's Session Manager plugin: https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html"
)
# From the next on it takes the token from its environment (aws-cli's LAST_PLUGIN_VERSION_WITHOUT_ENV_VAR).
_LAST_WITHOUT_VARIABLE: Final = (1, 2, 497, 0)
_VARIABLE: Final = "AWS_SSM_START_SESSION_RESPONSE"
_SECONDS: Final = 5
"""How long the plugin may take to say its version, and to end."""


@dataclass(frozen=True)
class Session:
    """A session that is open, and the plugin that carries its bytes."""

    id: str
    port: int
    """The near end, on this machine's loopback."""
    plugin: "subprocess.Popen[bytes]"
    output: Path

    def ended(self) -> bool:
        """Whether it carries nothing any more."""
        return self.plugin.poll() is not None

    def last_words(self) -> str:
        """What the plugin said last: one bounded line."""
        lines = self.output.read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        return said[-1][:300] if said else "the plugin gave no reason"


def find_plugin() -> str:
    """The plugin's path; raises CommandError where it is missing, or so old that it wants the token as an argument."""
    if (path := shutil.which(PLUGIN)) is None:
        raise CommandError(f"the command `{PLUGIN}` is not on PATH", _INSTALL)
    try:
        asked = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        raise CommandError(f"`{PLUGIN} --version` fails", _INSTALL) from None
    version = asked.stdout.strip()
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,3}", version):
        raise CommandError(f"`{PLUGIN} --version` says {version[:40]!r}, which is no version", _INSTALL)
    numbers = tuple(map(int, version.split(".")))
    if numbers <= _LAST_WITHOUT_VARIABLE:
        raise CommandError(
            f"`{PLUGIN}` is of version {version}, which takes the session's token as an argument, where every user of "
            "this machine reads it",
            _INSTALL.replace("install", "update", 1),
        )
    return path


def free_port(wanted: int) -> int:
    """The port to open here: `wanted`, or for 0 any that is free. Raises CommandError where it is taken."""
    with socket.socket() as probe:
        # As the plugin binds it: a connection that has just ended does not keep it.
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise CommandError(
                f"port {wanted} cannot be opened here: {(error.strerror or str(error)).lower()}",
                "name another with --port, 0 for any that is free",
            ) from None
        return int(probe.getsockname()[1])


@contextmanager
def open_session(
    asking: Any, plugin: str, instance: str, port: int, output: Path, profile: str | None
) -> Generator[Session]:
    """Bring `port` of this machine's loopback to Docker's on the instance's; ends session and plugin, whatever happens.

    `asking` is session_manager's client, `output` a new file for what the plugin says. Raises CommandError where AWS
    refuses. Signals must not raise meanwhile: a session of which nobody has noted the name would stay open.
    """
    from aws_docker.audit import session_manager

    opened = session_manager.start(asking, instance, port)
    if isinstance(opened, session_manager.Refusal):
        raise _refused(opened, instance)
    try:
        words = [plugin, _VARIABLE, opened.region, "StartSession", profile or "", json.dumps(opened.asked)]
        with output.open("wb") as said:
            carrying = subprocess.Popen(
                [*words, opened.endpoint],
                # Another address than loopback would open the near end to this machine's network.
                env={**os.environ, _VARIABLE: json.dumps(opened.token), "SSM_PLUGIN_LOCAL_HOST": LOOPBACK},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                # Ctrl-C is for the command that runs through the tunnel, which needs it until the end.
                start_new_session=True,
            )
        try:
            yield Session(opened.id, port, carrying, output)
        finally:
            _end(carrying)
    finally:
        if refusal := session_manager.terminate(asking, opened.id):
            print(
                f"aws-docker: the session {opened.id} could not be ended by AWS's API ({refusal.code or 'no answer'}: "
                f"{refusal.message}); without its plugin it ends after the idle time that Session Manager is set to",
                file=sys.stderr,
            )


def _refused(refusal: "session_manager.Refusal", instance: str) -> CommandError:
    code, message = refusal.code, refusal.message
    if not code:
        return CommandError(f"AWS cannot be asked for a session: {message}", "log in (`aws sso login`)")
    if code == "TargetNotConnected":
        return CommandError(
            f"Session Manager does not reach {instance}: its agent is not connected",
            "is the instance running (`aws-docker start` wakes it), with a way out to TCP 443? A new one takes a while",
        )
    denied = "AccessDenied" in code or "Unauthorized" in code
    hint = "docs/tunnel.md has the policy that allows it" if denied else "docs/tunnel.md lists what it takes"
    return CommandError(f"AWS refuses the session ({code}): {message}", hint)


def _end(plugin: "subprocess.Popen[bytes]") -> None:
    # Asked by SIGINT, it tells the host's agent that the session is over.
    with contextlib.suppress(OSError, ValueError):
        plugin.send_signal(signal.SIGINT) if os.name == "posix" else plugin.terminate()
    try:
        plugin.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        plugin.kill()
        plugin.wait()
