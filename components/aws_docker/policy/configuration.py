"""Reads a policy's configuration: whom it trusts, what it exempts, and how much doubts count."""

import datetime
import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from ..core.addresses import EMPTY, AddressSet
from ..core.trust import too_wide
from .findings import Certainty, Finding


class Trusted(NamedTuple):
    """Sources that may reach 2376."""

    addresses: AddressSet
    groups: frozenset[str]
    prefix_lists: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.addresses or self.groups or self.prefix_lists)

    def has_group(self, group: str) -> bool:
        """Whether a group is trusted; one of a peer's account may stand as `account/sg-…`."""
        return group in self.groups or group.rpartition("/")[2] in self.groups


NOBODY: Final = Trusted(EMPTY, frozenset(), frozenset())


class Exemption(NamedTuple):
    """A finding that is accepted for a time."""

    urn: str
    reason: str
    expires: datetime.date


@dataclass(frozen=True, slots=True)
class Settings:
    """A policy's configuration."""

    trusted: Trusted = NOBODY
    exemptions: tuple[Exemption, ...] = ()
    not_yet_known: str = "advisory"
    could_not_evaluate: str = "mandatory"
    unrelated_to_docker: str = "advisory"
    problems: tuple[str, ...] = ()
    """What is wrong with the configuration, a sentence each. It then trusts and exempts nothing by that part."""

    def blocks(self, finding: Finding) -> bool:
        """Whether a finding counts at the policy's own level, and not as advisory."""
        if finding.certainty is Certainty.NOT_YET:
            return self.not_yet_known == "mandatory"
        if finding.certainty is Certainty.UNRELATED:
            return self.unrelated_to_docker == "mandatory"
        return finding.certainty is Certainty.CERTAIN or self.could_not_evaluate == "mandatory"

    def exemption(self, urn: str, today: datetime.date | None = None) -> tuple[Exemption | None, str]:
        """The exemption in force for a resource, and a note where one has expired."""
        note = ""
        for each in self.exemptions:
            if fnmatch.fnmatchcase(urn, each.urn):
                if each.expires >= (today or datetime.date.today()):
                    return each, ""
                note = f"its exemption ({each.reason}) expired on {each.expires}"
        return None, note


SCHEMA: Final[Mapping[str, dict[str, Any]]] = {
    "exemptions": {
        "type": "array",
        "description": "Findings that are accepted for a time: {urn, reason, expires}. `urn` may hold * and ?; "
        "`expires` is the last day (2027-01-31).",
        "items": {
            "type": "object",
            "properties": {
                "urn": {"type": "string"},
                "reason": {"type": "string", "minLength": 1},
                "expires": {"type": "string"},
            },
            "required": ["urn", "reason", "expires"],
            "additionalProperties": False,
        },
        "default": [],
    },
    "couldNotEvaluate": {
        "type": "string",
        "enum": ["advisory", "mandatory"],
        "description": "What a document or value is that cannot be judged, now or later: malformed, too large, fetched "
        "from elsewhere. 'mandatory' is the policy's own level.",
        "default": "mandatory",
    },
    "unrelatedToDocker": {
        "type": "string",
        "enum": ["advisory", "mandatory"],
        "description": "What it is that cannot be judged in a document that otherwise has nothing to do with Docker: a "
        "script that it fetches and runs, say. 'mandatory' is the policy's own level.",
        "default": "advisory",
    },
    "notYetKnown": {
        "type": "string",
        "enum": ["advisory", "mandatory"],
        "description": "What a value is that a preview does not know yet. It is judged again on `pulumi up`, before "
        "the resource is made.",
        "default": "advisory",
    },
}
"""What every policy can be configured with."""

TRUST_SCHEMA: Final[Mapping[str, dict[str, Any]]] = {
    name: {"type": "array", "items": {"type": "string"}, "description": said, "default": []}
    for name, said in {
        "trustedCidrs": "Networks that may reach 2376.",
        "trustedPrefixListIds": "Prefix lists that may reach 2376.",
        "trustedSecurityGroupIds": "Security groups whose members may reach 2376.",
    }.items()
}


def settings(config: Mapping[str, Any]) -> Settings:
    """Reads a policy's configuration; never raises."""
    return _settings(json.dumps(config, sort_keys=True, default=_plain))


def _plain(value: Any) -> Any:
    # The engine's maps and lists are neither dict nor list.
    if isinstance(value, Mapping):
        return dict(cast(Mapping[str, Any], value))
    return list(cast(Sequence[Any], value)) if isinstance(value, Sequence) else str(value)


@lru_cache(maxsize=64)
def _settings(frozen: str) -> Settings:
    """The configuration that was frozen to text, so that a cache can tell one from another."""
    config, problems = cast(Mapping[str, Any], json.loads(frozen)), list[str]()
    networks: list[AddressSet] = []
    for cidr in _strings(config, "trustedCidrs", problems):
        try:
            networks.append(AddressSet.of([cidr]))
        except ValueError:
            problems.append(f"trustedCidrs holds {cidr!r}, which is not a network")
    addresses = EMPTY
    for each in networks:
        addresses |= each
    if reason := too_wide(addresses):
        problems.append(f"trustedCidrs {reason}: nothing of it is trusted")
        addresses = EMPTY
    trusted = Trusted(
        addresses,
        frozenset(_strings(config, "trustedSecurityGroupIds", problems)),
        frozenset(_strings(config, "trustedPrefixListIds", problems)),
    )
    not_yet_known = _level(config, "notYetKnown", "advisory", problems)
    could_not_evaluate = _level(config, "couldNotEvaluate", "mandatory", problems)
    unrelated = _level(config, "unrelatedToDocker", "advisory", problems)
    exemptions = tuple(_exemptions(config, problems))
    return Settings(trusted, exemptions, not_yet_known, could_not_evaluate, unrelated, tuple(problems))


def _level(config: Mapping[str, Any], name: str, default: str, problems: list[str]) -> str:
    level = config.get(name, default)
    if level in ("advisory", "mandatory"):
        return level
    problems.append(f"{name} is {level!r}, and must be 'advisory' or 'mandatory'")
    return "mandatory"


def _strings(config: Mapping[str, Any], name: str, problems: list[str]) -> list[str]:
    value = config.get(name)
    if value is None:
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        problems.append(f"{name} is not a list of strings")
        return []
    items = cast(Sequence[Any], value)
    if not all(isinstance(each, str) for each in items):
        problems.append(f"{name} is not a list of strings")
    return [each.strip() for each in items if isinstance(each, str)]


def _exemptions(config: Mapping[str, Any], problems: list[str]) -> Iterator[Exemption]:
    value = config.get("exemptions")
    if value is None:
        return
    if isinstance(value, str) or not isinstance(value, Sequence):
        problems.append("exemptions is not a list")
        return
    for index, item in enumerate(cast(Sequence[Any], value)):
        where = f"exemptions[{index}]"
        if not isinstance(item, Mapping):
            problems.append(f"{where} is not a map of urn, reason and expires")
            continue
        given = cast(Mapping[str, Any], item)
        urn, reason, expires = (given.get(name) for name in ("urn", "reason", "expires"))
        if not (isinstance(urn, str) and urn and isinstance(reason, str) and reason.strip()):
            problems.append(f"{where} needs a urn and a reason")
            continue
        try:
            last = datetime.date.fromisoformat(str(expires))
        except ValueError:
            problems.append(f"{where}: expires must be a date such as 2027-01-31")
            continue
        yield Exemption(urn, reason.strip(), last)
