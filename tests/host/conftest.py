"""Booted hosts for tests: one that is ready and shared, and fresh ones for what must go wrong."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from aws_docker.host import daemon_json, role, userdata
from aws_docker.host.container_networks import container_address_pools
from lab import folders
from lab.engine.cloud import Cloud
from lab.hosts import certs, image, machine, network
from lab.hosts.client import connect, ping

TRUSTED_NETWORK = "10.0.5.0/24"

OPEN_DOCKER = "[Service]\nExecStart=\nExecStart=/usr/sbin/dockerd -H fd:// -H tcp://0.0.0.0:2375\n"
"""A drop-in by which dockerd would serve everybody."""


@pytest.fixture(scope="session")
def cloud(requires: Callable[..., None]) -> Iterator[Cloud]:
    requires("nspawn", "nft", "ip", "docker-cli")
    with Cloud() as running:
        yield running


@pytest.fixture(scope="session")
def base() -> image.Image:
    """What hosts boot from; LAB_SYSTEM says another."""
    return image.ensure(say=print)


@pytest.fixture(scope="session")
def wires(cloud: Cloud) -> Iterator[network.Network]:
    folders.clean()
    with network.Network() as made:
        yield made


@dataclass
class Deployment:
    """What the component would have made in the cloud for one host, with a configuration that tests can change."""

    cloud: Cloud
    wires: network.Network | network.Site
    base: image.Image
    clients: tuple[str, ...] = ("alice", "bob")
    trusted: list[str] = field(default_factory=lambda: [TRUSTED_NETWORK])
    volume: str | None = None
    ipv6: str | None = None
    tunnel: bool = False
    system: str = ""
    """What the component calls the system: the image's own unless another's way is tried on it."""
    docker_installed: bool = False
    spot: bool = False
    daemon_options: dict[str, Any] = field(default_factory=dict[str, Any])
    upkeep: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.system = self.system or self.base.system
        self.name = f"configuration-{secrets.token_hex(4)}"
        ec2 = self.cloud.client("ec2")
        subnet = ec2.describe_subnets()["Subnets"][0]
        self.interface = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]
        self.address: str = self.interface["PrivateIpAddress"]
        self.server_ca = certs.authority("server CA")
        self.client_cas = {name: certs.authority(f"{name} CA") for name in self.clients}
        self.certificates = {name: certs.leaf(ca, [certs.CLIENT]) for name, ca in self.client_cas.items()}
        self.server = self.new_server_certificate()
        self._grant()

    def new_server_certificate(self, **changes: Any) -> certs.Certificate:
        return certs.leaf(self.server_ca, [certs.SERVER], [*self.addresses, "127.0.0.1"], **changes)

    @property
    def addresses(self) -> list[str]:
        return [self.address, *([self.ipv6] if self.ipv6 else [])]

    def document(self, **changes: Any) -> str:
        bip, pools = container_address_pools(["172.31.0.0/16", *self.trusted])
        arguments: dict[str, Any] = {
            "daemon": daemon_json.daemon_configuration(self.daemon_options, bip=bip, pools=pools),
            "listen": self.addresses if self.trusted else [],
            "trusted": self.trusted,
            "server_key": self.server.key_pem,
            "server_certificate": self.server.pem,
            "client_authorities": [ca.pem for ca in self.client_cas.values()],
            "tunnel": self.tunnel,
            "chosen": [n for n in ("bip", "default-address-pools") if n not in self.daemon_options],
            "upkeep": self.upkeep,
            **changes,
        }
        return userdata.configuration_document(**arguments)

    def publish(self, document: str | None = None) -> None:
        """Put a configuration document into Parameter Store."""
        self.cloud.client("ssm").put_parameter(
            Name=self.name,
            Type="SecureString",
            Value=self.document() if document is None else document,
            Tier="Intelligent-Tiering",
            Overwrite=True,
        )

    def user_data(self) -> str:
        return userdata.user_data(
            self.system,
            parameter=self.name,
            volume_id=self.volume,
            status=self.status_name,
            spot=self.spot,
        )

    @property
    def status_name(self) -> str:
        return f"{self.name}-status"

    def status(self) -> dict[str, Any]:
        """What the host has written of itself, for those who cannot log in."""
        found = self.cloud.client("ssm").get_parameter(Name=self.status_name)["Parameter"]
        return {**json.loads(found["Value"]), "version of the parameter": found["Version"]}

    def instance(self, user_data: str) -> str:
        ec2 = self.cloud.client("ec2")
        named = [{"Name": "name", "Values": [f"{self.base.system}-x86_64-*"]}]
        image_id = ec2.describe_images(Filters=named)["Images"][0]["ImageId"]
        started = ec2.run_instances(
            ImageId=image_id,
            MinCount=1,
            MaxCount=1,
            InstanceType="t3.medium",
            UserData=userdata.compressed(user_data),
            IamInstanceProfile={"Name": self.name},
            NetworkInterfaces=[
                {"DeviceIndex": 0, "NetworkInterfaceId": self.interface["NetworkInterfaceId"]}
            ],
        )
        return started["Instances"][0]["InstanceId"]

    def machine(self, user_data: str | None = None) -> machine.Machine:
        made = machine.Machine(
            self.cloud,
            self.instance(user_data or self.user_data()),
            self.wires,
            self.base,
            docker_installed=self.docker_installed,
        )
        made.ipv6 += [self.ipv6] if self.ipv6 else []
        return made

    def role_policy(self, arn: str) -> str:
        """What the host's role may do; `arn` is its configuration's."""
        return role.policy(parameter=arn, status=f"{arn}-status", key=None)

    def _grant(self) -> None:
        iam = self.cloud.client("iam")
        account = self.cloud.client("sts").get_caller_identity()["Account"]
        arn = f"arn:aws:ssm:{self.cloud.region}:{account}:parameter/{self.name}"
        principal = {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        self.cloud.client("ssm").put_parameter(
            Name=self.status_name, Type="String", Value='{"version":1,"state":"pending"}'
        )
        iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=json.dumps({"Statement": [principal]}))
        iam.put_role_policy(
            RoleName=self.name,
            PolicyName="it",
            PolicyDocument=self.role_policy(arn),
        )
        iam.create_instance_profile(InstanceProfileName=self.name)
        iam.add_role_to_instance_profile(InstanceProfileName=self.name, RoleName=self.name)


@dataclass
class Host:
    """A booted host, and what clients see of it."""

    deployment: Deployment
    machine: machine.Machine

    @property
    def address(self) -> str:
        return self.deployment.address

    def restart(self) -> bool:
        """Whether dockerd starts again, through the gate."""
        self.machine.run(["systemctl", "reset-failed", "docker.service", "docker.socket"], check=False)
        return self.machine.run(["systemctl", "restart", "docker.service"], check=False).returncode == 0

    def recover(self) -> None:
        """Start dockerd again, once all is put right; the watch may be doing the same at this moment."""
        self.machine.wait(self.restart, "dockerd to start again", 60)
        self.machine.wait(lambda: self._serves_for(1.5), "dockerd to be left alone", 60)

    def _serves_for(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.ping() != "200":
                return False
            time.sleep(0.2)
        return True

    def sync(self) -> str:
        """Have the host fetch its configuration now; returns what went wrong, if anything."""
        done = self.machine.run(["/usr/local/sbin/dockerhost", "sync"], check=False)
        # What was said before is not said again, but stands in the status.
        assert done.returncode in (0, 1), done
        return "" if done.returncode == 0 else done.stdout or self.machine.status()["reason"]

    def ping(
        self,
        client: certs.Certificate | str | None = "alice",
        source: str | None = None,
        address: str | None = None,
        **how: Any,
    ) -> str:
        """What /_ping answers a client: `200`, `400`, `refused`, `timeout`, `reset`, or the TLS alert."""
        certificate = self.deployment.certificates[client] if isinstance(client, str) else client
        namespace = source or self.deployment.wires.trusted
        return network.within(
            namespace,
            lambda: ping(address or self.address, certificate, self.deployment.server_ca, **how),
        )

    def port(self, port: int, source: str | None = None, address: str | None = None) -> str:
        """`open`, `refused` or `timeout`, from a namespace (the trusted client's)."""
        namespace = source or self.deployment.wires.trusted
        return network.within(namespace, lambda: connect(address or self.address, port))

    def container_reaches(self, address: str, port: int, *options: str) -> bool:
        """Whether a container gets a TCP connection to an address."""
        # A container's own IPv6 address is usable after a second or two (RFC 4862, duplicate detection).
        seconds = "4" if ":" in address else "1"
        attempt = ["/bin/busybox", "timeout", "8", "/bin/busybox", "nc", "-w", seconds, address, str(port)]
        command = ["docker", "run", "--rm", *options, "busybox", *attempt]
        done = self.machine.run(command, check=False, stdin="")
        if done.returncode not in (0, 1, 143):  # connected, not connected, connected until `timeout` ended it
            raise RuntimeError(f"the container did not run: {done.stderr}")
        return done.returncode != 1

    def assert_valid(self, user_data: str) -> None:
        """Cloud-init's own schema finds no fault with it."""
        self.machine.write("/root/user-data", user_data)
        checked = self.machine.run(["cloud-init", "schema", "-c", "/root/user-data"], check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr

    def serve(self, port: int) -> None:
        """Have the host serve plain HTTP on another port, for attempts that shall succeed."""
        self.machine.run(
            ["systemd-run", f"--unit=serve-{port}", "python3", "-m", "http.server", "--bind", "::", str(port)]
        )
        self.machine.wait(
            lambda: self.port(port, self.machine.namespace) == "open", f"the host to serve {port}", 20
        )

    def assert_nothing_open(self) -> None:
        """2375 is closed from everywhere, and 2376 guarded or closed, whatever has been done to the host."""
        wires = self.deployment.wires
        attempts = [
            attempt
            for namespace in (wires.trusted, wires.outside, self.machine.namespace)
            for attempt in (
                lambda source=namespace: self.port(2375, source) == "open",
                lambda source=namespace: self.ping(None, source) == "200",
                lambda source=namespace: self.ping(None, source, tls=False) == "200",
            )
        ]
        attempts.append(lambda: self.ping("alice", wires.outside) == "200")
        with ThreadPoolExecutor(len(attempts)) as pool:
            assert not any(pool.map(lambda attempt: attempt(), attempts))

    def assert_closed(self) -> None:
        self.assert_nothing_open()
        assert self.ping() != "200"

    def assert_serving(self) -> None:
        self.assert_nothing_open()
        assert self.ping() == "200"


@pytest.fixture(scope="session")
def deployment(cloud: Cloud, wires: network.Network, base: image.Image) -> Deployment:
    made = Deployment(cloud, wires, base, docker_installed=True)
    made.publish()
    return made


@pytest.fixture(scope="session")
def host(deployment: Deployment) -> Iterator[Host]:
    """A host that is ready. Tests leave it as they found it."""
    with deployment.machine() as booted:
        booted.wait_ready()
        ready = Host(deployment, booted)
        load_busybox(ready)
        yield ready


def load_busybox(host: Host) -> None:
    """The one image that containers run in tests, from a local tarball."""
    tarball = host.machine.root / "root/busybox.tar"
    tarball.write_bytes(host.deployment.base.busybox.read_bytes())
    host.machine.run(["docker", "import", "/root/busybox.tar", "busybox"])


@pytest.fixture
def fresh(cloud: Cloud, base: image.Image) -> Iterator[Callable[..., Host]]:
    """Makes hosts of a test's own, as yet not booted, each with wires of its own; `boot` is the test's to call."""
    with ExitStack() as made:

        def make(user_data: Callable[[Deployment], str] = Deployment.user_data, **changes: Any) -> Host:
            deployment = Deployment(cloud, made.enter_context(network.Network()), base, **changes)
            deployment.publish()
            host = Host(deployment, deployment.machine(user_data(deployment)))
            made.callback(host.machine.stop)
            return host

        yield make
