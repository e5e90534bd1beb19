"""Ten stacks as teams build them that never think of Docker: silence, and one useful thing on each with a fault.

Written in the manner of public examples for AWS. What a preview does not know yet stands as unknown, as it would.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from aws_docker.policy import rules
from aws_docker.policy.testing import UNKNOWN, Resource, Violation, analyze, analyze_stack
from tests.policy.corpus import METADATA, NO_2375, NO_LISTENER, TRUSTED_ONLY, encoded

EXPOSURE = "docker-host-exposure"
WORLD = ["0.0.0.0/0"]
GROUP = "aws:ec2/securityGroup:SecurityGroup"


def _group(name: str, *ingress: Mapping[str, Any]) -> Resource:
    everything = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": WORLD}
    properties = {"id": UNKNOWN, "vpcId": UNKNOWN, "ingress": list(ingress), "egress": [everything]}
    return Resource(GROUP, name, properties, {"vpcId": ["vpc"]})


def _from(first: int, last: int, *cidrs: str, protocol: str = "tcp") -> dict[str, Any]:
    return {"protocol": protocol, "fromPort": first, "toPort": last, "cidrBlocks": list(cidrs)}


def _of_group(port: int) -> dict[str, Any]:
    return {"protocol": "tcp", "fromPort": port, "toPort": port, "securityGroups": [UNKNOWN]}


def _network() -> list[Resource]:
    return [
        Resource("aws:ec2/vpc:Vpc", "vpc", {"cidrBlock": "10.20.0.0/16", "enableDnsHostnames": True}),
        Resource("aws:ec2/internetGateway:InternetGateway", "igw", {"vpcId": UNKNOWN}),
        *(
            Resource(
                "aws:ec2/subnet:Subnet", f"subnet-{n}", {"vpcId": UNKNOWN, "cidrBlock": f"10.20.{n}.0/24"}
            )
            for n in range(3)
        ),
        Resource(
            "aws:ec2/route:Route",
            "out",
            {"routeTableId": UNKNOWN, "destinationCidrBlock": WORLD[0], "gatewayId": UNKNOWN},
        ),
    ]


def _balancer(port: int = 8080) -> list[Resource]:
    return [
        _group("alb", _from(80, 80, *WORLD), _from(443, 443, *WORLD)),
        Resource(
            "aws:lb/loadBalancer:LoadBalancer",
            "lb",
            {"loadBalancerType": "application", "securityGroups": [UNKNOWN], "subnets": [UNKNOWN, UNKNOWN]},
        ),
        Resource(
            "aws:lb/targetGroup:TargetGroup",
            "targets",
            {"port": port, "protocol": "HTTP", "vpcId": UNKNOWN, "targetType": "ip"},
        ),
        Resource(
            "aws:lb/listener:Listener",
            "https",
            {
                "loadBalancerArn": UNKNOWN,
                "port": 443,
                "protocol": "HTTPS",
                "defaultActions": [{"type": "forward", "targetGroupArn": UNKNOWN}],
            },
        ),
    ]


def _task(containers: Sequence[Mapping[str, Any]], **properties: Any) -> Resource:
    listed = {"containerDefinitions": json.dumps(list(containers)), "family": "app", "networkMode": "awsvpc"}
    return Resource("aws:ecs/taskDefinition:TaskDefinition", "task", {**listed, **properties})


def vpc(faulty: bool) -> list[Resource]:
    entry = {"protocol": "tcp", "action": "allow", "cidrBlock": WORLD[0]}
    answers = {**entry, "ruleNo": 120, "fromPort": 1024 if faulty else 32768, "toPort": 65535}
    return [
        *_network(),
        Resource("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "default", {"vpcId": UNKNOWN}),
        Resource("aws:ec2/natGateway:NatGateway", "nat", {"allocationId": UNKNOWN, "subnetId": UNKNOWN}),
        Resource(
            "aws:ec2/networkAcl:NetworkAcl",
            "public",
            {
                "vpcId": UNKNOWN,
                "ingress": [{**entry, "ruleNo": 100, "fromPort": 443, "toPort": 443}, answers],
                "egress": [
                    {
                        "protocol": "-1",
                        "action": "allow",
                        "ruleNo": 100,
                        "cidrBlock": WORLD[0],
                        "fromPort": 0,
                        "toPort": 0,
                    }
                ],
            },
        ),
        _group("endpoints", _from(443, 443, "10.20.0.0/16")),
        Resource(
            "aws:ec2/vpcEndpoint:VpcEndpoint",
            "ecr",
            {
                "vpcId": UNKNOWN,
                "serviceName": "com.amazonaws.eu-central-1.ecr.api",
                "securityGroupIds": [UNKNOWN],
            },
        ),
    ]


def ecs(faulty: bool) -> list[Resource]:
    web = {"name": "web", "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/web:1", "essential": True}
    containers = [{**web, "portMappings": [{"containerPort": 8080, "protocol": "tcp"}]}]
    settings: dict[str, Any] = {"requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    if faulty:
        mount = {"sourceVolume": "sock", "containerPath": "/var/run/docker.sock"}
        containers.append(
            {"name": "discovery", "image": "tecnativa/docker-socket-proxy", "mountPoints": [mount]}
        )
        volume = {"name": "sock", "hostPath": "/var/run/docker.sock"}
        settings = {"requiresCompatibilities": ["EC2"], "volumes": [volume], "networkMode": "host"}
    return [
        *_network(),
        *_balancer(),
        _group("service", _of_group(8080)),
        Resource("aws:ecs/cluster:Cluster", "cluster", {"name": "app"}),
        _task(containers, **settings),
        Resource(
            "aws:ecs/service:Service",
            "service-of-web",
            {
                "cluster": UNKNOWN,
                "taskDefinition": UNKNOWN,
                "desiredCount": 2,
                "loadBalancers": [{"containerName": "web", "containerPort": 8080, "targetGroupArn": UNKNOWN}],
            },
        ),
    ]


_NODE = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: apps
    apiServerEndpoint: https://example.com
    certificateAuthority: Y2VydGlmaWNhdGVBdXRob3JpdHk=
    cidr: 10.100.0.0/16
%s
--//--
"""
_OPENING = """
--//
Content-Type: text/x-shellscript

#!/bin/bash
yum install -y docker
dockerd -H unix:///var/run/docker.sock -H tcp://0.0.0.0:2376 &
"""


def eks(faulty: bool) -> list[Resource]:
    safe = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    document = encoded(_NODE % (_OPENING if faulty else ""))
    return [
        *_network(),
        _group("cluster", _from(443, 443, "10.20.0.0/16")),
        Resource(
            "aws:eks/cluster:Cluster",
            "apps",
            {"roleArn": UNKNOWN, "vpcConfig": {"subnetIds": [UNKNOWN, UNKNOWN]}},
        ),
        Resource(
            "aws:ec2/launchTemplate:LaunchTemplate",
            "nodes",
            {"userData": document, "metadataOptions": safe, "vpcSecurityGroupIds": [UNKNOWN]},
            {"vpcSecurityGroupIds": ["cluster"]},
        ),
        Resource(
            "aws:eks/nodeGroup:NodeGroup",
            "workers",
            {
                "clusterName": UNKNOWN,
                "nodeRoleArn": UNKNOWN,
                "subnetIds": [UNKNOWN, UNKNOWN],
                "launchTemplate": {"id": UNKNOWN, "version": "1"},
                "scalingConfig": {"desiredSize": 2, "maxSize": 4, "minSize": 1},
            },
        ),
    ]


def rds(faulty: bool) -> list[Resource]:
    rule = _from(0, 65535, "10.0.0.0/8") if faulty else _of_group(5432)
    return [
        *_network(),
        _group("app", _from(443, 443, *WORLD)),
        _group("database", rule),
        Resource("aws:rds/subnetGroup:SubnetGroup", "subnets", {"subnetIds": [UNKNOWN, UNKNOWN]}),
        Resource(
            "aws:rds/instance:Instance",
            "db",
            {
                "engine": "postgres",
                "instanceClass": "db.t4g.micro",
                "vpcSecurityGroupIds": [UNKNOWN],
                "port": 5432,
            },
        ),
    ]


def serverless(faulty: bool) -> list[Resource]:
    function = {"apiId": UNKNOWN, "integrationType": "AWS_PROXY", "integrationUri": UNKNOWN}
    builds = {
        "apiId": UNKNOWN,
        "integrationType": "HTTP_PROXY",
        "integrationMethod": "ANY",
        "integrationUri": f"http://builds.example.com{':2375' if faulty else ''}/{{proxy}}",
    }
    return [
        Resource("aws:iam/role:Role", "role", {"assumeRolePolicy": "{}"}),
        Resource(
            "aws:lambda/function:Function",
            "api",
            {"runtime": "python3.13", "handler": "a.b", "role": UNKNOWN},
        ),
        Resource("aws:apigatewayv2/api:Api", "http", {"protocolType": "HTTP"}),
        Resource("aws:apigatewayv2/integration:Integration", "function", function),
        Resource("aws:apigatewayv2/integration:Integration", "builds", builds),
        Resource("aws:apigatewayv2/route:Route", "route", {"apiId": UNKNOWN, "routeKey": "ANY /{proxy+}"}),
        Resource("aws:apigatewayv2/stage:Stage", "live", {"apiId": UNKNOWN, "autoDeploy": True}),
    ]


def static_site(faulty: bool) -> list[Resource]:
    bucket = {"domainName": UNKNOWN, "originId": "site", "originAccessControlId": UNKNOWN}
    preview = {
        "domainName": "preview.example.com",
        "originId": "preview",
        "customOriginConfig": {
            "httpPort": 2375 if faulty else 80,
            "httpsPort": 443,
            "originProtocolPolicy": "http-only" if faulty else "https-only",
            "originSslProtocols": ["TLSv1.2"],
        },
    }
    return [
        Resource("aws:s3/bucket:Bucket", "site", {"bucket": "site"}),
        Resource(
            "aws:acm/certificate:Certificate",
            "name",
            {"domainName": "example.com", "validationMethod": "DNS"},
        ),
        Resource(
            "aws:cloudfront/distribution:Distribution",
            "cdn",
            {
                "enabled": True,
                "origins": [bucket, preview],
                "viewerCertificate": {"acmCertificateArn": UNKNOWN},
                "restrictions": {"geoRestriction": {"restrictionType": "none"}},
                "defaultCacheBehavior": {
                    "allowedMethods": ["GET", "HEAD"],
                    "cachedMethods": ["GET", "HEAD"],
                    "targetOriginId": "site",
                    "viewerProtocolPolicy": "redirect-to-https",
                },
            },
        ),
        Resource("aws:route53/record:Record", "alias", {"name": "example.com", "type": "A", "zoneId": "Z1"}),
    ]


def bastion(faulty: bool) -> list[Resource]:
    document = "#!/bin/bash\nset -euo pipefail\ndnf -y update\ndnf -y install postgresql16 jq\n"
    if faulty:
        document += "dnf -y install docker\nDOCKER_OPTS='-H tcp://0.0.0.0:2376'\ndockerd $DOCKER_OPTS &\n"
    return [
        *_network(),
        _group("ssh", _from(22, 22, "203.0.113.0/24")),
        Resource(
            "aws:ec2/instance:Instance",
            "bastion",
            {
                "ami": UNKNOWN,
                "instanceType": "t4g.nano",
                "userData": document,
                "vpcSecurityGroupIds": [UNKNOWN],
                "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1},
            },
            {"vpcSecurityGroupIds": ["ssh"]},
        ),
        Resource("aws:ec2/eip:Eip", "address", {"instance": UNKNOWN, "domain": "vpc"}),
    ]


def autoscaling(faulty: bool) -> list[Resource]:
    document = "#!/bin/bash\nyum install -y nginx\nsystemctl enable --now nginx\n"
    if faulty:
        document = "#!/bin/bash\nyum install -y docker\nsystemctl enable --now docker\ndocker run -d -p 80:80 nginx\n"
    return [
        *_network(),
        *_balancer(80),
        _group("web", _of_group(80)),
        Resource(
            "aws:ec2/launchTemplate:LaunchTemplate",
            "web-server",
            {"imageId": UNKNOWN, "userData": encoded(document), "vpcSecurityGroupIds": [UNKNOWN]},
            {"vpcSecurityGroupIds": ["web"]},
        ),
        Resource(
            "aws:autoscaling/group:Group",
            "fleet",
            {"minSize": 2, "maxSize": 6, "launchTemplate": {"id": UNKNOWN, "version": "$Latest"}},
        ),
    ]


def opensearch(faulty: bool) -> list[Resource]:
    rule = _from(0, 0, "10.20.0.0/16", protocol="-1") if faulty else _from(443, 443, "10.20.0.0/16")
    return [
        *_network(),
        _group("search", rule),
        Resource(
            "aws:opensearch/domain:Domain",
            "logs",
            {
                "engineVersion": "OpenSearch_2.17",
                "vpcOptions": {"subnetIds": [UNKNOWN], "securityGroupIds": [UNKNOWN]},
            },
        ),
    ]


def msk(faulty: bool) -> list[Resource]:
    brokers = _from(2181 if faulty else 9092, 9198, "10.20.0.0/16")
    return [
        *_network(),
        _group("brokers", brokers),
        Resource(
            "aws:msk/cluster:Cluster",
            "events",
            {
                "kafkaVersion": "3.8.x",
                "numberOfBrokerNodes": 3,
                "brokerNodeGroupInfo": {
                    "clientSubnets": [UNKNOWN],
                    "instanceType": "kafka.m7g.large",
                    "securityGroups": [UNKNOWN],
                },
            },
        ),
    ]


class Ordinary(NamedTuple):
    stack: Callable[[bool], list[Resource]]
    at: str
    """The resource that the fault stands in."""
    policies: set[str]
    says: str


STACKS = [
    Ordinary(vpc, "public", {NO_2375, TRUSTED_ONLY}, "allows 0.0.0.0/0 a range of TCP ports with 2375 in it"),
    Ordinary(
        ecs, "task", {NO_LISTENER}, "containerDefinitions[1]: the Docker API is served on TCP port 2375"
    ),
    Ordinary(eks, "nodes", {NO_LISTENER}, "the Docker API is served on TCP port 2376, on every address"),
    Ordinary(rds, "database", {NO_2375, TRUSTED_ONLY}, "admits 10.0.0.0/8 to TCP 2375 (TCP 0 to 65535)"),
    Ordinary(serverless, "builds", {NO_2375}, "API Gateway forwards to TCP 2375"),
    Ordinary(static_site, "cdn", {NO_2375}, "CloudFront forwards to TCP 2375"),
    Ordinary(
        bastion, "bastion", {NO_LISTENER}, "the Docker API is served on TCP port 2376, on every address"
    ),
    Ordinary(autoscaling, "web-server", {METADATA}, "with more than 1, containers read the role's keys"),
    Ordinary(opensearch, "search", {NO_2375, TRUSTED_ONLY}, "admits 10.20.0.0/16 to TCP 2375 (all traffic)"),
    Ordinary(msk, "brokers", {NO_2375, TRUSTED_ONLY}, "admits 10.20.0.0/16 to TCP 2375 (TCP 2181 to 9198)"),
]


def _said(resources: Sequence[Resource]) -> list[tuple[str, Violation]]:
    """What all policies say of each resource and of the stack, with the resource's name."""
    said: list[tuple[str, Violation]] = []
    for each in resources:
        for violation in analyze(rules(), each.type, each.properties, name=each.name).violations:
            said.append((each.name, violation))
    for violation in analyze_stack(rules(), resources).violations:
        said.append((violation.urn.rpartition("::")[2], violation))
    return said


@pytest.mark.parametrize("ordinary", STACKS, ids=lambda each: each.stack.__name__)
def test_an_ordinary_stack_is_met_with_silence(ordinary: Ordinary) -> None:
    assert _said(ordinary.stack(False)) == []


@pytest.mark.parametrize("ordinary", STACKS, ids=lambda each: each.stack.__name__)
def test_its_fault_is_found_where_it_stands(ordinary: Ordinary) -> None:
    said = _said(ordinary.stack(True))
    assert {name for name, _ in said} == {ordinary.at}
    assert {violation.policy for _, violation in said} - {EXPOSURE} == ordinary.policies
    assert {violation.level for _, violation in said} == {"mandatory"}
    assert ordinary.says in "\n".join(violation.message for _, violation in said)
