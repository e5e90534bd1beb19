"""Decides what a DockerHost is: every default, and every refusal that can be told before a resource exists. Pure.

The arguments are read once, here; a plan is what everything else goes by. It has two parts: what one machine has to
itself, and what machines that serve the same clients have in common. Values that are late (Outputs) stay so, and are
judged by access.py once they are known.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from ..core.engines import EVERY, Engines
from ..core.errors import InvalidInput
from ..core.trust import trusted_networks
from . import membership, reading, userdata
from .container_networks import container_address_pools
from .daemon_json import check_daemon_options, daemon_configuration
from .keys import LEAST_SIZES, KeyAlgorithm, KeyDelivery
from .published import check_ports
from .systems import SYSTEMS, OperatingSystem, System

if TYPE_CHECKING:
    from pulumi import Input

# What Parameter Store, IAM and EC2's descriptions all take. The role's name is the longest: 64 characters, of which
# "-role" and the suffix that Pulumi adds take 13.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,50}")


_HOST_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


_NIGHTLY: Final = "03:00-05:00"
_DAYS: Final = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_WINDOW: Final = reading.Form(
    rf"off|({_DAYS}(,{_DAYS})* )?([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d",
    "write a window in UTC such as '03:00-05:00' or 'Sat,Sun 22:00-02:00', or 'off'",
)


class Window(NamedTuple):
    """When something may begin."""

    calendar: str
    """Its start, as systemd.time(7) writes it."""
    seconds: int
    """How long it is."""


LEAST_IDLE_MINUTES: Final = 5
"""A start takes one or two minutes, and a host looks every minute: with less, it would sleep more than it serves."""


@dataclass(frozen=True)
class Sources:
    """Who may reach the Docker API. The members may be late, and so may be the list of networks."""

    networks: "Input[Sequence[Input[str]]]"
    prefix_lists: "tuple[Input[str], ...]"
    security_groups: "tuple[Input[str], ...]"

    @property
    def remote(self) -> bool:
        """Whether anybody may: without a source, a host is local only."""
        return bool(
            self.prefix_lists or self.security_groups or reading.is_late(self.networks) or self.networks
        )


@dataclass(frozen=True)
class Certificates:
    """Whose certificates are made, and how."""

    clients: tuple[str, ...]
    hostnames: "tuple[Input[str], ...]"
    """Names of a server, besides those that follow from its addresses."""
    algorithm: KeyAlgorithm
    ca_validity_days: int
    ca_generations: tuple[int, ...]
    """Those of every CA that are trusted: the first signs servers', the last clients' certificates."""
    validity_days: int
    generation: int
    """Its change renews every leaf, keys included."""
    renew_before_days: int
    """A leaf that ends sooner is renewed; 0: none is."""


@dataclass(frozen=True)
class Common:
    """What machines that serve the same clients have in common."""

    name: str
    """The component's: what is made once is named after it."""
    sources: Sources
    published_ports: tuple[str, ...]
    """What the sources reach besides the Docker API: ports and ranges of ports, of containers."""
    certificates: Certificates
    vpc_id: "Input[str] | None"
    assign_public_ip: bool
    allow_all_egress: bool
    system: System
    ami_id: "Input[str] | None"
    """An image of that system; None: the publisher's newest."""
    root_volume_size: int
    """GiB, as are the sizes of all volumes."""
    data_volume_size: int | None
    kms_key_id: "Input[str] | None"
    key_delivery: KeyDelivery
    tunnel: bool
    """Whether Session Manager brings clients to the host's loopback."""
    daemon_options: Mapping[str, Any] | None
    prune_images_after_days: int | None
    security_updates: Window | None
    """When the system installs its own; None: never by itself."""
    wait_until_ready: bool
    """Whether the outputs are held back until the host answers."""
    stop_when_idle_minutes: int | None
    """After how long a machine that nobody uses stops itself; None: never."""
    spot: bool
    """Whether EC2 may stop a machine, and starts it again when it has room."""
    tags: "Mapping[str, Input[str]]"
    managers: tuple[str, ...] = ()
    """The hosts that manage a Swarm, by name; none: there is none."""

    @property
    def engines(self) -> Engines:
        """The Docker that the host may have: an image of the caller's may hold any."""
        return EVERY if self.ami_id is not None else self.system.engines

    @property
    def docker_disk(self) -> int:
        """MiB of the disk that Docker's data is on."""
        return 1024 * (self.data_volume_size or self.root_volume_size)

    @property
    def upkeep(self) -> Mapping[str, Any] | None:
        """What the host does by itself over the years, as its document has it; None: it has no program for it."""
        if self.in_user_data:
            return None
        wanted: dict[str, Any] = {}
        if self.security_updates:
            wanted["security_updates"] = list(self.security_updates)
        if self.prune_images_after_days:
            wanted["prune_images_after_days"] = self.prune_images_after_days
        return wanted

    @property
    def served(self) -> bool:
        """Whether there are clients, from the network or through a tunnel: without any, a host is local only."""
        return self.sources.remote or self.tunnel

    @property
    def in_user_data(self) -> bool:
        """Whether the document that holds the server's key is delivered in user-data."""
        return self.key_delivery is KeyDelivery.USER_DATA


@dataclass(frozen=True)
class Machine:
    """What one machine has to itself."""

    name: str
    """What is made for this machine is named after it."""
    instance_type: "Input[str]"
    subnet_id: "Input[str] | None"


@dataclass(frozen=True)
class HostPlan:
    """One machine, and what it would have in common with others."""

    common: Common
    machine: Machine


@dataclass(frozen=True)
class FleetPlan:
    """Several machines that serve the same clients."""

    common: Common
    machines: tuple[Machine, ...]
    """Ordered by name."""

    def host(self, machine: Machine) -> HostPlan:
        """One of them, with what it has in common with the others."""
        return HostPlan(self.common, machine)

    def named(self, machine: Machine) -> str:
        """What the caller calls one of them."""
        return machine.name.removeprefix(f"{self.common.name}-")


def plan(name: str, args: Any) -> HostPlan:
    """What a DockerHost of this name and these arguments is; raises InvalidInput."""
    check_name(name)
    given = reading.Arguments(args)
    common = read_common(name, given)
    machine = Machine(
        name=name,
        instance_type=given.text("instance_type", reading.INSTANCE_TYPE) or "t3.medium",
        subnet_id=given.text("subnet_id", reading.SUBNET),
    )
    given.refuse_others()
    check_tunnel(common)
    check_waiting(common)
    check_room(common)
    return HostPlan(common, machine)


def fleet_plan(name: str, args: Any) -> FleetPlan:
    """What a DockerFleet of this name and these arguments is; raises InvalidInput."""
    check_name(name)
    given = reading.Arguments(args)
    common = read_common(name, given)
    types = given.texts("instance_types", reading.INSTANCE_TYPE)
    subnet_ids = given.strings("subnet_ids", reading.SUBNET)
    common = replace(common, managers=given.names("swarm_managers", (), reading.ANY))
    given.refuse_others()
    if not types:
        hint = "name at least one host, such as {'a': 't3.medium'}"
        raise InvalidInput("instance_types", dict(types), hint, "names no host")
    for host in types:
        _check_host_name(name, host)
    if common.managers:
        _check_swarm(common, types)
    check_tunnel(common)
    check_waiting(common)
    check_room(common, types)
    machines = [
        Machine(
            name=f"{name}-{host}",
            instance_type=types[host],
            subnet_id=subnet_ids[position % len(subnet_ids)] if subnet_ids else None,
        )
        for position, host in enumerate(sorted(types))
    ]
    return FleetPlan(common, tuple(machines))


def _check_swarm(common: Common, hosts: Mapping[str, str]) -> None:
    membership.check_managers(common.managers, hosts)
    if "swarm" in hosts or any(host.startswith("swarm-") for host in hosts):
        name = next(host for host in hosts if host.startswith("swarm"))
        raise InvalidInput(
            "instance_types", name, "choose another name: so is what the Swarm's members share called"
        )
    if common.in_user_data:
        hint = "deliver by Parameter Store: a member reads its join token there, with its role"
        raise InvalidInput("key_delivery", common.key_delivery.value, hint, "gives a Swarm's members no role")
    refuse_sleeping_managers(common.stop_when_idle_minutes, common.managers)
    if common.spot:
        hint = "leave it out: EC2 may stop several managers at once, and with them the Swarm"
        raise InvalidInput("spot", True, hint, "would leave a Swarm's managers to EC2")
    check_daemon_options(_known_options(common.daemon_options), common.engines, swarm=True)


def _check_host_name(fleet: str, host: str) -> None:
    argument = "instance_types"
    if not _HOST_NAME.fullmatch(host):
        hint = "name hosts with up to 32 small letters, digits and '-'"
        raise InvalidInput(argument, host, hint)
    if host.startswith("client-"):
        # Resources are named after both: a fleet's client-alice-ca-key is a client's.
        raise InvalidInput(argument, host, "choose another name: so are the clients' certificates called")
    try:
        check_name(f"{fleet}-{host}")
    except InvalidInput as error:
        raise InvalidInput(argument, host, f"with the fleet's name before it: {error.hint}") from None


def read_common(name: str, given: reading.Arguments) -> Common:
    """The part of a plan that several machines can share; raises InvalidInput."""
    common = Common(
        name=name,
        sources=_sources(given),
        published_ports=given.names("published_ports", (), reading.PORTS),
        certificates=_certificates(given),
        vpc_id=given.text("vpc_id", reading.VPC),
        assign_public_ip=given.switch("assign_public_ip"),
        allow_all_egress=given.switch("allow_all_egress"),
        system=SYSTEMS[given.choice("os", OperatingSystem.AMAZON_LINUX_2023)],
        ami_id=given.text("ami_id", reading.IMAGE),
        root_volume_size=given.whole_number("root_volume_size", 20, 8, 16384),
        data_volume_size=given.size("data_volume_size", 1, 16384),
        kms_key_id=given.text("kms_key_id", reading.KMS_KEY),
        key_delivery=given.choice("key_delivery", KeyDelivery.PARAMETER_STORE),
        tunnel=given.switch("session_manager_tunnel"),
        daemon_options=given.options("daemon_options"),
        prune_images_after_days=given.size("prune_images_after_days", 1, 3650),
        security_updates=_security_updates(given),
        wait_until_ready=given.switch("wait_until_ready"),
        stop_when_idle_minutes=given.size("stop_when_idle_minutes", LEAST_IDLE_MINUTES, 43_200),
        spot=given.switch("spot"),
        tags=given.tags("tags"),
    )
    check_daemon_options(_known_options(common.daemon_options), common.engines)
    for argument in ("prune_images_after_days", "security_updates"):
        if common.in_user_data and given.says(argument):
            hint = "deliver by Parameter Store: in user-data there is no room for the program that does it"
            raise InvalidInput("key_delivery", f"user-data, with {argument}", hint)
    check_ports(common.published_ports)
    if common.published_ports and not common.sources.remote:
        hint = "name a trusted source, or leave it out"
        raise InvalidInput("published_ports", list(common.published_ports), hint, "would be open to nobody")
    return common


def check_name(name: str) -> None:
    """Raises InvalidInput for a name that AWS would refuse halfway."""
    if not _NAME.fullmatch(name):
        raise InvalidInput("name", name, "use up to 51 letters, digits, '.', '_' and '-'")
    if name.lower().startswith(("aws", "ssm")):
        # AWS Systems Manager API, PutParameter.
        hint = "Parameter Store reserves names that start with 'aws' or 'ssm': start with something else"
        raise InvalidInput("name", name, hint)
    if name.lower().startswith("sg-"):
        # Amazon EC2 API, CreateSecurityGroup; names are the same in any case.
        hint = "EC2 keeps 'sg-' for the ids of security groups: start with something else"
        raise InvalidInput("name", name, hint)


def check_tunnel(common: Common) -> None:
    """Raises InvalidInput where Session Manager could not reach a host."""
    if not common.tunnel:
        return
    if common.in_user_data:
        hint = "leave key_delivery out: 'user-data' gives the host no role, and its agent cannot register without one"
        raise InvalidInput("session_manager_tunnel", True, hint, "needs an instance role")
    if not common.system.session_manager and common.ami_id is None:
        having = " or ".join(f"'{each.os.value}'" for each in SYSTEMS.values() if each.session_manager)
        hint = f"choose the os {having}, or name an image of your own that has it with ami_id"
        problem = f"needs Session Manager's agent, which {common.system.family}'s image lacks"
        raise InvalidInput("session_manager_tunnel", True, hint, problem)


def check_waiting(common: Common) -> None:
    """Raises InvalidInput where nobody could ask a host whether it is ready."""
    if common.wait_until_ready and not common.sources.remote:
        hint = "name a trusted source that holds this machine's address, or leave it out"
        if common.tunnel:
            hint += ": `aws-docker wait` asks by the host's status, and `aws-docker tunnel` waits by itself"
        raise InvalidInput("wait_until_ready", True, hint, "asks a host that nobody may reach")


def refuse_sleeping_managers(minutes: int | None, managers: Sequence[str]) -> None:
    """Raises InvalidInput where managers of a Swarm would stop themselves: with each, the Swarm loses a vote."""
    if minutes is not None and managers:
        hint = f"leave it out: the managers {', '.join(managers)} have to be there for the others"
        raise InvalidInput("stop_when_idle_minutes", minutes, hint, "would stop a Swarm's managers")


def check_room(common: Common, hosts: Collection[str] = ()) -> None:
    """Raises InvalidInput for what can't fit in a parameter, or in user-data, however short the certificates are."""
    key, certificate, authority = LEAST_SIZES[common.certificates.algorithm]
    trusted = reading.known(common.sources.networks)
    bridge, pools = container_address_pools(trusted)
    document = userdata.configuration_document(
        daemon=daemon_configuration(
            _known_options(common.daemon_options),
            bip=bridge,
            pools=pools,
            engines=common.engines,
            swarm=bool(common.managers),
            disk=common.docker_disk,
        ),
        listen=["127.0.0.1"] if common.sources.remote else [],
        trusted=trusted,
        tunnel=common.tunnel,
        server_key="k" * key,
        server_certificate="c" * certificate,
        swarm=membership.told(
            name=common.managers[0],
            managers=common.managers,
            addresses=dict.fromkeys(hosts, "10.0.0.10"),
            pool="172.31.0.0/16",
            manager_token=common.name,
            worker_token=common.name,
        )
        if common.managers
        else None,
        client_authorities=["a" * authority]
        * len(common.certificates.clients)
        * len(common.certificates.ca_generations),
        upkeep=common.upkeep,
        published=common.published_ports,
        stop_when_idle_minutes=common.stop_when_idle_minutes,
    )
    if common.in_user_data:
        userdata.user_data(common.system.os, document=document, spot=common.spot)


def _sources(given: reading.Arguments) -> Sources:
    networks = given.networks("trusted_cidrs")
    trusted_networks(reading.known(networks))
    sources = Sources(
        networks,
        given.strings("trusted_prefix_list_ids", reading.PREFIX_LIST),
        given.strings("trusted_security_group_ids", reading.SECURITY_GROUP),
    )
    _refuse_twice("trusted_prefix_list_ids", reading.known(sources.prefix_lists), "source")
    _refuse_twice("trusted_security_group_ids", reading.known(sources.security_groups), "source")
    return sources


def _certificates(given: reading.Arguments) -> Certificates:
    clients = given.names("clients", ("default",), reading.CLIENT)
    if not clients:
        raise InvalidInput("clients", [], "name at least one client, or leave the argument out for 'default'")
    _refuse_twice("clients", clients, "client")
    for client in clients:
        if f"{client}-ca" in clients:
            # Resources are named after clients: alice's CA has a key called alice-ca-key.
            hint = f"choose another name: so is the CA of '{client}' called"
            raise InvalidInput("clients", f"{client}-ca", hint, "is taken")
    ca_days = given.whole_number("ca_validity_days", 3650, 1, 36500)
    days = given.whole_number("certificate_validity_days", 365, 1, 36500)
    if days > ca_days:
        hint = f"a certificate cannot outlive its CA's {ca_days} days"
        raise InvalidInput("certificate_validity_days", days, hint)
    return Certificates(
        clients=clients,
        hostnames=given.strings("additional_hostnames", reading.HOSTNAME),
        algorithm=given.choice("key_algorithm", KeyAlgorithm.ECDSA_P256),
        ca_validity_days=ca_days,
        ca_generations=_ca_generations(given),
        validity_days=days,
        generation=given.whole_number("certificate_generation", 1, 1, 1_000_000),
        renew_before_days=_renewal(given, days),
    )


def _ca_generations(given: reading.Arguments) -> tuple[int, ...]:
    generations = given.whole_numbers("ca_generations", (1,), 1, 1_000_000)
    hint = "name one generation, or the old one and a new one, such as [1, 2]"
    if not 1 <= len(generations) <= 2 or list(generations) != sorted(set(generations)):
        raise InvalidInput("ca_generations", list(generations), hint)
    return generations


def _security_updates(given: reading.Arguments) -> Window | None:
    argument = "security_updates"
    window = given.plain_text(argument, _NIGHTLY, _WINDOW)
    if window == "off":
        return None
    days, _, times = window.rpartition(" ")
    begin, end = times.split("-")
    first, last = (60 * int(time[:2]) + int(time[3:]) for time in (begin, end))
    minutes = (last - first) % 1440
    if minutes < 15:
        raise InvalidInput(argument, window, "let it be 15 minutes at least: hosts spread over it")
    return Window(f"{days} *-*-* {begin}:00 UTC".strip(), 60 * minutes)


def _renewal(given: reading.Arguments, validity_days: int) -> int:
    # Half the validity at most, unless asked for: else a short one would be renewed by every run.
    days = given.whole_number("renew_before_days", min(30, validity_days // 2), 0, 36500)
    if days >= validity_days:
        hint = f"a certificate is valid for {validity_days} days: choose less, or it is renewed by every run"
        raise InvalidInput("renew_before_days", days, hint)
    return days


def _known_options(options: Any) -> Any:
    """daemon_options with None in place of values that are not known yet: their names are judged already."""
    if not isinstance(options, Mapping):
        return options
    given = cast(Mapping[Any, Any], options)
    return {key: None if reading.holds_late(value) else value for key, value in given.items()}


def _refuse_twice(argument: str, names: Sequence[str], kind: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(argument, name, f"name each {kind} once", "is named twice")
