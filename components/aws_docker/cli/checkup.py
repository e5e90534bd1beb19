"""Decides, of what `doctor` was told about a machine, what is well, what is missing and what to do about it. Pure."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from aws_docker.core.addresses import AddressSet

# AWS Signature Version 4 refuses requests that are five minutes off; a certificate that was just made is not valid yet
# for a clock that is behind at all, and pulumi-tls makes certificates that are valid from the moment of their making.
_CLOCK_REFUSED: Final = timedelta(minutes=5)
_CLOCK_OFF: Final = timedelta(seconds=30)


class State(StrEnum):
    """What a check came to. A note says something and means nothing for the exit status."""

    OK = "ok"
    NOTE = "note"
    FINDING = "finding"
    UNREAD = "not checked"


@dataclass(frozen=True)
class Row:
    """One check: what was looked at, what it came to, what was seen, and what to do where it is not well."""

    check: str
    state: State
    evidence: str
    hint: str = ""


@dataclass(frozen=True)
class Tool:
    """A program that users need besides this one."""

    name: str
    command: tuple[str, ...]
    """How to ask for its version: it must reach no network, and no daemon."""
    needed_for: str
    install: str
    optional: bool = False


TOOLS: Final = (
    Tool("Pulumi CLI", ("pulumi", "version"), "reading a stack", "https://www.pulumi.com/docs/install/"),
    Tool("Docker client", ("docker", "--version"), "using a host", "https://docs.docker.com/engine/install/"),
    Tool(
        "Session Manager plugin",
        ("session-manager-plugin", "--version"),
        "logging in to a host, and tunnels",
        "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html",
        optional=True,
    ),
)


def tool(about: Tool, version: str | None, problem: str = "") -> Row:
    """A program that answered with its version, or did not (`problem` says how), or is not there."""
    if version is not None:
        return Row(about.name, State.OK, version)
    if problem:
        return Row(
            about.name, State.FINDING, f"{about.command[0]} {problem}", f"install it anew: {about.install}"
        )
    state = State.NOTE if about.optional else State.FINDING
    evidence = f"{about.command[0]} is not on PATH; it is needed for {about.needed_for}"
    return Row(about.name, state, evidence, f"install it: {about.install}")


def region(name: str | None) -> Row:
    """The region that commands ask where none is named."""
    if name:
        return Row("region", State.OK, name)
    return Row("region", State.FINDING, "none is set", "set AWS_REGION, or a region in the profile")


def clock(ours: datetime, theirs: datetime | None) -> Row:
    """This machine's clock beside the Date of AWS's answer, which is a second rough (RFC 9110)."""
    if theirs is None:
        return Row("clock", State.UNREAD, "AWS gave no answer with a date", "mend the credentials first")
    off = ours - theirs
    shown = f"{abs(off).total_seconds():.0f} s {'ahead of' if off > timedelta() else 'behind'} AWS's"
    if abs(off) <= _CLOCK_OFF:
        return Row("clock", State.OK, shown)
    refused = ": AWS refuses what is signed by it" if abs(off) >= _CLOCK_REFUSED else ""
    return Row("clock", State.FINDING, shown + refused, "set the clock (timedatectl set-ntp true)")


@dataclass(frozen=True)
class Trusted:
    """The sources that a host's ingress rules name."""

    host: str
    cidrs: tuple[str, ...]
    unread: tuple[str, ...]
    """Prefix lists and security groups whose addresses are not known."""


def address(trusted: Trusted, ours: str | None, problem: str = "") -> Row:
    """This machine's address, as the host would see it, beside the sources that the host trusts."""
    check = f"address, for {trusted.host}"
    if ours is None:
        return Row(check, State.UNREAD, problem, "name the address that the host would see with --address")
    sources = ", ".join([*trusted.cidrs, *trusted.unread])
    if AddressSet.of([ours]).issubset(AddressSet.of(trusted.cidrs)):
        return Row(check, State.OK, f"{ours} is trusted ({sources})")
    if trusted.unread:
        return Row(
            check,
            State.UNREAD,
            f"{ours} is in none of {', '.join(trusted.cidrs) or 'no network'}; not read: {', '.join(trusted.unread)}",
            "aws-docker verify resolves them",
        )
    wanted = "/128" if ":" in ours else "/32"
    return Row(
        check,
        State.FINDING,
        f"{ours} is not trusted ({sources})",
        f"add '{ours}{wanted}', or its network, to trusted_cidrs and run `pulumi up`",
    )


def public_address(seen: Iterable[str]) -> str | None:
    """The first address, of those AWS noted of our own calls, that the internet routes: from where it saw us."""
    for text in seen:
        try:
            if ipaddress.ip_address(text).is_global:
                return text
        except ValueError:
            continue  # a service's name, where AWS called itself
    return None


def status(rows: Sequence[Row]) -> int:
    """0 where all is well, 1 with findings, 2 where something could not be checked: as audit, probe and verify."""
    if any(row.state is State.UNREAD for row in rows):
        return 2
    return 1 if any(row.state is State.FINDING for row in rows) else 0
