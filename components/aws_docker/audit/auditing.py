"""Puts an audit together: accounts, regions, what AWS says of them, and what follows. What `aws-docker audit` runs."""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple

from ..core.addresses import AddressSet, union
from ..core.errors import InvalidInput
from .aws import Account, Session, enabled_regions, identify
from .exposures import Judged, judge_region
from .fetching import fetch, fetch_workloads
from .findings import Unchecked, ranked
from .results import AuditReport
from .wording import audit_findings
from .workloads import JudgedWorkload, judge_workloads

_REGIONS_AT_ONCE: Final = 6


def audit(
    session: Session | None = None,
    regions: Sequence[str] | None = None,
    trusted: Iterable[str] | AddressSet = (),
    *,
    accounts: Sequence[Account] | None = None,
    all_regions: bool = False,
    skip_regions: Iterable[str] = (),
    only: Iterable[str] | None = None,
    refused: Sequence[Unchecked] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> AuditReport:
    """Audit regions of accounts: by default the session's own account and region.

    `trusted` holds the networks that may reach Docker's ports; `skip_regions` regions that are left out on purpose,
    `only` the ids of instances to look at, `refused` accounts that could not be entered. Raises InvalidInput for
    credentials that AWS does not take, for what is no network, and where no region is left.
    """
    if not isinstance(trusted, AddressSet):
        trusted = read_trusted(trusted)
    if accounts is None:
        accounts = [identify(session)]
    unchecked = list(refused)
    skip = _regions(skip_regions)
    jobs: list[tuple[Account, str]] = []
    skipped: list[tuple[str, str]] = []
    for account in accounts:
        found = enabled_regions(account) if all_regions else _given(account, regions)
        if isinstance(found, Unchecked):
            unchecked.append(found)
        else:
            jobs += [(account, region) for region in found if region not in skip]
            skipped += [(account.id, region) for region in found if region in skip]
    if skipped and not jobs:
        raise InvalidInput("skip-region", ", ".join(sorted(skip)), "skip fewer", "leaves no region to read")
    read = _judge(jobs, trusted, None if only is None else set(only), progress)
    judged = [each.judged for each in read if each.judged is not None]
    workloads = [workload for each in read for workload in each.workloads]
    return AuditReport(
        [exposure for each in judged for exposure in each.exposures],
        ranked(
            [
                *(finding for each in judged for finding in audit_findings(each)),
                *(finding for each in workloads for finding in each.findings()),
            ]
        ),
        [
            *unchecked,
            *(one for each in read for one in each.unchecked),
            *(one for each in judged for one in each.unchecked),
            *(one for each in workloads for one in each.unchecked()),
        ],
        [each.place for each in read if each.judged is not None],
        trusted,
        skipped,
        workloads,
    )


def read_trusted(cidrs: Iterable[str]) -> AddressSet:
    """Trusted networks; raises InvalidInput for what is none. How wide they are is the user's to say here."""
    parts: list[AddressSet] = []
    for cidr in cidrs:
        try:
            parts.append(AddressSet.of([cidr]))
        except ValueError:
            raise InvalidInput("trusted", cidr, "write one such as 10.0.5.0/24", "is not a network") from None
    return union(parts)


def _regions(names: Iterable[str]) -> frozenset[str]:
    named = frozenset(names)
    for name in named:
        if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d+", name):
            raise InvalidInput("skip-region", name, "write one such as eu-central-2", "is no region")
    return named


def _given(account: Account, regions: Sequence[str] | None) -> Sequence[str]:
    found = list(regions or ([account.session.region_name] if account.session.region_name else []))
    if not found:
        raise InvalidInput("region", "", "name one with --region, or set AWS_REGION", "names no region")
    return found


class _Region(NamedTuple):
    """What became of one region of an account."""

    place: tuple[str, str]
    judged: Judged | None
    workloads: list[JudgedWorkload]
    unchecked: list[Unchecked]


def _judge(
    jobs: Sequence[tuple[Account, str]],
    trusted: AddressSet,
    only: set[str] | None,
    progress: Callable[[str, int, int], None] | None,
) -> list[_Region]:
    lock = threading.Lock()

    def advance(what: str, done: int, total: int) -> None:
        if progress is not None:
            with lock:
                progress(what, done, total)

    def instances(account: Account, region: str) -> tuple[Judged | None, list[Unchecked]]:
        facts, missing = fetch(account, region, advance)
        return (judge_region(facts, trusted, only) if facts is not None else None), missing

    def workloads(account: Account, region: str) -> tuple[list[JudgedWorkload], list[Unchecked]]:
        if only is not None:  # somebody asks for these instances, and nothing else
            return [], []
        found, missing = fetch_workloads(account, region)
        return judge_workloads(found), missing

    with ThreadPoolExecutor(2 * _REGIONS_AT_ONCE, thread_name_prefix="region") as pool:
        asked = [(pool.submit(instances, *job), pool.submit(workloads, *job)) for job in jobs]
        regions: list[_Region] = []
        for (account, region), (first, second) in zip(jobs, asked, strict=True):
            (judged, missing), (orders, more) = first.result(), second.result()
            regions.append(_Region((account.id, region), judged, orders, [*missing, *more]))
    return regions
