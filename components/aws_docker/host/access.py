"""Decides, once all is known, whom a host serves, where, and under which names. Pure.

Which networks may be trusted at all is trust.py's; what is refused before anything exists, plan.py's.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.engines import Engines
from ..core.errors import InvalidInput
from ..core.ports import DOCKER_TLS_PORT
from ..core.trust import trusted_networks
from . import membership, userdata
from .container_networks import CHOSEN, container_address_pools, overlay_pool
from .daemon_json import daemon_configuration


def trusted(
    *,
    networks: Sequence[str],
    listed: Sequence[Sequence[str]] = (),
    members: Sequence[str] = (),
    needed: bool = False,
) -> list[str]:
    """Every trusted network: those that were given first, then prefix lists' entries, then where groups' members are.

    Raises InvalidInput for one that may not be trusted, and where there must be one (`needed`) and is none.
    """
    if needed and not networks:
        raise InvalidInput("trusted_cidrs", "[]", "an Output must hold at least one network")
    given = [str(network) for network in trusted_networks(networks)]
    for entries in listed:
        trusted_networks(entries, "trusted_prefix_list_ids")
    more = [network for addresses in (*listed, members) for network in addresses]
    return list(dict.fromkeys([*given, *more]))


def needs_ipv6(trusted: Sequence[str]) -> bool:
    """Whether a source connects by IPv6, so that the host needs such an address."""
    return any(":" in network for network in trusted)


def ipv6_addresses(*, trusted: Sequence[str], found: Sequence[str] | None, preview: bool) -> list[str] | None:
    """The interface's IPv6 addresses in their order; None where a source needs one that comes only with `up`.

    Raises InvalidInput where `up` brought none: the host would stay closed to those sources, and nobody be told.
    """
    if found or not needs_ipv6(trusted):
        return sorted(found or [])
    if preview:
        return None
    needing = ", ".join(network for network in trusted if ":" in network)
    hint = (
        "run `pulumi up --refresh` once more; if it stays so, see whether the subnet has IPv6 addresses left"
    )
    raise InvalidInput(
        "trusted_cidrs", needing, hint, "needs an IPv6 address, and the interface has none yet"
    )


def served(*, trusted: Sequence[str], private_ip: str, ipv6: Sequence[str]) -> list[str]:
    """The addresses that dockerd listens on: those of each family that has a trusted source, and no other."""
    addresses = [private_ip] if any(":" not in network for network in trusted) else []
    return [*addresses, *ipv6] if needs_ipv6(trusted) else addresses


def endpoint(
    *,
    trusted: Sequence[str],
    private_ip: str,
    public_ip: str | None,
    ipv6: Sequence[str],
    tunnel: bool = False,
) -> str | None:
    """What clients connect to: a public address before a private one; where nobody is trusted, the near end of a
    tunnel, which stands at the client's own loopback, or none.
    """
    if not trusted:
        return f"tcp://127.0.0.1:{DOCKER_TLS_PORT}" if tunnel else None
    if all(":" in network for network in trusted):
        return f"tcp://[{ipv6[0]}]:{DOCKER_TLS_PORT}"
    return f"tcp://{public_ip or private_ip}:{DOCKER_TLS_PORT}"


def server_addresses(*, private_ip: str, ipv6: Sequence[str], public_ip: str | None) -> list[str]:
    """The addresses that the server's certificate is for."""
    return _present(private_ip, *ipv6, public_ip, "127.0.0.1")


def server_names(*, given: Sequence[str], private: str | None, public: str | None) -> list[str]:
    """The DNS names that the server's certificate is for."""
    return _present(*given, private, public, "localhost")


def first_expiry(*, dates: Sequence[str]) -> str | None:
    """When the first of the certificates expires: RFC 3339, in UTC, to the second.

    The provider writes local time with nanoseconds ("2027-11-25T19:42:52.519894924+09:00").
    """
    first = min(map(datetime.fromisoformat, dates), default=None)
    return first.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if first else None


def document(
    *,
    trusted: Sequence[str],
    private_ip: str,
    ipv6: Sequence[str],
    vpc_networks: Sequence[str],
    options: Mapping[str, Any] | None,
    engines: Engines,
    disk: int,
    upkeep: Mapping[str, Any] | None,
    server_key: str,
    server_certificate: str,
    client_authorities: Sequence[str],
    member: Mapping[str, Any] | None = None,
    published: Sequence[str] = (),
    stop_when_idle_minutes: int | None = None,
    tunnel: bool,
) -> str:
    """The host's configuration document; raises InvalidInput. `member` is what membership.py's `told` takes of
    a Swarm's member, but for where overlay networks lie."""
    avoid = [*trusted, *vpc_networks]
    bridge, pools = container_address_pools(avoid)
    swarm = None if member is None else membership.told(**member, pool=overlay_pool(avoid))
    listen = served(trusted=trusted, private_ip=private_ip, ipv6=ipv6)
    return userdata.configuration_document(
        daemon=daemon_configuration(
            options, bip=bridge, pools=pools, engines=engines, disk=disk, swarm=swarm is not None
        ),
        listen=listen,
        trusted=trusted if listen else [],
        server_key=server_key,
        server_certificate=server_certificate,
        client_authorities=client_authorities,
        chosen=[name for name in CHOSEN if name not in (options or {})],
        swarm=swarm,
        upkeep=upkeep,
        published=published if listen else [],
        stop_when_idle_minutes=stop_when_idle_minutes,
        tunnel=tunnel,
    )


def _present(*values: str | None) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
