"""The root project on the real engine: made, left alone, changed in place, and taken away again.

The tests run in their order, on one stack: each starts from what the one before left.
"""

import base64
import gzip
import json
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from cryptography import x509

from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from tests.conftest import ROOT

from .conftest import MakeStack, left

CONFIG: dict[str, Any] = {
    "trustedCidrs": ["10.0.5.0/24"],
    "clients": ["alice", "bob"],
    "assignPublicIp": True,
}


@pytest.fixture(scope="module")
def stack(module_stacks: MakeStack) -> Stack:
    return module_stacks(config=CONFIG, project="pulumi-aws-docker")


@pytest.fixture
def ids(stack: Stack) -> dict[str, str]:
    """The physical ids of all resources, by name: what was replaced has another."""
    return ids_of(stack)


def ids_of(stack: Stack) -> dict[str, str]:
    return {each["urn"].rsplit("::", 1)[-1]: each.get("id", "") for each in stack.resources()}


def document(cloud: Cloud, stack: Stack) -> dict[str, Any]:
    name = ids_of(stack)["docker-configuration"]
    parameter = cloud.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    return json.loads(parameter["Value"])


def test_the_root_project_runs_this_program_and_knows_nothing_of_the_lab() -> None:
    text = (ROOT / "Pulumi.yaml").read_text()
    settings = yaml.safe_load(text)
    assert ROOT / settings["main"] == ROOT / "examples" / "quickstart"
    assert "plugins" not in settings
    assert "lab" not in text


def test_a_preview_of_a_new_stack_works_while_everything_is_unknown(stack: Stack, cloud: Cloud) -> None:
    before = left(cloud)
    previewed = stack.preview().check()
    assert set(previewed.changes) == {"create"}
    assert left(cloud) == before


def test_up_makes_a_host(stack: Stack, cloud: Cloud) -> None:
    made = stack.up().check()
    assert set(made.changes) == {"create"}
    ec2 = cloud.client("ec2")
    outputs = stack.outputs()
    instance = ec2.describe_instances(InstanceIds=[outputs["instance_id"]])["Reservations"][0]["Instances"][0]
    assert instance["State"]["Name"] == "running"
    assert instance["PrivateIpAddress"] == outputs["private_ip"]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    rules = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [outputs["security_group_id"]]}]
    )["SecurityGroupRules"]
    assert [
        (r["IpProtocol"], r["FromPort"], r["ToPort"], r.get("CidrIpv4")) for r in rules if not r["IsEgress"]
    ] == [("tcp", 2376, 2376, "10.0.5.0/24")]


def test_the_outputs_are_what_clients_need(stack: Stack) -> None:
    outputs = stack.outputs()
    assert outputs["endpoint"] == f"tcp://{outputs['public_ip']}:2376"
    assert set(outputs["client_cert_materials"]) == {"alice", "bob"} == set(outputs["client_key_materials"])
    assert outputs["cert_material"] == outputs["client_cert_materials"]["alice"]
    assert outputs["key_material"] == outputs["client_key_materials"]["alice"]
    context = ssl.create_default_context(cadata=outputs["ca_material"])
    assert context.get_ca_certs()
    # The provider writes local time with nanoseconds; what is put out is the certificate's own, in UTC.
    certificate = x509.load_pem_x509_certificate(outputs["cert_material"].encode())
    stated = datetime.strptime(outputs["certificates_expire_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(stated - certificate.not_valid_after_utc) < timedelta(minutes=1)


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    assert stack.up().check().changes == {}


def test_a_preview_of_what_is_there_changes_nothing(stack: Stack) -> None:
    assert stack.preview().check().changes == {}


def test_a_refresh_finds_nothing_changed(stack: Stack) -> None:
    assert stack.refresh().check().changes == {}


def test_what_the_host_writes_of_itself_is_no_change(stack: Stack, cloud: Cloud, ids: dict[str, str]) -> None:
    ssm = cloud.client("ssm")
    name = ids["docker-status"]
    assert json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])["state"] == "pending"
    said = '{"version":1,"state":"ready"}'
    ssm.put_parameter(Name=name, Value=said, Type="String", Overwrite=True)
    assert stack.up().check().changes == {}
    stack.refresh().check()
    assert stack.up().check().changes == {}
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == said


def test_no_key_stands_anywhere_in_plain_text(stack: Stack, cloud: Cloud) -> None:
    assert "PRIVATE KEY" in json.dumps(stack.outputs()), "else this test would find nothing anywhere"
    assert "PRIVATE KEY" in document(cloud, stack)["server_key"]
    assert "PRIVATE KEY" not in json.dumps(stack.export())
    files = [file for file in stack.folder.rglob("*") if file.is_file()]
    assert [file for file in files if "stacks" in file.parts], "the backend's own files are among them"
    for file in files:
        assert b"PRIVATE KEY" not in file.read_bytes(), file


def test_no_key_stands_in_the_instances_user_data(stack: Stack, cloud: Cloud) -> None:
    instance = stack.outputs()["instance_id"]
    attribute = cloud.client("ec2").describe_instance_attribute(InstanceId=instance, Attribute="userData")
    user_data = gzip.decompress(base64.b64decode(attribute["UserData"]["Value"])).decode()
    assert user_data.startswith("#cloud-config")
    assert "PRIVATE KEY" not in user_data


def test_a_source_that_changes_changes_its_rule_and_the_document_in_place(
    stack: Stack, cloud: Cloud, ids: dict[str, str]
) -> None:
    stack.configure({**CONFIG, "trustedCidrs": ["10.0.6.0/24"]})
    assert stack.up().check().changes == {"create": 1, "delete": 1, "update": 1}
    now = ids_of(stack)
    assert set(now) - set(ids) == {"docker-from-10.0.6.0-24"}
    assert set(ids) - set(now) == {"docker-from-10.0.5.0-24"}
    assert all(now[name] == identity for name, identity in ids.items() if name in now)
    assert document(cloud, stack)["trusted"] == ["10.0.6.0/24"]
    stack.configure(CONFIG)
    stack.up().check()


def test_another_source_leaves_the_rules_of_the_others_alone(stack: Stack, ids: dict[str, str]) -> None:
    stack.configure({**CONFIG, "trustedCidrs": ["10.0.4.0/24", *CONFIG["trustedCidrs"]]})
    assert stack.up().check().changes == {"create": 1, "update": 1}
    now = ids_of(stack)
    assert {name: now.get(name) for name in ids} == ids
    stack.configure(CONFIG)
    assert stack.up().check().changes == {"delete": 1, "update": 1}


def test_a_client_taken_away_touches_nothing_of_the_others(
    stack: Stack, cloud: Cloud, ids: dict[str, str]
) -> None:
    kept, before = stack.outputs(), document(cloud, stack)
    stack.configure({**CONFIG, "clients": ["alice"]})
    assert stack.up().check().changes == {"delete": 5, "update": 1}
    now = ids_of(stack)
    gone = set(ids) - set(now)
    assert len(gone) == 5
    assert all(name.startswith("docker-client-bob-") for name in gone)
    assert now == {name: identity for name, identity in ids.items() if name not in gone}
    assert stack.outputs()["key_material"] == kept["key_material"]
    after = document(cloud, stack)
    assert after.pop("client_authorities") == before.pop("client_authorities")[:1]
    assert after == before
    stack.configure(CONFIG)
    stack.up().check()


def test_a_newer_image_replaces_nothing(stack: Stack, cloud: Cloud) -> None:
    published = cloud.publish_image("al2023", "x86_64")
    image = cloud.client("ec2").describe_images(ImageIds=[published])["Images"][0]
    try:
        assert stack.up().check().changes == {}
    finally:
        cloud.client("ec2").deregister_image(ImageId=image["ImageId"])


def test_another_subnet_in_the_vpc_moves_nothing(stack: Stack, cloud: Cloud) -> None:
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    own = next(
        each["outputs"]["output"] for each in stack.resources() if each["urn"].endswith("::docker-subnet")
    )
    added: list[str] = []
    try:
        # The host took the first by name: add until one would come before it.
        for number in range(64):
            cidr = f"172.31.{200 + number // 16}.{number % 16 * 16}/28"
            added.append(ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"])
            if added[-1] < own:
                break
        assert stack.up().check().changes == {}
    finally:
        for subnet in added:
            ec2.delete_subnet(SubnetId=subnet)


def test_a_generation_renews_the_leaves_and_leaves_host_and_cas_alone(
    stack: Stack, cloud: Cloud, ids: dict[str, str]
) -> None:
    before = stack.outputs()
    stack.configure({**CONFIG, "certificateGeneration": 2})
    stack.up().check()
    now = ids_of(stack)
    renewed = {name for name in ids if now[name] != ids[name]}
    assert renewed == {
        f"docker-{leaf}-{part}"
        for leaf in ("server", "client-alice", "client-bob")
        for part in ("key", "request", "certificate")
    }
    after = stack.outputs()
    assert after["ca_material"] == before["ca_material"]
    assert after["key_material"] != before["key_material"]
    assert after["endpoint"] == before["endpoint"]
    assert stack.up().check().changes == {}


def test_another_system_replaces_the_host_and_keeps_its_address_and_clients(
    stack: Stack, cloud: Cloud, ids: dict[str, str]
) -> None:
    before = stack.outputs()
    cloud.publish_image("debian-12", "x86_64")
    stack.configure({**CONFIG, "certificateGeneration": 2, "os": "debian-12"})
    stack.up().check()
    after = stack.outputs()
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"instance_id"}
    now = ids_of(stack)
    assert {name for name in ids if now[name] != ids[name]} == {"docker-instance", "docker-image"}
    instance = cloud.client("ec2").describe_instances(InstanceIds=[after["instance_id"]])
    image = instance["Reservations"][0]["Instances"][0]["ImageId"]
    (found,) = cloud.client("ec2").describe_images(ImageIds=[image])["Images"]
    assert found["Name"] == "debian-12-x86_64-0001", "the newest of the new system"


def test_destroy_leaves_nothing(stack: Stack, cloud: Cloud) -> None:
    stack.destroy().check()
    assert stack.resources() == []
    assert left(cloud) == {}


def test_with_the_real_plugins_only_the_plugins_entry_is_missing(
    cloud: Cloud, make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = yaml.safe_load((make_stack(config=CONFIG).folder / "Pulumi.yaml").read_text())
    monkeypatch.setenv("LAB_PROVIDERS", "real")
    real = make_stack(config=CONFIG)
    settings = yaml.safe_load((real.folder / "Pulumi.yaml").read_text())
    assert {each["name"] for each in ours.pop("plugins")["providers"]} == {"aws", "tls"}
    assert settings == ours
    # And the real provider is told to ask moto instead of AWS.
    config = yaml.safe_load((real.folder / "Pulumi.local.yaml").read_text())["config"]
    assert config["aws:endpoints"][0]["ec2"] == cloud.endpoint
    assert config["aws:skipCredentialsValidation"] in (True, "true")
