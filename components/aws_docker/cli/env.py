"""`aws-docker env`: the variables that point Docker's clients at a host, in the asking shell's words."""

import os
import sys
import urllib.request
from typing import Annotated
from urllib.parse import urlsplit

import typer

from .connection import DOCKER_VARIABLES, Connection, environment, find_connection
from .errors import CommandError, checking
from .keyfiles import default_folder, write_bundle
from .managers import answering
from .options import Client, Directory, Json, Output, Outputs, Profile, Stack
from .reporting import print_json
from .shells import ShellName, asking_shell, how_to_apply, render_environment, render_failure
from .stack import outputs_of


def env(
    stack: Stack = None,
    cwd: Directory = None,
    outputs: Outputs = None,
    output: Output = None,
    client: Client = None,
    shell: Annotated[
        ShellName | None, typer.Option(help="The shell to write for; without it, the one that asks.")
    ] = None,
    unset: Annotated[
        bool, typer.Option("--unset", help="Unset the variables instead; reads no stack.")
    ] = False,
    no_proxy: Annotated[
        bool,
        typer.Option(
            "--no-proxy", help="Name the host in NO_PROXY as well, or Docker's client asks the proxy for it."
        ),
    ] = False,
    start: Annotated[
        bool, typer.Option("--start", help="Wake the host first, as `aws-docker start` does, if it sleeps.")
    ] = False,
    profile: Profile = None,
    as_json: Json = False,
) -> None:
    """Print the variables that point Docker's clients at the host.

    eval "$(aws-docker env --stack dev)"

    The client's certificate and key go to a private folder under ~/.docker/aws-docker. Where it fails, it prints what
    makes the shell fail, too: nothing is done to the daemon that was selected before.
    """
    variables: dict[str, str | None]
    try:
        if not as_json:
            shell = shell or asking_shell()
        if unset:
            variables = dict.fromkeys(DOCKER_VARIABLES)
            host = urlsplit(os.environ.get("DOCKER_HOST", "")).hostname
        else:
            connection = answering(find_connection(outputs_of(stack, cwd, outputs), output, client))
            if start:
                _start(connection, stack, cwd, outputs, profile)
            folder = default_folder(connection)
            write_bundle(connection, folder)
            variables = {**environment(connection, str(folder.absolute()))}
            host = _host(connection)
        if no_proxy and host:
            variables |= _no_proxy(host, remove=unset)
        text = render_environment(variables, shell) if shell else ""
    except (CommandError, OSError):
        if not (as_json or sys.stdout.isatty()):
            print(render_failure(shell), end="")
        raise
    if as_json:
        print_json(variables)
        return
    print(text, end="")
    if not (unset or no_proxy or not host) and _is_proxied(host):
        print(
            f"a proxy is set, and Docker's client would ask it for {host}: add --no-proxy to go there directly",
            file=sys.stderr,
        )
    if shell and sys.stdout.isatty():
        print(f"nothing is set yet: {how_to_apply(shell)}", file=sys.stderr)


def _start(connection: Connection, stack: Stack, cwd: Directory, outputs: Outputs, profile: Profile) -> None:
    """Wakes the host of a connection; raises CommandError where it does not serve in the end."""
    from .power import hosts_of, wake

    if outputs is not None:
        raise CommandError("--start asks pulumi which instance it is, --from asks no pulumi", "leave one out")
    with checking():
        from aws_docker.audit.host_status import Standing

        known = hosts_of(stack, cwd, ())
        # A tunnel's endpoint is on loopback, and says nothing of the host.
        found = [each for each in known if len(known) == 1 or _host(connection) in each.addresses]
        if not found:
            raise CommandError(
                f"no instance of the stack has the address {_host(connection)}", "run `pulumi up --refresh`"
            )
        for status in wake(found, stack, cwd, profile, 600):
            if status.standing is not Standing.READY:
                raise CommandError(f"{status.host.name}: {status.evidence}", status.hint or "try again")


def _host(connection: Connection) -> str | None:
    return urlsplit(connection.endpoint).hostname


def _no_proxy(host: str, *, remove: bool) -> dict[str, str | None]:
    """NO_PROXY with or without the host, in the spellings that are read: Go prefers the large one, Python the small."""
    changed: dict[str, str | None] = {}
    known = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    for name in ("NO_PROXY", "no_proxy"):
        value = os.environ.get(name)
        if name == "no_proxy" and value is None:
            continue
        names = [each.strip() for each in (value if value is not None else known).split(",") if each.strip()]
        kept = [each for each in names if each != host]
        changed[name] = ",".join(kept if remove else [*kept, host]) or None
    return changed


def _is_proxied(host: str) -> bool:
    proxies = urllib.request.getproxies_environment()
    # Docker's client speaks HTTP over TLS.
    return "https" in proxies and not urllib.request.proxy_bypass(host)
