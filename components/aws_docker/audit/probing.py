"""Puts a probe together: targets, what the wire says of them, and the verdicts. What `aws-docker probe` runs."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from ..core.errors import InvalidInput
from ..core.ports import DOCKER_PORTS
from .findings import Exit, Finding, Unchecked, exit_status, ranked
from .report import counts_text, ports_json, ports_table
from .targets import MOST_ADDRESSES, Target, count_addresses, every_endpoint, parse_target
from .verdicts import PortFacts, PortJudgement, Verdict, judge_port
from .wire import Settings, check_settings, probe_ports

_MOST_QUIET: Final = 64
"""Closed and filtered ports that a report names one by one; the others are counted, so that it does not grow with
the number of targets."""
_QUIET: Final = frozenset({Verdict.CLOSED, Verdict.FILTERED})


@dataclass
class ProbeReport:
    """What a probe saw."""

    ports: list[PortJudgement] = field(default_factory=list[PortJudgement])
    """Every port that takes connections or could not be checked, and the first of the others."""
    counts: Counter[Verdict] = field(default_factory=Counter[Verdict])
    """How many ports there are of each verdict, all of them counted."""
    command: str = "probe"

    def add(self, port: PortJudgement) -> None:
        """One more port."""
        self.counts[port.verdict] += 1
        if port.verdict not in _QUIET or sum(self.counts[each] for each in _QUIET) <= _MOST_QUIET:
            self.ports.append(port)

    @property
    def findings(self) -> Sequence[Finding]:
        """What is not as it should be, the worst first."""
        return ranked(finding for port in self.ports for finding in port.findings)

    @property
    def unchecked(self) -> Sequence[Unchecked]:
        """The ports of which it is not known what they are."""
        return [Unchecked(str(port.endpoint), f"{port.told}.") for port in self.ports if not port.checked]

    @property
    def status(self) -> Exit:
        return exit_status(self.findings, self.unchecked)

    def details(self) -> dict[str, Any]:
        """What the probe alone has to say, as JSON."""
        return {
            "counts": {str(verdict): count for verdict, count in sorted(self.counts.items())},
            "ports": ports_json(self.ports),
        }

    def tables(self) -> Iterable[Table | str]:
        """The same for people."""
        if self.ports:
            yield ports_table(self.ports)
        yield f"{self.counts.total():,} ports: {counts_text(self.counts)}"


def probe(
    targets: Iterable[str],
    bundle: Path | str | None = None,
    *,
    ports: Sequence[int] = DOCKER_PORTS,
    authority: str | None = None,
    settings: Settings | None = None,
    really: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ProbeReport:
    """Probe targets (addresses, networks, names, each with a port or not) and say what their ports are.

    `bundle` is a folder with a client's ca.pem, cert.pem and key.pem, `authority` a CA's PEM without a client.
    `progress` is told how many ports are done, and of how many. Raises InvalidInput for what is no target, for more
    than 65,536 addresses unless `really`, and for a bundle that cannot be used.
    """
    settings = settings or Settings()
    if bundle is not None:
        settings = with_bundle(settings, Path(bundle))
    elif authority is not None:
        settings = replace(settings, authority=authority)
    check_settings(settings)
    parsed = [parse_target(text, ports) for text in targets]
    many = count_addresses(parsed)
    if many > MOST_ADDRESSES and not really:
        raise InvalidInput(
            "target",
            f"{many:,} addresses",
            f"probe at most {MOST_ADDRESSES:,}, or say --yes-really",
            "are more than a /16",
        )
    return _probe(parsed, settings, progress)


def _probe(
    targets: Sequence[Target], settings: Settings, progress: Callable[[int, int], None] | None
) -> ProbeReport:
    report = ProbeReport()
    total = sum(target.addresses * len(target.ports) for target in targets)
    done = 0

    def seen(facts: PortFacts) -> None:
        nonlocal done
        report.add(judge_port(facts, bundle=settings.certificate_files is not None))
        done += 1
        if progress is not None and (done == total or done % 64 == 0):
            progress(done, total)

    probe_ports(every_endpoint(targets), settings, seen)
    report.ports.sort(key=lambda port: (port.endpoint.name, port.endpoint.address, port.endpoint.port))
    return report


def with_bundle(settings: Settings, folder: Path) -> Settings:
    """The settings with a client's bundle: ca.pem, cert.pem and key.pem."""
    files = {name: folder / f"{name}.pem" for name in ("ca", "cert", "key")}
    for file in files.values():
        if not file.is_file():
            raise InvalidInput(
                "bundle", str(folder), "name a folder that `aws-docker bundle` wrote", f"has no {file.name}"
            )
    return replace(
        settings,
        authority=files["ca"].read_text(encoding="utf-8"),
        certificate_files=(str(files["cert"]), str(files["key"])),
    )


__all__ = ["ProbeReport", "probe", "with_bundle"]
