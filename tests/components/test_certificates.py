"""Which certificates a host's clients and server get, and when they are renewed."""

from typing import Any

import pytest

from aws_docker import KeyAlgorithm

from .conftest import Stack

REMOTE = {"trusted_cidrs": ["10.0.5.0/24"], "clients": ["alice", "bob"]}
KEY = "tls:index/privateKey:PrivateKey"
LEAVES = ("build-server", "build-client-alice", "build-client-bob")


def test_the_server_and_every_client_have_a_ca_of_their_own(stack: Stack) -> None:
    stack.host(REMOTE)
    for leaf in LEAVES:
        certificate = stack[f"{leaf}-certificate"]
        assert certificate["caCertPem"] == f"CERTIFICATE of {leaf}-ca\n"
        assert certificate["caPrivateKeyPem"] == f"PRIVATE KEY of {leaf}-ca-key\n"
        assert certificate["certRequestPem"] == f"REQUEST of {leaf}-request\n"
        assert stack[f"{leaf}-request"]["privateKeyPem"] == f"PRIVATE KEY of {leaf}-key\n"


def test_leaves_have_exactly_one_extended_usage_and_cas_sign_only(stack: Stack) -> None:
    stack.host(REMOTE)
    assert stack["build-server-certificate"]["allowedUses"] == ["digital_signature", "server_auth"]
    for leaf in LEAVES[1:]:
        assert stack[f"{leaf}-certificate"]["allowedUses"] == ["digital_signature", "client_auth"]
    for leaf in LEAVES:
        assert stack[f"{leaf}-ca"]["allowedUses"] == ["cert_signing", "crl_signing"]
        assert stack[f"{leaf}-ca"]["isCaCertificate"] is True
        assert "isCaCertificate" not in stack[f"{leaf}-certificate"]


@pytest.mark.parametrize(
    ("algorithm", "arguments"),
    [
        (None, {"algorithm": "ECDSA", "ecdsaCurve": "P256"}),
        ("ecdsa-p256", {"algorithm": "ECDSA", "ecdsaCurve": "P256"}),
        (KeyAlgorithm.ECDSA_P384, {"algorithm": "ECDSA", "ecdsaCurve": "P384"}),
        ("rsa-3072", {"algorithm": "RSA", "rsaBits": 3072}),
        ("rsa-4096", {"algorithm": "RSA", "rsaBits": 4096}),
    ],
)
def test_every_key_is_of_the_algorithm_that_was_asked_for(
    stack: Stack, algorithm: Any, arguments: dict[str, Any]
) -> None:
    stack.host({"trusted_cidrs": ["10.0.5.0/24"], "key_algorithm": algorithm})
    keys = stack.of_type(KEY)
    assert len(keys) == 4
    for key in keys:
        assert stack[key] == arguments


def test_rsa_leaves_may_also_encipher_keys(stack: Stack) -> None:
    stack.host({**REMOTE, "key_algorithm": "rsa-3072"})
    assert stack["build-server-certificate"]["allowedUses"] == [
        "digital_signature",
        "server_auth",
        "key_encipherment",
    ]


def test_the_servers_certificate_names_every_way_to_it(stack: Stack) -> None:
    stack.host({**REMOTE, "assign_public_ip": True, "additional_hostnames": ["build.example.com"]})
    request = stack["build-server-request"]
    assert request["ipAddresses"] == ["172.31.5.10", "203.0.113.7", "127.0.0.1"]
    assert request["dnsNames"] == [
        "build.example.com",
        "ip-172-31-5-10.eu-central-1.compute.internal",
        "ec2-203-0-113-7.example",
        "localhost",
    ]
    for leaf in LEAVES[1:]:
        assert not {"ipAddresses", "dnsNames"} & set(stack[f"{leaf}-request"])


def test_the_servers_certificate_names_its_ipv6_address(stack: Stack) -> None:
    stack.host({"trusted_cidrs": ["2001:db8:7::/48"]})
    assert stack["build-server-request"]["ipAddresses"] == ["172.31.5.10", "2001:db8:31::5", "127.0.0.1"]


def test_a_common_name_fits_where_the_hosts_name_is_long(stack: Stack) -> None:
    from aws_docker import DockerHost

    name, client = "n" * 51, "c" * 32
    stack.run(lambda: DockerHost(name, {"trusted_cidrs": ["10.0.5.0/24"], "clients": [client]}))
    for resource in stack.resources.values():
        subject = resource.inputs.get("subject", {}).get("commonName", "")
        assert len(subject) <= 64  # RFC 5280, ub-common-name


def test_validity(stack: Stack) -> None:
    stack.host(REMOTE)
    for leaf in LEAVES:
        assert stack[f"{leaf}-ca"]["validityPeriodHours"] == 3650 * 24
        assert stack[f"{leaf}-certificate"]["validityPeriodHours"] == 365 * 24


def test_validity_is_the_callers(stack: Stack) -> None:
    stack.host({**REMOTE, "ca_validity_days": 730.0, "certificate_validity_days": 30.0})
    for leaf in LEAVES:
        assert stack[f"{leaf}-ca"]["validityPeriodHours"] == 730 * 24
        assert stack[f"{leaf}-certificate"]["validityPeriodHours"] == 30 * 24


def test_a_generation_renews_the_keys_of_leaves_and_no_ca(stack: Stack) -> None:
    stack.host({**REMOTE, "certificate_generation": 2.0})
    triggers = {
        name: resource.request.replacement_trigger.number_value
        for name, resource in stack.resources.items()
        if resource.type.startswith("tls:") and resource.request.HasField("replacement_trigger")
    }
    # The requests and certificates follow from their keys.
    assert {name for name, trigger in triggers.items() if trigger == 2} == {f"{leaf}-key" for leaf in LEAVES}


def test_a_client_more_changes_nothing_of_the_others(stack: Stack) -> None:
    stack.host(REMOTE)
    more = Stack().host({**REMOTE, "clients": ["carol", "alice", "bob"]})
    for name, resource in stack.resources.items():
        if resource.type.startswith("tls:"):
            assert more[name] == resource.inputs, name
    new = set(more.resources) - set(stack.resources)
    assert new
    assert all(name.startswith("build-client-carol-") for name in new)


def test_private_keys_go_in_secret(stack: Stack) -> None:
    stack.host(REMOTE)
    for leaf in LEAVES:
        assert "privateKeyPem" in stack.resources[f"{leaf}-ca"].secrets
        assert "privateKeyPem" in stack.resources[f"{leaf}-request"].secrets
        assert "caPrivateKeyPem" in stack.resources[f"{leaf}-certificate"].secrets
