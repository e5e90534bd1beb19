"""A cloud of mocks: what a DockerHost registers, read back by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

VPC = {"id": "vpc-0a1b2c3d", "cidrBlockAssociations": [{"cidrBlock": "172.31.0.0/16"}]}
SUBNET = {"id": "subnet-0a1b2c3d", "vpcId": "vpc-0a1b2c3d", "availabilityZone": "eu-central-1a"}


class Cloud(Mocks):
    def __init__(self) -> None:
        self.architectures = ["x86_64"]
        self.prefix_list = ["198.51.100.0/24"]

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {
            "aws:ec2/networkInterface:NetworkInterface": {
                "privateIp": "172.31.5.10",
                "privateDnsName": "ip-172-31-5-10.eu-central-1.compute.internal",
                "ipv6Addresses": ["2001:db8:31::5"] if args.inputs.get("ipv6AddressCount") else [],
            },
            "aws:ec2/eip:Eip": {"publicIp": "203.0.113.7", "publicDns": "ec2-203-0-113-7.example"},
            "tls:index/privateKey:PrivateKey": {"privateKeyPem": f"PRIVATE KEY of {args.name}\n"},
            "tls:index/selfSignedCert:SelfSignedCert": {"certPem": f"CERTIFICATE of {args.name}\n"},
            "tls:index/certRequest:CertRequest": {"certRequestPem": f"REQUEST of {args.name}\n"},
            "tls:index/locallySignedCert:LocallySignedCert": {
                "certPem": f"CERTIFICATE of {args.name}\n",
                "validityEndTime": "2027-11-24T00:00:00Z"
                if "server" in args.name
                else "2027-11-25T00:00:00Z",
            },
            "aws:ssm/parameter:Parameter": {"arn": "arn:aws:ssm:eu-central-1:123456789012:parameter/it"},
            "pulumi:index:Stash": {"output": args.inputs.get("input")},
        }
        return f"{args.name}-id", {"name": args.name, **args.inputs, **made.get(args.typ, {})}

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        answers: dict[str, dict[str, Any]] = {
            "aws:ec2/getVpc:getVpc": VPC,
            "aws:ec2/getSubnets:getSubnets": {"ids": ["subnet-9", SUBNET["id"]]},
            "aws:ec2/getSubnet:getSubnet": SUBNET,
            "aws:ec2/getInstanceType:getInstanceType": {"supportedArchitectures": self.architectures},
            "aws:ec2/getManagedPrefixList:getManagedPrefixList": {
                "entries": [{"cidr": cidr, "description": ""} for cidr in self.prefix_list]
            },
            "aws:ssm/getParameter:getParameter": {"insecureValue": f"ami of {args.args.get('name')}"},
        }
        return answers[args.token]


@dataclass
class Stack:
    """What a program registered, and what it said."""

    cloud: Cloud = field(default_factory=Cloud)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    types: dict[str, str] = field(default_factory=dict[str, str])
    urns: dict[str, str] = field(default_factory=dict[str, str])

    def run(self, program: Callable[[], Any]) -> Any:
        """Run the program, wait for all it registers, and return what it returns."""
        monitor = MockMonitor(self.cloud)
        pulumi.runtime.set_mocks(self.cloud, preview=False, monitor=monitor)

        result: list[Any] = []
        pulumi.runtime.test(lambda: result.append(program()))()
        for urn, registered in monitor.get_registered_resources().items():
            name = urn.rsplit("::", 1)[1]
            self.resources[name] = registered.state
            self.types[name] = urn.split("::")[-2].rsplit("$", 1)[-1]
            self.urns[name] = urn
        return result[0]

    def of_type(self, token: str) -> list[str]:
        return sorted(name for name, kind in self.types.items() if kind == token)


@pytest.fixture
def stack() -> Stack:
    return Stack()
