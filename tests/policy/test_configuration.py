"""Trusted sources, exemptions and levels: what configuration changes, and that it cannot switch judging off."""

import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi_policy import EnforcementLevel

from aws_docker.policy import (
    docker_2375_between_group_members,
    docker_2376_trusted_sources_only,
    docker_no_2375,
    rules,
)
from aws_docker.policy.reading.table import KINDS
from aws_docker.policy.rule import ResourceRule, StackRule
from aws_docker.policy.testing import UNKNOWN, analyze, remediate, urn
from tests.policy.corpus import GROUP, NO_2375, RULE, TRUSTED, TRUSTED_ONLY, VPC_RULE, inline, rule, vpc_rule

TOMORROW = (datetime.date.today() + datetime.timedelta(days=1)).isoformat()
YESTERDAY = (datetime.date.today() - datetime.timedelta(days=1)).isoformat()
WORLD = ["0.0.0.0/0"]


def _2376(**sources: Any) -> dict[str, Any]:
    return inline(fromPort=2376, toPort=2376, **sources)


def _trusted_only(properties: dict[str, Any], **config: Any) -> Any:
    return analyze(docker_2376_trusted_sources_only, GROUP, properties, config=config)


@pytest.mark.parametrize(
    "cidrs",
    [
        ["10.0.4.0/23"],  # holds the trusted one
        ["10.0.5.0/24", "10.0.6.0/32"],
        ["10.0.5.0/25", "10.0.5.128/25", "10.0.6.0/25"],
        ["0.0.0.0/1", "128.0.0.0/1"],
    ],
)
def test_any_address_beyond_the_trusted_ones_is_a_violation(cidrs: list[str]) -> None:
    assert _trusted_only(_2376(cidrBlocks=cidrs), trustedCidrs=["10.0.5.0/24"]).at("mandatory")


def test_trusted_halves_are_the_trusted_whole() -> None:
    halves = ["10.0.5.0/25", "10.0.5.128/25"]
    assert not _trusted_only(_2376(cidrBlocks=["10.0.5.0/24"]), trustedCidrs=halves).violations
    assert not _trusted_only(_2376(cidrBlocks=halves), trustedCidrs=["10.0.5.0/24"]).violations


def test_without_a_trusted_source_2376_is_open_to_nobody() -> None:
    outcome = _trusted_only(_2376(cidrBlocks=["10.0.5.0/24"]))
    assert "no source is trusted" in outcome.text


def test_a_trusted_source_may_not_reach_2375() -> None:
    for sources in (
        {"cidrBlocks": ["10.0.5.0/24"]},
        {"prefixListIds": ["pl-trusted"]},
        {"securityGroups": ["sg-trusted"]},
    ):
        assert analyze(docker_no_2375, GROUP, inline(**sources), config=TRUSTED).at("mandatory")


def test_a_group_of_a_peer_is_known_by_its_id() -> None:
    peer = _2376(securityGroups=["123456789012/sg-trusted"])
    assert not _trusted_only(peer, trustedSecurityGroupIds=["sg-trusted"]).violations
    assert _trusted_only(peer, trustedSecurityGroupIds=["sg-other"]).violations


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "0.0.0.0/1", "8.0.0.0/8", "::/0", "2000::/3"])
def test_the_internet_cannot_be_trusted(cidr: str) -> None:
    outcome = _trusted_only(_2376(cidrBlocks=["8.8.8.8/32"]), trustedCidrs=[cidr])
    assert "nothing of it is trusted" in outcome.text
    assert "8.8.8.8/32" in outcome.text


@pytest.mark.parametrize(
    "config",
    [
        {"trustedCidrs": ["10.0.5.0/99"]},
        {"trustedCidrs": "10.0.5.0/24"},
        {"trustedCidrs": [7]},
        {"trustedSecurityGroupIds": {"a": 1}},
        {"exemptions": ["*"]},
        {"exemptions": [{"urn": "*", "reason": " ", "expires": TOMORROW}]},
        {"exemptions": [{"urn": "*", "reason": "because", "expires": "soon"}]},
        {"exemptions": [{"urn": "*", "reason": "because"}]},
        {"notYetKnown": "disabled"},
        {"couldNotEvaluate": 0},
    ],
)
def test_a_wrong_configuration_is_said_and_opens_nothing(config: dict[str, Any]) -> None:
    outcome = _trusted_only(_2376(cidrBlocks=["10.0.6.0/24"]), **config)
    texts = [each.message for each in outcome.at("mandatory")]
    assert any("configuration" in text for text in texts)
    assert any("10.0.6.0/24" in text for text in texts)


def test_an_exemption_needs_the_resource_and_holds_until_its_last_day() -> None:
    def exempted(pattern: str, expires: str) -> Any:
        config = {"exemptions": [{"urn": pattern, "reason": "migration", "expires": expires}]}
        return analyze(docker_no_2375, GROUP, inline(cidrBlocks=WORLD), name="old", config=config)

    today = datetime.date.today().isoformat()
    for pattern in (urn(GROUP, "old"), "*::old", "urn:pulumi:test::*SecurityGroup::o?d"):
        outcome = exempted(pattern, today)
        assert outcome.violations == ()
        assert "migration" in outcome.not_applicable[NO_2375]
    assert "expired" in exempted("*::old", YESTERDAY).text
    assert exempted("*::other", TOMORROW).violations
    assert exempted("*::OLD", TOMORROW).violations


@pytest.mark.parametrize("level", ["advisory", "mandatory"])
def test_what_is_not_known_yet_has_a_level_of_its_own(level: str) -> None:
    properties = vpc_rule(fromPort=2376, toPort=2376, cidrIpv4=UNKNOWN)
    outcome = analyze(
        docker_2376_trusted_sources_only, VPC_RULE, properties, config={**TRUSTED, "notYetKnown": level}
    )
    assert [each.level for each in outcome.violations] == [level]
    assert "cidrIpv4 is not known yet" in outcome.text


def test_what_is_certain_is_reported_beside_what_is_not_known() -> None:
    properties = {
        "ingress": [
            UNKNOWN,
            {"protocol": "tcp", "fromPort": 2375, "toPort": 2375, "cidrBlocks": [UNKNOWN, "10.0.0.0/8"]},
            {"protocol": "tcp", "fromPort": UNKNOWN, "toPort": 80, "cidrBlocks": WORLD},
            {"protocol": UNKNOWN, "fromPort": 443, "toPort": 443, "cidrBlocks": WORLD},
        ]
    }
    outcome = analyze(docker_no_2375, GROUP, properties)
    assert "10.0.0.0/8" in outcome.at("mandatory")[0].message
    (advisory,) = outcome.at("advisory")
    assert "ingress[0] is not known yet" in advisory.message
    assert "ingress[3].protocol is not known yet" in advisory.message
    assert "ingress[2]" not in outcome.text  # whatever it begins with, it ends at 80


@pytest.mark.parametrize(
    ("first", "last", "level"),
    [
        (UNKNOWN, 3000, "advisory"),
        (2000, UNKNOWN, "advisory"),
        (UNKNOWN, UNKNOWN, "advisory"),
        # EC2 takes no range that ends before it begins, so the end that is known is in it.
        (2375, UNKNOWN, "mandatory"),
        (UNKNOWN, 2375, "mandatory"),
        (UNKNOWN, 2374, None),
        (2376, UNKNOWN, None),
    ],
)
def test_a_port_that_is_not_known_is_judged_by_the_one_that_is(
    first: Any, last: Any, level: str | None
) -> None:
    properties = inline(fromPort=first, toPort=last, cidrBlocks=WORLD)
    outcome = analyze(docker_no_2375, GROUP, properties)
    assert [each.level for each in outcome.violations] == ([level] if level else [])


def test_an_unknown_source_of_2375_is_a_violation_already() -> None:
    for properties in (vpc_rule(cidrIpv4=UNKNOWN), vpc_rule(referencedSecurityGroupId=UNKNOWN)):
        assert analyze(docker_no_2375, VPC_RULE, properties).at("mandatory")


def test_an_unknown_group_of_an_all_traffic_rule_stays_advisory() -> None:
    properties = rule(protocol="-1", fromPort=0, toPort=0, sourceSecurityGroupId=UNKNOWN)
    outcome = analyze(rules(), RULE, properties, config=TRUSTED)
    assert {each.level for each in outcome.violations} == {"advisory"}


def test_a_protocol_that_is_not_known_may_be_every_one_between_members() -> None:
    def members(**properties: Any) -> Any:
        return analyze(
            docker_2375_between_group_members, RULE, rule(sourceSecurityGroupId="sg-2", **properties)
        )

    assert "protocol is not known yet" in members(protocol=UNKNOWN, fromPort=443, toPort=443).text
    assert members(fromPort=UNKNOWN, toPort=443).violations == ()  # it names ports, whichever they are


@pytest.mark.parametrize("name", ["self", "securityGroups"])
def test_members_that_are_not_known_are_no_way_in_by_all_traffic(name: str) -> None:
    everything = inline(protocol="-1", fromPort=0, toPort=0, **{name: UNKNOWN})
    assert analyze(docker_no_2375, GROUP, everything).violations == ()
    assert analyze(docker_2375_between_group_members, GROUP, everything).at("advisory")
    assert analyze(docker_no_2375, GROUP, inline(**{name: UNKNOWN})).at("advisory")


@pytest.mark.parametrize(
    "properties",
    [
        {"ingress": "everything"},
        {"ingress": [7]},
        {"ingress": [["tcp"]]},
        inline(protocol="banana", cidrBlocks=WORLD),
        inline(fromPort="http", cidrBlocks=WORLD),
        inline(toPort=99999, cidrBlocks=WORLD),
        inline(cidrBlocks=["not a network"]),
        inline(cidrBlocks=[{"cidr": "0.0.0.0/0"}]),
        inline(cidrBlocks=["010.0.0.0/8"]),
    ],
)
def test_a_malformed_rule_is_neither_a_crash_nor_a_pass(properties: dict[str, Any]) -> None:
    outcome = analyze(docker_no_2375, GROUP, properties)
    assert outcome.at("mandatory")
    assert "could not evaluate" in outcome.text


def test_a_malformed_source_hides_no_other() -> None:
    outcome = analyze(docker_no_2375, GROUP, inline(cidrBlocks=["nonsense", "10.0.0.0/8"]))
    assert "10.0.0.0/8" in outcome.text
    assert "cidrBlocks[0] is not a network" in outcome.text


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        (GROUP, _2376(cidrBlocks=["10.0.0.0/8"], description="Docker")),
        (RULE, rule(fromPort=2376, toPort=2376, cidrBlocks=["10.0.0.0/8"])),
    ],
)
def test_remediation_narrows_to_what_is_trusted(kind: str, properties: dict[str, Any]) -> None:
    config = {"trustedCidrs": ["10.0.5.0/24", "192.168.0.0/24"]}
    changed = remediate(docker_2376_trusted_sources_only, kind, properties, config=config)
    assert changed is not None
    assert "10.0.5.0/24" in str(changed)
    assert "192.168" not in str(changed)
    assert not analyze(docker_2376_trusted_sources_only, kind, changed, config=config).violations


@pytest.mark.parametrize(
    "properties",
    [
        _2376(cidrBlocks=["10.0.5.0/24"]),  # is right
        _2376(cidrBlocks=["172.16.0.0/12"]),  # nothing of it is trusted
        _2376(cidrBlocks=[UNKNOWN, "10.0.0.0/8"]),
        inline(fromPort=0, toPort=65535, cidrBlocks=["10.0.0.0/8"]),  # other ports go with it
        {"ingress": UNKNOWN},
        {},
    ],
)
def test_remediation_leaves_alone_what_it_cannot_narrow_safely(properties: dict[str, Any]) -> None:
    config = {"trustedCidrs": ["10.0.5.0/24"]}
    assert remediate(docker_2376_trusted_sources_only, GROUP, properties, config=config) is None


def test_a_long_list_of_findings_is_cut_short_and_says_so() -> None:
    properties = {"ingress": [inline(cidrBlocks=WORLD)["ingress"][0] for _ in range(60)]}
    outcome = analyze(docker_no_2375, GROUP, properties)
    assert len(outcome.violations) == 21
    assert "40 more" in outcome.text


def test_every_policy_says_what_it_is_and_how_to_mend() -> None:
    names = [each.name for each in rules()]
    assert len(names) == len(set(names)) == 10
    assert {NO_2375, TRUSTED_ONLY} <= set(names)
    page = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text()
    for each in rules():
        assert each.severity
        assert each.description
        assert each.remediation_steps
        assert f"### {each.name}\n" in page
        assert each.config_schema


def test_the_table_of_policies_in_the_docs_is_that_of_the_code() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in page.splitlines()
        if line[:9] == "| [docker"
    ]
    assert [row[:5] for row in rows] == [
        [
            f"[{rule.check.id}](#{rule.check.id})"
            + (" (whole stack)" if isinstance(rule, StackRule) else ""),
            rule.check.what,
            rule.check.why,
            rule.check.severity,
            cast(EnforcementLevel, rule.enforcement_level).value,
        ]
        for rule in rules()
    ]
    remediated = {row[0].partition("]")[0][1:] for row in rows if row[5]}
    assert remediated == {rule.name for rule in rules() if isinstance(rule, ResourceRule) and rule.remediates}


def test_every_kind_that_is_read_is_named_in_the_docs() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text()
    rows = "\n".join(line for line in page.partition("## What is read")[2].splitlines() if line[:1] == "|")
    # The twins of aws-native stand in a row of their own; load balancers' modules in one.
    kinds = {short for short in KINDS if not short.startswith("aws-native:")}
    missing = {short for short in kinds if f"`{short.rpartition(':')[2]}`" not in rows.replace(":", "`")}
    assert not missing
