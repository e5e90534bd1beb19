"""Which certificates a host's clients and server get, and when they are renewed."""

import inspect
import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from aws_docker import KeyAlgorithm
from aws_docker.host import advice
from aws_docker.host.keys import LEAST_SIZES
from aws_docker.host.plan import plan

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


@pytest.mark.parametrize(
    ("server", "client", "first"),
    [
        # As the provider writes them: in its own time zone, with nanoseconds.
        ("2027-11-25T10:42:52.519894924Z", "2027-11-25T10:42:52.6Z", "2027-11-25T10:42:52Z"),
        # As texts, the later one comes first.
        (
            "2027-11-25T02:42:52.519894924-08:00",
            "2027-11-25T10:12:00.519894924+09:00",
            "2027-11-25T01:12:00Z",
        ),
        (
            "2027-11-25T00:30:00.000000001+09:00",
            "2027-11-24T20:00:00.999999999-08:00",
            "2027-11-24T15:30:00Z",
        ),
    ],
)
def test_the_first_certificate_to_expire_is_told_in_utc(
    stack: Stack, server: str, client: str, first: str
) -> None:
    stack.cloud.expiries = {"server": server, "client": client}
    stack.host(REMOTE)
    assert stack.outputs()["certificates_expire_at"] == first


def _sizes(algorithm: KeyAlgorithm) -> tuple[int, int, int]:
    """Bytes of a server's key, its certificate and a CA's, as the provider makes them, with the shortest names."""

    def new() -> Any:
        kind, _, size = algorithm.value.partition("-")
        if kind == "rsa":
            return rsa.generate_private_key(65537, int(size))
        return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[size])

    def certificate(name: str, public: Any, *extensions: x509.ExtensionType) -> int:
        start = datetime(2026, 11, 25)
        builder = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server CA")]),
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            public_key=public,
            serial_number=1 << 64,  # of 128 random bits
            not_valid_before=start,
            not_valid_after=start + timedelta(days=365),
        )
        for each in extensions:
            builder = builder.add_extension(each, critical=False)
        return len(builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    key = authority = new()
    usage = dict.fromkeys(inspect.signature(x509.KeyUsage).parameters, False)
    names = [x509.IPAddress(ip_address(each)) for each in ("10.0.0.1", "127.0.0.1")]
    alternatives = [*names, *map(x509.DNSName, ("ip-10-0-0-1.ec2.internal", "localhost"))]
    return (
        len(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        ),
        certificate(
            "a server",
            key.public_key(),
            x509.KeyUsage(**{**usage, "digital_signature": True}),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            x509.SubjectAlternativeName(alternatives),
        ),
        certificate(
            "a server CA",
            authority.public_key(),
            x509.BasicConstraints(ca=True, path_length=None),
            x509.KeyUsage(**{**usage, "key_cert_sign": True, "crl_sign": True}),
            x509.SubjectKeyIdentifier.from_public_key(authority.public_key()),
        ),
    )


@pytest.mark.parametrize("algorithm", list(KeyAlgorithm))
def test_the_least_sizes_are_less_than_what_is_made_and_not_much_less(algorithm: KeyAlgorithm) -> None:
    for made, least in zip(_sizes(algorithm), LEAST_SIZES[algorithm], strict=True):
        assert least < made < 1.1 * least


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


def test_cas_of_an_overlap_are_resources_of_their_own(stack: Stack) -> None:
    stack.host({**REMOTE, "ca_generations": [1.0, 2.0]})
    for leaf, signer in zip(LEAVES, ("ca", "ca@2", "ca@2"), strict=True):
        assert stack[f"{leaf}-certificate"]["caCertPem"] == f"CERTIFICATE of {leaf}-{signer}\n"
        assert stack[f"{leaf}-ca@2"]["privateKeyPem"] == f"PRIVATE KEY of {leaf}-ca@2-key\n"
    assert stack["build-server-ca"]["subject"] == {"commonName": "build server CA"}
    assert stack["build-server-ca@2"]["subject"] == {"commonName": "build server CA 2"}
    trusted = [f"CERTIFICATE of {leaf}-{ca}\n" for leaf in LEAVES[1:] for ca in ("ca", "ca@2")]
    assert json.loads(stack["build-configuration"]["value"])["client_authorities"] == trusted
    servers = "CERTIFICATE of build-server-ca\nCERTIFICATE of build-server-ca@2\n"
    assert stack.outputs()["ca_material"] == servers
    for name in ("build-server-ca@2", "build-client-bob-ca@2"):
        assert "privateKeyPem" in stack.resources[name].secrets


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (61, []),
        (59, ["a ends on 2027-01-23: `pulumi up` renews what ends within 30 days, from 2026-12-24 on"]),
        (-1, ["a ended on 2026-11-24: `pulumi up` renews what ends within 30 days, from 2026-10-25 on"]),
    ],
)
def test_a_certificate_that_ends_soon_is_said(days: int, said: list[str]) -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    certificates = plan("build", {}).common.certificates
    ends = {"a": (now + timedelta(days=days)).isoformat(), "b": "2099-01-01T00:00:00.5+09:00"}
    assert advice.ending(certificates, leaves=ends, authorities={}, now=now) == said
    # What is valid for so short a time is not always about to end.
    short = plan("build", {"certificate_validity_days": 60}).common.certificates
    assert bool(advice.ending(short, leaves=ends, authorities={}, now=now)) is (days < 30)


def test_a_ca_that_ends_soon_is_said_with_the_next_step() -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    for generations, step in (([1], "ca_generations [1, 2]"), ([3, 7], "ca_generations [7]")):
        certificates = plan("build", {"ca_generations": generations}).common.certificates
        ends = {"build-server-ca": "2027-01-01T00:00:00Z"}
        (said,) = advice.ending(certificates, leaves={}, authorities=ends, now=now)
        assert said.startswith("build-server-ca ends on 2027-01-01: ")
        assert step in said


def test_the_first_to_end_may_be_a_ca(stack: Stack) -> None:
    stack.cloud.expiries["ca"] = "2026-12-24T00:00:00Z"
    stack.host(REMOTE)
    assert stack.outputs()["certificates_expire_at"] == "2026-12-24T00:00:00Z"


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
