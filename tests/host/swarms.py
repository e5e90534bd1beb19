"""Booted members of a Swarm: what a DockerFleet with `swarm_managers` would have made in the cloud for each."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from aws_docker.host import daemon_json, membership, role, userdata
from aws_docker.host.container_networks import container_address_pools, overlay_pool
from lab.hosts import network
from tests.host.conftest import Deployment, Host, load_busybox


@dataclass
class Member(Deployment):
    """One of them."""

    name_in_swarm: str = ""
    swarm: "Swarm | None" = None
    replaced: int = 0

    def document(self, **changes: Any) -> str:
        assert self.swarm
        bip, pools = container_address_pools(["172.31.0.0/16", *self.trusted])
        told = membership.told(
            name=self.name_in_swarm,
            managers=self.swarm.managers,
            addresses={name: each.deployment.address for name, each in self.swarm.hosts.items()},
            pool=overlay_pool(["172.31.0.0/16", *self.trusted]),
            manager_token=self.swarm.manager_token,
            worker_token=self.swarm.worker_token,
        )
        daemon = daemon_json.daemon_configuration(self.daemon_options, bip=bip, pools=pools, swarm=True)
        return super().document(daemon=daemon, swarm=told, **changes)

    def user_data(self) -> str:
        assert self.swarm
        return userdata.user_data(
            self.system, parameter=self.name, status=self.status_name, swarm=self.swarm.program
        )

    def role_policy(self, arn: str) -> str:
        assert self.swarm
        program, manager, worker = (
            f"{arn.rsplit('/', 1)[0]}/{name}"
            for name in (self.swarm.program, self.swarm.manager_token, self.swarm.worker_token)
        )
        statements = membership.statements(
            manages=self.name_in_swarm in self.swarm.managers,
            program=program,
            manager_token=manager,
            worker_token=worker,
            key=None,
        )
        return role.policy(parameter=arn, status=f"{arn}-status", key=None, member=statements)


@dataclass
class Swarm:
    """The members by name, and what they share."""

    name: str
    managers: Sequence[str]
    hosts: dict[str, Host] = field(default_factory=dict[str, Host])
    booted: ExitStack = field(default_factory=ExitStack)

    @property
    def program(self) -> str:
        return f"{self.name}-program"

    @property
    def manager_token(self) -> str:
        return f"{self.name}-manager-token"

    @property
    def worker_token(self) -> str:
        return f"{self.name}-worker-token"

    def make(self, names: Sequence[str], wires: network.Network, cloud: Any, base: Any, **how: Any) -> None:
        """Everything but power: every address is known before the first document."""
        ssm = cloud.client("ssm")
        ssm.put_parameter(
            Name=self.program, Type="String", Value=userdata.swarm_program(), Tier="Intelligent-Tiering"
        )
        for token in (self.manager_token, self.worker_token):
            ssm.put_parameter(Name=token, Type="SecureString", Value=membership.NOT_YET)
        for name in names:
            site = network.Site(wires)
            made = Member(cloud, site, base, docker_installed=True, name_in_swarm=name, swarm=self, **how)
            self.hosts[name] = Host(made, made.machine())
            self.booted.callback(lambda name=name: self.hosts[name].machine.stop())
        self.publish()

    def publish(self) -> None:
        for host in self.hosts.values():
            host.deployment.publish()

    def boot(self) -> None:
        for host in self.hosts.values():
            host.machine.boot()
        self.wait_ready(self.hosts)

    def wait_ready(self, names: Any, timeout: float = 300) -> None:
        for name in names:
            self.hosts[name].machine.wait_ready(timeout)

    def load(self, names: Any) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(load_busybox, (self.hosts[name] for name in names)))

    def replace(self, name: str, *, disk: bool = False) -> None:
        """Another instance under the same name and address, with or without the disk of the one before."""
        old = self.hosts[name]
        old.machine.power_cut()
        old.machine.around.close()
        old.deployment.cloud.client("ec2").terminate_instances(InstanceIds=[old.machine.instance_id])
        new = Host(old.deployment, old.deployment.machine())
        if disk:
            new.machine.start_from_image_of(old.machine)
        old.machine.stop()
        self.hosts[name] = new
        new.machine.boot()

    def docker(self, name: str, *argv: str, check: bool = True, timeout: float = 60) -> str:
        """A docker command on a member, by its socket."""
        done = self.hosts[name].machine.run(["docker", *argv], check=check, timeout=timeout)
        return (done.stdout + done.stderr).strip()

    def nodes(self, by: str) -> dict[str, str]:
        """What a manager says of each node: `ready manager reachable active`, by address or the host's name; nothing
        where it says nothing."""
        listed = self.hosts[by].machine.run(["docker", "node", "ls", "-q"], check=False)
        if listed.returncode:
            return {}
        ids = listed.stdout.split()
        names = {host.address: name for name, host in self.hosts.items()}
        found: dict[str, str] = {}
        for node in json.loads(self.docker(by, "node", "inspect", *ids)):
            status = node.get("ManagerStatus", {})
            address = status.get("Addr", "").split(":")[0] or node["Status"]["Addr"]
            words = [node["Status"]["State"], node["Spec"]["Role"], status.get("Reachability", "")]
            name = names.get(address, address)
            name = f"{name} again" if name in found else name
            found[name] = " ".join(filter(None, [*words, node["Spec"]["Availability"]]))
        return found
