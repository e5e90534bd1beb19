"""Who reaches Docker's ports: every resource kind and spelling, and harmless neighbours of each."""

import pytest

from aws_docker.policy import rules
from aws_docker.policy.testing import analyze
from tests.policy.corpus import TRUSTED, Case, network_harmless, network_violations


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
