"""The policy pack on the real engine: of every resource kind, violations are caught and harmless neighbours pass."""

from pathlib import Path

import pytest

from tests.engine.policy_support import preview_cases
from tests.policy.corpus import (
    GROUP,
    IGNORED,
    TRUSTED,
    TRUSTED_ONLY,
    Case,
    network_harmless,
    network_violations,
    place_harmless,
    place_violations,
)

pytestmark = pytest.mark.requires("pulumi")
CONFIG = {TRUSTED_ONLY: TRUSTED}


def test_every_way_in_is_a_violation_and_names_its_resource(tmp_path: Path) -> None:
    cases = network_violations()
    reported = preview_cases(tmp_path, cases, CONFIG)
    assert reported.result.exit_code != 0
    wrong = {
        each.name: reported.policies(each.name)
        for each in cases
        if reported.policies(each.name) != each.policies
    }
    assert not wrong, reported.text[-3000:]


def test_harmless_neighbours_pass(tmp_path: Path) -> None:
    reported = preview_cases(tmp_path, network_harmless(), CONFIG)
    assert not reported.findings
    assert reported.result.exit_code == 0, reported.text[-3000:]


def test_every_place_where_docker_is_opened_is_a_violation(tmp_path: Path) -> None:
    ignoring = Case("ignoring", GROUP, {"description": "x"}, frozenset({IGNORED}), ("ingress",))
    cases = [*place_violations(), ignoring]
    reported = preview_cases(tmp_path, cases)
    assert reported.result.exit_code != 0
    wrong = {
        each.name: reported.policies(each.name)
        for each in cases
        if reported.policies(each.name) != each.policies
    }
    assert not wrong, reported.text[-3000:]
    assert reported.policies("ignoring", "mandatory") == set()


def test_harmless_neighbours_of_these_places_pass(tmp_path: Path) -> None:
    reported = preview_cases(tmp_path, place_harmless())
    assert not reported.findings, reported.text[-3000:]
    assert reported.result.exit_code == 0, reported.text[-3000:]
