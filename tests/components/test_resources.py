"""Which resources a DockerHost is made of, with which inputs, and in which order they come to be."""

import base64
import gzip
import json
from typing import Any

import pytest

from .conftest import PARAMETER_ARN, STATUS_ARN, Stack, unknown

REMOTE = {"trusted_cidrs": ["10.0.5.0/24"]}
CERTIFICATE_ROLES = ("ca-key", "ca", "key", "request", "certificate")
LOCAL = {
    "build",
    "build-subnet",
    "build-image",
    "build-security-group",
    "build-egress-443-ipv4",
    "build-egress-443-ipv6",
    "build-egress-80-ipv4",
    "build-egress-80-ipv6",
    "build-interface",
    "build-configuration",
    "build-status",
    "build-role",
    "build-role-policy",
    "build-profile",
    "build-instance",
}


def document(stack: Stack) -> dict[str, Any]:
    return json.loads(stack["build-configuration"]["value"])


def user_data(stack: Stack) -> str:
    return gzip.decompress(base64.b64decode(stack["build-instance"]["userDataBase64"])).decode()


# --- Which resources -----------------------------------------------------------------------------------------------


def test_a_host_is_exactly_these_resources(stack: Stack) -> None:
    stack.host(REMOTE)
    assert set(stack.resources) == LOCAL | {
        "build-from-10.0.5.0-24",
        *(f"build-server-{role}" for role in CERTIFICATE_ROLES),
        *(f"build-client-default-{role}" for role in CERTIFICATE_ROLES),
    }


@pytest.mark.parametrize("args", [{}, {"trusted_cidrs": []}, {"trusted_cidrs": None}])
def test_without_a_trusted_source_nothing_listens_and_nothing_is_signed(
    stack: Stack, args: dict[str, Any]
) -> None:
    stack.host(args)
    assert set(stack.resources) == LOCAL
    assert document(stack)["listen"] == []
    assert document(stack)["trusted"] == []
    assert "server_key" not in document(stack)


def test_the_options_of_a_host_add_these_resources(stack: Stack) -> None:
    stack.host({"assign_public_ip": True, "data_volume_size": 50})
    assert set(stack.resources) == LOCAL | {
        "build-ip",
        "build-ip-association",
        "build-data",
        "build-data-attachment",
    }


def test_every_child_is_named_after_the_host_and_is_its_child(stack: Stack) -> None:
    stack.host({**REMOTE, "assign_public_ip": True, "data_volume_size": 50})
    assert stack.resources["build"].type == "aws-docker:index:DockerHost"
    for name, resource in stack.resources.items():
        if name != "build":
            assert name.startswith("build-")
            assert resource.parent == "build", name


def test_what_a_caller_gave_stands_in_no_input_of_the_component(stack: Stack) -> None:
    stack.host({**REMOTE, "tags": {"team": "platform"}})
    assert stack["build"] == {}


# --- Order ---------------------------------------------------------------------------------------------------------


def test_the_address_comes_before_the_certificate_and_the_certificate_before_the_instance(
    stack: Stack,
) -> None:
    stack.host({**REMOTE, "assign_public_ip": True})
    order = list(stack.resources)
    steps = [
        "build-security-group",
        "build-interface",
        "build-server-request",
        "build-server-certificate",
        "build-configuration",
        "build-role-policy",
        "build-instance",
    ]
    assert [name for name in order if name in steps] == steps
    assert {"build-interface", "build-ip"} <= stack.resources["build-server-request"].depends_on


def test_the_instance_waits_for_all_it_needs_when_it_boots(stack: Stack) -> None:
    stack.host({**REMOTE, "assign_public_ip": True, "data_volume_size": 50})
    assert stack.resources["build-instance"].depends_on >= {
        "build-interface",
        "build-ip-association",
        "build-egress-443-ipv4",
        "build-egress-80-ipv4",
        "build-egress-443-ipv6",
        "build-egress-80-ipv6",
        "build-configuration",
        "build-role-policy",
        "build-profile",
        "build-data",
    }


def test_the_old_instance_ends_before_a_new_one_takes_its_interface_and_volume(stack: Stack) -> None:
    stack.host({**REMOTE, "data_volume_size": 50})
    for name in ("build-instance", "build-data-attachment"):
        assert stack.resources[name].request.deleteBeforeReplace, name


# --- The instance --------------------------------------------------------------------------------------------------


def test_the_instance_is_hardened(stack: Stack) -> None:
    stack.host(REMOTE)
    instance = stack["build-instance"]
    assert instance["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
        "instanceMetadataTags": "disabled",
    }
    assert instance["rootBlockDevice"]["encrypted"] is True
    assert instance["rootBlockDevice"]["volumeType"] == "gp3"
    assert instance["rootBlockDevice"]["volumeSize"] == 20
    assert instance["userDataReplaceOnChange"] is True
    for absent in ("keyName", "subnetId", "vpcSecurityGroupIds", "associatePublicIpAddress"):
        assert absent not in instance
    assert instance["primaryNetworkInterface"] == {"networkInterfaceId": "build-interface-id"}
    assert instance["iamInstanceProfile"] == "build-profile"
    assert instance["instanceType"] == "t3.medium"


def test_the_arguments_about_size_and_keys_reach_the_volumes_and_the_parameter(stack: Stack) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/0d990263-7a3c-4d0c-a1a0-3e7e2a9d7e6a"
    stack.host(
        {
            **REMOTE,
            "instance_type": "m7i.xlarge",
            "root_volume_size": 40.0,  # as numbers come from other languages
            "data_volume_size": 100.0,
            "kms_key_id": key,
        }
    )
    assert stack["build-instance"]["instanceType"] == "m7i.xlarge"
    assert stack["build-instance"]["rootBlockDevice"]["volumeSize"] == 40
    assert stack["build-instance"]["rootBlockDevice"]["kmsKeyId"] == key
    assert stack["build-configuration"]["keyId"] == key
    volume = stack["build-data"]
    assert (volume["size"], volume["type"], volume["encrypted"], volume["kmsKeyId"]) == (
        100,
        "gp3",
        True,
        key,
    )
    assert volume["availabilityZone"] == "eu-central-1a"


def test_a_data_volume_is_attached_and_named_to_the_host(stack: Stack) -> None:
    stack.host({"data_volume_size": 100})
    attachment = stack["build-data-attachment"]
    assert attachment["volumeId"] == "build-data-id"
    assert attachment["instanceId"] == "build-instance-id"
    assert attachment["stopInstanceBeforeDetaching"] is True
    assert '"volume": "build-data-id"' in user_data(stack)


# --- Image ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os", "architecture", "parameter"),
    [
        ("amazon-linux-2023", "x86_64", "ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"),
        ("amazon-linux-2023", "arm64", "ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"),
        ("ubuntu-24.04", "x86_64", "canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"),
        ("ubuntu-24.04", "arm64", "canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"),
        ("debian-12", "x86_64", "debian/release/12/latest/amd64"),
        ("debian-12", "arm64", "debian/release/12/latest/arm64"),
        ("debian-13", "x86_64", "debian/release/13/latest/amd64"),
        ("debian-13", "arm64", "debian/release/13/latest/arm64"),
    ],
)
def test_the_image_is_the_publishers_newest_for_the_instance_types_architecture(
    stack: Stack, os: str, architecture: str, parameter: str
) -> None:
    # x86_64 types of the older generations also list i386.
    stack.cloud.architectures = ["i386", "x86_64"] if architecture == "x86_64" else ["arm64"]
    stack.host({"os": os})
    assert stack["build-instance"]["ami"] == f"ami of /aws/service/{parameter}"
    assert f'"install": {json.dumps(_install(os))}' in user_data(stack)


def _install(os: str) -> Any:
    from aws_docker.host.systems import SYSTEMS, OperatingSystem

    return SYSTEMS[OperatingSystem(os)].install


def test_amazon_linux_is_the_default(stack: Stack) -> None:
    stack.host({})
    assert "al2023" in stack["build-instance"]["ami"]


def test_the_image_is_kept_until_system_or_architecture_change(stack: Stack) -> None:
    stack.host({"os": "debian-12"})
    image = stack.resources["build-image"]
    assert image.type == "pulumi:index:Stash"
    assert image.request.replacement_trigger.string_value == "debian-12 amd64"


def test_an_image_of_the_callers_is_taken_as_it_is(stack: Stack) -> None:
    stack.host({"ami_id": "ami-0123456789abcdef0"})
    assert stack["build-instance"]["ami"] == "ami-0123456789abcdef0"
    assert "build-image" not in stack.resources
    assert not [call for call in stack.invoked if "Parameter" in call.token or "InstanceType" in call.token]


# --- Network -------------------------------------------------------------------------------------------------------


def _filters(stack: Stack) -> list[Any]:
    (call,) = [call for call in stack.invoked if call.token.endswith(":getSubnets")]
    return call.arguments["filters"]


def test_a_host_stands_in_the_default_vpc_unless_told_otherwise(stack: Stack) -> None:
    stack.host({})
    assert {"default": True} in [call.arguments for call in stack.invoked]
    assert _filters(stack) == [
        {"name": "vpc-id", "values": ["vpc-0a1b2c3d"]},
        {"name": "default-for-az", "values": ["true"]},
    ]
    # Always the same one of several, and kept.
    assert stack["build-interface"]["subnetId"] == "subnet-0a1b2c3d"
    assert stack.resources["build-subnet"].type == "pulumi:index:Stash"


def test_a_vpc_without_a_subnet_means_any_of_its_subnets(stack: Stack) -> None:
    stack.host({"vpc_id": "vpc-0a1b2c3d"})
    assert _filters(stack) == [{"name": "vpc-id", "values": ["vpc-0a1b2c3d"]}]
    assert stack["build-security-group"]["vpcId"] == "vpc-0a1b2c3d"


def test_a_subnet_is_taken_as_it_is(stack: Stack) -> None:
    stack.host({"subnet_id": "subnet-5", "vpc_id": "vpc-0a1b2c3d"})
    assert stack["build-interface"]["subnetId"] == "subnet-5"
    assert "build-subnet" not in stack.resources


def test_the_interface_has_the_hosts_group_alone(stack: Stack) -> None:
    stack.host({**REMOTE, "trusted_security_group_ids": ["sg-0123456789abcdef0"]})
    assert stack["build-interface"]["securityGroups"] == ["build-security-group-id"]
    assert "ipv6AddressCount" not in stack["build-interface"]


def test_ipv6_sources_give_the_interface_an_ipv6_address(stack: Stack) -> None:
    stack.host({"trusted_cidrs": ["10.0.5.0/24", "2001:db8:7::/48"]})
    assert stack["build-interface"]["ipv6AddressCount"] == 1
    assert document(stack)["listen"] == ["172.31.5.10", "2001:db8:31::5"]


def test_ipv6_sources_alone_leave_the_ipv4_address_closed(stack: Stack) -> None:
    stack.host({"trusted_cidrs": ["2001:db8:7::/48"]})
    assert document(stack)["listen"] == ["2001:db8:31::5"]
    assert stack.outputs()["endpoint"] == "tcp://[2001:db8:31::5]:2376"


def test_an_elastic_ip_belongs_to_the_interface(stack: Stack) -> None:
    stack.host({**REMOTE, "assign_public_ip": True})
    assert stack["build-ip"]["domain"] == "vpc"
    association = stack["build-ip-association"]
    assert association["networkInterfaceId"] == "build-interface-id"
    assert "instanceId" not in association


# --- What the host is told -----------------------------------------------------------------------------------------


def test_the_document_says_whom_the_host_serves(stack: Stack) -> None:
    stack.host({**REMOTE, "clients": ["alice", "bob"]})
    told = document(stack)
    assert told["listen"] == ["172.31.5.10"]
    assert told["trusted"] == ["10.0.5.0/24"]
    assert told["server_key"] == "PRIVATE KEY of build-server-key\n"
    assert told["server_certificate"] == "CERTIFICATE of build-server-certificate\n"
    assert told["client_authorities"] == [
        "CERTIFICATE of build-client-alice-ca\n",
        "CERTIFICATE of build-client-bob-ca\n",
    ]
    text = stack["build-configuration"]["value"]
    assert text.count("PRIVATE KEY") == 1, "neither clients' keys nor CAs' keys reach the host"


def test_daemon_options_are_merged_over_the_hardened_defaults(stack: Stack) -> None:
    stack.host({"daemon_options": {"registry-mirrors": ["https://mirror.example.com"], "icc": True}})
    daemon = document(stack)["daemon"]
    assert daemon["registry-mirrors"] == ["https://mirror.example.com"]
    assert daemon["icc"] is True
    assert daemon["no-new-privileges"] is True


def test_container_networks_keep_clear_of_the_vpc_and_of_trusted_sources(stack: Stack) -> None:
    stack.host({"trusted_cidrs": ["172.17.0.0/16", "172.18.0.0/16"]})
    daemon = document(stack)["daemon"]
    used = json.dumps([daemon["bip"], daemon["default-address-pools"]])
    for network in ("172.17.", "172.18.", "172.31."):
        assert network not in used


def test_the_parameter_is_a_secure_string(stack: Stack) -> None:
    stack.host(REMOTE)
    parameter = stack["build-configuration"]
    assert parameter["type"] == "SecureString"
    assert parameter["tier"] == "Intelligent-Tiering"
    assert "value" in stack.resources["build-configuration"].secrets
    assert parameter["keyId"] == "alias/aws/ssm", "not said, a key that is taken away would stay"


def test_user_data_names_the_parameter_and_holds_no_key(stack: Stack) -> None:
    stack.host(REMOTE)
    text = user_data(stack)
    assert '"parameter": "build-configuration"' in text
    assert "PRIVATE KEY" not in text
    assert "10.0.5.0" not in text, "a change of sources must not replace the host"


def test_delivery_in_user_data_needs_no_role_and_stays_secret(stack: Stack) -> None:
    stack.host({**REMOTE, "key_delivery": "user-data"})
    for gone in ("build-configuration", "build-status", "build-role", "build-role-policy", "build-profile"):
        assert gone not in stack.resources
    assert "iamInstanceProfile" not in stack["build-instance"]
    assert "PRIVATE KEY of build-server-key" in user_data(stack)
    assert "userDataBase64" in stack.resources["build-instance"].secrets


# --- The role ------------------------------------------------------------------------------------------------------


SESSION_MANAGER = {
    "Effect": "Allow",
    "Action": [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ],
    "Resource": "*",
}
READ_ITS_PARAMETER = {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": PARAMETER_ARN}
WRITE_ITS_STATUS = {"Effect": "Allow", "Action": "ssm:PutParameter", "Resource": STATUS_ARN}


def test_the_role_may_read_its_own_parameter_write_its_status_and_nothing_else(stack: Stack) -> None:
    stack.host(REMOTE)
    assert json.loads(stack["build-role"]["assumeRolePolicy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    assert stack["build-role-policy"]["role"] == "build-role"
    assert json.loads(stack["build-role-policy"]["policy"]) == {
        "Version": "2012-10-17",
        "Statement": [READ_ITS_PARAMETER, WRITE_ITS_STATUS, SESSION_MANAGER],
    }
    assert "managedPolicyArns" not in stack["build-role"]
    assert stack["build-profile"]["role"] == "build-role"


def test_with_a_key_of_the_callers_the_role_may_decrypt_that_parameter_only(stack: Stack) -> None:
    key = "arn:aws:kms:eu-central-1:123456789012:key/0d990263-7a3c-4d0c-a1a0-3e7e2a9d7e6a"
    stack.host({**REMOTE, "kms_key_id": key})
    assert json.loads(stack["build-role-policy"]["policy"])["Statement"] == [
        READ_ITS_PARAMETER,
        WRITE_ITS_STATUS,
        SESSION_MANAGER,
        {
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": key,
            "Condition": {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": PARAMETER_ARN}},
        },
    ]


def test_the_host_writes_its_status_and_a_new_one_is_made_once(stack: Stack) -> None:
    stack.host(REMOTE)
    status = stack["build-status"]
    assert status["type"] == "String"
    assert json.loads(status["value"])["state"] == "pending"
    assert stack.resources["build-status"].request.ignoreChanges == ["value"], (
        "an `up` keeps what the host wrote"
    )
    assert '"status": "build-status"' in user_data(stack)


def test_a_host_keeps_the_container_networks_that_were_chosen_and_takes_the_users(stack: Stack) -> None:
    stack.host(REMOTE)
    assert document(stack)["chosen"] == ["bip", "default-address-pools"]


@pytest.mark.parametrize("bip", ["10.200.0.1/24", None])
def test_a_bridge_of_the_users_is_not_one_that_was_chosen(stack: Stack, bip: str | None) -> None:
    stack.host({**REMOTE, "daemon_options": {"bip": bip}})
    assert document(stack)["chosen"] == ["default-address-pools"]


# --- Outputs -------------------------------------------------------------------------------------------------------


def test_the_outputs_of_a_remote_host(stack: Stack) -> None:
    stack.host({**REMOTE, "clients": ["alice", "bob"]})
    assert stack.outputs() == {
        "endpoint": "tcp://172.31.5.10:2376",
        "ca_material": "CERTIFICATE of build-server-ca\n",
        "cert_material": "CERTIFICATE of build-client-alice-certificate\n",
        "key_material": "PRIVATE KEY of build-client-alice-key\n",
        "client_cert_materials": {
            "alice": "CERTIFICATE of build-client-alice-certificate\n",
            "bob": "CERTIFICATE of build-client-bob-certificate\n",
        },
        "client_key_materials": {
            "alice": "PRIVATE KEY of build-client-alice-key\n",
            "bob": "PRIVATE KEY of build-client-bob-key\n",
        },
        "private_ip": "172.31.5.10",
        "instance_id": "build-instance-id",
        "security_group_id": "build-security-group-id",
        # The server's, which ends a day before the clients'.
        "certificates_expire_at": "2027-11-24T00:00:00Z",
    }


def test_keys_are_secret_and_what_must_be_read_is_not(stack: Stack) -> None:
    stack.host(REMOTE)
    assert stack.secret_outputs() == {"key_material", "client_key_materials"}


def test_the_outputs_of_a_local_host(stack: Stack) -> None:
    stack.host({})
    assert stack.outputs() == {
        "client_cert_materials": {},
        "client_key_materials": {},
        "private_ip": "172.31.5.10",
        "instance_id": "build-instance-id",
        "security_group_id": "build-security-group-id",
    }


def test_clients_connect_to_the_elastic_ip_where_there_is_one(stack: Stack) -> None:
    stack.host({**REMOTE, "assign_public_ip": True})
    assert stack.outputs()["endpoint"] == "tcp://203.0.113.7:2376"
    assert stack.outputs()["public_ip"] == "203.0.113.7"
    assert document(stack)["listen"] == ["172.31.5.10"], "AWS translates the address: the host never has it"


def test_every_output_is_registered_under_the_name_it_has_in_python(stack: Stack) -> None:
    from aws_docker import DockerHost

    stack.host({**REMOTE, "assign_public_ip": True})
    assert set(stack.outputs()) == set(DockerHost.__annotations__)


# --- Previews ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argument",
    ["vpc_id", "subnet_id", "ami_id", "instance_type", "kms_key_id"],
)
def test_a_value_that_is_not_known_yet_can_be_any_text_argument(stack: Stack, argument: str) -> None:
    stack.preview = True
    stack.run(lambda: _host({**REMOTE, argument: unknown()}))
    assert "build-instance" in stack.resources


def test_lists_may_hold_values_that_are_not_known_yet(stack: Stack) -> None:
    stack.preview = True
    stack.run(
        lambda: _host(
            {
                "trusted_cidrs": ["10.0.5.0/24", unknown()],
                "trusted_prefix_list_ids": [unknown()],
                "trusted_security_group_ids": [unknown()],
                "additional_hostnames": [unknown()],
                "tags": {"team": unknown()},
            }
        )
    )
    assert {"build-instance", "build-from-10.0.5.0-24", "build-from-source-1"} <= set(stack.resources)


def _host(args: dict[str, Any]) -> Any:
    from aws_docker import DockerHost

    return DockerHost("build", args)  # type: ignore[arg-type]
