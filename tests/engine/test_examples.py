"""Every example on the real engine: made, left alone, taken away, and what it shows is there."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import guard
from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.conftest import ROOT

from .conftest import NETWORK, MakeStack, left

EXAMPLES = ROOT / "examples"
# The policy pack is no project: test_policy_examples.py runs it.
PROJECTS = sorted(folder.name for folder in EXAMPLES.iterdir() if (folder / "Pulumi.yaml").exists())


@dataclass
class Network:
    """A network that is there before the examples: what a user's configuration would name."""

    vpc: str
    subnet: str
    prefix_list: str
    group: str


@pytest.fixture(scope="module")
def network(cloud: Cloud) -> Iterator[Network]:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    ipv6 = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.20.1.0/24", Ipv6CidrBlock=ipv6)["Subnet"]
    entries = [{"Cidr": "198.51.100.0/24", "Description": "office"}]
    prefix_list = ec2.create_managed_prefix_list(
        PrefixListName="office", AddressFamily="IPv4", MaxEntries=5, Entries=entries
    )["PrefixList"]["PrefixListId"]
    group = ec2.create_security_group(GroupName="runners", Description="CI", VpcId=vpc["VpcId"])["GroupId"]
    yield Network(vpc["VpcId"], subnet["SubnetId"], prefix_list, group)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_managed_prefix_list(PrefixListId=prefix_list)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])


def run(make_stack: MakeStack, cloud: Cloud, name: str, config: dict[str, Any], **options: Any) -> Stack:
    """Made, and left alone by a second run."""
    stack = make_stack(EXAMPLES / name, config, **options)
    assert set(stack.up().check().changes) == {"create"}
    assert stack.up().check().changes == {}
    return stack


def document(cloud: Cloud, stack: Stack, host: str) -> dict[str, Any]:
    (name,) = [each["id"] for each in stack.resources() if each["urn"].endswith(f"::{host}-configuration")]
    parameter = cloud.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return json.loads(parameter["Value"])


# --- Each of them ----------------------------------------------------------------------------------------------------


def test_every_example_is_in_the_index_and_says_what_it_is() -> None:
    index = (EXAMPLES / "README.md").read_text()
    for folder in sorted(each.name for each in EXAMPLES.iterdir() if each.is_dir()):
        assert f"]({folder}/" in index, folder
    for program in EXAMPLES.glob("*/__main__.py"):
        assert program.read_text().startswith('"""'), program
    for name in re.findall(r"\]\(([^)]+)\)", index):
        assert (EXAMPLES / name).exists(), name
    assert "cost money" in index


@pytest.mark.parametrize("name", [name for name in PROJECTS if name != "yaml"])
def test_a_project_declares_the_configuration_that_its_program_reads(name: str) -> None:
    settings = yaml.safe_load((EXAMPLES / name / "Pulumi.yaml").read_text())
    assert settings["name"] == name
    assert "plugins" not in settings
    program = (EXAMPLES / name / "__main__.py").read_text()
    read = re.findall(r"config\.(?:get|require)\w*\(\"(\w+)\"\)", program)
    assert set(read) == set(settings["config"])
    for key, declared in settings["config"].items():
        assert declared["description"], key


def test_quickstart(make_stack: MakeStack, cloud: Cloud) -> None:
    stack = run(make_stack, cloud, "quickstart", {})
    assert "endpoint" not in stack.outputs(), "local is the default"


def test_existing_vpc(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    config = {
        "vpcId": network.vpc,
        "subnetId": network.subnet,
        "officePrefixListId": network.prefix_list,
        "runnersSecurityGroupId": network.group,
        "protect": True,
    }
    stack = run(make_stack, cloud, "existing-vpc", config)
    outputs = stack.outputs()
    assert outputs["endpoint"] == f"tcp://{outputs['public_ip']}:2376"
    told = document(cloud, stack, "build")
    assert told["trusted"] == ["203.0.113.0/24", "198.51.100.0/24", "10.20.0.0/16"]
    assert told["daemon"]["registry-mirrors"] == ["https://mirror.example.com"]
    assert told["daemon"]["log-opts"]["max-size"] == "50m"
    # A caller's group is named and not edited.
    rules = cloud.client("ec2").describe_security_groups(GroupIds=[network.group])["SecurityGroups"][0]
    assert rules["IpPermissions"] == []

    volumes = cloud.client("ec2").describe_volumes()["Volumes"]
    assert {volume["Size"] for volume in volumes} == {20, 200}
    for volume in volumes:
        assert volume["Encrypted"]
        assert {"Key": "team", "Value": "platform"} in volume["Tags"]

    refused = stack.destroy()
    assert refused.exit_code != 0
    assert "protected" in refused.text
    assert stack.up().check().changes == {}, "nothing was taken away"
    stack.configure({**config, "protect": False})
    stack.up().check()
    stack.destroy().check()


def test_private(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    stack = run(make_stack, cloud, "private", {"subnetId": network.subnet})
    kinds = {each["type"] for each in stack.resources()}
    assert not [kind for kind in kinds if kind.startswith("tls:") or "Ingress" in kind]
    told = document(cloud, stack, "private")
    assert (told["listen"], told["trusted"]) == ([], [])


def test_tunnel(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    stack = run(make_stack, cloud, "tunnel", {"subnetId": network.subnet})
    assert not [each["urn"] for each in stack.resources() if "Ingress" in each["type"]]
    ids = {each["type"]: each["id"] for each in stack.resources() if each.get("id")}
    group = ids["aws:ec2/securityGroup:SecurityGroup"]
    told = cloud.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert told["IpPermissions"] == []
    assert {(each["FromPort"], each["ToPort"]) for each in told["IpPermissionsEgress"]} == {
        (443, 443),
        (80, 80),
    }

    written = document(cloud, stack, "build")
    assert (written["listen"], written["trusted"], written["tunnel"]) == ([], [], True)
    outputs = stack.outputs()
    assert outputs["endpoint"] == "tcp://127.0.0.1:2376"
    assert "public_ip" not in outputs
    policy = cloud.client("iam").get_role_policy(
        RoleName=ids["aws:iam/role:Role"], PolicyName=ids["aws:iam/rolePolicy:RolePolicy"].split(":")[1]
    )["PolicyDocument"]
    allowed = (policy if isinstance(policy, dict) else json.loads(policy))["Statement"]
    assert [each["Action"] for each in allowed if "ssmmessages:OpenDataChannel" in each["Action"]] == [
        [
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ]
    ]
    assert [each["Action"] for each in allowed if each["Resource"] != "*"] == [
        "ssm:GetParameter",
        "ssm:PutParameter",
    ]


def test_several_clients(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    stack = run(make_stack, cloud, "several-clients", {"subnetId": network.subnet})
    assert set(stack.outputs()["client_key_materials"]) == {"alice", "bob", "ci"}
    stack.configure({"subnetId": network.subnet, "clients": ["alice", "ci"]})
    assert stack.up().check().changes == {"delete": 5, "update": 1}


def test_fleet(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    hosts = {"x86": "m7i.large", "arm": "m7g.large"}

    def config(**names: str) -> dict[str, Any]:
        return {"subnetIds": [network.subnet], "hosts": names}

    stack = run(make_stack, cloud, "fleet", config(**hosts))
    before, resources = stack.outputs(), names_and_ids(stack)
    assert set(before["endpoints"]) == {"x86", "arm"}

    # One more: its own resources, and nothing else.
    stack.configure(config(**hosts, spare="m7i.large"))
    assert set(stack.up().check().changes) == {"create"}
    grown = names_and_ids(stack)
    assert resources.items() <= grown.items()
    assert {name for name in grown.keys() - resources.keys() if not name.startswith("ci-spare-")} == set()

    # Another type: the machine alone, on the same interface, with the same certificate.
    stack.configure(config(**{**hosts, "x86": "m7i.xlarge"}, spare="m7i.large"))
    stack.up().check()
    other = names_and_ids(stack)
    changed = {name for name in grown if grown[name] != other[name]}
    assert changed <= {"ci-x86-instance", "ci-x86-data-attachment"}
    assert stack.outputs()["endpoints"]["x86"] == before["endpoints"]["x86"]

    # One less: its own resources, and nothing else.
    stack.configure(config(arm="m7g.large", spare="m7i.large"))
    assert set(stack.up().check().changes) == {"delete"}
    after = stack.outputs()
    assert names_and_ids(stack).items() <= other.items()
    assert after["endpoints"]["arm"] == before["endpoints"]["arm"]
    assert [after[each] for each in ("ca_material", "cert_material", "key_material")] == [
        before[each] for each in ("ca_material", "cert_material", "key_material")
    ]


def test_swarm(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    def config(*workers: str) -> dict[str, Any]:
        return {"subnetIds": [network.subnet], "workers": dict.fromkeys(workers, "m7g.large")}

    stack = run(make_stack, cloud, "swarm", config("one", "two"))
    outputs = stack.outputs()
    managers = {"manager-a", "manager-b", "manager-c"}
    assert set(outputs["manager_endpoints"]) == managers
    assert outputs["endpoint"] == outputs["manager_endpoints"]["manager-a"]
    told = document(cloud, stack, "production-one")["swarm"]
    assert set(told["members"]) == {*managers, "one", "two"}
    assert set(told["tokens"]) == {"worker"}

    # A member more: its own resources, and the others hear of it without being replaced.
    before = names_and_ids(stack)
    stack.configure(config("one", "two", "three"))
    assert stack.up().check().changes.keys() == {"create", "update"}
    after = names_and_ids(stack)
    assert before.items() <= after.items()
    assert {
        name for name in after.keys() - before.keys() if not name.startswith("production-three-")
    } == set()
    assert "three" in document(cloud, stack, "production-manager-a")["swarm"]["members"]


def names_and_ids(stack: Stack) -> dict[str, str]:
    return {each["urn"].rsplit("::", 1)[-1]: each.get("id", "") for each in stack.resources()}


def test_own_component(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    stack = run(make_stack, cloud, "own-component", {"subnetId": network.subnet, "clients": ["alice"]})
    told = document(cloud, stack, "payments-host")
    assert told["trusted"] == ["10.0.0.0/8", "2001:db8:7::/48"]
    assert len(told["listen"]) == 2, "an IPv4 and an IPv6 address"
    assert told["daemon"]["default-ulimits"]["nofile"]["Hard"] == 8192
    host = next(each for each in stack.resources() if each["type"] == "aws-docker:index:DockerHost")
    assert host["parent"].endswith("::payments")


def test_stack_reference(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    exports = {"vpc_id": network.vpc, "subnet_id": network.subnet}
    other = make_stack(NETWORK, {**exports, "runner_cidrs": ["10.0.5.0/24"]}, project="network")
    other.up().check()
    stack = run(
        make_stack,
        cloud,
        "stack-reference",
        {"networkStack": "organization/network/local"},
        backend=other.backend,
    )
    assert document(cloud, stack, "build")["trusted"] == ["10.0.5.0/24"]
    sources = [each["urn"].rsplit("::", 1)[1] for each in stack.resources() if "Ingress" in each["type"]]
    assert sources == ["build-from-10.0.5.0-24"]

    # What the other stack says is judged too, and nothing is opened.
    other.configure({**exports, "runner_cidrs": ["0.0.0.0/0"]})
    other.up().check()
    refused = stack.up()
    assert refused.exit_code != 0
    assert "trusted_cidrs: '0.0.0.0/0' holds" in refused.text
    assert document(cloud, stack, "build")["trusted"] == ["10.0.5.0/24"]
    assert "Traceback" not in refused.text
    stack.configure({"networkStack": "organization/network/local"})


def test_a_program_that_connects_to_its_host_is_not_run_beside_the_lab(
    make_stack: MakeStack, tmp_path: Path
) -> None:
    # tests/host/test_ready.py runs it, where the host is.
    (tmp_path / "__main__.py").write_text("import pulumi_docker\n\npulumi_docker.Provider('remote')\n")
    config = {"trustedCidrs": ["10.0.5.0/24"]}
    for stack in (
        make_stack(EXAMPLES / "docker-provider", config),
        make_stack(EXAMPLES / "quickstart", {**config, "waitUntilReady": True}),
        make_stack(tmp_path),
    ):
        for run_it in (stack.up, lambda stack=stack: stack.start("up")):
            with pytest.raises(guard.OutsideTheLab, match="run it in a namespace"):
                run_it()
        assert stack.resources() == []


@pytest.mark.requires("pulumi-yaml")
def test_yaml(make_stack: MakeStack, cloud: Cloud, network: Network) -> None:
    stack = run(make_stack, cloud, "yaml", {"subnetId": network.subnet})
    outputs = stack.outputs()
    assert re.fullmatch(r"tcp://10\.20\.1\.\d+:2376", outputs["endpoint"])
    assert set(outputs["clientKeyMaterials"]) == {"alice", "ci"}
    assert stack.outputs(secrets=False)["clientKeyMaterials"] == "[secret]"
    told = document(cloud, stack, "build")
    assert told["trusted"] == ["10.0.5.0/24"]
    assert told["daemon"]["registry-mirrors"] == ["https://mirror.example.com"]


def test_nothing_is_left(cloud: Cloud, network: Network) -> None:
    assert left(cloud) == {"groups": [network.group]}
