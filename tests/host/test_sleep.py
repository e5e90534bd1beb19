"""A host that nobody uses powers itself off, and is itself again when it is started; one that is used does not. A spot
host hears that EC2 is about to stop it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.hosts import image, network
from tests.host.conftest import Deployment, Host, load_busybox

MINUTES = 0.05
"""Three seconds, of which a host is sure at its next look, after five at the least."""

LOOKS = 12
"""Seconds in which it looks twice: a host that nobody uses is off by then, or going off."""


@pytest.fixture(scope="module")
def sleeper(cloud: Cloud, base: image.Image) -> Iterator[Host]:
    """A host of this module's own, which goes off and on; a spot host as well, of which nothing shows until EC2
    announces something."""
    with network.Network() as wires:
        deployment = Deployment(cloud, wires, base, docker_installed=True, spot=True)
        deployment.publish()
        with deployment.machine() as machine:
            machine.wait_ready()
            host = Host(deployment, machine)
            load_busybox(host)
            yield host


@pytest.fixture(autouse=True)
def awake(sleeper: Host) -> Iterator[None]:
    """On, serving, and to stay so, before and after each test."""
    yield
    sleeper.deployment.publish()
    if not sleeper.machine.has_powered_off():
        may_sleep(sleeper, None)
    wake(sleeper)


def may_sleep(host: Host, minutes: float | None = MINUTES) -> None:
    """Have the host follow a document that says so; its watch begins anew, as after a start."""
    document = json.loads(host.deployment.document())
    if minutes is not None:
        document["stop_when_idle_minutes"] = minutes
    host.deployment.publish(json.dumps(document))
    assert host.sync() == ""
    host.machine.run(["systemctl", "restart", "dockerhost-watch.service"])


def wake(host: Host) -> None:
    if host.machine.has_powered_off():
        host.machine.boot()
    host.machine.wait_ready()


def falls_asleep(host: Host, seconds: float = 60) -> None:
    host.machine.wait(host.machine.has_powered_off, "the host to power itself off", seconds)


def test_a_host_that_nobody_uses_sleeps_and_wakes_as_it_was(sleeper: Host) -> None:
    served = certs_of(sleeper)
    may_sleep(sleeper)
    falls_asleep(sleeper)
    said = sleeper.deployment.status()
    assert said["state"] == "asleep"
    assert "`aws-docker start` wakes it" in said["reason"]
    assert sleeper.ping() != "200"
    sleeper.machine.boot()
    sleeper.machine.wait_ready()
    sleeper.assert_serving()
    assert certs_of(sleeper) == served
    assert sleeper.machine.run(["docker", "images", "-q", "busybox"]).stdout.strip()
    sleeper.machine.wait(
        lambda: sleeper.deployment.status()["state"] == "ready", "the parameter to say so", 20
    )
    # A start is use: it gets its time before it sleeps again.
    falls_asleep(sleeper)


def certs_of(host: Host) -> str:
    return host.machine.read("/etc/dockerhost/current/server.pem")


@contextmanager
def docker_events(host: Host) -> Iterator[None]:
    """A client that hears events and asks for nothing more."""
    bundle = Path(host.machine.root, "root", "bundle")
    bundle.mkdir(exist_ok=True)
    client = host.deployment.certificates["alice"]
    for name, text in (
        ("ca", host.deployment.server_ca.pem),
        ("cert", client.pem),
        ("key", client.key_pem),
    ):
        (bundle / f"{name}.pem").write_text(text)
    settings = {
        "DOCKER_HOST": f"tcp://{host.address}:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(bundle),
    }
    command = [
        "env",
        *(f"{k}={v}" for k, v in settings.items()),
        str(host.deployment.base.docker_cli),
        "events",
    ]
    with subprocess.Popen(network.command_in(host.deployment.wires.trusted, command)) as client:
        try:
            yield
        finally:
            client.kill()


@contextmanager
def a_container(host: Host, *options: str) -> Iterator[None]:
    made = ["docker", "run", "-d", "--name", "busy", *options, "busybox"]
    host.machine.run([*made, "/bin/busybox", "sh", "-c", "sleep 1000"])
    try:
        yield
    finally:
        host.machine.run(["docker", "rm", "-f", "busy"])


@contextmanager
def a_paused_container(host: Host) -> Iterator[None]:
    with a_container(host):
        host.machine.run(["docker", "pause", "busy"])
        yield


@contextmanager
def a_unit(host: Host, *properties: str, command: tuple[str, ...] = ("sleep", "1000")) -> Iterator[None]:
    settings = [f"--property={each}" for each in properties]
    host.machine.run(["systemd-run", "--no-block", "--unit=busy", *settings, *command])
    try:
        yield
    finally:
        host.machine.run(["systemctl", "stop", "busy.service"], check=False)
        host.machine.run(["systemctl", "reset-failed", "busy.service"], check=False)


def an_ssm_session(host: Host) -> AbstractContextManager[None]:
    """What Session Manager's agent runs for a session, by its name."""
    host.machine.run(["cp", "/bin/sleep", "/usr/local/bin/ssm-session-worker"])
    return a_unit(host, command=("/usr/local/bin/ssm-session-worker", "1000"))


@contextmanager
def a_login(host: Host) -> Iterator[None]:
    host.machine.run(["mkdir", "-p", "/run/systemd/sessions"])
    host.machine.write("/run/systemd/sessions/77", "")
    try:
        yield
    finally:
        host.machine.run(["rm", "/run/systemd/sessions/77"])


@contextmanager
def an_event(host: Host) -> Iterator[None]:
    """Something that came and went, by nobody's connection."""
    host.machine.run(["docker", "tag", "busybox", "busybox:again"])
    yield
    host.machine.run(["docker", "rmi", "busybox:again"])


ASK = """
import importlib.util, runpy, sys
from importlib.machinery import SourceFileLoader
sys.dont_write_bytecode = True
loader = SourceFileLoader("agent", "/usr/local/sbin/dockerhost")
agent = importlib.util.module_from_spec(importlib.util.spec_from_loader("agent", loader))
loader.exec_module(agent)
idle = runpy.run_path("/usr/local/sbin/dockerhost-idle", {"agent": vars(agent)})
print(idle["use"](sys.argv[1], float(sys.argv[2])))
"""


def use_of(host: Host, since: float, state: str = "active") -> str:
    """What the host's own program says that it is used for."""
    return host.machine.run(["python3", "-c", ASK, state, str(since)]).stdout.strip()


USES: dict[str, tuple[Callable[[Host], AbstractContextManager[None]], str]] = {
    "a client that only listens": (docker_events, "a connection to port 2376"),
    "a container": (a_container, "a container"),
    "a container that is paused": (a_paused_container, "a container"),
    "something that came and went": (an_event, "an event of Docker's"),
    "a login": (a_login, "a login"),
    "a session of Session Manager": (an_ssm_session, "Session Manager"),
    "a one-shot unit, as updates are": (lambda host: a_unit(host, "Type=oneshot"), "busy.service"),
}


@pytest.mark.parametrize("name", USES)
def test_what_a_host_is_used_for(sleeper: Host, name: str) -> None:
    use, said = USES[name]
    sleeper.machine.wait(lambda: use_of(sleeper, time.time()) == "", "nothing to be left", 40)
    since = time.time()
    with use(sleeper):
        sleeper.machine.wait(lambda: said in use_of(sleeper, since), said, 10)


@pytest.mark.parametrize("name", ["a client that only listens", "a container"])
def test_a_host_that_is_used_stays_awake(sleeper: Host, name: str) -> None:
    with USES[name][0](sleeper):
        may_sleep(sleeper)
        assert stays_awake(sleeper)
        may_sleep(sleeper, None)


def stays_awake(host: Host, meanwhile: Callable[[], Any] = lambda: None) -> bool:
    until = time.monotonic() + LOOKS
    while time.monotonic() < until:
        meanwhile()
        if host.machine.has_powered_off():
            return False
        time.sleep(0.3)
    return True


def test_short_calls_between_two_looks_keep_it_awake(sleeper: Host) -> None:
    may_sleep(sleeper)
    assert stays_awake(sleeper, lambda: sleeper.ping() == "200")


def test_who_comes_at_the_last_moment_keeps_it_awake(sleeper: Host) -> None:
    # The host says that it goes to sleep, and waits some seconds for that to be written.
    sleeper.machine.around.faults = {"put-timeout"}
    try:
        may_sleep(sleeper)
        sleeper.machine.wait(lambda: sleeper.machine.status().get("state") == "asleep", "its word", 40)
        with docker_events(sleeper):
            assert stays_awake(sleeper)
            assert sleeper.machine.status()["state"] == "ready"
            may_sleep(sleeper, None)
    finally:
        sleeper.machine.around.faults = set()


def test_what_cannot_be_judged_keeps_it_awake(sleeper: Host) -> None:
    docker = ["docker.service", "docker.socket"]
    sleeper.machine.run(["systemctl", "stop", *docker])
    may_sleep(sleeper)
    assert stays_awake(sleeper)
    may_sleep(sleeper, None)
    sleeper.machine.run(["systemctl", "start", *docker])


def test_a_poweroff_that_does_not_come_leaves_it_serving(sleeper: Host) -> None:
    sleeper.machine.run(["systemctl", "mask", "--runtime", "poweroff.target"])
    may_sleep(sleeper)
    heard(sleeper, "asleep")
    may_sleep(sleeper, None)
    heard(sleeper, "ready")
    sleeper.machine.run(["systemctl", "unmask", "--runtime", "poweroff.target"])
    sleeper.assert_serving()


def heard(host: Host, state: str, seconds: float = 40) -> dict[str, Any]:
    host.machine.wait(lambda: host.deployment.status()["state"] == state, f"the state {state}", seconds)
    return host.deployment.status()


# --- Spot -----------------------------------------------------------------------------------------------------------

NOTICE = {"action": "stop", "time": "2026-11-25T18:02:00Z"}


def test_a_spot_host_ends_its_containers_when_ec2_is_to_stop_it(sleeper: Host) -> None:
    around = sleeper.machine.around
    told_to_end = "trap 'echo told to end; exit 0' INT; while :; do sleep 1; done"
    run = [
        "docker",
        "run",
        "-d",
        "--name",
        "kept",
        "--restart",
        "unless-stopped",
        "--stop-signal",
        "INT",
        "busybox",
    ]
    sleeper.machine.run([*run, "/bin/busybox", "sh", "-c", told_to_end])
    try:
        around.notice = NOTICE
        said = heard(sleeper, "interrupted")
        assert said["reason"] == "EC2 is to stop this spot instance at 2026-11-25T18:02:00Z"
        sleeper.machine.wait(lambda: sleeper.ping() != "200", "dockerd to stop", 20)
        # A metadata service that is gone takes nothing back, and the host does not power itself off: EC2 starts again
        # what it has stopped itself, and nothing else.
        may_sleep(sleeper)
        around.faults = {"imds"}
        assert stays_awake(sleeper)
        assert sleeper.ping() != "200"
        # EC2 stops it, and starts it again: what ran, runs again.
        sleeper.deployment.publish()
        around.faults, around.notice = set(), None
        sleeper.machine.reboot()
        sleeper.machine.wait_ready()
        sleeper.assert_serving()
        running = ["docker", "ps", "--format", "{{.Names}}"]
        sleeper.machine.wait(
            lambda: "kept" in sleeper.machine.run(running).stdout, "the container to run again", 30
        )
        logs = sleeper.machine.run(["docker", "logs", "kept"])
        assert logs.stdout.startswith("told to end")
        # And once more, taken back this time.
        around.notice = NOTICE
        heard(sleeper, "interrupted")
        around.notice = None
        heard(sleeper, "ready", 90)
        sleeper.assert_serving()
    finally:
        around.faults, around.notice = set(), None
        wake(sleeper)
        sleeper.machine.run(["docker", "rm", "-f", "kept"])
