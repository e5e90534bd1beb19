"""Starts and stops the instances of a stack's hosts, by EC2, and waits until each is as it was to be.

Which hosts a stack has is host_status.py's to know; no secret of the stack is read for it. Whether a host is ready it
says itself, in its parameter; where that cannot be read, it is asked over mutual TLS.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from .errors import NotChecked
from .options import Directory, Profile, Stack
from .status import expected
from .wait import Wire, until

if TYPE_CHECKING:
    from aws_docker.audit.host_status import Expected, HostStatus

EVERY: Final = 2.0
"""Seconds between two looks: a start is watched by somebody who waits for it."""


def hosts_of(stack: Stack, cwd: Directory, names: Sequence[str]) -> "list[Expected]":
    """A stack's hosts, or those that are named, a fleet's also by their names within it. Raises NotChecked."""
    known = expected(stack, cwd, intended=False)
    chosen: dict[str, Expected] = {} if names else {each.name: each for each in known}
    for name in names:
        found = [each for each in known if each.name == name] or [
            each for each in known if each.name.endswith(f"-{name}")
        ]
        if len(found) != 1:
            listed = ", ".join(each.name for each in (found or known))
            raise NotChecked(
                f"{name!r} is {'no host' if not found else 'more than one'}; there are: {listed}"
            )
        chosen[found[0].name] = found[0]
    return list(chosen.values())


def wake(
    hosts: "Sequence[Expected]", stack: Stack, cwd: Directory, profile: Profile, seconds: float
) -> "list[HostStatus]":
    """Start what is stopped, and wait until all serve, or time is up; how they stand then."""
    from aws_docker.audit.host_status import Standing

    by_wire = Wire(stack, cwd)

    def standing(status: "HostStatus", problem: str) -> "HostStatus":
        if status.power in ("stopped", "stopping"):
            evidence = problem or (
                "EC2 starts it" if status.power == "stopped" else "EC2 is still stopping it"
            )
            return replace(status, standing=Standing.UNDER_WAY, evidence=evidence, hint="", final=False)
        if status.word is None and status.power == "running":
            return by_wire(status)
        # What a stack intends is its secret, and a start needs no secret: that the host serves is enough.
        if status.standing is Standing.UNKNOWN and status.word and status.word["state"] == "ready":
            return replace(status, standing=Standing.READY, evidence=status.word["reason"], hint="")
        return status

    return _drive(hosts, profile, seconds, "stopped", "start", standing)


def put_to_sleep(hosts: "Sequence[Expected]", profile: Profile, seconds: float) -> "list[HostStatus]":
    """Stop what runs, and wait until all are off, or time is up; how they stand then."""
    from aws_docker.audit.host_status import Standing

    def standing(status: "HostStatus", problem: str) -> "HostStatus":
        if status.power == "stopped":
            return replace(status, standing=Standing.READY, evidence="it is off", hint="")
        evidence = problem or "EC2 stops it"
        return replace(status, standing=Standing.UNDER_WAY, evidence=evidence, hint="", final=False)

    return _drive(hosts, profile, seconds, "running", "stop", standing)


def _drive(
    hosts: "Sequence[Expected]",
    profile: Profile,
    seconds: float,
    state: str,
    action: "Literal['start', 'stop']",
    standing: "Callable[[HostStatus, str], HostStatus]",
) -> "list[HostStatus]":
    from aws_docker.audit import aws
    from aws_docker.audit.parameters import fetch_statuses
    from aws_docker.audit.power import Refused, require_known, switch

    session = aws.open_session(profile, hosts[0].region or None)

    def look() -> "list[HostStatus]":
        statuses = fetch_statuses(session, hosts)
        for each in statuses:
            if not each.power:
                require_known(session, each.host)
        problems = {
            each.host.instance: switch(session, each.host, action) for each in statuses if each.power == state
        }
        return [standing(each, problems.get(each.host.instance, "")) for each in statuses]

    try:
        return until(look, seconds, EVERY)
    except Refused as error:
        raise NotChecked(error) from None
