"""What a host is, decided from its name and arguments alone, without Pulumi."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest

import aws_docker
from aws_docker import DockerHostArgs, KeyAlgorithm, KeyDelivery
from aws_docker.core.errors import InvalidInput
from aws_docker.host import access, advice
from aws_docker.host.plan import HostPlan, plan
from aws_docker.host.systems import SYSTEMS, OperatingSystem

PURE = [
    "access",
    "advice",
    "container_networks",
    "daemon_json",
    "keys",
    "membership",
    "placement",
    "plan",
    "reading",
    "role",
]
PURE += ["published", "systems", "userdata"]


def warnings(**args: Any) -> list[str]:
    host = planned(**args)
    return advice.warnings(host.common, [host.machine])


def planned(**args: Any) -> HostPlan:
    return plan("build", args)


def test_what_is_decided_is_decided_without_any_sdk() -> None:
    package = Path(aws_docker.__file__).parent
    program = (
        "import importlib, sys, types\n"
        # The package's own door may load whatever it likes.
        f"door = types.ModuleType('aws_docker'); door.__path__ = [{str(package)!r}]; sys.modules['aws_docker'] = door\n"
        f"for name in {PURE!r}: importlib.import_module('aws_docker.host.' + name)\n"
        "print(*{name.split('.')[0] for name in sys.modules} & {'pulumi', 'pulumi_aws', 'pulumi_tls', 'boto3', 'rich'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_arguments_that_are_read_are_those_of_the_contract() -> None:
    with pytest.raises(InvalidInput) as refused:
        planned(xyzzy=1)
    _, _, read = str(refused.value).partition("the arguments are ")
    assert sorted(read.split(", ")) == sorted(DockerHostArgs.__annotations__)


def test_every_default_that_the_contract_states_holds() -> None:
    host = planned()
    common, certificates = host.common, host.common.certificates
    contract = (Path(aws_docker.__file__).parent / "host" / "arguments.py").read_text()
    stated = {
        name: default
        for name, text in re.findall(r'^    (\w+): NotRequired.*?\n    """(.*?)"""', contract, re.S | re.M)
        for default in re.findall(r"Default: `?(.*?)`?[.,;](?: |\n|$)", text)
    }
    # Where they are the account's, Pulumi looks them up.
    for elsewhere in ("vpc_id", "subnet_id", "subnet_ids", "ami_id", "kms_key_id"):
        del stated[elsewhere]
    assert stated == {
        "published_ports": "none: the security group keeps them closed",
        "clients": json.dumps(certificates.clients),
        "assign_public_ip": str(common.assign_public_ip),
        "os": {OperatingSystem.AMAZON_LINUX_2023: "Amazon Linux 2023"}[common.system.os],
        "instance_type": host.machine.instance_type,
        "root_volume_size": str(common.root_volume_size),
        "data_volume_size": str(common.data_volume_size).lower(),
        "key_algorithm": {KeyAlgorithm.ECDSA_P256: "ECDSA P-256"}[certificates.algorithm],
        "ca_validity_days": str(certificates.ca_validity_days),
        "ca_generations": str(list(certificates.ca_generations)),
        "certificate_validity_days": str(certificates.validity_days),
        "certificate_generation": str(certificates.generation),
        "renew_before_days": str(certificates.renew_before_days),
        "key_delivery": {KeyDelivery.PARAMETER_STORE: "Parameter Store"}[common.key_delivery],
        "prune_images_after_days": str(common.prune_images_after_days).lower(),
        "security_updates": {("*-*-* 03:00:00 UTC", 7200): "03:00-05:00"}[common.security_updates or ("", 0)],
        "allow_all_egress": str(common.allow_all_egress),
        "session_manager_tunnel": str(common.tunnel),
        "wait_until_ready": str(common.wait_until_ready),
        "swarm_managers": {(): "no Swarm"}[common.managers],
        "stop_when_idle_minutes": str(common.stop_when_idle_minutes).lower(),
        "spot": str(common.spot),
    }


@pytest.mark.parametrize(
    ("args", "remote"),
    [
        ({}, False),
        ({"trusted_cidrs": []}, False),
        ({"trusted_cidrs": ["10.0.5.0/24"]}, True),
        ({"trusted_prefix_list_ids": ["pl-01"]}, True),
        ({"trusted_security_group_ids": ["sg-01"]}, True),
        ({"trusted_prefix_list_ids": [], "trusted_security_group_ids": []}, False),
        # It may turn out to hold none, and is then refused.
        ({"trusted_cidrs": pulumi.Output.from_input(["10.0.5.0/24"])}, True),
    ],
)
def test_a_host_is_remote_when_it_has_a_source(args: dict[str, Any], remote: bool) -> None:
    assert planned(**args).common.sources.remote is remote


def test_every_operating_system_is_one_row() -> None:
    assert set(SYSTEMS) == set(OperatingSystem)
    for system in SYSTEMS.values():
        assert [tool for tool, _ in system.install] == ["nft", "openssl", "dockerd"]
        assert system.image_parameter.count("{}") == 1


def test_the_docs_say_which_engine_a_system_brings() -> None:
    page = (Path(__file__).parents[2] / "docs" / "daemon-options.md").read_text()
    stated = dict(re.findall(r"^\| `([a-z0-9.-]+)` \| ([0-9. to]+) \|$", page, re.M))
    assert stated == {system.os.value: str(system.engines) for system in SYSTEMS.values()}


def test_what_is_one_machines_own_is_apart_from_what_several_can_share() -> None:
    shared = planned(trusted_cidrs=["10.0.5.0/24"], tags={"team": "platform"}).common
    own = {"instance_type": "t4g.medium", "subnet_id": "subnet-01"}
    other = planned(trusted_cidrs=["10.0.5.0/24"], tags={"team": "platform"}, **own)
    assert other.common == shared
    assert other.machine.name == "build"


@pytest.mark.parametrize(
    ("trusted", "addresses", "endpoint"),
    [
        ([], [], None),
        (["10.0.5.0/24"], ["10.0.0.7"], "tcp://10.0.0.7:2376"),
        (["10.0.5.0/24", "fd00::/64"], ["10.0.0.7", "fd01::1", "fd01::2"], "tcp://10.0.0.7:2376"),
        (["fd00::/64"], ["fd01::1", "fd01::2"], "tcp://[fd01::1]:2376"),
    ],
)
def test_each_family_is_served_where_it_has_a_source(
    trusted: list[str], addresses: list[str], endpoint: str | None
) -> None:
    ipv6 = ["fd01::1", "fd01::2"]
    assert access.served(trusted=trusted, private_ip="10.0.0.7", ipv6=ipv6) == addresses
    assert access.endpoint(trusted=trusted, private_ip="10.0.0.7", public_ip=None, ipv6=ipv6) == endpoint


@pytest.mark.parametrize("os", list(OperatingSystem))
def test_a_local_host_that_nobody_can_log_in_to_is_said(os: OperatingSystem) -> None:
    said = " ".join(warnings(os=os))
    assert ("has no Session Manager agent" in said) is (not SYSTEMS[os].session_manager)
    assert "Session Manager" not in " ".join(warnings(os=os, ami_id="ami-01"))
    assert "Session Manager" not in " ".join(warnings(os=os, trusted_cidrs=["10.0.5.0/24"]))


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("Sat,Sun 22:00-02:00", ("Sat,Sun *-*-* 22:00:00 UTC", 4 * 3600)),
        ("Mon 00:00-00:15", ("Mon *-*-* 00:00:00 UTC", 900)),
        ("off", None),
    ],
)
def test_a_window_of_updates(window: str, expected: tuple[str, int] | None) -> None:
    assert planned(security_updates=window).common.security_updates == expected


def test_what_a_host_does_over_the_years_is_in_its_document() -> None:
    assert planned().common.upkeep == {"security_updates": ["*-*-* 03:00:00 UTC", 7200]}
    asked = planned(prune_images_after_days=7, security_updates="off", data_volume_size=100).common
    assert asked.upkeep == {"prune_images_after_days": 7}
    assert asked.docker_disk == 100 * 1024
    assert planned(key_delivery="user-data").common.upkeep is None
