"""What a host is told: parsed back, as cloud-init would."""

import gzip
import json
from typing import Any

import pytest
import yaml

from aws_docker.boot import own
from aws_docker.core.errors import InvalidInput
from aws_docker.host import userdata
from aws_docker.host.systems import OperatingSystem

EVERY_OS = sorted(each.value for each in OperatingSystem)

UPKEEP = f"{userdata.PROGRAM_PATH}-upkeep"


def files_of(text: str) -> dict[str, dict[str, Any]]:
    assert text.startswith("#cloud-config\n")
    return {entry["path"]: entry for entry in yaml.safe_load(text)["write_files"]}


@pytest.mark.parametrize("os", EVERY_OS)
def test_the_host_is_told_where_its_configuration_stands(os: str) -> None:
    written = files_of(userdata.user_data(os, parameter="build-configuration-1a2b3c4"))
    host = json.loads(written["/etc/dockerhost/host.json"]["content"])
    assert host["parameter"] == "build-configuration-1a2b3c4"
    assert [tool for tool, _ in host["install"]] == ["nft", "openssl", "dockerd"], (
        "the firewall comes before Docker"
    )
    agent = written["/usr/local/sbin/dockerhost"]
    assert own.is_agent(agent["content"])


@pytest.mark.parametrize("os", EVERY_OS)
def test_user_data_is_the_same_each_time(os: str) -> None:
    assert userdata.user_data(os, parameter="p", volume_id="vol-1") == userdata.user_data(
        os, parameter="p", volume_id="vol-1"
    )


@pytest.mark.parametrize("os", EVERY_OS)
def test_ec2_gets_it_compressed_and_the_same_each_time(os: str) -> None:
    text = userdata.user_data(os, parameter="p", document=None, volume_id="vol-1")
    sent = userdata.compressed(text)
    assert gzip.decompress(sent).decode() == text
    assert sent == userdata.compressed(text)
    assert len(sent) < len(text) / 2
    assert text.encode()[-200:] in sent, "no build of zlib decides about the part that differs between hosts"


def test_the_only_command_starts_the_strict_program() -> None:
    commands = yaml.safe_load(userdata.user_data("debian-12", parameter="p"))["runcmd"]
    assert commands == [
        ["systemctl", "enable", "--now", "dockerhost-bootstrap.service"],
        ["systemctl", "enable", "--now", "dockerhost-upkeep.timer"],
    ]


def test_what_runs_over_the_years_comes_where_the_document_does_not() -> None:
    """Beside the document it would take the room of three clients."""
    fetched = files_of(userdata.user_data("debian-12", parameter="p"))
    assert fetched[UPKEEP]["permissions"] == "0755"
    assert own.opens_nothing(fetched[UPKEEP]["content"])
    for kind in ("service", "timer"):
        assert f"/etc/systemd/system/dockerhost-upkeep.{kind}" in fetched
    delivered = userdata.user_data("debian-12", document="{}")
    assert "upkeep" not in delivered.removeprefix(userdata.part("agent"))


def test_a_document_in_user_data_is_for_root_only() -> None:
    text = userdata.configuration_document(daemon={"icc": False})
    entry = files_of(userdata.user_data("debian-12", document=text))[userdata.DOCUMENT_PATH]
    assert entry["permissions"] == "0400"
    assert json.loads(entry["content"]) == json.loads(text)


def test_a_local_document_holds_no_tls_material() -> None:
    assert set(json.loads(userdata.configuration_document(daemon={}))) == {
        "version",
        "listen",
        "trusted",
        "daemon",
    }


def test_user_data_over_the_limit_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"key_delivery.*16384.*Parameter Store"):
        userdata.user_data("debian-12", document=json.dumps({"daemon": "x" * 8000}))


def test_a_document_over_the_limit_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"clients.*8192"):
        userdata.configuration_document(
            daemon={}, listen=["10.0.5.10"], trusted=["10.0.5.0/24"], client_authorities=["x" * 600] * 14
        )
