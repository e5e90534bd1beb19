"""Changes in place: trusted sources, clients and certificates, as a new document in Parameter Store."""

from collections.abc import Iterator

import pytest

from lab.hosts import certs
from tests.host.conftest import Host


@pytest.fixture(autouse=True)
def as_before(host: Host) -> Iterator[None]:
    deployment = host.deployment
    before = (
        list(deployment.trusted),
        dict(deployment.client_cas),
        deployment.server,
        dict(deployment.daemon_options),
    )
    yield
    deployment.trusted, deployment.client_cas, deployment.server, deployment.daemon_options = before
    deployment.publish()
    assert host.sync() == ""
    host.assert_serving()


@pytest.fixture
def sleeper(host: Host) -> Iterator[str]:
    """A container that runs through all of it."""
    host.machine.run(["docker", "run", "-d", "--name", "sleeper", "busybox", "/bin/sleep", "1000"])
    yield "sleeper"
    host.machine.run(["docker", "rm", "-f", "sleeper"])


def started_at(host: Host, name: str) -> str:
    return host.machine.run(
        ["docker", "inspect", "-f", "{{.State.Running}} {{.State.StartedAt}}", name]
    ).stdout


def starts_of_docker(host: Host) -> int:
    """How often dockerd has started since the host booted."""
    said = host.machine.run(["journalctl", "-q", "-b", "-o", "cat", "-u", "docker.service", "_PID=1"]).stdout
    return sum(line.startswith("Started docker.service") for line in said.splitlines())


def daemon_pid(host: Host) -> str:
    return host.machine.run(["systemctl", "show", "-p", "MainPID", "docker.service"]).stdout


def test_another_trusted_network_needs_no_restart(host: Host) -> None:
    before = daemon_pid(host)
    host.deployment.trusted = ["10.0.5.0/24", "10.0.6.0/24"]
    host.deployment.publish()
    assert host.sync() == ""
    assert host.ping("alice", host.deployment.wires.outside) == "200"
    assert daemon_pid(host) == before
    host.deployment.trusted = ["10.0.6.0/24"]
    host.deployment.publish()
    assert host.sync() == ""
    assert host.ping("alice") == "timeout"
    assert daemon_pid(host) == before


def test_a_client_that_is_taken_away_is_refused_and_the_other_is_not(host: Host, sleeper: str) -> None:
    running = started_at(host, sleeper)
    del host.deployment.client_cas["bob"]
    host.deployment.publish()
    assert host.sync() == ""
    assert host.ping("bob") != "200"
    assert host.ping("alice") == "200"
    assert started_at(host, sleeper) == running


def test_a_renewed_certificate_is_served_and_containers_keep_running(host: Host, sleeper: str) -> None:
    running, starts = started_at(host, sleeper), starts_of_docker(host)
    host.deployment.server = host.deployment.new_server_certificate()
    host.deployment.publish()
    assert host.sync() == ""
    assert host.sync() == "", "it is asked every minute"
    host.assert_serving()
    assert host.machine.read("/etc/dockerhost/current/server.pem") == host.deployment.server.pem
    assert started_at(host, sleeper) == running
    assert starts_of_docker(host) == starts + 1
    # The old certificate of a client is good until its own end, and so is a new one of the same CA.
    renewed = certs.leaf(host.deployment.client_cas["alice"], [certs.CLIENT])
    assert [host.ping("alice"), host.ping(renewed)] == ["200", "200"]


def test_a_renewed_ca_overlaps_with_the_old_one(host: Host, sleeper: str) -> None:
    deployment, running = host.deployment, started_at(host, sleeper)
    old, new = (deployment.client_cas["alice"], certs.authority("alice CA 2"))
    late = certs.leaf(new, [certs.CLIENT])
    assert host.ping(late) != "200", "not trusted yet"

    def told(*generations: certs.Certificate) -> None:
        deployment.publish(deployment.document(client_authorities=[each.pem for each in generations]))
        assert host.sync() == ""

    told(old, new)
    assert [host.ping("alice"), host.ping(late)] == ["200", "200"]
    # The second run: the server's certificate is of the new CA as well.
    before = deployment.server_ca
    try:
        deployment.server_ca = certs.authority("server CA 2")
        deployment.server = deployment.new_server_certificate()
        told(new)
        assert host.ping(late) == "200"
        assert host.ping("alice") != "200"
        host.assert_nothing_open()
    finally:
        deployment.server_ca = before
        deployment.server = deployment.new_server_certificate()
    assert started_at(host, sleeper) == running


def test_other_daemon_options_take_effect(host: Host) -> None:
    host.deployment.daemon_options = {"debug": True}
    host.deployment.publish()
    assert host.sync() == ""
    assert host.machine.run(["docker", "info", "-f", "{{.Debug}}"]).stdout.strip() == "true"


@pytest.mark.parametrize(
    "fault", ["garbage", "no key", "an expired certificate", "another host's address", "a leaf as CA"]
)
def test_a_bad_document_leaves_the_good_one_in_force(host: Host, fault: str) -> None:
    deployment = host.deployment
    before = daemon_pid(host)
    alice = deployment.certificates["alice"]
    deployment.publish(
        {
            "garbage": lambda: "garbage",
            "no key": lambda: deployment.document(server_key=""),
            "an expired certificate": lambda: _with(
                deployment.document, deployment.new_server_certificate(starts=-3, days=1)
            ),
            "another host's address": lambda: deployment.document(listen=["10.9.9.9"]),
            "a leaf as CA": lambda: deployment.document(client_authorities=[alice.pem]),
        }[fault]()
    )
    assert host.sync() != ""
    host.assert_serving()
    assert daemon_pid(host) == before


def test_a_document_that_dockerd_does_not_start_with_is_put_back(host: Host) -> None:
    host.deployment.publish(host.deployment.document(daemon={"no-such-option": True}))
    assert host.sync() != ""
    host.machine.wait(lambda: host.ping() == "200", "the configuration before it", 30)
    assert "kept" in host.sync()
    host.assert_serving()
    # It is tried again once an hour.
    host.machine.run(["touch", "-d", "-61 minutes", "/run/dockerhost/rejected"])
    assert "no-such-option" in host.sync(), "in dockerd's own words"
    assert "kept" in host.sync()
    host.machine.wait(lambda: host.ping() == "200", "the configuration before it", 30)


def test_a_start_of_dockerd_that_fails_once_is_tried_again(host: Host) -> None:
    # As where a container ends while dockerd looks for those that it left running.
    once = "[Service]\nExecStartPre=/bin/sh -c 'test -e /root/failed-once || { touch /root/failed-once; exit 1; }'\n"
    host.machine.write("/etc/systemd/system/docker.service.d/05-once.conf", once)
    try:
        host.deployment.daemon_options = {"debug": True}
        host.deployment.publish()
        assert host.sync() == ""
        assert host.machine.run(["test", "-e", "/root/failed-once"], check=False).returncode == 0
        host.assert_serving()
    finally:
        host.machine.run(
            ["rm", "-f", "/etc/systemd/system/docker.service.d/05-once.conf", "/root/failed-once"]
        )
        host.machine.run(["systemctl", "daemon-reload"])


def test_the_last_trusted_source_takes_the_listener_along(host: Host, sleeper: str) -> None:
    running = started_at(host, sleeper)
    host.deployment.trusted = []
    host.deployment.publish()
    assert host.sync() == ""
    host.assert_closed()
    assert host.port(2376, host.machine.namespace) != "open"
    assert host.machine.run(["docker", "version", "-f", "{{.Server.Version}}"]).stdout
    assert "tls" not in host.machine.run(["ls", "/etc/dockerhost/current"]).stdout
    assert started_at(host, sleeper) == running


def test_the_host_fetches_by_itself_within_a_minute(host: Host) -> None:
    host.deployment.trusted = ["10.0.5.0/24", "10.0.6.0/24"]
    host.deployment.publish()
    host.machine.wait(
        lambda: host.port(2376, host.deployment.wires.outside) == "open", "the host to follow", 70
    )


@pytest.mark.parametrize("fault", ["ssm-denied", "ssm-garbage", "ssm-empty", "role", "imds"])
def test_what_cannot_be_fetched_changes_nothing(host: Host, fault: str) -> None:
    host.machine.around.faults.add(fault)
    try:
        assert host.sync() != ""
        host.assert_serving()
    finally:
        host.machine.around.faults.clear()


def _with(document: object, pair: certs.Certificate) -> str:
    assert callable(document)
    return document(server_key=pair.key_pem, server_certificate=pair.pem)


def test_a_full_disk_leaves_the_configuration_in_force(host: Host) -> None:
    before = daemon_pid(host)
    generations = "/etc/dockerhost/generations"
    # A disk of this folder's own that its present content fills.
    host.machine.run(["cp", "-a", generations, "/root/generations"])
    host.machine.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", generations])
    try:
        host.machine.run(["cp", "-a", "/root/generations/.", generations])
        host.machine.run(["sh", "-c", f"cat /dev/zero > {generations}/full || true"])
        host.deployment.server = host.deployment.new_server_certificate()
        host.deployment.publish()
        assert "No space left" in host.sync()
        host.assert_serving()
        assert daemon_pid(host) == before
    finally:
        host.machine.run(["umount", "-l", generations])
        host.machine.run(["rm", "-rf", "/root/generations"])


def test_a_certificate_that_starts_in_a_moment_is_waited_for(host: Host) -> None:
    """As from a machine whose clock is a little ahead of the host's."""
    host.deployment.server = host.deployment.new_server_certificate(starts=5 / 86400)
    host.deployment.publish()
    assert host.sync() == ""
    host.assert_serving()


def test_the_role_reads_no_other_hosts_parameter(host: Host) -> None:
    stranger = f"{host.deployment.name}-of-another-host"
    host.deployment.cloud.client("ssm").put_parameter(Name=stranger, Type="SecureString", Value="secret")
    settings = host.machine.read("/etc/dockerhost/host.json")
    host.machine.write("/etc/dockerhost/host.json", settings.replace(host.deployment.name, stranger))
    try:
        assert "not authorized" in host.sync()
        host.assert_serving()
    finally:
        host.machine.write("/etc/dockerhost/host.json", settings)
