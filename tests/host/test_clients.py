"""Who gets an answer on 2376, and who does not: every client here is a real one, on the real dockerd."""

import gzip
import json
import re
import socket
import ssl
import sys
from pathlib import Path

import docker
import pytest

from lab.hosts import certs, network
from lab.hosts.client import connect, ping
from tests.host import options
from tests.host.conftest import Host

# How dockerd ends a handshake that it refuses: by an alert, which the end of the connection may overtake.
REFUSALS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "TLSV1_ALERT_UNKNOWN_CA",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "reset",
}


def test_a_client_with_its_certificate_is_served(host: Host) -> None:
    assert host.ping("alice") == "200"
    assert host.ping("bob") == "200"


def test_nobody_is_served_without_a_certificate(host: Host) -> None:
    assert host.ping(None) in REFUSALS


def test_plain_http_gets_an_error_and_nothing_of_the_api(host: Host) -> None:
    assert host.ping(None, tls=False) == "400"


@pytest.mark.parametrize(
    "impostor",
    [
        "another CA",
        "a CA of the same name",
        "expired",
        "not yet valid",
        "server usage",
        "the server's own",
        "self-signed",
    ],
)
def test_a_certificate_that_is_not_a_clients_is_refused(host: Host, impostor: str) -> None:
    alices = host.deployment.client_cas["alice"]
    made = {
        "another CA": lambda: certs.leaf(certs.authority("another"), [certs.CLIENT]),
        "a CA of the same name": lambda: certs.leaf(certs.authority("alice CA"), [certs.CLIENT]),
        "expired": lambda: certs.leaf(alices, [certs.CLIENT], starts=-2, days=1),
        "not yet valid": lambda: certs.leaf(alices, [certs.CLIENT], starts=1),
        "server usage": lambda: certs.leaf(alices, [certs.SERVER]),
        "the server's own": lambda: host.deployment.server,
        "self-signed": lambda: certs.authority("myself"),
    }[impostor]()
    assert host.ping(made) in REFUSALS


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_tls_is_refused(host: Host, version: str) -> None:
    assert host.ping(version=getattr(ssl.TLSVersion, version)) == "TLSV1_ALERT_PROTOCOL_VERSION"


def test_tls_1_2_needs_an_authenticated_cipher(host: Host) -> None:
    assert host.ping(version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256") == "200"
    assert host.ping(version=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA256") != "200"


def test_a_server_that_is_not_ours_is_seen_by_the_client(host: Host) -> None:
    wires = host.deployment.wires
    other = certs.authority("server CA")
    alice = host.deployment.certificates["alice"]
    assert (
        network.within(wires.trusted, lambda: ping(host.address, alice, other)) == "CERTIFICATE_VERIFY_FAILED"
    )


def test_from_outside_packets_are_dropped_not_refused(host: Host) -> None:
    for port in (2375, 2376):
        assert host.port(port, host.deployment.wires.outside) == "timeout"


def test_2375_is_closed_on_every_address_of_the_host(host: Host) -> None:
    listed = host.machine.run(["ip", "-brief", "address"]).stdout.split()
    own = [word.split("/")[0] for word in listed if "/" in word and not word.startswith("fe80")]
    assert {"127.0.0.1", "::1", host.address} <= set(own)
    for address in own:
        assert host.port(2375, host.machine.namespace, address) != "open"


def test_dockerd_listens_on_the_private_address_only(host: Host) -> None:
    listening = host.machine.run(["ss", "-Hltnp"]).stdout
    assert [line.split()[3] for line in listening.splitlines() if "dockerd" in line] == [
        f"{host.address}:2376"
    ]


@pytest.mark.parametrize(
    ("address", "seen"),
    [("10.0.5.0", "open"), ("10.0.5.255", "open"), ("10.0.4.255", "timeout"), ("10.0.6.0", "timeout")],
)
def test_the_trusted_network_ends_where_it_says(host: Host, address: str, seen: str) -> None:
    wires = host.deployment.wires
    wires.add_address(wires.trusted, f"{address}/32")
    try:
        assert network.within(wires.trusted, lambda: connect(host.address, 2376, source=address)) == seen
    finally:
        wires.remove_address(wires.trusted, f"{address}/32")


def test_half_open_handshakes_do_not_keep_others_out(host: Host) -> None:
    def flood() -> list[socket.socket]:
        return [socket.create_connection((host.address, 2376), timeout=5) for _ in range(500)]

    idle = network.within(host.deployment.wires.trusted, flood)
    try:
        assert host.ping() == "200"
    finally:
        for each in idle:
            each.close()


def write_bundle(host: Host, folder: Path) -> None:
    """Alice's ca.pem, cert.pem and key.pem, as every client of Docker takes them."""
    alice = host.deployment.certificates["alice"]
    for name, text in (("ca", host.deployment.server_ca.pem), ("cert", alice.pem), ("key", alice.key_pem)):
        (folder / f"{name}.pem").write_text(text)


def test_docker_the_command_and_docker_py_get_on_with_the_certificates(
    host: Host, tmp_path: Path, docker_client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A private CA for everything in the environment would override docker-py's own.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    write_bundle(host, tmp_path)
    settings = {
        "DOCKER_HOST": f"tcp://{host.address}:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
    }
    done = network.run_in(
        host.deployment.wires.trusted,
        [
            "env",
            *(f"{name}={value}" for name, value in settings.items()),
            docker_client,
            "run",
            "--rm",
            "busybox",
            "/bin/echo",
            "hello",
        ],
    )
    assert done.stdout == "hello\n", done.stderr

    def by_docker_py() -> str:
        tls = docker.tls.TLSConfig(
            client_cert=(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")),
            ca_cert=str(tmp_path / "ca.pem"),
            verify=True,
        )
        return (
            docker.DockerClient(base_url=f"tcp://{host.address}:2376", tls=tls)
            .containers.run("busybox", "/bin/echo hi")
            .decode()
        )

    assert network.within(host.deployment.wires.trusted, by_docker_py) == "hi\n"


def test_nmap_sees_what_was_intended(host: Host) -> None:
    wires = host.deployment.wires
    seen = {
        side: network.run_in(
            namespace, ["nmap", "-n", "-Pn", "-sT", "--max-retries", "1", "-p", "2375,2376", host.address]
        ).stdout
        for side, namespace in (("trusted", wires.trusted), ("outside", wires.outside))
    }
    states = {
        side: [line.split()[1] for line in text.splitlines() if "/tcp" in line] for side, text in seen.items()
    }
    assert states == {"trusted": ["filtered", "open"], "outside": ["filtered", "filtered"]}


def test_no_key_stands_where_others_can_read_it(host: Host) -> None:
    secret = host.deployment.server.key_pem.splitlines()[1]
    private = [
        c.key_pem.splitlines()[1] for c in (*host.deployment.client_cas.values(), host.deployment.server_ca)
    ]
    holding = host.machine.run(
        [
            "grep",
            "-rlsF",
            "--exclude-dir=docker",
            "--exclude-dir=proc",
            "--",
            secret,
            "/etc",
            "/var",
            "/run",
            "/root",
            "/tmp",
        ],
        check=False,
    ).stdout.split()
    assert len(holding) == 1, holding
    assert holding[0].startswith("/etc/dockerhost/generations/")
    assert host.machine.run(["stat", "-c", "%a %U", holding[0]]).stdout == "400 root\n"
    everything = (
        host.machine.run(["journalctl", "--no-pager"]).stdout + host.machine.run(["ps", "axww"]).stdout
    )
    everything += host.machine.console() + gzip.decompress(host.machine.around.user_data()).decode()
    for key in (secret, *private):
        assert key not in everything
    assert not host.machine.run(
        ["grep", "-rlsF", "--", private[0], "/etc", "/var/lib/cloud"], check=False
    ).stdout


def test_files_have_the_owners_and_modes_that_cis_asks_for(host: Host) -> None:
    current = "/etc/dockerhost/current"
    wanted = {
        f"{current}/client-ca.pem": "444 root:root",
        f"{current}/server.pem": "444 root:root",
        f"{current}/server-key.pem": "400 root:root",
        "/etc/docker": "755 root:root",
        "/run/docker.sock": "660 root:docker",
        "/usr/local/sbin/dockerhost": "755 root:root",
    }
    seen = {path: host.machine.run(["stat", "-L", "-c", "%a %U:%G", path]).stdout.strip() for path in wanted}
    assert seen == wanted
    assert host.machine.run(["getent", "group", "docker"]).stdout.strip().endswith(":"), "the group is empty"


_BY_DOCKER_PY = """
import os, docker
certificates = os.environ["DOCKER_CERT_PATH"]
pair = (certificates + "/cert.pem", certificates + "/key.pem")
tls = docker.tls.TLSConfig(client_cert=pair, ca_cert=certificates + "/ca.pem", verify=True)
docker.DockerClient(base_url=os.environ["DOCKER_HOST"], tls=tls).ping()
"""


@pytest.mark.parametrize("client", ["docker", "docker-py", "curl"])
@pytest.mark.parametrize("works", [True, False], ids=["its address", "another name"])
def test_a_name_that_the_certificate_does_not_hold_is_refused_by_the_client(
    host: Host, tmp_path: Path, docker_client: str, client: str, works: bool
) -> None:
    write_bundle(host, tmp_path)
    folder = str(tmp_path)
    name = host.address if works else "build.example"
    in_curl = f"--cacert {folder}/ca.pem --cert {folder}/cert.pem --key {folder}/key.pem".split()
    command = {
        "docker": [docker_client, "version"],
        "docker-py": [sys.executable, "-c", _BY_DOCKER_PY],
        "curl": ["curl", "-sSf", *in_curl, f"https://{name}:2376/_ping"],
    }[client]
    settings = [f"DOCKER_HOST=tcp://{name}:2376", "DOCKER_TLS_VERIFY=1", f"DOCKER_CERT_PATH={folder}"]
    # `ip netns exec` puts what stands in /etc/netns over /etc.
    names = Path("/etc/netns") / host.deployment.wires.trusted
    names.mkdir(parents=True)
    try:
        (names / "hosts").write_text(f"{host.address} {name}\n")
        done = network.run_in(
            host.deployment.wires.trusted,
            ["env", "-u", "REQUESTS_CA_BUNDLE", "-u", "CURL_CA_BUNDLE", *settings, *command],
        )
    finally:
        (names / "hosts").unlink()
        names.rmdir()
    assert (done.returncode == 0) == works, done.stdout + done.stderr
    if not works:
        reasons = "certificate is valid for|Hostname mismatch|no alternative certificate subject name"
        assert re.search(reasons, done.stderr), done.stderr


def test_the_hardened_defaults_are_in_force(host: Host) -> None:
    """What docker-bench-security looks for in its sections 2 and 3, as the running engine tells it."""

    def ask(*argv: str) -> str:
        return host.machine.run(["docker", *argv]).stdout.strip()

    assert ask("info", "-f", "{{.LiveRestoreEnabled}}") == "true"
    assert "name=seccomp" in ask("info", "-f", "{{.SecurityOptions}}")
    grep = ["/bin/busybox", "grep", "NoNewPrivs", "/proc/self/status"]
    assert ask("run", "--rm", "busybox", *grep).split() == ["NoNewPrivs:", "1"]
    assert ask("info", "-f", "{{.LoggingDriver}} {{.Driver}}") == "json-file overlay2"
    bridge = "com.docker.network.bridge.enable_icc"
    assert ask("network", "inspect", "-f", f'{{{{index .Options "{bridge}"}}}}', "bridge") == "false"
    name = ask("run", "-d", "-p", "8090:8000", "busybox", "/bin/sleep", "60")
    try:
        assert "docker-proxy" not in host.machine.run(["ps", "axww"]).stdout, "userland-proxy is off"
        options = json.loads(ask("inspect", "-f", "{{json .HostConfig.LogConfig.Config}}", name))
        assert options == {"max-file": "3", "max-size": "10m"}
        limits = json.loads(ask("inspect", "-f", "{{json .HostConfig.Ulimits}}", name))
        assert [(limit["Name"], limit["Soft"], limit["Hard"]) for limit in limits] == [
            ("nofile", 32768, 65536)
        ]
    finally:
        ask("rm", "-f", name)


def test_dockerd_has_the_flags_that_it_is_judged_by(host: Host) -> None:
    flags = options.of_dockerd(host)
    assert {"host", "tlsverify", "tlscacert", "config-file"} <= set(flags)
    assert options.unknown(flags) == []
