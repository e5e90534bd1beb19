"""Puts an audit together: accounts, regions, what AWS says of them, and what follows. What `aws-docker audit` runs."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from ..core.addresses import EMPTY, AddressSet
from ..core.errors import InvalidInput
from .aws import Account, Session, enabled_regions, fetch, identify
from .exposures import Exposure, Judged, Level, PortExposure, judge_region
from .findings import Exit, Finding, Unchecked, exit_status, ranked
from .reach import INTERNET, SourceClass
from .report import table

_REGIONS_AT_ONCE: Final = 6


@dataclass(frozen=True)
class AuditReport:
    """What accounts expose, by AWS's configuration."""

    exposures: Sequence[Exposure]
    findings: Sequence[Finding]
    unchecked: Sequence[Unchecked]
    scope: Sequence[tuple[str, str]] = ()
    """Account and region of everything that was read."""
    trusted: AddressSet = EMPTY
    command: str = "audit"

    @property
    def status(self) -> Exit:
        return exit_status(self.findings, self.unchecked)

    def details(self) -> dict[str, Any]:
        """What the audit alone has to say, as JSON."""
        return {
            "trusted": list(self.trusted.cidrs()),
            "scope": [{"account": account, "region": region} for account, region in self.scope],
            "interfaces": [_interface(each) for each in self.exposures],
        }

    def tables(self) -> Iterable[Table | str]:
        """The same for people: a line for each port that somebody reaches, or that user-data serves."""
        headings = ("instance", "interface", "region", "port", "who reaches it", "user-data", "level")
        rows = [
            (
                escape(each.instance.name or each.instance.id),
                each.interface.id,
                each.region
                if len({account for account, _ in self.scope}) < 2
                else f"{each.account} {each.region}",
                str(port.port),
                escape(_who(port, AddressSet.of((*each.interface.private, *each.interface.ipv6)))),
                escape(str(port.listener[1].access) if port.listener else ""),
                str(port.level),
            )
            for each in self.exposures
            for port in each.ports
            if port.reach.ways or port.listener
        ]
        quiet = len(self.exposures) - len({(row[1], row[2]) for row in rows})
        if rows:
            yield table("By AWS's configuration", headings, rows)
        interfaces, regions = _count(self.exposures, "interface"), _count(self.scope, "region")
        yield f"{interfaces} of instances in {regions}; nobody reaches {quiet:,} of them"


def audit(
    session: Session | None = None,
    regions: Sequence[str] | None = None,
    trusted: Iterable[str] | AddressSet = (),
    *,
    accounts: Sequence[Account] | None = None,
    all_regions: bool = False,
    only: Iterable[str] | None = None,
    refused: Sequence[Unchecked] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> AuditReport:
    """Audit regions of accounts: by default the session's own account and region.

    `trusted` holds the networks that may reach Docker's ports; `only` the ids of instances to look at,
    `refused` accounts that could not be entered. Raises
    InvalidInput for credentials that AWS does not take, and for what is no network.
    """
    if not isinstance(trusted, AddressSet):
        trusted = read_trusted(trusted)
    if accounts is None:
        accounts = [identify(session)]
    unchecked = list(refused)
    jobs: list[tuple[Account, str]] = []
    for account in accounts:
        found = enabled_regions(account) if all_regions else _given(account, regions)
        if isinstance(found, Unchecked):
            unchecked.append(found)
        else:
            jobs += [(account, region) for region in found]
    judged, read, more = _judge(jobs, trusted, None if only is None else set(only), progress)
    return AuditReport(
        [exposure for each in judged for exposure in each.exposures],
        ranked(finding for each in judged for finding in each.findings),
        [*unchecked, *more, *(each for part in judged for each in part.unchecked)],
        read,
        trusted,
    )


def read_trusted(cidrs: Iterable[str]) -> AddressSet:
    """Trusted networks; raises InvalidInput for what is none. How wide they are is the user's to say here."""
    parts: list[AddressSet] = []
    for cidr in cidrs:
        try:
            parts.append(AddressSet.of([cidr]))
        except ValueError:
            raise InvalidInput("trusted", cidr, "write one such as 10.0.5.0/24", "is not a network") from None
    return AddressSet() if not parts else _union(parts)


def _union(parts: Sequence[AddressSet]) -> AddressSet:
    whole = parts[0]
    for part in parts[1:]:
        whole |= part
    return whole


def _given(account: Account, regions: Sequence[str] | None) -> Sequence[str]:
    found = list(regions or ([account.session.region_name] if account.session.region_name else []))
    if not found:
        raise InvalidInput("region", "", "name one with --region, or set AWS_REGION", "names no region")
    return found


def _judge(
    jobs: Sequence[tuple[Account, str]],
    trusted: AddressSet,
    only: set[str] | None,
    progress: Callable[[str, int, int], None] | None,
) -> tuple[list[Judged], list[tuple[str, str]], list[Unchecked]]:
    judged: list[Judged] = []
    read: list[tuple[str, str]] = []
    unchecked: list[Unchecked] = []
    lock = threading.Lock()

    def run(job: tuple[Account, str]) -> tuple[Judged | None, list[Unchecked]]:
        account, region = job

        def told(what: str, done: int, total: int) -> None:
            if progress is not None:
                with lock:
                    progress(what, done, total)

        facts, missing = fetch(account, region, told)
        return (judge_region(facts, trusted, only) if facts is not None else None), missing

    with ThreadPoolExecutor(_REGIONS_AT_ONCE, thread_name_prefix="region") as pool:
        for (account, region), (part, missing) in zip(jobs, pool.map(run, jobs), strict=True):
            unchecked += missing
            if part is not None:
                judged.append(part)
                read.append((account.id, region))
    return judged, read, unchecked


# --- How it is shown -----------------------------------------------------------------------------------------------


def _who(port: PortExposure, own: AddressSet) -> str:
    """Who reaches a port, by class; the internet by its name where it is all of it."""
    said: list[str] = []
    everybody = port.reach.addresses | own
    for kind, addresses in sorted(
        port.reach.by_class().items(), key=lambda item: list(SourceClass).index(item[0])
    ):
        families: list[str] = []
        if kind is SourceClass.INTERNET:
            parts = {"IPv4": INTERNET.ipv4, "IPv6": INTERNET.ipv6}
            families = [name for name, part in parts.items() if part <= everybody]
        if families:
            said.append(f"the whole internet ({', '.join(families)})")
        # Nobody is a source for itself: a hole in every list, which says nothing.
        rest = (addresses | own if kind is SourceClass.SUBNET else addresses).cidrs()
        rest = [each for each in rest if ("IPv6" if ":" in each else "IPv4") not in families]
        if rest:
            more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
            said.append(f"{kind}: {', '.join(rest[:3])}{more}")
    return "; ".join(said) or "nobody"


def _count(things: Sequence[object], noun: str) -> str:
    return f"{len(things):,} {noun}" + ("s" if len(things) != 1 else "")


def _interface(exposure: Exposure) -> dict[str, Any]:
    return {
        "account": exposure.account,
        "region": exposure.region,
        "instance": exposure.instance.id,
        "name": exposure.instance.name,
        "state": exposure.instance.state,
        "interface": exposure.interface.id,
        "private": list(exposure.interface.private),
        "public": list(exposure.interface.public),
        "ipv6": list(exposure.interface.ipv6),
        "runs_docker": exposure.runs_docker,
        "level": str(exposure.level),
        "ports": [_port(port) for port in exposure.ports],
    }


def _port(port: PortExposure) -> dict[str, Any]:
    listener = port.listener
    return {
        "port": port.port,
        "level": str(port.level),
        "sources": list(port.reach.addresses.cidrs()),
        "ways": [
            {
                "class": str(way.source.kind),
                "via": way.source.via,
                "group": way.rule.group,
                "rule": way.rule.id,
                "names": way.rule.source,
                "acl": way.acl or None,
                "sources": list(way.addresses.cidrs()),
            }
            for way in port.reach.ways
        ],
        "unresolved": list(port.reach.unresolved),
        "listener": None
        if listener is None
        else {
            "where": listener[0],
            "listens": str(listener[1]),
            "verdict": str(listener[1].access),
            "reach": str(listener[1].binding),
            "reason": listener[1].reason,
        },
    }


__all__ = ["AuditReport", "Level", "audit", "read_trusted"]
