from pulumi_policy import EnforcementLevel, PolicyPack

from aws_docker.policy import rules

PolicyPack("docker-exposure", enforcement_level=EnforcementLevel.MANDATORY, policies=rules())
