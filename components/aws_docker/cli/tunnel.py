"""`aws-docker tunnel`: a way to a host without an open port, through AWS Session Manager, as long as a command runs.

The near end stands on this machine's loopback and carries mutual TLS from end to end: who else is on this machine, and
AWS's relay, see nothing, and cannot use it without the client's key. sessions.py opens and ends the session.
"""

import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from aws_docker.core.ports import DOCKER_TLS_PORT

from . import sessions
from .connection import environment, find_connection, find_instance
from .errors import CommandError
from .keyfiles import write_bundle
from .options import Client, Directory, Json, Output, Outputs, Profile, Stack
from .reporting import print_json
from .shells import ShellName, asking_shell, render_environment
from .stack import outputs_of, stack_export

SECONDS: Final = 60
"""How long the host may take to answer through a session that is open."""

_PAUSE: Final = 0.1


def tunnel(
    command: Annotated[
        list[str] | None,
        typer.Argument(help="What to run through the tunnel; without it, the tunnel is open until Ctrl-C."),
    ] = None,
    stack: Stack = None,
    cwd: Directory = None,
    outputs: Outputs = None,
    output: Output = None,
    client: Client = None,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="The port to open on this machine's loopback; 0: any that is free."
        ),
    ] = DOCKER_TLS_PORT,
    profile: Profile = None,
    shell: Annotated[
        ShellName | None,
        typer.Option(help="The shell to write variables for; without it, the one that asks."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Reach a host that no network leads to, through AWS Session Manager.

    aws-docker tunnel --stack dev -- docker ps

    The command gets DOCKER_HOST and a private folder with the client's key, and its exit status is this one's.
    Without a command, the variables are printed for another shell, and the tunnel stays open until Ctrl-C.

    Takes AWS's session-manager-plugin, and a host with session_manager_tunnel. docs/tunnel.md says who may.
    """
    program = _program(command)
    if not (command or as_json):
        shell = shell or asking_shell()
    plugin = sessions.find_plugin()
    port = sessions.free_port(port)
    put_out = outputs_of(stack, cwd, outputs)
    connection = replace(
        find_connection(put_out, output, client), endpoint=f"tcp://{sessions.LOOPBACK}:{port}"
    )
    instance = find_instance(put_out, output)
    region = None
    if outputs is None:
        instance, region = _in_state(stack_export(stack, cwd), instance)
    elif instance is None:
        raise CommandError("the outputs hold no instance_id", "export it beside the host's endpoint")
    asking = _client(profile, region)
    with tempfile.TemporaryDirectory(prefix="aws-docker-") as folder, _Signals() as signals:
        bundle = Path(folder, "bundle")
        write_bundle(connection, bundle)
        variables = environment(connection, str(bundle))
        with sessions.open_session(
            asking, plugin, instance, port, Path(folder, "plugin"), profile
        ) as session:
            _wait(session, _context(connection), connection.endpoint, signals)
            if signals.caught:
                status = 0 if not command else 128 + signals.caught
            elif command and program:
                status = _run(program, command, variables, signals)
                if session.ended():
                    print(f"aws-docker: the session ended meanwhile: {session.last_words()}", file=sys.stderr)
            else:
                _show(variables, shell, instance)
                status = _stay(session, signals)
    raise typer.Exit(status)


class _Signals:
    """Notes SIGINT, SIGTERM and SIGHUP in place of ending at once: a session must not be left open.

    SIGTERM and SIGHUP go on to the command that runs; SIGINT does not, since Ctrl-C reaches it by itself.
    """

    def __init__(self) -> None:
        self.caught = 0
        self.child: subprocess.Popen[bytes] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "_Signals":
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if (number := getattr(signal, name, None)) is not None:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, _frame: object) -> None:
        self.caught = number
        if self.child is not None and number != signal.SIGINT:
            self.child.send_signal(number)

    @contextmanager
    def handing_on(self, child: "subprocess.Popen[bytes]") -> Generator[None]:
        self.child = child
        if self.caught and self.caught != signal.SIGINT:  # meanwhile
            child.send_signal(self.caught)
        try:
            yield
        finally:
            self.child = None


def _program(command: list[str] | None) -> str | None:
    """Where the command is; raises CommandError where it is not, before anything is opened for it."""
    if not command:
        return None
    if (found := shutil.which(command[0])) is None:
        raise CommandError(f"the command `{command[0]}` is not on PATH", "install it, or name it by its path")
    return found


def _in_state(state: Mapping[str, Any], instance: str | None) -> tuple[str, str | None]:
    """The instance, which the outputs may have named, and its region, by the stack's state."""
    from aws_docker.audit.host_status import expected_hosts

    hosts = {each.instance: each for each in expected_hosts(state)}
    if instance is None:
        if len(hosts) != 1:
            raise CommandError(
                f"the stack has {len(hosts)} hosts, and puts out no instance_id that says which one this is"
                if hosts
                else "the stack holds no Docker host",
                "export instance_id beside the endpoint (instance_ids of a fleet), or name another stack with --stack",
            )
        (instance,) = hosts
    known = hosts.get(instance)
    return instance, (known.region or None) if known else None


def _client(profile: str | None, region: str | None) -> Any:
    from aws_docker.audit import session_manager
    from aws_docker.core.errors import InvalidInput

    try:
        return session_manager.client(profile, region)
    except InvalidInput as error:
        raise CommandError(str(error).removesuffix(f"; {error.hint}"), error.hint) from None


def _context(connection: Any) -> ssl.SSLContext:
    from aws_docker.host.readiness import Client

    try:
        return Client(connection.ca, connection.certificate, connection.key).context()
    except ssl.SSLError:
        raise CommandError(
            "what the stack puts out is no certificate and key of a client",
            "export them as DockerHost gives them",
        ) from None


def _wait(session: sessions.Session, context: ssl.SSLContext, endpoint: str, signals: _Signals) -> None:
    """Until the host answers its client through the session; raises CommandError where it does not."""
    from aws_docker.host.readiness import AnotherHost, NotReady, ping

    until = time.monotonic() + SECONDS
    while not signals.caught:
        if session.ended():
            raise CommandError(
                f"the session ended before the host answered: {session.last_words()}",
                "does the host have session_manager_tunnel? `aws-docker status` says what it has in force",
            )
        try:
            ping(endpoint, context)
            return
        except NotReady as error:
            if time.monotonic() > until or isinstance(error, AnotherHost):
                raise CommandError(
                    f"the session is open, and the host does not answer through it over mutual TLS: {error}",
                    "does the host have session_manager_tunnel? `aws-docker status` says what it has in force",
                ) from None
        time.sleep(_PAUSE)


def _run(program: str, command: list[str], variables: dict[str, str], signals: _Signals) -> int:
    """Run it, and its exit status, as a shell would give it."""
    child = subprocess.Popen(command, executable=program, env={**os.environ, **variables})
    with signals.handing_on(child):
        status = child.wait()
    return status if status >= 0 else 128 - status


def _show(variables: dict[str, str], shell: ShellName | None, instance: str) -> None:
    if shell is None:
        print_json(variables)
    else:
        print(render_environment(variables, shell), end="")
    sys.stdout.flush()
    print(
        f"the tunnel to {instance} is open until Ctrl-C: set these in another shell, or have a command run in it "
        "(aws-docker tunnel -- docker ps)",
        file=sys.stderr,
    )


def _stay(session: sessions.Session, signals: _Signals) -> int:
    while not session.ended():
        if signals.caught:
            return 0 if signals.caught == signal.SIGINT else 128 + signals.caught
        time.sleep(_PAUSE)
    raise CommandError(
        f"the session ended: {session.last_words()}",
        "Session Manager ends what is idle, and what lasts longer than it is set to: open it again",
    )
