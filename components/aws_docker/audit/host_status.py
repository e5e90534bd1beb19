"""Reads from a stack's state which hosts there are, what is intended for each, and where it writes its word. Pure.

What a word comes to is core/standing.py's; parameters.py reads it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from ..core.standing import Standing, digest_of, judge
from .findings import Exit

__all__ = ["Expected", "HostStatus", "Standing", "exit_of", "expected_hosts", "judge_status"]

_COMPONENTS: Final = "aws-docker:index:"
_INSTANCE: Final = "aws:ec2/instance:Instance"
_PARAMETER: Final = "aws:ssm/parameter:Parameter"

INTERRUPTED: Final = "Server.SpotInstanceShutdown"
"""EC2's code for a spot instance that it has stopped itself ("Find interrupted Spot Instances")."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One host of a stack, as the stack's state has it."""

    name: str
    instance: str
    region: str
    parameter: str | None
    """Where it writes its status; None with keys delivered in user-data, which gives the host no role to write with."""
    addresses: frozenset[str]
    """Where clients may connect to it."""
    digest: str | None
    """The SHA-256 of the configuration that the stack intends; None where the state does not show it."""


@dataclass(frozen=True, slots=True)
class Power:
    """What EC2 says of an instance."""

    state: str
    """pending, running, stopping, stopped, shutting-down or terminated."""
    since: str
    """When it was started last, as a host writes times: RFC 3339 in UTC, to the second."""
    reason: str = ""
    """EC2's code for how it came to its state, such as Server.SpotInstanceShutdown."""


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What a host says, and how that stands to what is intended."""

    host: Expected
    standing: Standing
    evidence: str
    """A clause."""
    hint: str = ""
    final: bool = False
    """Waiting changes nothing: the host has refused what is intended."""
    word: Mapping[str, str] | None = None
    """The host's own words: state, reason, document, engine, certificate_expires_at, disk, updates, at."""
    power: str = ""
    """The instance's state by EC2; nothing where that could not be asked."""


def expected_hosts(state: Mapping[str, Any]) -> list[Expected]:
    """The Docker hosts in `pulumi stack export --show-secrets`, alone or in fleets."""
    deployment = cast(Mapping[str, Any], state.get("deployment") or {})
    resources = [
        each
        for each in cast(Sequence[Mapping[str, Any]], deployment.get("resources") or ())
        if not each.get("delete")
    ]
    parents = {str(each["urn"]): str(each.get("parent", "")) for each in resources}
    ours = [each for each in resources if _is_of_ours(str(each["urn"]), parents)]
    named = {_name(each): each for each in ours}
    found: list[Expected] = []
    for each in ours:
        if each.get("type") != _INSTANCE:
            continue
        name = _name(each).removesuffix("-instance")
        status, configuration, address, interface = (
            named.get(f"{name}-{role}", {}) for role in ("status", "configuration", "ip", "interface")
        )
        arn = str(_of(each, "outputs").get("arn", ""))
        found.append(
            Expected(
                name,
                str(each.get("id", "")),
                arn.split(":")[3] if arn.count(":") >= 5 else "",
                str(status["id"]) if status.get("type") == _PARAMETER else None,
                frozenset(_addresses(each, address, interface)),
                _digest(configuration) if configuration.get("type") == _PARAMETER else None,
            )
        )
    return found


def judge_status(host: Expected, text: str | None, problem: str = "") -> HostStatus:
    """How a host stands, from the text in its parameter; `problem` says why there is none."""
    if text is None:
        return HostStatus(host, Standing.UNKNOWN, problem or "its status could not be read")
    found = judge(text, instance=host.instance, digest=host.digest)
    return HostStatus(host, found.standing, found.evidence, found.hint, found.final, found.word)


def beside(status: HostStatus, power: Power | None) -> HostStatus:
    """The same beside what EC2 says, which is the newer word where the instance is off, or has just been started."""
    if power is None:
        return status
    known = replace(status, power=power.state)

    def standing(how: Standing, evidence: str, hint: str = "", final: bool = False) -> HostStatus:
        return replace(known, standing=how, evidence=evidence, hint=hint, final=final)

    word = status.word
    if power.state == "pending":
        return standing(Standing.UNDER_WAY, "EC2 starts it")
    if power.state in ("shutting-down", "terminated"):
        return standing(Standing.FAILED, "EC2 has terminated it", "run `pulumi up --refresh`", final=True)
    if power.state in ("stopping", "stopped"):
        waits = word is not None and status.host.digest not in (None, word["document"])
        ours = word is not None and word["instance"] == status.host.instance and word["at"] >= power.since
        why = "EC2 has stopped it" if power.state == "stopped" else "EC2 stops it"
        if power.reason == INTERRUPTED:
            why = "EC2 has taken the spot instance, and starts it again when it has room"
        elif word is not None and ours and word["state"] == "asleep" and word["reason"]:
            why = word["reason"]
        evidence = f"asleep: {why}" + ("; what has changed is in force when it wakes" if waits else "")
        hint = "" if power.reason == INTERRUPTED else "`aws-docker start` wakes it"
        return standing(Standing.ASLEEP, evidence, hint, final=True)
    if word is not None and word["instance"] == status.host.instance and word["at"] < power.since:
        return standing(
            Standing.UNDER_WAY, f"starting: EC2 started it at {power.since}, and it has yet to write"
        )
    return known


def exit_of(statuses: Sequence[HostStatus]) -> Exit:
    """The audit's exit statuses: 2 wins over 1, and no host at all is 2."""
    standings = {each.standing for each in statuses}
    if not standings or Standing.UNKNOWN in standings:
        return Exit.NOT_CHECKED
    return Exit.AS_INTENDED if standings == {Standing.READY} else Exit.FINDINGS


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]


def _is_of_ours(urn: str, parents: Mapping[str, str]) -> bool:
    while urn := parents.get(urn, ""):
        if urn.rpartition("::")[0].rpartition("::")[2].rpartition("$")[2].startswith(_COMPONENTS):
            return True
    return False


def _of(resource: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], resource.get(part) or {})


def _addresses(*resources: Mapping[str, Any]) -> Iterator[str]:
    for each in resources:
        outputs = _of(each, "outputs")
        yield from (str(outputs[name]) for name in ("privateIp", "publicIp") if outputs.get(name))
        yield from map(str, cast(Sequence[Any], outputs.get("ipv6Addresses") or ()))


def _digest(parameter: Mapping[str, Any]) -> str | None:
    value: Any = _of(parameter, "inputs").get("value")
    if isinstance(value, dict):  # a secret: {"4dabf…": "1b470…", "plaintext": "\"…\""}, the text as JSON
        plaintext = cast(dict[str, Any], value).get("plaintext")
        value = json.loads(plaintext) if isinstance(plaintext, str) else None
    return digest_of(value) if isinstance(value, str) else None
