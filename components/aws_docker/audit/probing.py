"""Puts a probe together: targets, what the wire says of them, and the verdicts. What `aws-docker probe` runs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ..core.errors import InvalidInput
from ..core.ports import DOCKER_PORTS
from .conversations import PortFacts
from .results import ProbeReport
from .speaking import ProbeSettings
from .targets import MOST_ADDRESSES, Target, count_addresses, every_endpoint, parse_target
from .verdicts import judge_port
from .wire import check_settings, probe_ports


def probe(
    targets: Iterable[str],
    bundle: Path | str | None = None,
    *,
    ports: Sequence[int] = DOCKER_PORTS,
    authority: str | None = None,
    settings: ProbeSettings | None = None,
    really: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ProbeReport:
    """Probe targets (addresses, networks, names, each with a port or not) and say what their ports are.

    `bundle` is a folder with a client's ca.pem, cert.pem and key.pem, `authority` a CA's PEM without a client.
    `progress` is told how many ports are done, and of how many. Raises InvalidInput for what is no target, for more
    than 65,536 addresses unless `really`, and for a bundle that cannot be used.
    """
    settings = settings or ProbeSettings()
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
    targets: Sequence[Target], settings: ProbeSettings, progress: Callable[[int, int], None] | None
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


def with_bundle(settings: ProbeSettings, folder: Path) -> ProbeSettings:
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
