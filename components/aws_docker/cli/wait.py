"""`aws-docker wait`: until a stack's hosts have in force what the stack intends, by AWS's API or by the wire.

AWS's API is asked first: only it tells which configuration is in force. Where this machine cannot ask it, or a host has
nowhere to write, the host itself is asked whether it answers its first client.
"""

import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from .connection import Connection, every_connection
from .errors import CommandError, checking
from .options import Directory, Json, Profile, Stack
from .reporting import finish_statuses
from .stack import stack_outputs
from .status import expected

if TYPE_CHECKING:
    from aws_docker.audit.host_status import Expected, HostStatus

PAUSE = 5.0
pause = time.sleep
_TELL_EVERY = 30


def wait(
    stack: Stack = None,
    cwd: Directory = None,
    timeout: Annotated[int, typer.Option(min=0, help="Seconds to wait at most; 0 looks once.")] = 600,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Wait until a stack's hosts have in force what the stack intends.

    pulumi up --stack dev && aws-docker wait --stack dev && docker --context dev ps

    It reads what each host writes of itself (ssm:GetParameters); where AWS cannot be asked from here, it asks the host
    over mutual TLS as its first client.

    Ends with 0 where all is in force, 1 where a host has refused it or time is up, 2 where neither AWS nor the host
    could be asked.
    """
    with checking():
        from aws_docker.audit import aws
        from aws_docker.audit.parameters import fetch_statuses

        hosts = expected(stack, cwd)
        session = aws.open_session(profile, hosts[0].region or None)
        by_wire = Wire(stack, cwd)

        def look() -> "list[HostStatus]":
            statuses = fetch_statuses(session, hosts)
            return [by_wire(each) if each.word is None and not each.final else each for each in statuses]

        statuses = until(look, timeout)
        finish_statuses("wait", statuses, as_json)


def until(
    look: "Callable[[], list[HostStatus]]", seconds: float, every: float | None = None
) -> "list[HostStatus]":
    """Look, `every` so often, until all hosts are ready, one has failed for good, or time is up; what was seen last."""
    from aws_docker.audit.host_status import Standing

    every = PAUSE if every is None else every
    started = time.monotonic()
    with _telling() as tell:
        while True:
            statuses = look()
            waited = time.monotonic() - started
            if all(each.standing is Standing.READY for each in statuses) or any(
                each.final for each in statuses
            ):
                return statuses
            if waited + every > seconds:
                return statuses
            tell(waited, [each for each in statuses if each.standing is not Standing.READY])
            pause(every)


class Wire:
    """Asks hosts over mutual TLS, as the stack's first client; its outputs are read once, and when needed."""

    def __init__(self, stack: Stack, cwd: Directory) -> None:
        self._read = lambda: stack_outputs(stack, cwd)
        self._connections: Mapping[str, Connection] | None = None

    def __call__(self, status: "HostStatus") -> "HostStatus":
        from aws_docker.audit.host_status import Standing
        from aws_docker.host.readiness import Client, NotReady, ping

        connection = self._connection(status.host)
        if connection is None:
            return status
        client = Client(connection.ca, connection.certificate, connection.key)
        try:
            ping(connection.endpoint, client.context())
        except NotReady as error:
            evidence = f"{status.evidence}; asked over mutual TLS: {error}"
            return replace(status, standing=Standing.UNDER_WAY, evidence=evidence)
        except OSError:  # among them ssl.SSLError: what the stack put out is no certificate and key
            return status
        evidence = "it answers its first client over mutual TLS; which configuration is in force only AWS's API tells"
        return replace(status, standing=Standing.READY, evidence=evidence, hint="")

    def _connection(self, host: "Expected") -> Connection | None:
        if self._connections is None:
            try:
                self._connections = every_connection(self._read())
            except CommandError:
                self._connections = {}
        for each in self._connections.values():
            if urlsplit(each.endpoint).hostname in host.addresses:
                return each
        return None


@contextmanager
def _telling() -> "Generator[Callable[[float, Sequence[HostStatus]], None]]":
    """Progress on standard error: a line that moves on a terminal, else a line at changes and every half minute."""
    from rich.console import Console

    console = Console(stderr=True)
    last: list[Any] = [None, 0.0]

    def text(waited: float, missing: "Sequence[HostStatus]") -> str:
        shown = "; ".join(f"{each.host.name}: {each.evidence}" for each in missing[:3])
        more = f"; and {len(missing) - 3} more" if len(missing) > 3 else ""
        return f"{waited:.0f} s: {shown}{more}"

    if console.is_terminal:
        with console.status("asking") as bar:
            yield lambda waited, missing: bar.update(_escaped(text(waited, missing)))
        return

    def tell(waited: float, missing: "Sequence[HostStatus]") -> None:
        seen = [each.evidence for each in missing]
        if seen != last[0] or waited >= last[1] + _TELL_EVERY:
            last[:] = [seen, waited]
            print(text(waited, missing), file=sys.stderr)

    yield tell


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
