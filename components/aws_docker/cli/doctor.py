"""`aws-docker doctor`: whether this machine has what the other commands, and a stack's hosts, need.

It asks AWS, the `pulumi` command and the programs on PATH; it never connects to a host. What the answers mean is
checkup.py's to say.
"""

import ipaddress
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from . import checkup
from .checkup import Row, State, Tool, Trusted
from .errors import CommandError, checking
from .options import Directory, Json, Profile, Stack
from .reporting import print_json
from .stack import stack_export

_SECONDS = 15


def doctor(
    stack: Stack = None,
    cwd: Directory = None,
    profile: Profile = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="IP", help="This machine's address, as a stack's hosts would see it."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether this machine has what it takes: credentials, region, programs, clock, and a trusted address.

    aws-docker doctor --stack dev

    It asks AWS and the programs on PATH, and connects to no host. Which address AWS sees is read from CloudTrail, where
    a host has a public address; it notes calls some minutes late.

    Ends with 0 where all is well, 1 with findings, 2 where something could not be checked.
    """
    with checking():
        if address is not None:
            address = _valid(address)
        rows = [*_aws(profile), *map(_tool, checkup.TOOLS), *_addresses(stack, cwd, profile, address)]
    if as_json:
        print_json(
            {
                "status": checkup.status(rows),
                "checks": [
                    {
                        "check": row.check,
                        "state": str(row.state),
                        "evidence": row.evidence,
                        "hint": row.hint or None,
                    }
                    for row in rows
                ],
            }
        )
    else:
        _show(rows)
    raise typer.Exit(checkup.status(rows))


def _valid(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        raise CommandError(f"--address: {address!r} is no address", "give one such as 203.0.113.9") from None


def _show(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.markup import escape

    from aws_docker.audit.showing.parts import table

    colours = {State.OK: "green", State.NOTE: "default", State.FINDING: "bold red", State.UNREAD: "magenta"}
    shown = [
        (row.check, f"[{colours[row.state]}]{row.state}[/]", escape(row.evidence), escape(row.hint))
        for row in rows
    ]
    console = Console(file=sys.stdout)
    console.print(table("This machine", ("check", "", "seen", "to do"), shown), highlight=False)


# --- AWS -----------------------------------------------------------------------------------------------------------

_LOG_IN = "log in (`aws sso login`, AWS_PROFILE) or set AWS_ACCESS_KEY_ID"


def _aws(profile: str | None) -> Iterator[Row]:
    from aws_docker.audit.caller import caller

    who = caller(profile)
    now = datetime.now(UTC)
    if who.arn is None:
        yield Row("credentials", State.FINDING, who.problem, _LOG_IN)
    else:
        yield Row("credentials", State.OK, who.arn)
    yield checkup.region(who.region)
    yield checkup.clock(now, who.date)


# --- Programs ------------------------------------------------------------------------------------------------------


def _tool(about: Tool) -> Row:
    path = shutil.which(about.command[0])
    if path is None:
        return checkup.tool(about, None)
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            [path, *about.command[1:]],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return checkup.tool(about, None, f"did not answer within {_SECONDS} s")
    except OSError as error:
        return checkup.tool(about, None, f"does not run: {error.strerror}")
    if done.returncode != 0:
        return checkup.tool(about, None, f"ended with {done.returncode}")
    return checkup.tool(about, " ".join(done.stdout.split()) or "it runs")


# --- Addresses -----------------------------------------------------------------------------------------------------


def _addresses(
    stack: str | None, cwd: Path | None, profile: str | None, address: str | None
) -> Iterator[Row]:
    """This machine's address beside what each of a stack's hosts trusts; a note where no stack was named."""
    from aws_docker.audit.caller import addresses_seen, prefix_list_networks
    from aws_docker.audit.intent import Intent, read_intents

    try:
        intents = read_intents(stack_export(stack, cwd))
    except CommandError as error:
        if stack is not None:
            yield Row("address", State.UNREAD, str(error), "`pulumi stack ls` lists the stacks there are")
        else:
            yield Row("address", State.NOTE, "no stack was read", "name one: aws-docker doctor --stack dev")
        return

    def seen_by(intent: Intent) -> tuple[str | None, str]:
        if address is not None:
            return address, ""
        if ipaddress.ip_address(intent.address).is_global:
            seen, problem = addresses_seen(profile, intent.region)
            return checkup.public_address(seen), problem
        return source_address(intent.address), f"this machine has no route to {intent.address}"

    remote = [intent for intent in intents if intent.remote]
    if not remote:
        by = (
            "`aws-docker tunnel` reaches them"
            if any(each.tunnel for each in intents)
            else "they are local only"
        )
        yield Row("address", State.NOTE, f"the stack's hosts trust nobody: {by}")
    for intent in remote:
        trusted = _trusted(
            intent.name, intent.rules, lambda each, i=intent: prefix_list_networks(profile, i.region, each)
        )
        yield checkup.address(trusted, *seen_by(intent))


def _trusted(
    host: str, rules: tuple[Mapping[str, Any], ...], entries: Callable[[str], list[str] | None]
) -> Trusted:
    cidrs: list[str] = []
    unread: list[str] = []
    for rule in rules:
        if cidr := rule.get("CidrIpv4") or rule.get("CidrIpv6"):
            cidrs.append(str(cidr))
        elif prefixes := rule.get("PrefixListId"):
            listed = entries(str(prefixes))
            if listed is None:
                unread.append(str(prefixes))
            else:
                cidrs += listed
        elif group := rule.get("ReferencedGroupInfo"):
            unread.append(str(group["GroupId"]))
    return Trusted(host, tuple(dict.fromkeys(cidrs)), tuple(dict.fromkeys(unread)))


def source_address(address: str) -> str | None:
    """The address that this machine would send from to `address`, by its own routes. Nothing is sent: to connect a
    datagram socket only looks the route up (udp(7))."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect((address, 9))
        except OSError:
            return None
        return str(asked.getsockname()[0])
