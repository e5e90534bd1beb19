"""The gate: what is done to a host's files, dockerd does not start with, and nothing opens. Then all is put right."""

import re
import time
from collections.abc import Callable, Iterator

import pytest

from lab.hosts import certs
from tests.host.conftest import OPEN_DOCKER, Host

CURRENT = "/etc/dockerhost/current"
DROP_INS = "/etc/systemd/system/docker.service.d"


@pytest.fixture(autouse=True)
def put_right(host: Host) -> Iterator[None]:
    """Every test breaks the host; this takes the damage back, and the host must serve again."""
    host.machine.run(["sh", "-c", f"rm -rf /root/good && cp -a $(readlink -f {CURRENT}) /root/good"])
    yield
    steps = (
        f"cp -a /root/good/. $(readlink -f {CURRENT})/",
        f"rm -rf {DROP_INS}/20-* /etc/systemd/system/docker.socket.d/* /etc/default/docker /root/good",
        f"ln -sfn {CURRENT}/docker.conf {DROP_INS}/10-dockerhost.conf",
        f"ln -sfn {CURRENT}/daemon.json /etc/docker/daemon.json",
        f"chmod 400 {CURRENT}/server-key.pem",
        "systemctl daemon-reload",
    )
    host.machine.run(["sh", "-c", " && ".join(steps)])
    host.machine.run(["systemctl", "stop", "docker.socket"], check=False)
    host.recover()
    host.assert_serving()


def put(host: Host, name: str, text: str) -> None:
    host.machine.run(["rm", "-f", f"{CURRENT}/{name}"])
    host.machine.write(f"{CURRENT}/{name}", text, "0400" if "key" in name else "0444")


def new_pair(host: Host, usages: list[certs.x509.ObjectIdentifier], **how: float) -> None:
    pair = certs.leaf(host.deployment.server_ca, usages, [host.address], **how)
    put(host, "server.pem", pair.pem)
    put(host, "server-key.pem", pair.key_pem)


def other_address(host: Host) -> None:
    pair = certs.leaf(host.deployment.server_ca, [certs.SERVER], ["10.9.9.9"])
    put(host, "server.pem", pair.pem)
    put(host, "server-key.pem", pair.key_pem)


FAULTS: dict[str, tuple[Callable[[Host], object], str]] = {
    "no key": (lambda h: h.machine.run(["rm", f"{CURRENT}/server-key.pem"]), "server-key.pem"),
    "a key of another pair": (
        lambda h: put(h, "server-key.pem", h.deployment.new_server_certificate().key_pem),
        "not the key of",
    ),
    "an encrypted key": (
        lambda h: put(h, "server-key.pem", h.deployment.server.encrypted_key_pem),
        "openssl pkey",
    ),
    "a key that others can read": (
        lambda h: h.machine.run(["chmod", "444", f"{CURRENT}/server-key.pem"]),
        "0400",
    ),
    "no certificate": (lambda h: h.machine.run(["rm", f"{CURRENT}/server.pem"]), "openssl x509"),
    "a truncated certificate": (
        lambda h: put(h, "server.pem", h.deployment.server.pem[:200]),
        "openssl x509",
    ),
    "an expired certificate": (lambda h: new_pair(h, [certs.SERVER], starts=-3, days=1), "expired"),
    "a certificate of a client": (lambda h: new_pair(h, [certs.CLIENT]), "serverAuth"),
    "a certificate of both": (lambda h: new_pair(h, [certs.SERVER, certs.CLIENT]), "serverAuth"),
    # From 3.4 on openssl says it itself, by its exit code.
    "a certificate for another address": (other_address, "does not name|does NOT match certificate"),
    "no CA": (lambda h: h.machine.run(["rm", f"{CURRENT}/client-ca.pem"]), "client-ca.pem"),
    "an empty CA": (lambda h: put(h, "client-ca.pem", ""), "client-ca.pem"),
    "a corrupt CA": (lambda h: put(h, "client-ca.pem", "garbage"), "client-ca.pem"),
    "a CA and garbage": (
        lambda h: put(h, "client-ca.pem", h.deployment.client_cas["alice"].pem + "garbage\n"),
        "client-ca.pem",
    ),
    "a leaf as CA": (
        lambda h: put(h, "client-ca.pem", h.deployment.certificates["alice"].pem),
        "not a CA",
    ),
    "a second drop-in that listens on 2375": (
        lambda h: h.machine.write(f"{DROP_INS}/20-open.conf", OPEN_DOCKER),
        "another drop-in",
    ),
    "a second drop-in without tlsverify": (
        lambda h: h.machine.write(
            f"{DROP_INS}/20-open.conf",
            f"[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://{h.address}:2376\n",
        ),
        "another drop-in",
    ),
    "a second drop-in without a CA": (
        lambda h: h.machine.write(
            f"{DROP_INS}/20-open.conf",
            f"[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://{h.address}:2376 --tlsverify"
            f" --tlscert {CURRENT}/server.pem --tlskey {CURRENT}/server-key.pem\n",
        ),
        "another drop-in",
    ),
    "a certificate that is not valid yet": (
        lambda h: new_pair(h, [certs.SERVER], starts=1),
        "not valid before",
    ),
    "a socket unit that listens on TCP": (
        lambda h: h.machine.run(
            [
                "sh",
                "-c",
                "mkdir -p /etc/systemd/system/docker.socket.d && printf '[Socket]\\nListenStream=2375\\n'"
                " > /etc/systemd/system/docker.socket.d/open.conf",
            ]
        ),
        "docker.socket",
    ),
    "settings that are gone": (lambda h: h.machine.run(["rm", f"{CURRENT}/settings.json"]), "settings.json"),
    "an address that is another host's": (
        lambda h: h.machine.run(["sed", "-i", f"s/{h.address}/10.9.9.9/g", f"{CURRENT}/settings.json"]),
        "",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_dockerd_does_not_start_with(host: Host, fault: str) -> None:
    break_it, reason = FAULTS[fault]
    host.machine.run(["systemctl", "stop", "dockerhost-watch.service", "docker.service", "docker.socket"])
    try:
        break_it(host)
        host.machine.run(["systemctl", "daemon-reload"])
        assert not host.restart()
        assert host.machine.status()["state"] == "refused"
        assert re.search(reason, host.machine.status()["reason"])
        host.assert_closed()
    finally:
        host.machine.run(["systemctl", "start", "dockerhost-watch.service"])


def test_without_our_drop_in_dockerd_falls_back_to_its_socket(host: Host) -> None:
    host.machine.run(["systemctl", "stop", "dockerhost-watch.service"])
    try:
        host.machine.run(["rm", f"{DROP_INS}/10-dockerhost.conf"])
        host.machine.run(["systemctl", "daemon-reload"])
        assert host.restart()
        host.assert_closed()
    finally:
        host.machine.run(["systemctl", "start", "dockerhost-watch.service"])


def test_without_daemon_json_dockerd_does_not_start(host: Host) -> None:
    host.machine.run(["rm", f"{CURRENT}/daemon.json"])
    assert not host.restart()
    host.assert_closed()


@pytest.mark.parametrize(
    "text",
    [
        '{"hosts": ["tcp://0.0.0.0:2375"]}',
        '{"tls": false, "tlsverify": false}',
        '{"tlsverify": true}',
        "not json",
    ],
)
def test_an_edited_daemon_json_opens_nothing(host: Host, text: str) -> None:
    put(host, "daemon.json", text)
    host.restart()
    host.assert_nothing_open()


def test_a_daemon_json_in_the_usual_place_is_not_read(host: Host) -> None:
    host.machine.run(["rm", "/etc/docker/daemon.json"])
    host.machine.write("/etc/docker/daemon.json", '{"hosts": ["tcp://0.0.0.0:2375"], "tls": false}')
    assert host.restart()
    host.assert_serving()


def test_options_in_the_environment_files_are_not_read(host: Host) -> None:
    host.machine.write(
        "/etc/default/docker", 'DOCKER_OPTS="-H tcp://0.0.0.0:2375"\nOPTIONS="-H tcp://0.0.0.0:2375"\n'
    )
    assert host.restart()
    host.assert_serving()


def test_a_new_unit_from_a_package_upgrade_changes_nothing(host: Host) -> None:
    host.machine.run(["apt-get", "install", "-y", "--reinstall", "--no-install-recommends", "docker.io"])
    host.machine.wait(lambda: host.ping() == "200", "dockerd after the upgrade", 30)
    host.assert_serving()


def test_a_signal_to_reload_changes_nothing_of_tls(host: Host) -> None:
    put(host, "client-ca.pem", certs.authority("mallory").pem)
    host.machine.run(["systemctl", "kill", "--kill-who=main", "-s", "HUP", "docker.service"])
    host.assert_serving()


def test_a_dockerd_that_crashes_again_and_again_opens_nothing(host: Host) -> None:
    for _ in range(3):
        host.machine.run(
            ["systemctl", "kill", "--kill-who=main", "-s", "KILL", "docker.service"], check=False
        )
        host.assert_nothing_open()
    host.machine.wait(lambda: host.ping() == "200", "dockerd to come back", 30)


def is_active(host: Host) -> bool:
    asked = ["systemctl", "is-active", "--quiet", "docker.service"]
    return host.machine.run(asked, check=False).returncode == 0


def test_a_dockerd_started_past_the_gate_does_not_stay(host: Host) -> None:
    # While nobody watches: no gate in the unit, and a certificate that the gate refuses.
    host.machine.run(["systemctl", "stop", "dockerhost-watch.service"])
    new_pair(host, [certs.SERVER], starts=-3, days=1)
    host.machine.write(f"{DROP_INS}/20-open.conf", "[Service]\nExecStartPre=\n")
    host.machine.run(["systemctl", "daemon-reload"])
    host.machine.wait(host.restart, "dockerd to start past the gate", 30)
    assert is_active(host)
    host.machine.run(["systemctl", "start", "dockerhost-watch.service"])
    host.machine.wait(lambda: not is_active(host), "the watch to stop docker", 30)


def test_a_dockerd_started_with_other_flags_is_stopped(host: Host) -> None:
    host.machine.write(
        f"{DROP_INS}/20-open.conf",
        "[Service]\nExecStartPre=\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://127.0.0.1:2377\n",
    )
    host.machine.run(["systemctl", "daemon-reload"])
    host.restart()
    host.machine.run(["nft", "flush", "ruleset"])  # any change of nftables wakes the watch
    host.machine.wait(lambda: not is_active(host), "the watch to stop docker", 90)
    # And it stays so: the watch tries again, and finds the drop-in before dockerd runs.
    until = time.monotonic() + 8
    while time.monotonic() < until:
        assert host.port(2377, host.machine.namespace, "127.0.0.1") != "open"
