"""Renewal by whatever `pulumi up` comes next, on a clock that really is so many days ahead; CAs', with an overlap."""

import contextlib
import json
import signal
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from lab.hosts import certs
from tests.conftest import requires

from .conftest import MakeStack
from .test_changes import PROGRAM
from .test_faults import end_others, interrupt
from .test_lifecycle import ids_of

CONFIG: dict[str, Any] = {"trustedCidrs": ["10.0.5.0/24"], "clients": ["alice"]}
RENEWED = {"docker-server-certificate", "docker-client-alice-certificate"}


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    requires("faketime")
    made = make_stack(config=CONFIG, project="pulumi-aws-docker")
    made.up().check()
    return made


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_a_certificate_is_renewed_thirty_days_before_its_end_and_keeps_its_key(stack: Stack) -> None:
    before, outputs = ids_of(stack), stack.outputs()
    stack.advance(days=334)
    waiting = stack.up().check()
    assert waiting.changes == {}
    assert "docker-client-alice-certificate ends on " in waiting.text, "said before, and who renews it"
    assert "`pulumi up` renews what ends within 30 days, from " in waiting.text
    stack.advance(days=336)
    assert stack.preview().check().changes == {"replace": 2, "update": 1}
    assert stack.up().check().changes == {"replace": 2, "update": 1}
    # The document changes in place: the host fetches it, and the instance stays.
    assert changed(before, ids_of(stack)) == RENEWED
    renewed = stack.outputs()
    assert renewed["certificates_expire_at"] > outputs["certificates_expire_at"]
    assert renewed["key_material"] == outputs["key_material"]
    assert renewed["ca_material"] == outputs["ca_material"]
    # A bundle that somebody holds stays good until its own end.
    authority = [each for each in stack.resources() if each["urn"].endswith("::docker-client-alice-ca")]
    ca = x509.load_pem_x509_certificate(authority[0]["outputs"]["certPem"].encode())
    for material in (outputs["cert_material"], renewed["cert_material"]):
        certs.parse(material, renewed["key_material"]).certificate.verify_directly_issued_by(ca)
    assert stack.up().check().changes == {}


def test_nothing_is_renewed_where_that_is_not_wanted(make_stack: MakeStack) -> None:
    requires("faketime")
    stack = make_stack(config={**CONFIG, "renewBeforeDays": 0}, project="pulumi-aws-docker")
    assert "ends on" not in stack.up().check().text
    stack.advance(days=360)
    left = stack.up().check()
    assert left.changes == {}
    assert "renew_before_days is 0: raise certificate_generation to renew them" in left.text


# --- CAs -----------------------------------------------------------------------------------------------------------

HOST: dict[str, Any] = {"trusted_cidrs": ["10.0.5.0/24"], "clients": ["alice"]}
OLD_CAS = {f"build-{role}-ca{part}" for role in ("server", "client-alice") for part in ("", "-key")}
NEW_CAS = {name.replace("-ca", "-ca@2") for name in OLD_CAS}


def authorities(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def proved(pem: str, by: list[x509.Certificate]) -> list[int]:
    """Which of these CAs proves a certificate."""
    certificate, found = x509.load_pem_x509_certificate(pem.encode()), list[int]()
    for position, authority in enumerate(by):
        with contextlib.suppress(ValueError, InvalidSignature):
            certificate.verify_directly_issued_by(authority)
            found.append(position)
    return found


def document(cloud: Cloud, stack: Stack) -> dict[str, Any]:
    """What the host is told."""
    name = ids_of(stack)["build-configuration"]
    value = cloud.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    return json.loads(value)


def up(stack: Stack, generations: list[int]) -> None:
    stack.configure({"args": {**HOST, "ca_generations": generations}})
    stack.up().check()
    assert stack.up().check().changes == {}
    assert "PRIVATE KEY" not in json.dumps(stack.export())


def kill(stack: Stack, generations: list[int], done: str, count: int) -> None:
    """`pulumi up`, killed once so much is done."""
    stack.configure({"args": {**HOST, "ca_generations": generations}})
    interrupt(stack, count, signal.SIGKILL, done)
    end_others(stack)
    stack.restore_checkpoint()
    stack.cancel()


def test_cas_are_renewed_with_an_overlap_whenever_a_run_is_killed(
    make_stack: MakeStack, cloud: Cloud
) -> None:
    stack = make_stack(PROGRAM, {"args": HOST})
    stack.up().check()
    before, first, told = ids_of(stack), stack.outputs(), document(cloud, stack)

    kill(stack, [1, 2], " created (", 2)
    assert document(cloud, stack) == told, "what is half-made is not told"
    up(stack, [1, 2])
    overlap, both, between = ids_of(stack), stack.outputs(), document(cloud, stack)
    # The old CAs and what they signed stay, and so does the host.
    assert changed(before, overlap) == {*NEW_CAS, "build-client-alice-certificate"}
    assert authorities(both["ca_material"])[0] == authorities(first["ca_material"])[0]
    clients = authorities("".join(between["client_authorities"]))
    assert proved(first["cert_material"], clients) == [0], "the old client is known"
    assert proved(both["cert_material"], clients) == [1], "and the new one"
    assert between["server_certificate"] == told["server_certificate"]
    assert proved(between["server_certificate"], authorities(both["ca_material"])) == [0]

    kill(stack, [2], " created replacement (", 1)
    up(stack, [2])
    after, last, ended = ids_of(stack), stack.outputs(), document(cloud, stack)
    assert changed(overlap, after) == {*OLD_CAS, "build-server-certificate"}
    assert not OLD_CAS & set(after)
    assert last["cert_material"] == both["cert_material"], "nobody needs another bundle"
    clients = authorities("".join(ended["client_authorities"]))
    assert (proved(first["cert_material"], clients), proved(last["cert_material"], clients)) == ([], [0])
    # Who has the bundle of the overlap knows the server, and who has the old one no more.
    assert proved(ended["server_certificate"], authorities(both["ca_material"])) == [1]
    assert proved(ended["server_certificate"], authorities(first["ca_material"])) == []


def test_a_ca_that_ends_soon_is_said_with_what_to_do(make_stack: MakeStack) -> None:
    requires("faketime")
    args = {**HOST, "ca_validity_days": 400}
    stack = make_stack(PROGRAM, {"args": args})
    stack.up().check()
    stack.advance(days=345)
    said = stack.up().check().text
    assert "build-client-alice-ca ends on " in said
    assert "renew with an overlap by ca_generations [1, 2] (docs/rotation.md)" in said
