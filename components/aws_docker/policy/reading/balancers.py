"""Reads load balancers: the ports at which they listen, and those to which they forward.

Only TCP counts: HTTP, HTTPS, TLS and TCP_UDP are TCP; UDP, QUIC and GENEVE are not, and Lambda targets have no port.
"""

from ...core.networks import tcp_ports
from .facts import Facts, Forward
from .networks import malformed
from .values import Doubt, Value

_NOT_TCP = frozenset({"udp", "quic", "geneve"})


def listener(resource: Value, facts: Facts) -> None:
    """An Application, Network or Gateway Load Balancer's listener, or VPC Lattice's."""
    _port(resource, resource["port"], "listens on", facts)


def target_group(resource: Value, facts: Facts) -> None:
    """A target group of a load balancer or of VPC Lattice, with the targets that stand in it."""
    _port(resource, resource["port"], "forwards to", facts)
    for target in facts.known_items(resource["targets"]):
        _port(resource, target["port"], "forwards to", facts)
    for config in facts.known_items(resource["config"]):
        _port(config, config["port"], "forwards to", facts)


def attachment(resource: Value, facts: Facts) -> None:
    """One target of a target group, on a port of its own."""
    _port(resource, resource["port"], "forwards to", facts)
    for target in facts.known_items(resource["target"]):
        _port(target, target["port"], "forwards to", facts)


def classic(resource: Value, facts: Facts) -> None:
    """A classic load balancer."""
    for item in facts.known_items(resource["listeners"]):
        for name in ("lbPort", "loadBalancerPort"):
            _port(item, item[name], "listens on", facts)
        _port(item, item["instancePort"], "forwards to", facts)


def lightsail(resource: Value, facts: Facts) -> None:
    """Lightsail's load balancer, which listens on 80 and 443 only."""
    _port(resource, resource["instancePort"], "forwards to", facts)


def accelerator(resource: Value, facts: Facts) -> None:
    """Global Accelerator's listeners and endpoint groups."""
    for item in facts.known_items(resource["portRanges"]):
        _port(resource, item["fromPort"], "listens on", facts, item["toPort"])
    for item in facts.known_items(resource["portOverrides"]):
        _port(resource, item["listenerPort"], "listens on", facts)
        _port(resource, item["endpointPort"], "forwards to", facts)


def _port(owner: Value, first: Value, what: str, facts: Facts, last: Value | None = None) -> None:
    last = first if last is None else last
    protocol = owner["protocol"]
    if not protocol.doubt and str(protocol.text or "").strip().lower() in _NOT_TCP:
        return
    if first.absent:
        return
    doubts = [each.doubt for each in (first, last, protocol) if each.doubt]
    if first.doubt or last.doubt:
        facts.forwards.append(Forward(first.where, what, 0, 65_535, tuple(dict.fromkeys(doubts))))
        return
    try:
        ports = tcp_ports("tcp", first.scalar, last.scalar)
    except ValueError as error:
        facts.unread.append(malformed(first, error))
        return
    if ports is None or -1 in (first.scalar, last.scalar):
        facts.unread.append(Doubt(first.where, "is not a port", final=True))
        return
    facts.forwards.append(Forward(first.where, what, *ports, tuple(doubts)))
