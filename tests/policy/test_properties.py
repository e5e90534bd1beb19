"""Judgements against brute force, and what holds for any resource at all."""

import ipaddress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aws_docker.policy import docker_2376_trusted_sources_only, docker_no_2375, rules
from aws_docker.policy.reading.table import KINDS
from aws_docker.policy.testing import UNKNOWN, analyze
from tests.policy.corpus import (
    ACL,
    GROUP,
    NO_2375,
    TRUSTED,
    TRUSTED_ONLY,
    network_violations,
    place_violations,
)

# Few networks that lie beside and inside each other, so that edges meet.
_NETWORKS = st.builds(
    lambda number, length: str(ipaddress.ip_network((number << 24, length), strict=False)),
    st.integers(0, 15),
    st.integers(0, 12),
) | st.builds(
    lambda number, length: str(ipaddress.ip_network((number << 120, length), strict=False)),
    st.integers(0, 15),
    st.integers(1, 12),
)
# What may be trusted is narrow: at most a /16 that is public.
_TRUSTED = st.lists(
    st.builds(
        lambda a, b: f"{10 + a % 2}.{b}.0.0/{16 if a % 2 else 8 + b % 9}",
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    max_size=1,
).map(lambda listed: [str(ipaddress.ip_network(each, strict=False)) for each in listed])
_PORTS = st.sampled_from([0, 80, 2374, 2375, 2376, 2377, 65535])
_PROTOCOLS = st.sampled_from(["tcp", "6", "TCP", "udp", "17", "-1", "all", "icmp"])


@st.composite
def _rules(draw: st.DrawFn) -> dict[str, Any]:
    low, high = sorted((draw(_PORTS), draw(_PORTS)))
    networks = draw(st.lists(_NETWORKS | st.just("10.2.0.0/16") | st.just("11.3.0.0/17"), max_size=3))
    return {
        "protocol": draw(_PROTOCOLS),
        "fromPort": draw(st.sampled_from([low, float(low), str(low)])),
        "toPort": high,
        "cidrBlocks": [each for each in networks if ":" not in each],
        "ipv6CidrBlocks": [each for each in networks if ":" in each],
    }


def _samples(networks: list[Any]) -> list[Any]:
    """First and last addresses of networks, and their neighbours: where membership changes."""
    found: list[Any] = []
    for network in networks:
        kind = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
        for edge in (int(network.network_address), int(network.broadcast_address)):
            found += [
                kind(each) for each in (edge - 1, edge, edge + 1) if 0 <= each < 2**network.max_prefixlen
            ]
    return found


def _admits(rule: dict[str, Any], address: Any, port: int) -> bool:
    protocol = rule["protocol"].lower()
    in_range = protocol in ("-1", "all") or (
        protocol in ("tcp", "6") and int(rule["fromPort"]) <= port <= int(rule["toPort"])
    )
    return in_range and any(
        address in ipaddress.ip_network(cidr) for cidr in rule["cidrBlocks"] + rule["ipv6CidrBlocks"]
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(_rules(), max_size=4), _TRUSTED)
def test_the_judgement_of_any_rules_is_that_of_brute_force(
    ingress: list[dict[str, Any]], trusted: list[str]
) -> None:
    trusted_networks = [ipaddress.ip_network(each) for each in trusted]
    networks = [
        ipaddress.ip_network(c) for rule in ingress for c in rule["cidrBlocks"] + rule["ipv6CidrBlocks"]
    ]
    samples = _samples(networks + trusted_networks)
    expected: set[str] = set()
    for address in samples:
        if any(_admits(rule, address, 2375) for rule in ingress):
            expected.add(NO_2375)
        is_trusted = any(address in network for network in trusted_networks)
        if not is_trusted and any(_admits(rule, address, 2376) for rule in ingress):
            expected.add(TRUSTED_ONLY)
    policies = [docker_no_2375, docker_2376_trusted_sources_only]
    outcome = analyze(policies, GROUP, {"ingress": ingress}, config={"trustedCidrs": trusted})
    assert {each.policy for each in outcome.violations} == expected, outcome.text


@st.composite
def _entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for number in draw(st.lists(st.integers(1, 9), unique=True, max_size=4)):
        low, high = sorted((draw(_PORTS), draw(_PORTS)))
        network = draw(_NETWORKS)
        entries.append(
            {
                "ruleNo": number,
                "action": draw(st.sampled_from(["allow", "deny"])),
                "protocol": draw(_PROTOCOLS),
                "fromPort": low,
                "toPort": high,
                ("cidrBlock" if ":" not in network else "ipv6CidrBlock"): network,
            }
        )
    return entries


@settings(max_examples=300, deadline=None)
@given(_entries())
def test_the_judgement_of_any_acl_is_that_of_brute_force(entries: list[dict[str, Any]]) -> None:
    def cidr(entry: dict[str, Any]) -> Any:
        return ipaddress.ip_network(entry.get("cidrBlock") or entry["ipv6CidrBlock"])

    def matches(entry: dict[str, Any], address: Any) -> bool:
        protocol = entry["protocol"].lower()
        about = protocol in ("-1", "all") or (
            protocol in ("tcp", "6") and entry["fromPort"] <= 2375 <= entry["toPort"]
        )
        return about and address in cidr(entry)

    expected = False
    for address in _samples([cidr(entry) for entry in entries]):
        matching = sorted(
            (each for each in entries if matches(each, address)), key=lambda each: each["ruleNo"]
        )
        named = any(
            each["action"] == "allow" and each["protocol"].lower() not in ("-1", "all") for each in matching
        )
        expected = expected or (bool(matching) and matching[0]["action"] == "allow" and named)
    outcome = analyze(docker_no_2375, ACL, {"vpcId": "vpc-1", "ingress": entries})
    assert bool(outcome.violations) == expected, outcome.text


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = [path] if path else []
    for key, each in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        found += _places(each, (*path, key))
    return found


def _replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    if isinstance(value, dict):
        return {k: _replaced(v, path[1:], by) if k == path[0] else v for k, v in value.items()}
    return [_replaced(v, path[1:], by) if k == path[0] else v for k, v in enumerate(value)]


def test_no_unknown_value_hides_a_finding() -> None:
    for case in network_violations():
        for path in _places(case.properties):
            properties = _replaced(case.properties, path, UNKNOWN)
            outcome = analyze(rules(), case.type, properties, config=TRUSTED)
            assert outcome.violations, f"{case.name}: nothing is said when {path} is unknown"


def test_no_unknown_value_hides_a_place_where_docker_is_opened() -> None:
    for case in place_violations():
        for path in _places(case.properties):
            if "source" in path[:1] and len(path) > 1:
                continue  # an asset is known or not as a whole
            outcome = analyze(rules(), case.type, _replaced(case.properties, path, UNKNOWN))
            # On Fargate no image that is not known can be a daemon.
            serverless = "ExpressGatewayService" in case.type and path in (
                ("primaryContainer",),
                ("primaryContainer", "image"),
            )
            assert bool(outcome.violations) != serverless, f"{case.name}: {path} is unknown\n{outcome.text}"


_ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9)
    | st.just(UNKNOWN),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["ingress", "protocol", "fromPort", "cidrBlocks", "Resources", "self", "userData", "port"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
_NAMES = (
    "ingress", "securityGroupIngress", "protocol", "ipProtocol", "fromPort", "toPort", "cidrBlocks", "cidrIpv4", "self",
    "type", "typeName", "desiredState", "templateBody", "parameters", "portInfos", "networking", "listeners", "port",
    "targets", "userData", "userDataBase64", "metadataOptions", "launchSpecifications", "launchTemplateData", "action",
    "ruleAction", "cidrBlock", "portRange", "launchTemplate", "config", "content", "parameters", "name", "data",
    "create", "stdin", "interpreter", "environment", "source", "remotePath", "containerDefinitions", "volumes", "image",
    "ports", "taskSpec", "containers", "publicEndpoint", "containerProperties", "eksProperties", "nodeProperties",
    "spec", "host", "caMaterial", "origins", "distributionConfig", "uri", "body", "target", "portRanges",
    "destinationConfigurations",     "taskInvocationParameters", "onStart", "additionalInstanceConfiguration",
    "primaryContainer", "networkInterfaceOptions",
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.dictionaries(st.sampled_from(_NAMES), _ANY))
def test_nothing_that_a_resource_holds_ends_the_pack(kind: str, properties: dict[str, Any]) -> None:
    analyze(rules(), kind, properties, config=TRUSTED)
