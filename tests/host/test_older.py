"""The oldest engine and system (Debian 12: dockerd 20.10, Python 3.11, cloud-init 22.4) hold what the others hold.

One host, installed from the stock image at its first boot. Of the tests that the main system passes those run here
that an older engine, nftables or systemd could fail.
"""

from collections.abc import Iterator

import pytest

from lab.engine.cloud import Cloud
from lab.hosts import image, network
from tests.host.conftest import OPEN_DOCKER, Deployment, Host, load_busybox
from tests.host.test_clients import (  # noqa: F401
    test_a_client_with_its_certificate_is_served,
    test_docker_the_command_and_docker_py_get_on_with_the_certificates,
    test_dockerd_has_the_flags_that_it_is_judged_by,
    test_dockerd_listens_on_the_private_address_only,
    test_files_have_the_owners_and_modes_that_cis_asks_for,
    test_nobody_is_served_without_a_certificate,
    test_plain_http_gets_an_error_and_nothing_of_the_api,
    test_the_hardened_defaults_are_in_force,
)
from tests.host.test_firewall import (  # noqa: F401
    still_serving,
    test_a_container_does_not_reach_the_metadata_service,
    test_a_container_reaches_2376_by_no_address_of_the_host,
    test_a_damaged_table_is_back_at_once,
    test_iptables_flushed_leaves_the_table,
    unguarded,
)
from tests.host.test_images import wait_for_cloud_init


@pytest.fixture(scope="module")
def base() -> image.Image:
    return image.ensure(image.OLD, say=print)


@pytest.fixture(scope="module")
def deployment(cloud: Cloud, base: image.Image) -> Iterator[Deployment]:
    with network.Network() as wires:
        made = Deployment(cloud, wires, base)
        made.publish()
        yield made


@pytest.fixture(scope="module")
def host(deployment: Deployment) -> Iterator[Host]:
    with deployment.machine() as booted:
        booted.wait_ready()
        ready = Host(deployment, booted)
        load_busybox(ready)
        yield ready


def test_it_is_the_old_system(host: Host) -> None:
    wait_for_cloud_init(host)
    assert "VERSION_CODENAME=bookworm" in host.machine.read("/etc/os-release")
    assert host.machine.run(["docker", "version", "-f", "{{.Server.Version}}"]).stdout.startswith("20.10.")
    host.assert_valid(host.machine.around.cloud.user_data_text(host.machine.instance_id))


def test_a_new_document_comes_into_force(host: Host) -> None:
    deployment = host.deployment
    trusted, authorities = deployment.trusted, dict(deployment.client_cas)
    deployment.trusted = [*trusted, "10.0.6.0/24"]
    del deployment.client_cas["bob"]
    deployment.publish()
    assert host.sync() == ""
    host.machine.wait(lambda: host.ping("alice", deployment.wires.outside) == "200", "alice to be served", 60)
    assert host.ping("bob") != "200"
    deployment.trusted, deployment.client_cas = trusted, authorities
    deployment.publish()
    assert host.sync() == ""
    host.machine.wait(lambda: host.ping("bob") == "200", "bob to be served", 60)


def test_dockerd_does_not_start_with_a_drop_in_that_opens_it(host: Host) -> None:
    place = "/etc/systemd/system/docker.service.d/20-open.conf"
    host.machine.write(place, OPEN_DOCKER)
    host.machine.run(["systemctl", "daemon-reload"])
    assert not host.restart()
    host.assert_closed()
    host.machine.run(["rm", place])
    host.machine.run(["systemctl", "daemon-reload"])
    host.recover()


def test_a_reboot_changes_nothing(host: Host) -> None:
    rules = host.machine.run(["nft", "list", "table", "inet", "dockerhost"]).stdout
    host.machine.reboot()
    host.machine.wait(lambda: host.ping() == "200", "dockerd after a reboot", 60)
    assert host.machine.run(["nft", "list", "table", "inet", "dockerhost"]).stdout == rules
