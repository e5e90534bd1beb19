"""Who reaches Docker's ports: every resource kind and spelling, and harmless neighbours of each."""

import pytest

from aws_docker.policy import rules
from aws_docker.policy.reading.table import Role, kinds, short_form
from aws_docker.policy.testing import analyze
from tests.policy.corpus import (
    TRUSTED,
    Case,
    machine_harmless,
    machine_violations,
    network_harmless,
    network_violations,
    place_harmless,
    place_violations,
)


def _named(cases: list[Case]) -> list[object]:
    return [pytest.param(case, id=case.name) for case in cases]


@pytest.mark.parametrize("case", _named(network_violations()))
def test_a_way_in_is_a_violation(case: Case) -> None:
    outcome = analyze(rules(), case.type, case.properties, config=TRUSTED)
    assert {each.policy for each in outcome.violations} == case.policies, outcome.text
    assert "could not" not in outcome.text


@pytest.mark.parametrize("case", _named(network_harmless()))
def test_a_harmless_neighbour_passes(case: Case) -> None:
    assert analyze(rules(), case.type, case.properties, config=TRUSTED).violations == ()


@pytest.mark.parametrize("case", _named(place_violations()))
def test_a_place_where_docker_is_opened_is_a_violation(case: Case) -> None:
    outcome = analyze(rules(), case.type, case.properties)
    assert {each.policy for each in outcome.violations} == case.policies, outcome.text
    assert {each.level for each in outcome.violations} == {"mandatory"}
    assert "could not" not in outcome.text


@pytest.mark.parametrize("case", _named(place_harmless()))
def test_a_harmless_neighbour_of_a_place_passes(case: Case) -> None:
    assert analyze(rules(), case.type, case.properties).text == ""


OLDER = [
    (f"aws:{module}/{leaf}", properties)
    for module in ("alb", "applicationloadbalancing", "elasticloadbalancingv2")
    for leaf, properties in (
        ("listener:Listener", {"protocol": "TCP"}),
        ("targetGroup:TargetGroup", {"protocol": "HTTP"}),
        ("targetGroupAttachment:TargetGroupAttachment", {"targetId": "i-1"}),
    )
]


@pytest.mark.parametrize(
    ("kind", "properties"), OLDER, ids=lambda value: value if isinstance(value, str) else ""
)
def test_older_names_of_load_balancers_are_read_too(kind: str, properties: dict[str, object]) -> None:
    assert analyze(rules(), kind, {**properties, "port": 2375}).at("mandatory")
    assert not analyze(rules(), kind, {**properties, "port": 80}).violations


def test_every_kind_that_is_read_is_in_the_table_of_cases() -> None:
    older = {short_form(kind) for kind, _ in OLDER} | {"aws:elasticloadbalancing:LoadBalancer"}
    read = frozenset().union(*map(kinds, (Role.NETWORK, Role.MACHINE, Role.DOCUMENT, Role.CONTAINER)))
    read = (read | kinds(Role.CLIENT) | kinds(Role.DESCRIBING)) - older - {"command:remote:CopyFile"}
    violations = [*network_violations(), *machine_violations(), *place_violations()]
    caught = {short_form(case.type) for case in violations}
    harmless = [*network_harmless(), *machine_harmless(), *place_harmless()]
    passed = {short_form(case.type) for case in harmless}
    assert read - caught == set()
    assert read - passed == set()
