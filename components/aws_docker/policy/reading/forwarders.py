"""Reads what forwards to ports beside load balancers: CloudFront, API Gateway, Verified Access, Lattice, App Mesh.

Only TCP counts. Who forwards hides the client from the daemon, and often TLS, too; what that means is for the judges.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from .facts import Facts, Forward
from .networks import malformed
from .texts import parsed
from .values import Doubt, Malformed, Value, pick

_BY_NAME: Final = frozenset(("AWS", "AWS_PROXY", "MOCK"))
"""Integrations whose URI is a Lambda function's or a service's."""
_DEEPEST: Final = 40
_MOST_VALUES: Final = 50_000


def cloudfront(resource: Value, facts: Facts) -> None:
    """A distribution's origins."""
    config = resource["distributionConfig"]
    held = resource if config.absent else config
    for origin in facts.known_items(held["origins"]):
        block = pick(origin, "customOriginConfig", "customOriginConfigs")
        for custom in [block] if block.doubt else block.each():
            _origin(custom, facts)


def vpc_origin(resource: Value, facts: Facts) -> None:
    """A load balancer or instance in a private subnet that CloudFront forwards to."""
    config = resource["vpcOriginEndpointConfig"]
    if not config.absent:
        _origin(config, facts)


def _origin(config: Value, facts: Facts) -> None:
    if config.doubt:
        facts.unread.append(config.doubt)
        return
    policy = config["originProtocolPolicy"]
    wanted = "" if policy.doubt else (policy.text or "").lower()
    for names, unused in (
        (("httpPort", "hTTPPort"), "https-only"),
        (("httpsPort", "hTTPSPort"), "http-only"),
    ):
        if wanted != unused:
            _range(pick(config, *names), facts, by="CloudFront")


def api_integration(resource: Value, facts: Facts) -> None:
    """An integration of API Gateway, version 1 or 2: an HTTP endpoint that its callers reach through it."""
    inner = resource["integration"]
    held = resource if inner.absent else inner
    kind = pick(held, "type", "integrationType")
    if not kind.doubt and (kind.text or "").upper() in _BY_NAME:
        return
    uri = pick(held, "uri", "integrationUri")
    if uri.doubt and held["connectionType"].raw == "VPC_LINK" and not held["integrationUri"].absent:
        return  # a listener, which is judged where it is made
    _uri(uri, facts)


def api(resource: Value, facts: Facts) -> None:
    """An API whose integrations stand in an OpenAPI document, or whose target is one URL."""
    _uri(resource["target"], facts)
    body = parsed(resource["body"])
    if body.doubt:
        facts.unread.append(body.doubt)
        return
    for holder in (body["paths"], body["components"]["x-amazon-apigateway-integrations"]):
        for integration in _integrations(holder):
            if doubt := integration.doubt:
                facts.unread.append(doubt)
            elif (integration["type"].text or "").upper() not in _BY_NAME:
                _uri(integration["uri"], facts)


def _integrations(body: Value) -> Iterator[Value]:
    """The integrations in a part of an OpenAPI document, and what of it is not known."""
    left, waiting = _MOST_VALUES, [(body, 0)]
    while waiting:
        value, depth = waiting.pop()
        left -= 1
        if depth > _DEEPEST or left < 0:
            raise Malformed("it is nested too deeply, or holds too much, to be read")
        if value.doubt or (value.is_map and "uri" in value.names()):
            yield value
        elif value.is_map:
            waiting += [(value[name], depth + 1) for name in value.names()]
        elif value.is_list:
            waiting += [(item, depth + 1) for item in value.each()]


def _uri(uri: Value, facts: Facts) -> None:
    if uri.absent:
        return
    if uri.doubt:
        _add(uri, facts, 0, 65_535, by="API Gateway", doubts=(uri.doubt,))
        return
    text = re.sub(r"\$\{[^}]{0,200}\}|\{[^}]{0,200}\}", "x", (uri.text or "").strip())
    try:
        port = urlsplit(text).port if "://" in text else None
    except ValueError:
        facts.unread.append(Doubt(uri.where, "names a port that cannot be read", final=True))
        return
    if port is not None:
        _add(uri, facts, port, port, by="API Gateway")


def verified_access(resource: Value, facts: Facts) -> None:
    """An endpoint of Verified Access: TCP to what stands behind it, for whoever its policy lets in."""
    for name in ("loadBalancerOptions", "networkInterfaceOptions", "cidrOptions"):
        block = resource[name]
        if block.absent:
            continue
        if block.doubt:
            facts.unread.append(block.doubt)
            continue
        _range(block["port"], facts, by="Verified Access")
        for item in facts.known_items(block["portRanges"]):
            _range(item["fromPort"], facts, item["toPort"], by="Verified Access")


def lattice_resource(resource: Value, facts: Facts) -> None:
    """A resource that VPC Lattice shares with other networks: `portRanges` such as 80 or 2375-2380."""
    for item in facts.known_items(resource["portRanges"]):
        found = re.fullmatch(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?", str(item.raw), re.A)
        if found is None:
            facts.unread.append(Doubt(item.where, "is no range of ports", final=True))
        else:
            first = int(found[1])
            _add(item, facts, first, int(found[2] or first), by="VPC Lattice")


def mesh(resource: Value, facts: Facts) -> None:
    """A virtual node, gateway or router of App Mesh."""
    spec = resource["spec"]
    if spec.doubt:
        facts.unread.append(spec.doubt)
        return
    for item in facts.known_items(spec["listeners"]):
        mapping = item["portMapping"]
        port = mapping if mapping.doubt else mapping["port"]
        _range(port, facts, what="listens on", by="the mesh's proxy")


def custom_routing(resource: Value, facts: Facts) -> None:
    """An endpoint group of Global Accelerator's custom routing: the ports of instances that it reaches."""
    for item in facts.known_items(resource["destinationConfigurations"]):
        protocols = item["protocols"]
        named = {str(each.raw).upper() for each in protocols.each() if not each.doubt}
        if "TCP" in named or any(each.doubt for each in (protocols, *protocols.each())):
            _range(item["fromPort"], facts, item["toPort"], by="Global Accelerator")


def ecs_service(resource: Value, facts: Facts) -> None:
    """A service of ECS: the container's port that it registers with a load balancer, whatever the target group says."""
    for item in facts.known_items(resource["loadBalancers"]):
        _range(item["containerPort"], facts)
    connect = resource["serviceConnectConfiguration"]
    for item in facts.known_items(connect["services"]):
        aliases = pick(item, "clientAlias", "clientAliases")
        for alias in facts.known_items(aliases):
            _range(alias["port"], facts, what="listens on", by="Service Connect")


def _range(
    first: Value,
    facts: Facts,
    last: Value | None = None,
    *,
    what: str = "forwards to",
    by: str = "the load balancer",
) -> None:
    last = first if last is None else last
    if first.absent:
        return
    if doubts := tuple(dict.fromkeys(each.doubt for each in (first, last) if each.doubt)):
        _add(first, facts, 0, 65_535, what=what, by=by, doubts=doubts)
        return
    try:
        low, high = (_port(each) for each in (first, last))
    except ValueError as error:
        facts.unread.append(malformed(first, error))
        return
    _add(first, facts, low, high, what=what, by=by)


def _port(value: Value) -> int:
    scalar = value.scalar
    if scalar is None or not re.fullmatch(r"\d{1,5}(?:\.0*)?", str(scalar).strip(), re.A):
        raise Malformed(f"{value.where} is not a port")
    return int(float(scalar))


def _add(
    at: Value,
    facts: Facts,
    first: int,
    last: int,
    *,
    by: str,
    what: str = "forwards to",
    doubts: tuple[Doubt, ...] = (),
) -> None:
    facts.forwards.append(Forward(at.where, what, first, last, doubts, by))
