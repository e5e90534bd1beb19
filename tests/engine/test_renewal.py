"""Renewal by whatever `pulumi up` comes next, on a clock that really is so many days ahead."""

from typing import Any

import pytest
from cryptography import x509

from lab.engine.stack import Stack
from lab.hosts import certs
from tests.conftest import requires

from .conftest import MakeStack
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
    assert stack.up().check().changes == {}
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
    stack.up().check()
    stack.advance(days=360)
    assert stack.up().check().changes == {}
