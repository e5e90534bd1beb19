"""The stand-in providers refuse what the real ones and AWS refuse: else what runs on them would prove little.

They are asked here as the engine asks, in this process, without an engine.
"""

import base64
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from pulumi.runtime.proto import provider_pb2

from lab.engine.cloud import Cloud
from lab.engine.providers.aws import compute, functions, identity, networks, security_groups
from lab.engine.providers.aws.api import Api
from lab.engine.providers.plugin import Plugin
from lab.engine.providers.tls import KINDS as TLS_KINDS
from lab.engine.providers.values import UNKNOWN, from_struct, to_struct


class Failed(Exception):
    """What the provider answers instead of a result."""


class Context:
    def abort(self, code: Any, details: str) -> None:
        raise Failed(details)


class Provider:
    """A provider plugin, asked in plain values."""

    def __init__(self, plugin: Plugin, configuration: dict[str, Any]) -> None:
        self._plugin = plugin
        plugin.Configure(provider_pb2.ConfigureRequest(args=to_struct(configuration)), Context())

    def problems(self, token: str, inputs: dict[str, Any]) -> str:
        """What a plan refuses, in one text."""
        return "; ".join(failure.reason for failure in self._check(token, inputs).failures)

    def create(self, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
        checked = self._check(token, inputs)
        assert not checked.failures, checked.failures
        request = provider_pb2.CreateRequest(urn=_urn(token), properties=checked.inputs)
        made = self._plugin.Create(request, Context())
        return {"id": made.id, **from_struct(made.properties)}

    def diff(self, token: str, was: dict[str, Any], inputs: dict[str, Any]) -> tuple[set[str], set[str]]:
        """(changed, replaced because of)"""
        checked = self._check(token, inputs)
        request = provider_pb2.DiffRequest(urn=_urn(token), olds=to_struct(was), news=checked.inputs)
        answer = self._plugin.Diff(request, Context())
        return set(answer.diffs), set(answer.replaces)

    def inputs(self, token: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The inputs with what the provider adds."""
        return from_struct(self._check(token, inputs).inputs)

    def update(self, token: str, was: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(
            urn=_urn(token), id=was["id"], olds=to_struct(was), news=to_struct({**self.inputs(token, inputs)})
        )
        return from_struct(self._plugin.Update(request, Context()).properties)

    @property
    def api(self) -> Api:
        """What the provider asks AWS by."""
        return self._plugin._provider

    def delete(self, token: str, state: dict[str, Any]) -> None:
        request = provider_pb2.DeleteRequest(urn=_urn(token), id=state["id"], properties=to_struct(state))
        self._plugin.Delete(request, Context())

    def invoke(self, token: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer = self._plugin.Invoke(
            provider_pb2.InvokeRequest(tok=token, args=to_struct(arguments)), Context()
        )
        if answer.failures:
            raise Failed("; ".join(failure.reason for failure in answer.failures))
        return from_struct(getattr(answer, "return"))

    def _check(self, token: str, inputs: dict[str, Any]) -> Any:
        request = provider_pb2.CheckRequest(urn=_urn(token), news=to_struct(inputs), randomSeed=b"seed")
        return self._plugin.Check(request, Context())


def _urn(token: str) -> str:
    return f"urn:pulumi:local::lab::{token}::it"


@pytest.fixture(scope="module")
def aws(cloud: Cloud) -> Provider:
    kinds = [*networks.KINDS, *security_groups.KINDS, *compute.KINDS, *identity.KINDS]
    endpoints = [dict.fromkeys(("ec2", "iam", "ssm", "sts", "kms"), cloud.endpoint)]
    configuration = {
        "region": cloud.region,
        "accessKey": cloud.access_key,
        "secretKey": cloud.secret_key,
        "endpoints": endpoints,
    }
    return Provider(Plugin("aws", kinds, functions.FUNCTIONS, Api), configuration)


@pytest.fixture(scope="module")
def tls() -> Provider:
    return Provider(Plugin("tls", TLS_KINDS, {}, lambda _: None), {})


INSTANCE = "aws:ec2/instance:Instance"
INTERFACE = "aws:ec2/networkInterface:NetworkInterface"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
PARAMETER = "aws:ssm/parameter:Parameter"
KEY = "tls:index/privateKey:PrivateKey"
CA = "tls:index/selfSignedCert:SelfSignedCert"
RULE = {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 2376, "toPort": 2376}


def in_base64(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


# --- Plans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "inputs", "refusal"),
    [
        (INSTANCE, {"amii": "ami-1"}, "there is no such argument: 'amii'; did you mean 'ami'?"),
        (INSTANCE, {"rootBlockDevice": {"size": 8}}, "there is no such argument: 'rootBlockDevice.size'"),
        (INSTANCE, {"userData": "x" * (16 * 1024 + 1)}, "expected length of userData to be in the range (0 - 16384)"),
        (INSTANCE, {"userDataBase64": in_base64(16 * 1024 + 1)}, "User data is limited to 16384 bytes"),
        (INSTANCE, {"monitoring": "perhaps"}, "'monitoring' must be of type bool"),
        (INSTANCE, {"metadataOptions": {"httpTokens": "maybe"}}, "expected httpTokens to be optional or required"),
        (
            INSTANCE,
            {"subnetId": "subnet-1", "primaryNetworkInterface": {"networkInterfaceId": "eni-1"}},
            "conflicts with primaryNetworkInterface",
        ),
        (INTERFACE, {}, "missing required argument: 'subnetId'"),
        (INTERFACE, {"subnetId": "subnet-1", "securityGroups": "sg-1"}, "'securityGroups' must be a list"),
        (INGRESS, RULE, "exactly one of"),
        (INGRESS, {**RULE, "cidrIpv4": "10.0.0.0/8", "cidrIpv6": "::/0"}, "exactly one of"),
        (INGRESS, {**RULE, "cidrIpv4": "10.0.5.10/24"}, "Invalid IPv4 CIDR value"),
        (INGRESS, {**RULE, "cidrIpv4": "2001:db8::/32"}, "Invalid IPv4 CIDR value"),
        (INGRESS, {"securityGroupId": "sg-1", "ipProtocol": "tcp", "cidrIpv4": "10.0.0.0/8"}, "fromPort is required"),
        ("aws:ec2/securityGroup:SecurityGroup", {"name": "sg-build"}, "cannot begin with sg-"),
        (PARAMETER, {"type": "Secret", "value": "x"}, "expected type to be one of [String StringList SecureString]"),
        (PARAMETER, {"type": "String", "value": "x", "tier": "Free"}, "expected tier to be"),
        ("aws:iam/role:Role", {"assumeRolePolicy": "{"}, "contains an invalid JSON policy"),
        ("aws:iam/role:Role", {}, "missing required argument: 'assumeRolePolicy'"),
    ],
)  # fmt: skip
def test_a_plan_refuses(aws: Provider, token: str, inputs: dict[str, Any], refusal: str) -> None:
    assert refusal in aws.problems(token, inputs)


@pytest.mark.parametrize(
    ("token", "inputs", "refusal"),
    [
        (KEY, {}, "missing required argument: 'algorithm'"),
        (KEY, {"algorithm": "DSA"}, "value must be one of"),
        (KEY, {"algorithm": "ECDSA", "ecdsaCurve": "P-256"}, "value must be one of"),
        (CA, {"privateKeyPem": "x", "validityPeriodHours": 1, "allowedUses": ["root"]}, 'got: "root"'),
        (CA, {"privateKeyPem": "x", "allowedUses": []}, "missing required argument: 'validityPeriodHours'"),
    ],
)
def test_a_plan_of_certificates_refuses(
    tls: Provider, token: str, inputs: dict[str, Any], refusal: str
) -> None:
    assert refusal in tls.problems(token, inputs)


def test_a_plan_accepts_what_is_not_known_yet(aws: Provider) -> None:
    unknown = {**RULE, "cidrIpv4": UNKNOWN, "cidrIpv6": UNKNOWN}
    assert aws.problems(INGRESS, unknown) == ""
    assert aws.problems(INSTANCE, {"ami": UNKNOWN, "userData": UNKNOWN}) == ""


def test_what_ec2_measures_of_user_data_is_what_base64_stands_for(aws: Provider) -> None:
    assert aws.problems(INSTANCE, {"ami": "ami-1", "userDataBase64": in_base64(16 * 1024)}) == ""


# --- AWS's own refusals ----------------------------------------------------------------------------------------------


def test_what_moto_would_accept_and_aws_does_not_is_refused(aws: Provider, cloud: Cloud, subnet: str) -> None:
    parameters = {"name": "/aws/service/debian/release/12/latest/arm64"}
    arm64 = aws.invoke("aws:ssm/getParameter:getParameter", parameters)["insecureValue"]
    x86_64 = aws.invoke(
        "aws:ssm/getParameter:getParameter", {"name": "/aws/service/debian/release/12/latest/amd64"}
    )["insecureValue"]
    with pytest.raises(Failed, match=r"InvalidAMIID\.NotFound"):
        aws.create(INSTANCE, {"ami": "ami-0123456789abcdef0", "instanceType": "t3.micro"})
    with pytest.raises(Failed, match=r"architecture of the image \(arm64\) does not match"):
        aws.create(INSTANCE, {"ami": arm64, "instanceType": "t3.micro"})
    with pytest.raises(Failed, match="no IPv6 CIDR block"):
        aws.create(INTERFACE, {"subnetId": subnet, "ipv6AddressCount": 1})
    with pytest.raises(Failed, match="does not fall within"):
        aws.create(INTERFACE, {"subnetId": subnet, "privateIps": ["192.0.2.1"]})
    with pytest.raises(Failed, match="too many for Standard"):
        aws.create(PARAMETER, {"type": "String", "value": "x" * 4097, "tier": "Standard"})
    with pytest.raises(Failed, match="too many for Intelligent-Tiering"):
        aws.create(PARAMETER, {"type": "String", "value": "x" * 8193, "tier": "Intelligent-Tiering"})

    interface = aws.create(INTERFACE, {"subnetId": subnet})
    of_interface = {
        "ami": x86_64,
        "instanceType": "t3.micro",
        "primaryNetworkInterface": {"networkInterfaceId": interface["id"]},
    }
    first = aws.create(INSTANCE, of_interface)
    try:
        with pytest.raises(Failed, match=r"InvalidNetworkInterface\.InUse"):
            aws.create(INSTANCE, of_interface)
    finally:
        aws.delete(INSTANCE, first)
        aws.delete(INTERFACE, interface)


def test_no_address_outside_the_configured_endpoints_is_reached(cloud: Cloud) -> None:
    api = Api({"region": cloud.region, "skipCredentialsValidation": True})
    with pytest.raises(Exception, match="reaches no real AWS"):
        api.client("ec2")


def test_a_function_that_the_stand_in_has_not_is_said(aws: Provider) -> None:
    with pytest.raises(Failed, match="has no function aws:ec2/getAmi:getAmi"):
        aws.invoke("aws:ec2/getAmi:getAmi", {})
    with pytest.raises(Failed, match="there is no such argument: 'vpc'"):
        aws.invoke("aws:ec2/getSubnets:getSubnets", {"vpc": "vpc-1"})


# --- Changes ---------------------------------------------------------------------------------------------------------


def test_what_replaces_an_instance_and_what_does_not(aws: Provider) -> None:
    was = {
        "id": "i-1",
        "ami": "ami-1",
        "instanceType": "t3.micro",
        "userData": "a",
        "userDataReplaceOnChange": True,
        "sourceDestCheck": True,
        "tagsAll": {},
    }
    same = {"ami": "ami-1", "instanceType": "t3.micro", "userData": "a", "userDataReplaceOnChange": True}
    assert aws.diff(INSTANCE, was, same) == (set(), set())
    assert aws.diff(INSTANCE, was, {**same, "ami": "ami-2"})[1] == {"ami"}
    assert aws.diff(INSTANCE, was, {**same, "userData": "b"})[1] == {"userData"}
    assert aws.diff(INSTANCE, was, {**same, "instanceType": "t3.small"}) == ({"instanceType"}, set())
    kept = {**same, "userData": "b", "userDataReplaceOnChange": False}
    assert aws.diff(INSTANCE, {**was, "userDataReplaceOnChange": False}, kept)[1] == set()


def test_a_root_volume_keeps_its_key_when_none_is_named_and_moves_to_another_with_a_new_instance(
    aws: Provider,
) -> None:
    base = {"ami": "ami-1", "instanceType": "t3.micro"}
    volume = {"volumeSize": 20, "encrypted": True, "kmsKeyId": "key-1"}
    was = {**base, "id": "i-1", "rootBlockDevice": volume, "tagsAll": {}, "sourceDestCheck": True}

    def diff(**changes: Any) -> tuple[set[str], set[str]]:
        device = {key: value for key, value in {**volume, **changes}.items() if value is not None}
        return aws.diff(INSTANCE, was, {**base, "rootBlockDevice": device})

    assert diff(kmsKeyId=None) == (set(), set())
    assert diff(volumeSize=30) == ({"rootBlockDevice"}, set())
    for changes in ({"kmsKeyId": "key-2"}, {"encrypted": False}):
        assert diff(**changes) == ({"rootBlockDevice"}, {"rootBlockDevice"})


def test_of_an_instance_with_an_interface_of_its_own_no_check_is_recorded(aws: Provider) -> None:
    asked = {"ami": "ami-1", "instanceType": "t3.micro"}
    assert aws.inputs(INSTANCE, asked)["sourceDestCheck"] is True
    with_interface = {**asked, "primaryNetworkInterface": {"networkInterfaceId": "eni-1"}}
    checked = aws.inputs(INSTANCE, with_interface)
    assert "sourceDestCheck" not in checked
    assert "sourceDestCheck" not in checked["__defaults"]


def test_a_parameters_key_is_sent_only_when_it_changed(
    aws: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"type": "SecureString", "value": "a", "keyId": "alias/mine", "description": "the document"}
    made = aws.create(PARAMETER, asked)
    sent: list[dict[str, Any]] = []
    ssm = aws.api.ssm
    put = ssm.put_parameter
    monkeypatch.setattr(ssm, "put_parameter", lambda **given: (sent.append(given), put(**given))[1])
    try:
        aws.update(PARAMETER, made, {**asked, "value": "b"})
        aws.update(PARAMETER, made, {**asked, "value": "c", "keyId": "alias/other"})
    finally:
        aws.delete(PARAMETER, made)
    assert [(each["Value"], each.get("KeyId")) for each in sent] == [("b", None), ("c", "alias/other")]
    assert not any("Description" in each for each in sent)


def test_a_rule_cannot_turn_into_one_of_another_kind(aws: Provider) -> None:
    was = {**RULE, "id": "sgr-1", "cidrIpv4": "10.0.5.0/24", "tagsAll": {}}
    assert aws.diff(INGRESS, was, {**RULE, "cidrIpv4": "10.0.6.0/24"}) == ({"cidrIpv4"}, set())
    assert "cidrIpv6" in aws.diff(INGRESS, was, {**RULE, "cidrIpv6": "2001:db8::/32"})[1]


# --- Certificates ----------------------------------------------------------------------------------------------------


def authority(tls: Provider, **inputs: Any) -> dict[str, Any]:
    key = tls.create(KEY, {"algorithm": "ECDSA", "ecdsaCurve": "P256"})
    asked = {
        "privateKeyPem": key["privateKeyPem"],
        "validityPeriodHours": 24,
        "allowedUses": ["cert_signing"],
        "isCaCertificate": True,
        "subject": {"commonName": "CA"},
        **inputs,
    }
    return {"asked": asked, "key": key, **tls.create(CA, asked)}


def test_a_key_is_p224_unless_told_otherwise(tls: Provider) -> None:
    assert tls.create(KEY, {"algorithm": "ECDSA"})["ecdsaCurve"] == "P224"


def test_any_change_of_a_key_makes_another(tls: Provider) -> None:
    key = tls.create(KEY, {"algorithm": "ECDSA", "ecdsaCurve": "P256"})
    assert tls.diff(KEY, key, {"algorithm": "ECDSA", "ecdsaCurve": "P256"}) == (set(), set())
    assert tls.diff(KEY, key, {"algorithm": "ECDSA", "ecdsaCurve": "P384"})[1] == {"ecdsaCurve"}


def test_a_certificate_is_replaced_when_what_it_says_changes(tls: Provider) -> None:
    ca = authority(tls)
    asked = ca["asked"]
    assert tls.diff(CA, ca, asked) == (set(), set())
    assert tls.diff(CA, ca, {**asked, "validityPeriodHours": 48})[1] == {"validityPeriodHours"}
    assert tls.diff(CA, ca, {**asked, "earlyRenewalHours": 1}) == ({"earlyRenewalHours"}, set())


def test_a_certificate_that_is_due_is_planned_anew(tls: Provider) -> None:
    # Within its early renewal hours from the first moment.
    ca = authority(tls, earlyRenewalHours=48)
    assert tls.diff(CA, ca, ca["asked"])[1] == {"readyForRenewal"}


def test_a_ca_has_a_name(tls: Provider) -> None:
    with pytest.raises(Failed, match="at least one Distinguished Name"):
        authority(tls, subject={})


@pytest.mark.requires("openssl")
def test_what_the_component_asks_for_passes_openssls_strict_check(tls: Provider, tmp_path: Path) -> None:
    # As Python 3.13 checks it on hosts and clients of today.
    ca = authority(tls)
    (tmp_path / "ca.pem").write_text(ca["certPem"])
    for use in ("server", "client"):
        key = tls.create(KEY, {"algorithm": "ECDSA", "ecdsaCurve": "P256"})["privateKeyPem"]
        asked = {"privateKeyPem": key, "subject": {"commonName": use}, "ipAddresses": ["10.0.5.10"]}
        request = tls.create("tls:index/certRequest:CertRequest", asked)
        made = tls.create(
            "tls:index/locallySignedCert:LocallySignedCert",
            {
                "certRequestPem": request["certRequestPem"],
                "caCertPem": ca["certPem"],
                "caPrivateKeyPem": ca["key"]["privateKeyPem"],
                "validityPeriodHours": 24,
                "allowedUses": ["digital_signature", f"{use}_auth"],
            },
        )
        leaf = tmp_path / f"{use}.pem"
        leaf.write_text(made["certPem"])
        command = [
            "openssl",
            "verify",
            "-x509_strict",
            "-purpose",
            f"ssl{use}",
            "-CAfile",
            tmp_path / "ca.pem",
            leaf,
        ]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert checked.stdout == f"{leaf}: OK\n", checked.stderr


def test_a_key_in_openssh_form_is_the_same_key(tls: Provider) -> None:
    key = tls.create(KEY, {"algorithm": "ED25519"})
    read = serialization.load_ssh_public_key(key["publicKeyOpenssh"].encode())
    assert read == serialization.load_pem_private_key(key["privateKeyPem"].encode(), None).public_key()
    assert re.fullmatch(r"SHA256:[\w+/]{43}", key["publicKeyFingerprintSha256"])
    p224 = tls.create(KEY, {"algorithm": "ECDSA"})
    assert p224.get("publicKeyOpenssh", "") == p224.get("privateKeyOpenssh", "") == ""


def test_a_ca_signs_with_its_own_key_only(tls: Provider) -> None:
    ca, other = authority(tls), authority(tls)
    request = tls.create("tls:index/certRequest:CertRequest", {"privateKeyPem": ca["key"]["privateKeyPem"]})
    signed = {
        "certRequestPem": request["certRequestPem"],
        "caCertPem": ca["certPem"],
        "caPrivateKeyPem": other["key"]["privateKeyPem"],
        "validityPeriodHours": 24,
        "allowedUses": ["client_auth"],
    }
    with pytest.raises(Failed, match="not the key of its certificate"):
        tls.create("tls:index/locallySignedCert:LocallySignedCert", signed)
    with pytest.raises(Failed, match="not a PEM that can be read"):
        tls.create("tls:index/certRequest:CertRequest", {"privateKeyPem": "no key"})
