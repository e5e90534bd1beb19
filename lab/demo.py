"""The main job, end to end, on one machine: the real engine, the embedded cloud, a really booted host, real clients.

It ends with a table of what was tried, from where, what was intended and what was seen; the exit code is 0 only if
all of it is as intended.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from rich.console import Console
from rich.table import Table

from lab import folders
from lab.engine import toolchain
from lab.engine.cloud import Cloud
from lab.engine.stack import Stack
from lab.hosts import certs, image, machine, network
from lab.hosts.client import connect, ping
from lab.hosts.during_up import Booted
from lab.hosts.power import Powered

ROOT = Path(__file__).parent.parent
OFFICE = "10.0.0.0/16"
TRUSTED, ALSO_TRUSTED = "10.0.5.0/24", "10.0.6.0/24"
console = Console()


@dataclass
class Report:
    """What was tried."""

    rows: list[tuple[str, str, str, str, bool]] = field(default_factory=list[tuple[str, str, str, str, bool]])

    def row(self, tried: str, source: str, intended: str, seen: str, ok: bool | None = None) -> None:
        self.rows.append((tried, source, intended, seen, seen == intended if ok is None else ok))

    @property
    def as_intended(self) -> bool:
        return all(row[4] for row in self.rows)

    def show(self) -> None:
        table = Table(title="What was tried, and what happened", title_style="bold")
        for heading in ("tried", "from", "intended", "seen", ""):
            table.add_column(heading, overflow="fold")
        for *texts, ok in self.rows:
            table.add_row(*texts, "[green]✓[/]" if ok else "[bold red]✗[/]")
        console.print(table)


@contextmanager
def step(text: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(text):
        yield
    console.print(f"[green]✓[/] {text} [dim]{time.monotonic() - started:.1f} s[/]", highlight=False)


def main(arguments: list[str]) -> int:
    if arguments == ["--clean"]:
        return clean()
    obstacle = _become_root(arguments)
    report = Report()
    with ExitStack() as stack:
        run(stack, report, obstacle)
    report.show()
    return 0 if report.as_intended else 1


def clean() -> int:
    """Every trace: namespaces, machines and the caches, with the built CLI and the host image."""
    _become_root(["--clean"])
    removed = [*network.clean(everything=True), *folders.clean()]
    shutil.rmtree(image.cache(), ignore_errors=True)
    console.print(f"removed {len(removed)} leftovers and {image.cache()}")
    return 0


def _become_root(arguments: list[str]) -> str | None:
    """Go on as root, which booting a host takes; or say why that cannot be."""
    if sys.platform != "linux":
        return "hosts boot on Linux only"
    if os.geteuid() == 0:
        return None
    if shutil.which("sudo"):
        print("A host boots in network namespaces of its own, which needs root: sudo may ask for a password.")
        os.execvp("sudo", ["sudo", "-E", sys.executable, "-m", "lab.demo", *arguments])
    return "it needs root, and there is no sudo: run this as root"


def run(stack: ExitStack, report: Report, obstacle: str | None = None) -> None:
    """The demonstration; `obstacle` says why no host can be booted, which the report then shows."""
    with step("Pulumi CLI"):
        toolchain.ensure()
    with step("embedded cloud (moto)"):
        cloud = stack.enter_context(Cloud())
        cloud.connect(OFFICE)
    config = {"trustedCidrs": [TRUSTED], "clients": ["alice", "bob"], "os": image.MAIN}
    pulumi = stack.enter_context(
        Stack(cloud, ROOT / "examples/quickstart", config, project="pulumi-aws-docker")
    )
    with step("pulumi up (stack local)"):
        made = pulumi.up().check()
    created = made.changes.get("create", 0)
    report.row("pulumi up", "here", "resources created", f"{created} created", created > 0)
    state = "plain" if "PRIVATE KEY" in json.dumps(pulumi.export()) else "encrypted"
    report.row("private keys in the state file", "here", "encrypted", state)
    user_data = cloud.user_data_text(pulumi.outputs()["instance_id"])
    report.row("private keys in user-data", "EC2", "none", "some" if "PRIVATE KEY" in user_data else "none")
    with step("pulumi up again"):
        again = pulumi.up().check()
    seen = str(again.changes) if again.changes else "no change"
    report.row("pulumi up, nothing changed", "here", "no change", seen)

    if obstacle is None and (absent := image.missing_tools()):
        obstacle = f"these Debian packages are missing: {' '.join(absent)}"
    if obstacle is None:
        with ExitStack() as booted:
            _boot_and_try(booted, report, cloud, pulumi, config)
    else:
        report.row("a booted host, and all that clients see of it", "here", "tried", f"left out: {obstacle}")
    with step("pulumi destroy"):
        pulumi.destroy().check()
    running = [{"Name": "instance-state-name", "Values": ["running", "stopped"]}]
    left = cloud.client("ec2").describe_instances(Filters=running)["Reservations"]
    interfaces = cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    remains = len(pulumi.resources()) + len(left) + len(interfaces)
    report.row("pulumi destroy", "here", "nothing left", "nothing left" if not remains else f"{remains} left")


def _boot_and_try(
    stack: ExitStack, report: Report, cloud: Cloud, pulumi: Stack, config: dict[str, Any]
) -> None:
    folders.clean()
    with console.status("host image (two minutes, the first time)") as status:
        base = image.ensure(say=status.update)
    wires = stack.enter_context(network.Network())
    outputs = pulumi.outputs()
    host = machine.Machine(cloud, outputs["instance_id"], wires, base)
    stack.callback(host.stop)
    with step("boot the host from the instance's user-data"):
        host.boot()
    with step("wait until the host has installed and guarded Docker"):
        host.wait_ready()
    folder = folders.make("bundle")
    stack.callback(shutil.rmtree, folder)
    for name in ("ca", "cert", "key"):
        (folder / f"{name}.pem").touch(0o600)
        (folder / f"{name}.pem").write_text(outputs[f"{name}_material"])
    with step("clients, from inside and outside"):
        _clients(report, wires, base, host, outputs, folder)
    with step("aws-docker audit and probe"):
        said = _audit_and_probe(report, wires, cloud, host, folder)
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    context = _Context(report, wires, base, folder)
    context.refresh("aws-docker context", outputs)
    with step("take the client bob away, trust another network, renew all certificates"):
        alice, bob = (_client_of(outputs, name) for name in ("alice", "bob"))
        report.row("2376 with bob's certificate", "trusted", "200", _ping(wires.trusted, host, bob, outputs))
        changes = {"clients": ["alice"], "trustedCidrs": [TRUSTED, ALSO_TRUSTED], "certificateGeneration": 2}
        pulumi.configure({**config, **changes})
        _renew(report, pulumi)
        # The host fetches its configuration every minute. It restarts dockerd: for a moment nobody is served.
        host.wait(lambda: _days_left(host) > 300, "the host to have the renewed certificate", 150)
        host.wait(lambda: _ping(wires.trusted, host, bob, outputs) != "200", "the host to follow", 120)
        host.wait(lambda: _ping(wires.trusted, host, alice, outputs) == "200", "alice to be served again", 60)
        seen = _ping(wires.trusted, host, bob, outputs)
        refused = seen not in ("200", "timeout", "refused")
        report.row("bob, after `pulumi up` without him", "trusted", "refused", "refused" if refused else seen)
        report.row("alice, afterwards", "trusted", "200", _ping(wires.trusted, host, alice, outputs))
        report.row(
            f"alice, now that {ALSO_TRUSTED} is trusted",
            "outside",
            "200",
            _ping(wires.outside, host, alice, outputs),
        )
        renewed = pulumi.outputs()
        same = "the same" if renewed["instance_id"] == outputs["instance_id"] else "another"
        report.row("the instance, after all changes", "EC2", "the same", same)
        left = _days_left(host)
        report.row(
            "the certificate that dockerd has, afterwards", "host", "364 days left", f"{left} days left"
        )
    context.refresh("aws-docker context, after the renewal", renewed)
    with step("let the host fall asleep, and wake it"):
        _sleep_and_wake(report, wires, base, cloud, pulumi, host, folder)
    with step("one `pulumi up` from nothing to a running container"):
        _one_up(report, base)


def _renew(report: Report, pulumi: Stack) -> None:
    """A run that makes certificates as of 340 days ago, and one of today."""
    try:
        pulumi.advance(days=-340)
    except LookupError as error:
        report.row("`pulumi up`, 25 days before certificates end", "here", "2 renewed", f"left out: {error}")
        pulumi.up().check()
        return
    pulumi.up().check()
    pulumi.advance(days=0)
    renewed = pulumi.up().check().changes.get("replace", 0)
    report.row("`pulumi up`, 25 days before certificates end", "here", "2 renewed", f"{renewed} renewed")


def _clients(
    report: Report,
    wires: network.Network,
    base: image.Image,
    host: machine.Machine,
    outputs: dict[str, Any],
    folder: Path,
) -> None:
    docker = shutil.which("docker") or str(base.docker_cli)
    settings = {"DOCKER_HOST": outputs["endpoint"], "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(folder)}

    def run(*argv: str, namespace: str = wires.trusted) -> subprocess.CompletedProcess[str]:
        return network.run_in(namespace, ["env", *(f"{k}={v}" for k, v in settings.items()), docker, *argv])

    version = run("version", "--format", "{{.Server.Version}}")
    report.row(
        "docker version",
        "trusted",
        "an answer",
        version.stdout.strip() or version.stderr[-80:],
        not version.returncode,
    )
    imported = run("import", str(base.busybox), "busybox")
    report.row("docker import (local tarball)", "trusted", "0", str(imported.returncode))
    hello = run("run", "--rm", "busybox", "/bin/echo", "hello from a container")
    report.row("docker run", "trusted", "hello from a container", hello.stdout.strip() or hello.stderr[-120:])

    alice = _client_of(outputs, "alice")
    address = host.private_ip
    other = certs.authority("another CA")
    stolen = _server_pair(host)
    refusals: list[tuple[str, Callable[[], str], str]] = [
        ("no client certificate", lambda: ping(address, None, None), "refused"),
        (
            "a certificate of another CA",
            lambda: ping(address, certs.leaf(other, [certs.CLIENT]), None),
            "refused",
        ),
        ("the server's own certificate", lambda: ping(address, stolen, None), "refused"),
        ("plain HTTP", lambda: ping(address, None, None, tls=False), "400"),
    ]
    for tried, attempt, intended in refusals:
        seen = network.within(wires.trusted, attempt)
        refused = seen not in ("200", "timeout", "refused")
        report.row(
            f"2376 with {tried}", "trusted", intended, seen if intended == "400" or not refused else "refused"
        )
    report.row(
        "2376 with alice's certificate", "outside", "timeout", _ping(wires.outside, host, alice, outputs)
    )
    for side, namespace in (("trusted", wires.trusted), ("outside", wires.outside), ("host", host.namespace)):
        seen = network.within(namespace, lambda: connect(address, 2375))
        report.row("2375", side, "closed", "open" if seen == "open" else "closed")
    for side, namespace, intended in (
        ("trusted", wires.trusted, "filtered open"),
        ("outside", wires.outside, "filtered filtered"),
    ):
        scan = network.run_in(
            namespace, ["nmap", "-n", "-Pn", "-sT", "--max-retries", "1", "-p", "2375,2376", address]
        )
        states = " ".join(line.split()[1] for line in scan.stdout.splitlines() if "/tcp" in line)
        report.row("nmap -p 2375,2376", side, intended, states)
    sockets = host.run(["ss", "-Hltnp"]).stdout.splitlines()
    listening = " ".join(line.split()[3] for line in sockets if "dockerd" in line)
    report.row("dockerd listens on", "host", f"{address}:2376", listening)


def _audit_and_probe(
    report: Report, wires: network.Network, cloud: Cloud, host: machine.Machine, folder: Path
) -> str:
    """What our own tools say of the host; returns the audit's table for people."""

    def ask(namespace: str | None, *argv: str) -> str:
        within = ["ip", "netns", "exec", namespace] if namespace else []
        command = [*within, str(Path(sys.executable).with_name("aws-docker")), *argv]
        environment = {**os.environ, **cloud.environment, "COLUMNS": "120"}
        return subprocess.run(command, env=environment, capture_output=True, text=True).stdout

    audited = json.loads(ask(None, "audit", "--trusted", TRUSTED, "--json"))
    reach = {
        port["port"]: ", ".join(port["sources"]) or "nobody"
        for interface in audited["interfaces"]
        for port in interface["ports"]
    }
    report.row("audit: who reaches 2376", "AWS", TRUSTED, reach.get(2376, "no such port"))
    report.row("audit: who reaches 2375", "AWS", "nobody", reach.get(2375, "nobody"))
    found = [finding["message"] for finding in audited["findings"] + audited["unchecked"]]
    report.row("audit: findings", "AWS", "none", "; ".join(found) or "none")
    for side, namespace, *intended in (
        ("trusted", wires.trusted, "filtered", "mutual-tls, alice is served"),
        ("outside", wires.outside, "filtered", "filtered"),
    ):
        probed = json.loads(ask(namespace, "probe", host.private_ip, "--bundle", str(folder), "--json"))
        for port, wanted in zip(probed["ports"], intended, strict=True):
            served = ", alice is served" if port["bundle_works"] else ""
            report.row(f"probe: {port['port']}", side, wanted, port["verdict"] + served)
    return ask(None, "audit", "--trusted", TRUSTED)


def _sleep_and_wake(
    report: Report,
    wires: network.Network,
    base: image.Image,
    cloud: Cloud,
    pulumi: Stack,
    host: machine.Machine,
    folder: Path,
) -> None:
    """`stop_when_idle_minutes` and `aws-docker start`; three seconds instead of minutes, so that nobody waits."""
    (parameter,) = [each for each in pulumi.resources() if each["urn"].endswith("::docker-configuration")]
    ssm = cloud.client("ssm")
    stored = ssm.get_parameter(Name=parameter["id"], WithDecryption=True)["Parameter"]

    def tell(document: str) -> None:
        ssm.put_parameter(Name=parameter["id"], Value=document, Type="SecureString", Overwrite=True)

    tell(json.dumps({**json.loads(stored["Value"]), "stop_when_idle_minutes": 0.05}))
    host.run(["/usr/local/sbin/dockerhost", "sync"])
    host.run(["systemctl", "restart", "dockerhost-watch.service"])
    with Powered(cloud, host) as power:
        until = time.monotonic() + 60
        while power.state == "running" and time.monotonic() < until:
            time.sleep(0.1)
        report.row("the host, when nobody has used it", "EC2", "stopped", power.state)
        tell(stored["Value"])
        woken = pulumi.aws_docker("start", "--timeout", "120")
        outputs = pulumi.outputs()
        bundle = folder / "woken"
        bundle.mkdir()
        for name in ("ca", "cert", "key"):
            (bundle / f"{name}.pem").touch(0o600)
            (bundle / f"{name}.pem").write_text(outputs[f"{name}_material"])
        settings = [f"DOCKER_HOST={outputs['endpoint']}", "DOCKER_TLS_VERIFY=1", f"DOCKER_CERT_PATH={bundle}"]
        docker = shutil.which("docker") or str(base.docker_cli)
        images = network.run_in(wires.trusted, ["env", *settings, docker, "images", "-q", "busybox"])
        kept = woken.exit_code == 0 and bool(images.stdout.strip())
        seen = "its images" if kept else (woken.stderr or images.stderr).strip()[-80:]
        report.row("`aws-docker start`, and what the host has then", "trusted", "its images", seen)


class _Context:
    """A Docker context, made by our command and used by Docker's own client."""

    def __init__(self, report: Report, wires: network.Network, base: image.Image, folder: Path) -> None:
        self._report, self._namespace = report, wires.trusted
        self._docker = shutil.which("docker") or str(base.docker_cli)
        path = os.pathsep.join([str(Path(self._docker).parent), os.environ["PATH"]])
        self._environment = {**os.environ, "PATH": path, "DOCKER_CONFIG": str(folder / "docker")}

    def refresh(self, tried: str, outputs: dict[str, Any]) -> None:
        """Make it, or make it anew, and ask the host through it."""
        ours = str(Path(sys.executable).with_name("aws-docker"))
        command = [ours, "context", "demo", "--from", "-"]
        made = subprocess.run(
            command, input=json.dumps(outputs), env=self._environment, capture_output=True, text=True
        )
        asked = network.run_in(
            self._namespace,
            [self._docker, "--context", "demo", "version", "--format", "{{.Server.Version}}"],
            env=self._environment,
        )
        folder = Path(self._environment["DOCKER_CONFIG"]) / "contexts/tls"
        held = [file.read_text().strip() for file in folder.glob("*/docker/cert.pem")]
        current = held == [outputs["cert_material"].strip()]
        seen = asked.stdout.strip() if current else "another certificate"
        seen = seen or (made.stderr + asked.stderr).strip()[-80:]
        self._report.row(tried, "trusted", "an answer", seen, current and asked.returncode == 0)


def _one_up(report: Report, base: image.Image) -> None:
    """The example docker-provider: its program makes a host and, as soon as that answers, a container on it."""
    os.environ["LAB_DOCKER"] = shutil.which("docker") or str(base.docker_cli)
    os.environ["LAB_BUSYBOX"] = str(base.busybox)
    with ExitStack() as stack:
        cloud = stack.enter_context(Cloud())
        wires = stack.enter_context(network.Network())
        stack.enter_context(network.Relay(wires.trusted, cloud.port))
        booted = stack.enter_context(Booted(cloud, wires, base, docker_installed=True))
        config = {"trustedCidrs": [TRUSTED], "assignPublicIp": False, "os": base.system}
        pulumi = stack.enter_context(
            Stack(
                cloud,
                ROOT / "examples/docker-provider",
                config,
                plugins={"docker": ROOT / "lab/engine/plugins/docker"},
                namespace=wires.trusted,
            )
        )
        pulumi.up().check()
        container = pulumi.outputs()["container"]
        asked = booted.machine().run(["docker", "inspect", "-f", "{{.State.Status}}", container], check=False)
        seen = asked.stdout.strip() or asked.stderr.strip()[-80:]
        report.row("one `pulumi up`: a host, and a container on it", "trusted", "running", seen)
        # No engine knows before it starts that this system has no such storage.
        pulumi.configure({**config, "daemonOptions": {"storage-driver": "btrfs"}})
        with booted.fetches_at_once():
            refused = pulumi.up()
        heard = "it refused the configuration" in refused.text and "initializing graphdriver" in refused.text
        seen = "dockerd's own words" if heard and refused.exit_code else refused.text[-200:]
        report.row("`pulumi up` with what dockerd refuses", "trusted", "dockerd's own words", seen)


def _client_of(outputs: dict[str, Any], name: str) -> certs.Certificate:
    return certs.parse(outputs["client_cert_materials"][name], outputs["client_key_materials"][name])


def _server_pair(host: machine.Machine) -> certs.Certificate:
    current = "/etc/dockerhost/current"
    return certs.parse(host.read(f"{current}/server.pem"), host.read(f"{current}/server-key.pem"))


def _days_left(host: machine.Machine) -> int:
    """Days until the certificate ends that dockerd is to show."""
    try:
        ends = _server_pair(host).certificate.not_valid_after_utc
    except (RuntimeError, ValueError):  # it is being exchanged at this moment
        return 0
    return (ends - datetime.now(UTC)).days


def _ping(namespace: str, host: machine.Machine, client: certs.Certificate, outputs: dict[str, Any]) -> str:
    authority = certs.Certificate(x509.load_pem_x509_certificate(outputs["ca_material"].encode()), client.key)
    return network.within(namespace, lambda: ping(host.private_ip, client, authority))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
