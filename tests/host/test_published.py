"""Ports that containers publish to the trusted sources: packets from each side, on the booted host; and real clients,
some of which need such ports. What is not published, and who is not trusted, stays out, whatever AWS lets through.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import gotools
from lab.engine import typescript
from lab.hosts import network
from tests.host.conftest import Host
from tests.host.test_clients import write_bundle

LARGE = 300_000
"""Bytes that one answer has: many packets, each as large as the path allows."""


def httpd(port: int) -> list[str]:
    """A container's image and command: a server on a port of its own network, with a large file."""
    serve = f"/bin/busybox head -c {LARGE} /dev/zero >/large; exec /bin/busybox httpd -f -p {port}"
    return ["busybox", "/bin/busybox", "sh", "-c", serve]


@pytest.fixture(scope="module")
def publishing(host: Host) -> Iterator[Host]:
    """The shared host with ports for the trusted sources: changed in place, with containers on them and beside them."""
    before = host.machine.run(["systemctl", "show", "docker.service", "-p", "MainPID"]).stdout
    host.deployment.publish(host.deployment.document(published=["8080-8082", "32768-60999"]))
    assert host.sync() == ""
    assert host.machine.run(["systemctl", "show", "docker.service", "-p", "MainPID"]).stdout == before
    for ports in ("8080:8000", "8083:8000", "40000:8000"):
        host.machine.run(["docker", "run", "-d", "-p", ports, *httpd(8000)])
    host.machine.run(["docker", "run", "-d", "--network", "host", *httpd(8081)])
    host.machine.run(["docker", "run", "-d", "--network", "host", *httpd(8084)])
    for port in (8080, 8081, 8083, 8084, 40000):
        host.machine.wait(lambda port=port: host.port(port, host.machine.namespace) == "open", f"{port}", 15)
    yield host
    host.machine.run(["sh", "-c", "docker ps -aq | xargs -r docker rm -f"])
    host.deployment.publish()
    assert host.sync() == ""
    host.assert_serving()


@pytest.fixture(scope="module")
def other(host: Host) -> str:
    """A client that is neither trusted nor in the network that is always outside."""
    return host.deployment.wires.client("other", "10.0.7.20/24")


def test_the_trusted_sources_reach_what_containers_publish(publishing: Host) -> None:
    assert {port: publishing.port(port) for port in (8080, 8081, 40000)} == dict.fromkeys(
        (8080, 8081, 40000), "open"
    )
    assert publishing.ping() == "200"


def test_nobody_else_does_by_a_published_port_or_a_container_with_the_hosts_network(
    publishing: Host, other: str
) -> None:
    for source in (other, publishing.deployment.wires.outside, publishing.deployment.wires.router):
        for port in (8080, 8081, 40000):
            assert publishing.port(port, source) == "timeout", (source, port)
    publishing.assert_nothing_open()


def test_a_port_that_is_not_named_stays_closed_to_everybody(publishing: Host, other: str) -> None:
    """8084 is a process of the host, as sshd is: the security group's business, as it always was."""
    for source in (publishing.deployment.wires.trusted, publishing.deployment.wires.outside, other):
        assert publishing.port(8083, source) == "timeout"
        assert publishing.port(8084, source) == "open"


def test_docker_s_own_ports_are_never_a_containers(publishing: Host) -> None:
    publishing.machine.run(["docker", "run", "-d", "-p", "2375:8000", *httpd(8000)], check=False)
    assert publishing.port(2375) == "timeout"


def test_a_container_is_not_reached_by_a_route_to_its_own_address(publishing: Host) -> None:
    """EC2 lets no such packet through (source/destination check); a neighbour on the wire could send it."""
    name = publishing.machine.run(["docker", "ps", "-q", "--filter", "publish=8080"]).stdout.strip()
    shown = "{{.NetworkSettings.IPAddress}}"
    container = publishing.machine.run(["docker", "inspect", "-f", shown, name]).stdout.strip()
    wires = publishing.deployment.wires
    network.ip("route", "replace", container, "via", publishing.address, namespace=wires.router)
    try:
        for source in (wires.trusted, wires.outside):
            assert publishing.port(8000, source, container) == "timeout"
    finally:
        network.ip("route", "delete", container, namespace=wires.router)


def test_containers_and_the_host_itself_go_on_as_before(publishing: Host) -> None:
    assert publishing.container_reaches(publishing.address, 8081)
    for options in ((), ("--network", "host")):
        assert publishing.container_reaches(publishing.machine.around.address, 80, *options)
    assert not publishing.container_reaches(network.METADATA_IPV4, 80)
    # The host's own connections have ports of the range that is published: their answers come in.
    mirror = f"http://{publishing.machine.around.address}/"
    publishing.machine.run(
        ["curl", "-s", "-m", "3", "-o", "/dev/null", "--local-port", "40100-40199", mirror]
    )
    assert publishing.sync() == ""


@pytest.mark.parametrize("port", [8080, 8081])
def test_a_large_answer_comes_by_a_path_with_a_small_mtu(publishing: Host, port: int) -> None:
    """As over a VPN: what a router says of a packet that is too large must get to who sent it."""
    wires = publishing.deployment.wires

    def fetch() -> int:
        with socket.create_connection((publishing.address, port), 2) as link:
            link.settimeout(3)
            link.sendall(b"GET /large HTTP/1.0\r\n\r\n")
            got = 0
            while part := link.recv(65536):
                got += len(part)
            return got

    end = wires.gateway_device(wires.trusted)
    network.ip("link", "set", end, "mtu", "1300", namespace=wires.router)
    try:
        assert network.within(wires.trusted, fetch) > LARGE
    finally:
        network.ip("link", "set", end, "mtu", "1500", namespace=wires.router)


# --- Real clients, over mutual TLS, from the trusted namespace ------------------------------------------------------

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(publishing: Host, tmp_path: Path, docker_client: str, buildx: str) -> Run:
    """Runs a client as somebody who has set `aws-docker env`, with Docker's plugins, in a folder of his own."""
    write_bundle(publishing, tmp_path)
    plugins = tmp_path / "docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    for name, path in (("docker-buildx", buildx), ("docker-compose", gotools.find("docker-compose"))):
        if path is not None:
            (plugins / name).symlink_to(path)
    settings = {
        "DOCKER_HOST": f"tcp://{publishing.address}:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "PATH": os.pathsep.join([str(Path(docker_client).parent), os.environ["PATH"]]),
    }
    environment = {**os.environ, **settings}
    # A private CA for everything in the environment would override docker-py's own.
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        environment.pop(name, None)
    (tmp_path / "Dockerfile").write_text(
        'FROM busybox\nRUN ["/bin/busybox", "sh", "-c", "echo built >/built"]\nCOPY ca.pem /\n'
    )

    def command(*argv: str, **more: str) -> "subprocess.CompletedProcess[str]":
        done = network.run_in(
            publishing.deployment.wires.trusted, argv, cwd=tmp_path, env=environment | more, timeout=100
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return command


def test_buildx_builds_and_finds_its_cache_again(run: Run) -> None:
    build = ("docker", "buildx", "build", "--progress", "plain", "-t", "built", ".")
    assert "CACHED" not in run(*build, "--no-cache").stderr
    assert "CACHED" in run(*build).stderr
    assert run("docker", "run", "--rm", "built", "/bin/busybox", "cat", "/built").stdout == "built\n"


def test_bake_builds_several(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docker-bake.hcl").write_text(
        'group "default" { targets = ["one", "two"] }\n'
        'target "one" { tags = ["baked:one"] }\ntarget "two" { tags = ["baked:two"] }\n'
    )
    run("docker", "buildx", "bake")
    listed = run("docker", "image", "ls", "baked", "--format", "{{.Tag}}").stdout.split()
    assert sorted(listed) == ["one", "two"]


@pytest.mark.requires("compose")
def test_compose_builds_and_publishes(run: Run, publishing: Host, tmp_path: Path) -> None:
    command = httpd(8000)[1:]
    service = f"{{build: ., ports: ['8082:8000'], command: {command!r}}}"
    (tmp_path / "compose.yaml").write_text(f"services:\n  web: {service}\n")
    run("docker", "compose", "up", "--detach", "--build")
    try:
        publishing.machine.wait(lambda: publishing.port(8082) == "open", "the service", 15)
        assert publishing.port(8082, publishing.deployment.wires.outside) == "timeout"
        assert run("docker", "compose", "ps", "--format", "{{.Service}} {{.State}}").stdout == "web running\n"
    finally:
        run("docker", "compose", "down", "--timeout", "0")


_TESTCONTAINERS = """
import sys, urllib.request
from testcontainers.core.container import DockerContainer
with DockerContainer("busybox").with_command(sys.argv[1:]).with_exposed_ports(8000) as made:
    address = f"http://{made.get_container_host_ip()}:{made.get_exposed_port(8000)}/large"
    for attempt in range(20):
        try:
            print(len(urllib.request.urlopen(address, timeout=3).read()))
            break
        except ConnectionError:
            __import__("time").sleep(0.1)
"""


def test_testcontainers_reaches_the_port_that_it_was_given(run: Run) -> None:
    # Its own helper (Ryuk) is an image of a registry's.
    done = run(sys.executable, "-c", _TESTCONTAINERS, *httpd(8000)[1:], TESTCONTAINERS_RYUK_DISABLED="true")
    assert done.stdout == f"{LARGE}\n"


_DOCKERODE = """
const Docker = require("dockerode");
(async () => {
  const docker = new Docker();
  const [, container] = await docker.run("busybox", ["/bin/busybox", "echo", "hello"], process.stdout);
  await container.remove();
})();
"""


@pytest.mark.requires("typescript")
def test_dockerode_which_is_not_dockers(run: Run, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(typescript.ensure() / "node_modules")
    (tmp_path / "client.js").write_text(_DOCKERODE)
    assert run("node", "client.js").stdout.split() == ["hello"]
