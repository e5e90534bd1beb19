"""What a caller may ask of a DockerHost or a DockerFleet: the contract that type checkers and the schema read. What is
refused, and what holds where nothing is said, is decided in plan.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from .keys import KeyAlgorithm, KeyDelivery
from .systems import OperatingSystem

__all__ = ["DockerFleetArgs", "DockerHostArgs", "KeyDelivery", "OperatingSystem"]


class _CommonArgs(TypedDict):
    """What hosts that serve the same clients have in common."""

    trusted_cidrs: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """IPv4 and IPv6 networks (CIDR) that may reach the Docker API on TCP 2376. Together at most 65,536 public IPv4
    addresses; public IPv6 networks no wider than /48."""

    trusted_prefix_list_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Managed prefix lists (`pl-...`) whose entries may reach the Docker API. The host's firewall admits the entries
    as they are at the time of `pulumi up`."""

    trusted_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Security groups (`sg-...`) whose members may reach the Docker API. The host's firewall cannot see membership:
    it admits the VPC's addresses, and the security group narrows that to the members."""

    published_ports: NotRequired[Sequence[str]]
    """TCP ports that containers publish and that the trusted sources may reach, such as `"8080"` or `"32768-60999"`;
    never Docker's or Swarm's own. The host's firewall then keeps whatever else containers publish, and everybody else,
    out. No certificate is asked for there. Default: none: the security group keeps them closed."""

    clients: NotRequired[Sequence[str]]
    """Names of the clients; each gets a certificate of its own, revoked by taking its name away.
    Default: `["default"]`."""

    assign_public_ip: NotRequired[bool]
    """Whether the host gets an Elastic IP, which is then what clients connect to. Default: `False`."""

    additional_hostnames: NotRequired[Sequence[pulumi.Input[str]]]
    """DNS names for the server certificate, besides the host's addresses, `localhost` and 127.0.0.1."""

    vpc_id: NotRequired[pulumi.Input[str]]
    """The VPC. Default: the subnet's, or else the account's default VPC."""

    os: NotRequired[OperatingSystem]
    """The operating system. Default: Amazon Linux 2023."""

    ami_id: NotRequired[pulumi.Input[str]]
    """An explicit image of that operating system. Default: the newest when the host is first made; kept from then
    on, so that a newer image never replaces the host."""

    root_volume_size: NotRequired[int]
    """GiB of the root volume (gp3, encrypted). Default: 20."""

    data_volume_size: NotRequired[int]
    """GiB of a volume of its own for /var/lib/docker (gp3, encrypted), which outlives the instance. Default: none."""

    kms_key_id: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key for volumes and the parameter. Default: the account's `aws/ebs` and `aws/ssm` keys.
    Volumes are made with a key for good: one that is taken away stays theirs, one that comes later replaces them."""

    key_algorithm: NotRequired[KeyAlgorithm]
    """The algorithm of all keys. Default: ECDSA P-256."""

    ca_validity_days: NotRequired[int]
    """Days that the certificate authorities are valid. Default: 3650."""

    ca_generations: NotRequired[Sequence[int]]
    """The generations of the certificate authorities that are trusted, at most two. To renew them: `[1, 2]`, which
    trusts the old ones and gives clients new certificates, and, once all have those, `[2]`. Default: `[1]`."""

    certificate_validity_days: NotRequired[int]
    """Days that server and client certificates are valid. Default: 365."""

    certificate_generation: NotRequired[int]
    """Raise it to renew the keys and certificates of the server and of all clients. Default: 1."""

    renew_before_days: NotRequired[int]
    """Days before its end from which on `pulumi up` renews a certificate, keeping its key; 0: never by itself.
    Default: `30`, or less where certificates are valid for less than twice that."""

    key_delivery: NotRequired[KeyDelivery]
    """How the server's key reaches the host. Default: Parameter Store, read with the instance's role. `user-data` is
    for accounts that allow no instance role: whoever can read the instance's user-data can then read the key."""

    session_manager_tunnel: NotRequired[bool]
    """Whether dockerd serves mutual TLS on the host's own loopback as well, which `aws-docker tunnel` reaches through
    AWS Session Manager: it needs no trusted source, no ingress rule and no public address. Default: `False`."""

    daemon_options: NotRequired[Mapping[str, Any]]
    """Options for dockerd's daemon.json, merged over hardened defaults. Listeners and TLS cannot be set here."""

    prune_images_after_days: NotRequired[int]
    """Days after which an image that no container has goes; after an hour already where the disk is 85 % full.
    Default: none."""

    security_updates: NotRequired[str]
    """When the system installs its own security updates, Docker's included: a window in UTC in which they begin, of
    every day or of some (`Sat,Sun 22:00-02:00`), or `off`. Default: `03:00-05:00`."""

    allow_all_egress: NotRequired[bool]
    """Whether the host may connect to everything, not only to TCP 443 and 80. Default: `False`."""

    wait_until_ready: NotRequired[bool]
    """Whether `pulumi up` ends only when the host answers its first client over mutual TLS, within ten minutes.
    Whoever runs `pulumi up` must then be a trusted source. Default: `False`."""

    stop_when_idle_minutes: NotRequired[int]
    """Minutes without a client and without a running container after which the instance stops itself; `aws-docker
    start` wakes it. At least 5; what counts as use says docs/sleep.md. Default: none."""

    spot: NotRequired[bool]
    """Whether the instance is a spot instance, of a persistent request: EC2 may stop it, with two minutes' notice, and
    starts it again when there is room. A change replaces the instance. Default: `False`."""

    tags: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Tags for every resource that can have them, volumes included."""


class DockerHostArgs(_CommonArgs):
    """The arguments of a DockerHost. All are optional: without a trusted source the host is local only."""

    subnet_id: NotRequired[pulumi.Input[str]]
    """The subnet. Default: one of the VPC's, chosen when the host is first made and kept."""

    instance_type: NotRequired[pulumi.Input[str]]
    """EC2 instance type; decides between x86_64 and arm64. Default: `t3.medium`."""


class DockerFleetArgs(_CommonArgs):
    """The arguments of a DockerFleet: which hosts there are, and all of a DockerHost's that are not about one host."""

    instance_types: Mapping[str, str]
    """The hosts, by name, and each one's EC2 instance type, e.g. `{"amd64": "m7i.large", "arm64": "m7g.large"}`. To add
    a name, or to take one away, touches no other host."""

    subnet_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """The subnets that hosts are spread over, in turn by name. A host keeps the one that it was made in.
    Default: the VPC's."""

    swarm_managers: NotRequired[Sequence[str]]
    """The hosts, by name, that manage a Docker Swarm: 1, 3, 5 or 7. The others are its workers. Default: no Swarm.
    Members join by themselves, and are replaced one after the other."""
