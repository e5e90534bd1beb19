"""The policy pack on the real engine: of every resource kind, violations are caught and harmless neighbours pass."""

from pathlib import Path
from typing import Any

import pytest

from aws_docker.policy.testing import UNKNOWN
from lab.engine.stack import Stack
from tests.engine.policy_support import NO_CLOUD, preview_cases, preview_plugins, run
from tests.policy.corpus import (
    GROUP,
    IGNORED,
    NO_LISTENER,
    SWARM,
    TRUSTED,
    TRUSTED_ONLY,
    Case,
    network_harmless,
    network_violations,
    place_harmless,
    place_violations,
)
from tests.policy.test_ordinary_stacks import STACKS

pytestmark = pytest.mark.requires("pulumi")
CONFIG = {TRUSTED_ONLY: TRUSTED, SWARM: {"trustedCidrs": TRUSTED["trustedCidrs"]}}


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


def test_ordinary_stacks_are_met_with_silence(tmp_path: Path) -> None:
    cases = [
        Case(f"{ordinary.stack.__name__}-{each.name}", each.type, _known(each.properties))
        for ordinary in STACKS
        for each in ordinary.stack(False)
    ]
    reported = preview_cases(tmp_path, cases)
    assert not reported.findings, reported.text[-3000:]
    assert reported.result.exit_code == 0, reported.text[-3000:]


def _known(value: Any) -> Any:
    """The same with a text for what a preview would not know: the provider wants to see that it is given."""
    if isinstance(value, dict):
        return {name: _known(each) for name, each in value.items() if name != "id"}
    if isinstance(value, list):
        return [_known(each) for each in value]
    return "id-1" if value == UNKNOWN else value


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


def test_a_file_beside_the_program_is_read_where_it_is_copied(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.mkdir()
    (program / "setup.sh").write_text("#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375 &\n")
    (program / "__main__.py").write_text(
        """
import pulumi

pulumi.CustomResource("command:remote:CopyToRemote", "copied", {
    "connection": {"host": "10.0.0.5"}, "remotePath": "/tmp/setup.sh", "source": pulumi.FileAsset("./setup.sh"),
})
"""
    )
    with Stack(NO_CLOUD, program) as stack:
        preview_plugins(stack)
        reported = run(stack)
    assert reported.policies("copied", "mandatory") == {NO_LISTENER}, reported.text[-3000:]
