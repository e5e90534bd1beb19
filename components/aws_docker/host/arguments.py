"""What a caller may ask of a DockerHost, and what is refused before any resource exists.

The rules about networks are networks.py's, those about daemon.json are daemon.py's; this module applies them to the
arguments and adds the ones that concern a single argument.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NotRequired, TypedDict, TypeVar, cast

import pulumi

from ..core.errors import InvalidInput
from ..core.trust import trusted_networks
from . import userdata
from .certificates import LEAST_SIZES, KeyAlgorithm
from .container_networks import container_address_pools
from .daemon_json import check_daemon_options, daemon_configuration


class OperatingSystem(str, Enum):
    """The stock image a host starts from, for x86_64 and arm64."""

    AMAZON_LINUX_2023 = "amazon-linux-2023"
    UBUNTU_24_04 = "ubuntu-24.04"
    DEBIAN_12 = "debian-12"
    DEBIAN_13 = "debian-13"


class KeyDelivery(str, Enum):
    """How the server's key reaches the host."""

    PARAMETER_STORE = "parameter-store"
    USER_DATA = "user-data"


class DockerHostArgs(TypedDict):
    """The arguments of a DockerHost. All are optional: without a trusted source the host is local only."""

    trusted_cidrs: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """IPv4 and IPv6 networks (CIDR) that may reach the Docker API on TCP 2376. Together at most 65,536 public IPv4
    addresses; public IPv6 networks no wider than /48."""

    trusted_prefix_list_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Managed prefix lists (`pl-...`) whose entries may reach the Docker API. The host's firewall admits the entries
    as they are at the time of `pulumi up`."""

    trusted_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Security groups (`sg-...`) whose members may reach the Docker API. The host's firewall cannot see membership:
    it admits the VPC's addresses, and the security group narrows that to the members."""

    clients: NotRequired[Sequence[str]]
    """Names of the clients; each gets a certificate of its own, revoked by taking its name away.
    Default: `["default"]`."""

    assign_public_ip: NotRequired[bool]
    """Whether the host gets an Elastic IP, which is then what clients connect to. Default: `False`."""

    additional_hostnames: NotRequired[Sequence[pulumi.Input[str]]]
    """DNS names for the server certificate, besides the host's addresses, `localhost` and 127.0.0.1."""

    vpc_id: NotRequired[pulumi.Input[str]]
    """The VPC. Default: the subnet's, or else the account's default VPC."""

    subnet_id: NotRequired[pulumi.Input[str]]
    """The subnet. Default: one of the VPC's, chosen when the host is first made and kept."""

    os: NotRequired[OperatingSystem]
    """The operating system. Default: Amazon Linux 2023."""

    ami_id: NotRequired[pulumi.Input[str]]
    """An explicit image of that operating system. Default: the newest when the host is first made; kept from then
    on, so that a newer image never replaces the host."""

    instance_type: NotRequired[pulumi.Input[str]]
    """EC2 instance type; decides between x86_64 and arm64. Default: `t3.medium`."""

    root_volume_size: NotRequired[int]
    """GiB of the root volume (gp3, encrypted). Default: 20."""

    data_volume_size: NotRequired[int]
    """GiB of a volume of its own for /var/lib/docker (gp3, encrypted), which outlives the instance. Default: none."""

    kms_key_id: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key for volumes and the parameter. Default: the account's `aws/ebs` and `aws/ssm` keys."""

    key_algorithm: NotRequired[KeyAlgorithm]
    """The algorithm of all keys. Default: ECDSA P-256."""

    ca_validity_days: NotRequired[int]
    """Days that the certificate authorities are valid. Default: 3650."""

    certificate_validity_days: NotRequired[int]
    """Days that server and client certificates are valid. Default: 365."""

    certificate_generation: NotRequired[int]
    """Raise it to renew the keys and certificates of the server and of all clients. Default: 1."""

    key_delivery: NotRequired[KeyDelivery]
    """How the server's key reaches the host. Default: Parameter Store, read with the instance's role. `user-data` is
    for accounts that allow no instance role: whoever can read the instance's user-data can then read the key."""

    daemon_options: NotRequired[Mapping[str, Any]]
    """Options for dockerd's daemon.json, merged over hardened defaults. Listeners and TLS cannot be set here."""

    allow_all_egress: NotRequired[bool]
    """Whether the host may connect to everything, not only to TCP 443 and 80. Default: `False`."""

    tags: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Tags for every resource that can have them, volumes included."""


# Lists whose members may be Outputs; of trusted_cidrs, the list itself may be one as well.
_LISTS = (
    "trusted_cidrs",
    "trusted_prefix_list_ids",
    "trusted_security_group_ids",
    "clients",
    "additional_hostnames",
)
# Texts that may be Outputs: how each is written, and an example.
_TEXTS = {
    "vpc_id": ("vpc-[0-9a-f]+", "an id such as 'vpc-0123456789abcdef0'"),
    "subnet_id": ("subnet-[0-9a-f]+", "an id such as 'subnet-0123456789abcdef0'"),
    "ami_id": ("ami-[0-9a-f]+", "an id such as 'ami-0123456789abcdef0'"),
    "instance_type": (r"[a-z0-9-]+\.[a-z0-9-]+", "a type such as 't3.medium'"),
    # The role's policy names the key, and policies know keys by nothing else.
    "kms_key_id": (
        r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+",
        "the key's ARN, such as 'arn:aws:kms:eu-central-1:123456789012:key/…'",
    ),
}
_SWITCHES = ("assign_public_ip", "allow_all_egress")

_Enum = TypeVar("_Enum", bound=Enum)

# What Parameter Store, IAM and EC2's descriptions all take. The role's name is the longest: 64 characters, of which
# "-role" and the suffix that Pulumi adds take 13.
_HOST_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,50}")
_CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_HOSTNAME = re.compile(
    r"(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.I
)


def checked(name: str, args: Mapping[str, Any]) -> DockerHostArgs:
    """The arguments without those that are None, after everything that can be told from the name and the arguments
    alone was checked; raises InvalidInput. What is an Output is checked when it becomes known (host.py)."""
    _check_name(name)
    if not isinstance(cast(Any, args), Mapping):
        raise InvalidInput(
            "args", args, "give a dict, such as {'trusted_cidrs': ['10.0.5.0/24']}", "is no dict"
        )
    _check_known(args)
    given = {argument: value for argument, value in args.items() if value is not None}
    _check_types(given)
    trusted_networks(known_strings(given.get("trusted_cidrs", [])))
    for argument, prefix in (("trusted_prefix_list_ids", "pl-"), ("trusted_security_group_ids", "sg-")):
        ids = known_strings(given.get(argument, []))
        for each in ids:
            if not re.fullmatch(prefix + "[0-9a-f]+", each):
                raise InvalidInput(argument, each, f"give an id such as '{prefix}0123456789abcdef0'")
            if ids.count(each) > 1:
                raise InvalidInput(argument, each, "name each source once", "is named twice")
    for hostname in known_strings(given.get("additional_hostnames", [])):
        if not _HOSTNAME.fullmatch(hostname) or re.fullmatch(r"[\d.]+", hostname):
            raise InvalidInput(
                "additional_hostnames", hostname, "give a DNS name such as 'build.example.com'"
            )
    client_names(cast(Sequence[str], given.get("clients", ["default"])))
    choice("os", OperatingSystem, given.get("os", OperatingSystem.AMAZON_LINUX_2023))
    choice("key_algorithm", KeyAlgorithm, given.get("key_algorithm", KeyAlgorithm.ECDSA_P256))
    choice("key_delivery", KeyDelivery, given.get("key_delivery", KeyDelivery.PARAMETER_STORE))
    whole_number(given, "root_volume_size", 20, 8, 16384)
    whole_number(given, "data_volume_size", 1, 1, 16384)
    ca_days = whole_number(given, "ca_validity_days", 3650, 1, 36500)
    days = whole_number(given, "certificate_validity_days", 365, 1, 36500)
    if days > ca_days:
        raise InvalidInput(
            "certificate_validity_days", days, f"a certificate cannot outlive its CA's {ca_days} days"
        )
    whole_number(given, "certificate_generation", 1, 1, 1_000_000)
    check_daemon_options(_known_options(given.get("daemon_options")))
    _check_room(given)
    return cast(DockerHostArgs, given)


def choice(argument: str, kind: type[_Enum], value: Any) -> _Enum:
    """The member of `kind` that `value` names; raises InvalidInput."""
    try:
        return kind(value)
    except ValueError:
        offered = ", ".join(repr(member.value) for member in kind)
        raise InvalidInput(argument, value, f"choose one of {offered}") from None


def whole_number(args: Mapping[str, Any], argument: str, default: int, least: int, most: int) -> int:
    """An integer argument in its range; numbers come as floats across Pulumi's plugin boundary."""
    value = args.get(argument, default)
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise InvalidInput(argument, value, "give a whole number")
    if not least <= value <= most:
        raise InvalidInput(argument, value, f"give a number from {least} to {most}")
    return int(value)


def known_strings(values: Any) -> list[str]:
    """The strings of a list that are known while the program runs; the rest is checked when it becomes known."""
    return (
        [v for v in cast(Sequence[Any], values) if isinstance(v, str)]
        if isinstance(values, (list, tuple))
        else []
    )


def client_names(names: Sequence[str]) -> list[str]:
    """The clients' names, checked; raises InvalidInput."""
    if not names:
        raise InvalidInput("clients", [], "name at least one client, or leave the argument out for 'default'")
    for name in names:
        if not _CLIENT_NAME.fullmatch(name):
            raise InvalidInput("clients", name, "use up to 32 letters, digits, '.', '_' and '-'")
        if list(names).count(name) > 1:
            raise InvalidInput("clients", name, "name each client once", "is named twice")
        if f"{name}-ca" in names:
            # Resources are named after clients: alice's CA has a key called alice-ca-key.
            raise InvalidInput(
                "clients", f"{name}-ca", f"choose another name: so is the CA of '{name}' called", "is taken"
            )
    return list(names)


def _check_name(name: str) -> None:
    if not _HOST_NAME.fullmatch(name):
        raise InvalidInput("name", name, "use up to 51 letters, digits, '.', '_' and '-'")
    if name.lower().startswith(("aws", "ssm")):
        # AWS Systems Manager API, PutParameter.
        hint = "Parameter Store reserves names that start with 'aws' or 'ssm': start with something else"
        raise InvalidInput("name", name, hint)


def _check_known(args: Mapping[str, Any]) -> None:
    known = list(DockerHostArgs.__annotations__)
    for argument in args:
        if argument not in known:
            near = difflib.get_close_matches(str(argument), known, 1)
            hint = f"did you mean '{near[0]}'?" if near else f"the arguments are {', '.join(known)}"
            raise InvalidInput(str(argument), args[argument], hint, "is for no argument of this name")


def _check_types(given: Mapping[str, Any]) -> None:
    """What a type checker would have told a caller who has one."""
    for argument, value in given.items():
        if isinstance(value, pulumi.Output):
            if argument != "trusted_cidrs" and argument not in _TEXTS:
                hint = (
                    "give a value that is known when the program runs: it decides which resources there are"
                )
                hint += (
                    "; the members of a list or map may be Outputs"
                    if argument in (*_LISTS[:3], "tags")
                    else ""
                )
                raise InvalidInput(argument, "an Output", hint)
        elif argument in _LISTS:
            if not isinstance(value, (list, tuple)):
                raise InvalidInput(argument, value, "give a list, even of one", "is no list")
            late = () if argument == "clients" else (pulumi.Output,)
            for member in cast(Sequence[object], value):
                if not isinstance(member, (str, *late)):
                    raise InvalidInput(argument, member, "give strings", "is no string")
        elif argument in _TEXTS:
            pattern, hint = _TEXTS[argument]
            if not isinstance(value, str) or not re.fullmatch(pattern, value):
                raise InvalidInput(argument, value, f"give {hint}")
        elif argument in _SWITCHES:
            if not isinstance(value, bool):
                raise InvalidInput(argument, value, "give True or False", "is no boolean")
        elif argument == "tags":
            if not isinstance(value, Mapping):
                raise InvalidInput(argument, value, "give a map of strings", "is no map")
            for key, text in cast(Mapping[object, object], value).items():
                if not isinstance(key, str) or not isinstance(text, (str, pulumi.Output)):
                    raise InvalidInput(f"tags.{key}", text, "give strings", "is no string")


def _check_room(given: Mapping[str, Any]) -> None:
    """Refuses what cannot fit in a parameter, or in user-data, however short the certificates turn out."""
    sources = ("trusted_cidrs", "trusted_prefix_list_ids", "trusted_security_group_ids")
    remote = any(isinstance(given.get(each), pulumi.Output) or given.get(each) for each in sources)
    key, certificate, authority = LEAST_SIZES[
        KeyAlgorithm(given.get("key_algorithm", KeyAlgorithm.ECDSA_P256))
    ]
    trusted = known_strings(given.get("trusted_cidrs", []))
    bridge, pools = container_address_pools(trusted)
    document = userdata.configuration_document(
        daemon=daemon_configuration(_known_options(given.get("daemon_options")), bip=bridge, pools=pools),
        listen=["127.0.0.1"] if remote else [],
        trusted=trusted,
        server_key="k" * key,
        server_certificate="c" * certificate,
        client_authorities=["a" * authority] * len(given.get("clients", ["default"])),
    )
    if given.get("key_delivery", KeyDelivery.PARAMETER_STORE) == KeyDelivery.USER_DATA:
        os = OperatingSystem(given.get("os", OperatingSystem.AMAZON_LINUX_2023))
        userdata.user_data(os.value, document=document)


def _known_options(options: Any) -> Any:
    """daemon_options with None in place of values that are not known yet: their names are judged already."""
    if not isinstance(options, Mapping):
        return options
    given = cast(Mapping[Any, Any], options)
    return {key: None if _holds_output(value) else value for key, value in given.items()}


def _holds_output(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_output(item) for item in cast(Mapping[Any, Any], value).values())
    if isinstance(value, (list, tuple)):
        return any(_holds_output(item) for item in cast(Sequence[Any], value))
    return isinstance(value, pulumi.Output)
