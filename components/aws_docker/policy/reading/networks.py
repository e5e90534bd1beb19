"""Reads security groups, network ACLs and Lightsail's ports, in every provider's spelling.

The spellings do not clash, so one reader takes them all: a rule is read by what it says, not by who says it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ...core.addresses import EVERYWHERE, AddressSet, union
from ...core.networks import SELF, AclEntry, Rule, ports_of, tcp_ports
from ...core.ports import Transport
from .facts import AclItem, Facts, Ingress
from .values import About, Doubt, Malformed, Value, pick

_PROTOCOL = ("protocol", "ipProtocol")
_CIDRS = frozenset({"cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6", "cidrIp", "cidrs", "ipv6Cidrs"})
_GROUPS = frozenset(
    {"securityGroups", "sourceSecurityGroupId", "sourceSecurityGroupName", "referencedSecurityGroupId"}
)
_PREFIX_LISTS = frozenset({"prefixListIds", "prefixListId", "sourcePrefixListId", "cidrListAliases"})
_WIDEST = (0, 65_535)


def inline_ingress(resource: Value, facts: Facts) -> None:
    """The rules that stand inside a group: `ingress`, or `securityGroupIngress`."""
    for name in ("ingress", "securityGroupIngress"):
        _rules(resource[name], ingress, facts)


def standalone_rule(resource: Value, facts: Facts) -> None:
    """A rule that is a resource of its own."""
    direction = resource["type"]
    if direction.text is not None and direction.text.strip().lower() == "egress":
        return
    facts.ingress.append(ingress(resource, facts, also=direction))


def public_ports(resource: Value, facts: Facts) -> None:
    """Lightsail's ports, which are open to the world where no source is named."""
    for ports in (resource["portInfos"], resource["networking"]["ports"]):
        _rules(ports, _lightsail, facts)


def _lightsail(port: Value, facts: Facts) -> Ingress:
    read = ingress(port, facts)
    named = [name for name in ("cidrs", "ipv6Cidrs", "cidrListAliases") if not _empty(port[name])]
    world = EVERYWHERE if not named else EVERYWHERE.ipv4 if named == ["ipv6Cidrs"] else None
    if world is None:
        return read
    return replace(read, rule=read.rule._replace(addresses=read.rule.addresses | world))


def _empty(value: Value) -> bool:
    return value.doubt is None and not any(True for _ in value.each())


def _rules(listed: Value, read: Callable[[Value, Facts], Ingress], facts: Facts) -> None:
    if listed.doubt:
        facts.unread.append(listed.doubt)
    for item in listed.each():
        if item.doubt:
            facts.unread.append(item.doubt)
            continue
        try:
            facts.ingress.append(read(item, facts))
        except ValueError as error:
            facts.unread.append(malformed(item, error))


def malformed(item: Value, error: ValueError) -> Doubt:
    """Why something could not be read: in our own words, which never repeat a value."""
    said = f"could not be read: {error}" if isinstance(error, Malformed) else "could not be read"
    return Doubt(item.where or "the resource", said, final=True)


def ingress(rule: Value, facts: Facts, also: Value | None = None) -> Ingress:
    """One rule. Raises ValueError where its protocol or ports are none."""
    protocol = pick(rule, *_PROTOCOL).on(About.PROTOCOL)
    first, last = rule["fromPort"], rule["toPort"]
    about = [each.doubt for each in (protocol, first, last) if each.doubt]
    if also is not None and also.doubt:
        about.append(also.doubt)
    undecided = bool(also and also.doubt)
    ports, sure, all_traffic = _ports(protocol, first, last, undecided)
    udp, sure_udp, _ = _ports(protocol, first, last, undecided, "udp")
    if all_traffic:
        about = [also.doubt] if also is not None and also.doubt else []

    addresses: list[AddressSet] = []
    address_doubts: list[Doubt] = []
    group_doubts: list[Doubt] = []
    perhaps: list[Doubt] = []
    given = rule.names()
    for item in _sources(rule, _CIDRS.intersection(given), address_doubts, perhaps):
        try:
            addresses.append(AddressSet.of([str(item.text)]))
        except Malformed as error:
            address_doubts.append(malformed(item, error))
        except ValueError:
            address_doubts.append(Doubt(item.where, "is not a network", final=True))
    groups = [
        str(item.text)
        for item in _sources(rule, _GROUPS.intersection(given), group_doubts, perhaps, About.GROUP)
    ]
    listed = _sources(rule, _PREFIX_LISTS.intersection(given), address_doubts, perhaps, About.PREFIX_LIST)
    prefix_lists = [str(item.text) for item in listed]
    own = rule["self"].on(About.GROUP)
    if own.doubt:
        perhaps.append(own.doubt)
    if own.truth:
        groups.append(SELF)
    return Ingress(
        rule.where,
        Rule(ports, union(addresses), frozenset(groups), frozenset(prefix_lists), all_traffic, udp),
        sure,
        tuple(about),
        tuple(address_doubts),
        tuple(group_doubts),
        tuple(perhaps),
        sure_udp,
    )


def _sources(
    rule: Value,
    names: Iterable[str],
    certain: list[Doubt],
    perhaps: list[Doubt],
    about: About | None = None,
) -> Iterator[Value]:
    for name in sorted(names):
        value = rule[name].on(about)
        if value.doubt:
            # A list may turn out empty; a single value that is given is a source.
            (perhaps if name.endswith(("s", "Blocks")) else certain).append(value.doubt)
        for item in value.each():
            if item.doubt:
                certain.append(item.doubt)
            elif item.raw != "":
                yield item


def _ports(
    protocol: Value, first: Value, last: Value, undecided: bool, transport: Transport = "tcp"
) -> tuple[tuple[int, int] | None, tuple[int, int] | None, bool]:
    """The widest ports of TCP (or UDP), those that are certain, and whether all traffic is meant."""
    if protocol.doubt:
        # It may turn out to be every protocol: then on every port.
        return _WIDEST, None, False
    named = -1 if protocol.scalar is None else protocol.scalar
    if not (first.doubt or last.doubt):
        ports = ports_of(transport, named, first.scalar, last.scalar)
        all_traffic = ports == _WIDEST and Rule.of(named, 0, 0).all_traffic
        return ports, None if undecided else ports, all_traffic
    if ports_of(transport, named, 0, 65_535) is None:
        return None, None, False
    if Rule.of(named, 0, 0).all_traffic:
        return _WIDEST, None if undecided else _WIDEST, True
    low = 0 if first.doubt else _port(first)
    high = 65_535 if last.doubt else _port(last)
    widest = (low, high) if low <= high else None
    # EC2 takes no range that ends before it begins, so the end that is known is in it.
    known = None if first.doubt and last.doubt else (high, high) if first.doubt else (low, low)
    return widest, None if undecided else known, False


def _port(value: Value) -> int:
    ports = tcp_ports("tcp", value.scalar, value.scalar)
    if ports is None or ports == _WIDEST:
        raise Malformed(f"{value.where} is not a port")
    return ports[0]


# --- Network ACLs --------------------------------------------------------------------------------------------------


def network_acl(resource: Value, facts: Facts) -> None:
    """The inbound entries inside a network ACL."""
    for item in facts.known_items(resource["ingress"]):
        _add_entry(item, facts)


def acl_rule(resource: Value, facts: Facts) -> None:
    """An entry that is a resource of its own."""
    if not resource["egress"].truth:
        _add_entry(resource, facts)


def _add_entry(item: Value, facts: Facts) -> None:
    try:
        facts.acl.append(_entry(item))
    except ValueError as error:
        facts.unread.append(malformed(item, error))


def _entry(item: Value) -> AclItem:
    protocol, action = item["protocol"], pick(item, "action", "ruleAction")
    first = _either(item["fromPort"], item["portRange"]["from"])
    last = _either(item["toPort"], item["portRange"]["to"])
    number = pick(item, "ruleNo", "ruleNumber")
    cidr = pick(item, "cidrBlock", "ipv6CidrBlock")
    values = (protocol, action, first, last, number, cidr, item["egress"])
    doubts = tuple(each.doubt for each in values if each.doubt)
    ports, _, all_traffic = _ports(protocol, first, last, undecided=False)
    said = (action.text or "").strip().lower()
    if said not in ("allow", "deny") and not action.doubt:
        raise Malformed(f"{action.where} is neither allow nor deny")
    named = not all_traffic
    if doubts:
        return AclItem(item.where, None, named, doubts, said != "deny", ports)
    for value, what in ((cidr, "network"), (protocol, "protocol")):
        if value.absent:
            raise Malformed(f"{item.where or 'the entry'} names no {what}")
    entry = AclEntry.of(
        0 if number.scalar is None else number.scalar,
        said == "allow",
        protocol.scalar or 0,
        first.scalar,
        last.scalar,
        str(cidr.text),
    )
    return AclItem(item.where, entry, named, (), said == "allow", ports)


def _either(value: Value, other: Value) -> Value:
    return other if value.absent else value
