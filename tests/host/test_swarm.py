"""A Swarm of three managers and a worker, on hosts that are really booted: how it begins, who reaches it, what it
bears. The tests stand in their order: each goes on where the one before ended.
"""

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.engine.cloud import Cloud
from lab.hosts import image, network
from tests.host.swarms import Swarm

pytestmark = pytest.mark.xdist_group("host-swarm")

MANAGER = "ready manager reachable active"
WORKER = "ready worker active"


@pytest.fixture(scope="module")
def swarm(cloud: Cloud, base: image.Image) -> Iterator[Swarm]:
    with network.Network() as wires:
        made = Swarm("ci-swarm", ("a", "b", "c"))
        with made.booted:
            made.make("abcw", wires, cloud, base)
            made.boot()
            made.load("abcw")
            yield made


def test_the_members_find_each_other(swarm: Swarm) -> None:
    assert swarm.nodes("a") == {"a": MANAGER, "b": MANAGER, "c": MANAGER, "w": WORKER}


def test_one_of_them_began_and_its_tokens_are_out(swarm: Swarm) -> None:
    ssm = swarm.hosts["a"].deployment.cloud.client("ssm")
    claim = json.loads(ssm.get_parameter(Name=f"{swarm.manager_token}-claim")["Parameter"]["Value"])
    cluster = swarm.docker("c", "info", "-f", "{{.Swarm.Cluster.ID}}")
    begun = swarm.hosts[claim["name"]].machine.instance_id
    assert claim == {"name": claim["name"], "instance": begun, "cluster": cluster}
    for role, name in (("manager", swarm.manager_token), ("worker", swarm.worker_token)):
        token = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        assert token["Value"] == swarm.docker("b", "swarm", "join-token", "-q", role)
        assert token["Type"] == "SecureString"


_AS_ITSELF = """
import json, sys
code = open("/usr/local/sbin/dockerhost").read().split("if __name__")[0]
exec(compile(code, "agent", "exec"))
answers = []
for action, arguments in json.load(sys.stdin):
    try:
        answers.append(json.dumps(parameter_store(action, **arguments)))
    except OSError as error:
        answers.append(str(error))
print(json.dumps(answers))
"""


def asked(swarm: Swarm, name: str, *questions: tuple[str, str]) -> list[str]:
    """What Parameter Store answers a member's role, which asks or writes each of these parameters."""
    calls = [
        (
            action,
            {"Name": parameter, **({"Value": "x", "Overwrite": True} if action == "PutParameter" else {})},
        )
        for action, parameter in questions
    ]
    done = swarm.hosts[name].machine.run(["python3", "-c", _AS_ITSELF], stdin=json.dumps(calls))
    return json.loads(done.stdout)


def test_a_role_reads_and_writes_what_its_member_needs_and_no_more(swarm: Swarm) -> None:
    claim = f"{swarm.manager_token}-claim"
    get, put = "GetParameter", "PutParameter"
    refused = [
        *[(get, name) for name in (swarm.manager_token, claim)],
        *[(put, name) for name in (swarm.manager_token, swarm.worker_token, claim, swarm.program)],
    ]
    for answer in asked(swarm, "w", *refused):
        assert "not authorized" in answer
    allowed, *others = asked(swarm, "a", (get, swarm.manager_token), (put, swarm.program), (put, "another"))
    assert swarm.manager_token in allowed
    assert all("not authorized" in answer for answer in others)


def test_no_token_and_no_key_stands_where_others_read_it(swarm: Swarm) -> None:
    for name in "aw":
        machine = swarm.hosts[name].machine
        said = machine.run(["journalctl", "-q", "-o", "cat"]).stdout + machine.console()
        said += machine.run(["sh", "-c", "cat /proc/[0-9]*/cmdline"], check=False).stdout
        said += json.dumps(swarm.hosts[name].deployment.status())  # pyright: ignore[reportUnknownMemberType]
        assert "SWMTKN-" not in said


OURS = {"tcp": (2377, 7946), "udp": (4789, 7946)}


def test_its_ports_are_open_among_the_members_and_to_nobody_else(swarm: Swarm) -> None:
    a, b = swarm.hosts["a"], swarm.hosts["b"]
    for port in OURS["tcp"]:
        assert a.port(port, b.machine.namespace) == "open"
        for stranger in (a.deployment.wires.trusted, a.deployment.wires.outside):
            assert a.port(port, stranger) == "timeout"
    # What comes past our table is counted behind it: a datagram gets no answer.
    a.machine.run(
        ["nft", "-f", "-"],
        stdin="table inet seen { chain input { type filter hook input priority -5; "
        "ip saddr != { %s } meta l4proto { tcp, udp } th dport { 2377, 4789, 7946 } counter\n}\n}\n"
        % ", ".join(host.address for host in swarm.hosts.values()),
    )
    for port in OURS["udp"]:
        for stranger in (a.deployment.wires.trusted, a.deployment.wires.outside):
            send = (
                f"import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ({a.address!r}, {port}))"
            )
            assert network.run_in(stranger, ["python3", "-c", send]).returncode == 0
    assert "counter packets 0 bytes 0" in a.machine.run(["nft", "list", "table", "inet", "seen"]).stdout
    a.machine.run(["nft", "delete", "table", "inet", "seen"])


def test_a_container_reaches_none_of_them(swarm: Swarm) -> None:
    a, b = swarm.hosts["a"], swarm.hosts["b"]
    swarm.docker("a", "network", "create", "-d", "overlay", "--attachable", "mesh")
    tries = "; ".join(
        f"/bin/busybox timeout 2 /bin/busybox nc -w 1 {target.address} {port} </dev/null && echo reached"
        for target in (a, b)
        for port in OURS["tcp"]
    )
    for options in ((), ("--network", "mesh")):
        assert "reached" not in swarm.docker(
            "a", "run", "--rm", *options, "busybox", "sh", "-c", f"{tries}; true"
        )
    # The way is there: what is in it is our table.
    b.serve(9999)
    assert a.container_reaches(b.address, 9999)


def test_a_member_is_as_closed_as_a_lone_host(swarm: Swarm) -> None:
    for host in (swarm.hosts["a"], swarm.hosts["w"]):
        host.assert_serving()
        assert not host.container_reaches(host.address, 2376)
        assert not host.container_reaches("169.254.169.254", 80)


def ask(swarm: Swarm, port: int = 8080) -> str:
    """The member that answers a client, who asks the next one where one does not, as a load balancer would."""

    def attempt() -> str:
        for name, host in swarm.hosts.items():
            link = http.client.HTTPConnection(host.address, port, timeout=1)
            try:
                link.request("GET", "/")
                if link.getresponse().read() == b"ok\n":
                    return name
            except (OSError, http.client.HTTPException):
                continue
            finally:
                link.close()
        return ""

    return network.within(swarm.hosts["a"].deployment.wires.trusted, attempt)


def deploy(swarm: Swarm, by: str, name: str, port: int, **how: Any) -> str:
    published = f"published={port},target=80,mode=host"
    service = ["--detach", "--endpoint-mode", "dnsrr", "--publish", published, "--stop-grace-period", "1s"]
    serve = "echo ok > /index.html; exec /bin/busybox httpd -f -p 80 -h /"
    command = ["service", "create", "--name", name, "--replicas", "2", "--no-resolve-image", *service]
    return swarm.docker(by, *command, "busybox", "sh", "-c", serve, **how)


def test_a_renewal_reaches_the_managers_one_at_a_time(swarm: Swarm) -> None:
    deploy(swarm, "a", "web", 8080)
    swarm.hosts["a"].machine.wait(lambda: running(swarm, "a", "web") == 2, "the service", 40)
    served, least, over = [], [], threading.Event()

    def client() -> None:
        while not over.is_set():
            served.append(ask(swarm))

    def watch() -> None:
        while not over.is_set():
            least.append(sum(swarm.hosts[name].ping() == "200" for name in "abc"))

    threads = [threading.Thread(target=each) for each in (client, watch)]
    for each in threads:
        each.start()
    try:
        digests: dict[str, str] = {}
        for name, host in swarm.hosts.items():
            host.deployment.server = host.deployment.new_server_certificate()
            text = host.deployment.document()
            digests[name] = hashlib.sha256(text.encode()).hexdigest()
            host.deployment.publish(text)
        with ThreadPoolExecutor() as pool:  # at the same moment
            said = dict(zip("abcw", pool.map(lambda name: swarm.hosts[name].sync(), "abcw"), strict=True))
        assert all("waits for this host's turn" in text for text in said.values()), said
        for name in "abcw":
            machine = swarm.hosts[name].machine
            machine.wait(lambda: in_force(machine) == digests[name], f"{name} to renew", 90)  # noqa: B023
        swarm.hosts["a"].machine.wait(lambda: swarm.nodes("a") == ALL, "all to be back", 60)
    finally:
        over.set()
        for each in threads:
            each.join()
    assert "" not in served, f"{served.count('')} of {len(served)} requests failed"
    assert len(set(served)) > 1
    assert min(least) >= 2
    assert "dockerhost-turn" not in swarm.docker("b", "config", "ls")


ALL = {"a": MANAGER, "b": MANAGER, "c": MANAGER, "w": WORKER}


def in_force(machine: Any) -> str:
    status = machine.status()
    return status["document"] if status["state"] == "ready" else ""


def running(swarm: Swarm, by: str, service: str) -> int:
    tasks = swarm.docker(
        by, "service", "ps", "-f", "desired-state=running", "--format", "{{.CurrentState}}", service
    )
    return sum(line.startswith("Running") for line in tasks.splitlines())


def test_without_one_manager_it_goes_on(swarm: Swarm) -> None:
    swarm.hosts["a"].machine.power_cut()
    b = swarm.hosts["b"].machine
    b.wait(lambda: "a" in gone(swarm, "b"), "the loss to be noticed", 60)
    assert ask(swarm)
    deploy(swarm, "b", "more", 8081)
    b.wait(lambda: running(swarm, "b", "more") == 2 and running(swarm, "b", "web") == 2, "the services", 60)
    assert ask(swarm, 8081)


def gone(swarm: Swarm, by: str) -> set[str]:
    return {name for name, state in swarm.nodes(by).items() if not state.startswith("ready")}


def test_without_two_it_takes_no_deploys_and_says_so_and_services_answer(swarm: Swarm) -> None:
    swarm.hosts["b"].machine.power_cut()
    assert ask(swarm)
    assert ask(swarm, 8081)
    c = swarm.hosts["c"].machine
    c.wait(lambda: "does not have a leader" in c.status()["reason"], "it to be said", 90)
    assert c.status()["state"] == "joining"
    assert "does not have a leader" in deploy(swarm, "c", "none", 8082, check=False)
    assert ask(swarm)
    assert ask(swarm, 8081)
    swarm.hosts["c"].assert_serving()


def test_a_restart_waits_where_the_quorum_would_be_lost(swarm: Swarm) -> None:
    c = swarm.hosts["c"]
    c.deployment.server = c.deployment.new_server_certificate()
    c.deployment.publish()
    assert "waits for this host's turn" in c.sync()
    started = c.machine.run(["systemctl", "show", "docker", "-p", "MainPID"]).stdout
    swarm.hosts["b"].machine.boot()
    c.machine.wait(lambda: swarm.nodes("c").get("b") == MANAGER, "b to be back", 90)
    deploy(swarm, "c", "again", 8083)
    c.machine.wait(lambda: running(swarm, "c", "again") == 2, "the service", 60)
    # With two of three there is a quorum, and none without this one.
    assert started == c.machine.run(["systemctl", "show", "docker", "-p", "MainPID"]).stdout
    c.machine.wait(lambda: c.machine.status()["state"] == "waiting", "it to be said", 90)


def test_another_instance_of_a_manager_joins_in_its_place_whatever_is_on_its_disk(swarm: Swarm) -> None:
    cluster = swarm.docker("b", "info", "-f", "{{.Swarm.Cluster.ID}}")
    swarm.replace("a", disk=True)
    assert swarm.hosts["a"].machine.root.joinpath("var/lib/docker").exists()
    swarm.wait_ready("a")
    b = swarm.hosts["b"].machine
    b.wait(lambda: swarm.nodes("b") == ALL, "the old node to be gone", 90)
    assert swarm.docker("a", "info", "-f", "{{.Swarm.Cluster.ID}}") == cluster
    # And the restart that waited had its turn.
    c = swarm.hosts["c"].machine
    c.wait(lambda: c.status()["state"] == "ready", "c to renew", 90)
    b.wait(lambda: swarm.nodes("b") == ALL, "all to be there", 60)


def test_another_instance_of_a_worker_takes_its_place(swarm: Swarm) -> None:
    swarm.replace("w")
    b = swarm.hosts["b"].machine
    b.wait(lambda: running(swarm, "b", "web") == 2, "its tasks to move", 60)
    assert ask(swarm)
    swarm.wait_ready("w")
    b.wait(lambda: swarm.nodes("b") == ALL, "the old node to be gone", 60)
