"""A team's own policy pack: some of aws-docker's policies, configured in code, beside one that the team wrote.

`pulumi preview --policy-pack examples/policy-pack` runs it on any stack.
"""

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

from aws_docker.policy import (
    docker_2376_trusted_sources_only,
    docker_no_2375,
    docker_no_unauthenticated_listener,
)


def _has_team(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
    if args.resource_type == "aws:ec2/instance:Instance" and "team" not in (args.props.get("tags") or {}):
        report_violation("tag the instance with the team that answers for it", None)


PolicyPack(
    "acme-baseline",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        docker_no_2375,
        docker_no_unauthenticated_listener,
        docker_2376_trusted_sources_only,
        ResourceValidationPolicy(
            name="instances-have-a-team",
            description="Every instance names the team that answers for it.",
            validate=_has_team,
            enforcement_level=EnforcementLevel.ADVISORY,
        ),
    ],
    initial_config={
        "docker-2376-trusted-sources-only": {
            # Said again here: where it is left out, the engine takes a configured policy for advisory.
            "enforcementLevel": EnforcementLevel.MANDATORY,
            "trustedCidrs": ["203.0.113.0/24", "10.20.0.0/16"],
            "exemptions": [
                {
                    "urn": "*::legacy-builder*",
                    "reason": "moves behind the VPN, OPS-1234",
                    "expires": "2027-03-31",
                },
            ],
        },
    },
)
