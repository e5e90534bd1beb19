"""What a host says of itself without a login: one parameter of its own, written at changes, and never in the way."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from aws_docker.host import userdata
from tests.host.conftest import Host


@pytest.fixture(autouse=True)
def as_before(host: Host) -> Iterator[None]:
    options = dict(host.deployment.daemon_options)
    yield
    host.machine.around.faults.clear()
    host.deployment.daemon_options = options
    host.deployment.publish()
    assert host.sync() == ""
    host.assert_serving()
    heard(host, state="ready", refused="")


def heard(host: Host, seconds: float = 70, **expected: Any) -> dict[str, Any]:
    """The status in the parameter, once it is as expected."""
    host.machine.wait(
        lambda: expected.items() <= host.deployment.status().items(), f"the status {expected}", seconds
    )
    return host.deployment.status()


def digest(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def test_a_ready_host_says_what_it_serves(host: Host) -> None:
    deployment = host.deployment
    document = deployment.document()
    deployment.publish(document)
    assert host.sync() == ""
    status = heard(host, state="ready", document=digest(document))
    assert status["refused"] == ""
    assert status["reason"] == f"dockerd listens on {host.address}"
    assert (
        status["engine"]
        == host.machine.run(["docker", "version", "-f", "{{.Server.Version}}"]).stdout.strip()
    )
    ends = deployment.server.certificate.not_valid_after_utc
    assert status["certificate_expires_at"] == ends.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert status["instance"] == host.machine.instance_id
    assert abs(time.time() - time.mktime(time.strptime(status["at"] + " UTC", "%Y-%m-%dT%H:%M:%SZ %Z"))) < 600
    local = host.machine.status()
    assert {name: status[name] for name in local} == local


def test_it_is_written_at_changes_only(host: Host) -> None:
    heard(host, state="ready")
    before = host.deployment.status()
    for _ in range(3):
        assert host.sync() == ""
    time.sleep(3)
    assert host.deployment.status() == before


def with_options(host: Host, **options: Any) -> str:
    """A document with options that the component would refuse, had it known."""
    document = host.deployment.document()
    return json.dumps({**json.loads(document), "daemon": {**json.loads(document)["daemon"], **options}})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"registry-mirrors": ["https://user:hunter2@mirror.example.com/path"]}, "invalid mirror"),
        # No engine knows before it starts.
        ({"storage-driver": "btrfs"}, "failed to start daemon: error initializing graphdriver"),
    ],
    ids=["by its options", "as it starts"],
)
def test_a_document_that_dockerd_refuses_is_named_with_dockerds_own_words(
    host: Host, options: dict[str, Any], words: str
) -> None:
    before = host.deployment.document()
    host.deployment.publish(before)
    assert host.sync() == ""
    refused = with_options(host, **options)
    host.deployment.publish(refused)
    assert host.sync() != ""
    status = heard(host, state="stale", refused=digest(refused), document=digest(before))
    assert words in status["reason"]
    assert "hunter2" not in json.dumps(status)
    # It stays the reason while the document stays refused.
    assert host.sync() != ""
    assert host.machine.status()["reason"] == status["reason"]
    host.assert_serving()


def test_a_document_that_does_not_start_costs_a_few_seconds(host: Host) -> None:
    host.deployment.publish(with_options(host, **{"storage-driver": "zfs"}))
    answers: list[tuple[float, bool]] = []
    with ThreadPoolExecutor(1) as pool:
        syncing = pool.submit(host.sync)
        while not syncing.done() or answers[-1][1] is False:
            answers.append((time.monotonic(), host.ping() == "200"))
            assert answers[-1][0] - answers[0][0] < 60
            time.sleep(0.05)
    assert syncing.result() != ""
    served = [at for at, answered in answers if answered]
    pause = max(later - earlier for earlier, later in pairwise(served))
    print(f"nobody was served for {pause:.1f} s")
    assert pause < 15  # three starts of dockerd, each through the gate
    assert len(served) < len(answers), "it was tried"


def test_a_status_that_cannot_be_written_changes_nothing_and_is_written_later(host: Host) -> None:
    heard(host, state="ready")
    host.machine.around.faults.add("put-denied")
    host.deployment.publish("garbage")
    assert host.sync() != ""
    host.machine.wait(lambda: "put-denied" in host.machine.around.met, "the host to try", 70)
    host.assert_serving()
    assert host.deployment.status()["state"] == "ready", "not heard yet"
    host.machine.around.faults.clear()
    host.deployment.publish("other garbage")
    assert host.sync() != ""
    heard(host, state="stale", refused=digest("other garbage"))
    host.assert_serving()


def test_a_status_that_is_written_slowly_does_not_keep_the_watch_from_the_firewall(host: Host) -> None:
    host.machine.around.met.clear()
    host.machine.around.faults.add("put-timeout")
    host.deployment.publish("garbage")
    assert host.sync() != ""
    host.machine.wait(lambda: "put-timeout" in host.machine.around.met, "the host to try", 70)
    host.machine.run(["nft", "delete", "table", "inet", "dockerhost"])
    until = time.monotonic() + 2
    while host.machine.run(["nft", "list", "table", "inet", "dockerhost"], check=False).returncode:
        assert time.monotonic() < until, "the table is back at once"


@pytest.mark.parametrize("name", ["of-another-host", "its own configuration"])
def test_the_role_writes_no_other_parameter(host: Host, name: str) -> None:
    target = host.deployment.name if name.startswith("its") else f"{host.deployment.status_name}-{name}"
    attempt = (
        "import runpy; runpy.run_path('/usr/local/sbin/dockerhost')['parameter_store']"
        f"('PutParameter', Name='{target}', Value='x', Type='String', Overwrite=True)"
    )
    done = host.machine.run(["python3", "-I", "-c", attempt], check=False)
    assert "not authorized to perform: ssm:PutParameter" in done.stderr


def test_a_host_without_a_role_writes_nothing(fresh: Callable[..., Host]) -> None:
    host = fresh(
        lambda made: userdata.user_data("debian-12", document=made.document()),
        docker_installed=True,
        clients=("alice",),
    )
    host.machine.boot()
    host.machine.wait_ready()
    time.sleep(3)
    assert host.deployment.status() == {"version": 1, "state": "pending", "version of the parameter": 1}


def test_a_host_whose_docker_somebody_has_stopped_is_not_called_ready(host: Host) -> None:
    host.machine.run(["systemctl", "stop", "docker.service", "docker.socket"])
    try:
        host.sync()
        status = heard(host, state="closed")
        assert status["reason"] == "docker.service is inactive: somebody has stopped it"
    finally:
        host.recover()
