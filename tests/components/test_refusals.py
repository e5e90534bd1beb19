"""What a DockerHost refuses: before any resource exists, in one line with the argument, the value and the hint."""

import math
from dataclasses import dataclass
from typing import Any

import pulumi
import pytest

from aws_docker import DockerHost, DockerHostError

from .conftest import Stack


@dataclass
class Late:
    """Stands for an Output, which only a running program can make."""

    value: Any


def with_outputs(value: Any) -> Any:
    if isinstance(value, Late):
        return pulumi.Output.from_input(value.value)
    if isinstance(value, dict):
        return {key: with_outputs(item) for key, item in value.items()}
    return [with_outputs(item) for item in value] if isinstance(value, list) else value


TOO_MANY = "name only the networks that are yours"
LEFT_OUT = "leave it out: nothing that reaches the host comes from there"

REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"key_delivery": "user-data", "security_updates": "off"},
        "key_delivery: 'user-data, with security_updates' is refused; deliver by Parameter Store: in user-data there "
        "is no room for the program that does it",
    ),
    (
        {"ca_generations": [2, 1]},
        "ca_generations: [2, 1] is refused; name one generation, or the old one and a new one, such as [1, 2]",
    ),
    (
        {"ca_generations": 2},
        "ca_generations: 2 is no list; give a list, even of one",
    ),
    (
        {"certificate_validity_days": 30, "renew_before_days": 30},
        "renew_before_days: 30 is refused; a certificate is valid for 30 days: choose less, or it is renewed by every "
        "run",
    ),
    (
        {"wait_until_ready": True},
        "wait_until_ready: True asks a host that nobody may reach; name a trusted source that holds this machine's "
        "address, or leave it out",
    ),
    # Published ports
    *(
        ({"trusted_cidrs": ["10.0.5.0/24"], "published_ports": ports}, f"published_ports: {message}")
        for ports, message in [
            (["http"], "'http' is refused; give a TCP port such as '8080', or a range such as '32768-60999'"),
            (["53/udp"], "'53/udp' is refused; give a TCP port such as '8080', or a range such as '32768-60999'"),
            ([8080], "8080 is no string; give strings"),
            (
                ["90-80"],
                "'90-80' is refused; give a port from 1 to 65535, or the first and last of a range, the smaller one "
                "first",
            ),
            (
                ["1-65536"],
                "'1-65536' is refused; give a port from 1 to 65535, or the first and last of a range, the smaller one "
                "first",
            ),
            (
                ["2375"],
                "'2375' holds TCP 2375, which is the Docker API's without TLS; publish the container on another port",
            ),
            (
                ["2376"],
                "'2376' holds TCP 2376, which is the Docker API's, and open to the trusted sources as it is; publish "
                "the container on another port",
            ),
            (
                ["2000-3000"],
                "'2000-3000' holds TCP 2375, which is the Docker API's without TLS; leave TCP 2375 out of it",
            ),
            (
                ["7000-8000"],
                "'7000-8000' holds TCP 7946, which is where Swarm's nodes find each other; leave TCP 7946 out of it",
            ),
            (["80", "80"], "'80' overlaps 80; name each port once"),
            (["8000-8100", "8080"], "'8080' overlaps 8000-8100; name each port once"),
        ]
    ),
    (
        {"published_ports": ["8080"]},
        "published_ports: ['8080'] would be open to nobody; name a trusted source, or leave it out",
    ),
    (
        {"wait_until_ready": True, "session_manager_tunnel": True},
        "wait_until_ready: True asks a host that nobody may reach; name a trusted source that holds this machine's "
        "address, or leave it out: `aws-docker wait` asks by the host's status, and `aws-docker tunnel` waits by "
        "itself",
    ),
    (
        {"session_manager_tunnel": True, "key_delivery": "user-data"},
        "session_manager_tunnel: True needs an instance role; leave key_delivery out: 'user-data' gives the host no "
        "role, and its agent cannot register without one",
    ),
    (
        {"session_manager_tunnel": True, "os": "debian-13", "trusted_cidrs": ["10.0.5.0/24"]},
        "session_manager_tunnel: True needs Session Manager's agent, which Debian's image lacks; choose the os "
        "'amazon-linux-2023' or 'ubuntu-24.04', or name an image of your own that has it with ami_id",
    ),
    # Sources
    (
        {"trusted_cidrs": ["10.0.5.0/33"]},
        "trusted_cidrs: '10.0.5.0/33' is not a network; write one such as '10.0.5.0/24' or '2001:db8:7::/48'",
    ),
    (
        {"trusted_cidrs": ["office"]},
        "trusted_cidrs: 'office' is not a network; write one such as '10.0.5.0/24' or '2001:db8:7::/48'",
    ),
    (
        {"trusted_cidrs": ["10.0.5.10/24"]},
        "trusted_cidrs: '10.0.5.10/24' has host bits set; write '10.0.5.0/24' or '10.0.5.10/32'",
    ),
    (
        {"trusted_cidrs": ["2001:db8:7::1/48"]},
        "trusted_cidrs: '2001:db8:7::1/48' has host bits set; write '2001:db8:7::/48' or '2001:db8:7::1/128'",
    ),
    (
        {"trusted_cidrs": ["10.0.5.10"]},
        "trusted_cidrs: '10.0.5.10' has no prefix length; write '10.0.5.10/32' for this one address",
    ),
    ({"trusted_cidrs": ["127.0.0.0/8"]}, f"trusted_cidrs: '127.0.0.0/8' is loopback; {LEFT_OUT}"),
    ({"trusted_cidrs": ["::1/128"]}, f"trusted_cidrs: '::1/128' is loopback; {LEFT_OUT}"),
    ({"trusted_cidrs": ["224.0.0.0/4"]}, f"trusted_cidrs: '224.0.0.0/4' is multicast; {LEFT_OUT}"),
    ({"trusted_cidrs": ["169.254.0.0/16"]}, f"trusted_cidrs: '169.254.0.0/16' is link-local; {LEFT_OUT}"),
    ({"trusted_cidrs": ["fe80::/10"]}, f"trusted_cidrs: 'fe80::/10' is link-local; {LEFT_OUT}"),
    ({"trusted_cidrs": ["0.0.0.0/32"]}, f"trusted_cidrs: '0.0.0.0/32' is unspecified; {LEFT_OUT}"),
    (
        {"trusted_cidrs": ["8.0.0.0/15"]},
        "trusted_cidrs: '8.0.0.0/15' holds 131,072 public IPv4 addresses, and at most 65,536 can be trusted; "
        + TOO_MANY,
    ),
    ({"trusted_cidrs": ["0.0.0.0/0"]}, "trusted_cidrs: '0.0.0.0/0' holds "),
    (
        {"trusted_cidrs": ["0.0.0.0/1", "128.0.0.0/1"]},
        "trusted_cidrs: '0.0.0.0/1, 128.0.0.0/1' holds ",
    ),
    ({"trusted_cidrs": ["::/0"]}, "trusted_cidrs: '::/0' holds "),
    (
        {"trusted_cidrs": ["2001:db8::/47"]},
        "trusted_cidrs: '2001:db8::/47' holds 2001:db8::/47, and the widest public IPv6 network that can be trusted "
        f"is a /48; {TOO_MANY}",
    ),
    (
        {"trusted_cidrs": ["10.0.5.0/24", "10.0.5.0/24"]},
        "trusted_cidrs: '10.0.5.0/24' is named twice; name each network once",
    ),
    (
        {"trusted_cidrs": ["10.0.5.0/24", "10.0.0.0/16"]},
        "trusted_cidrs: '10.0.5.0/24' is already part of '10.0.0.0/16'; leave it out",
    ),
    ({"trusted_cidrs": "10.0.5.0/24"}, "trusted_cidrs: '10.0.5.0/24' is no list; give a list, even of one"),
    ({"trusted_cidrs": [10]}, "trusted_cidrs: 10 is no string; give strings"),
    (
        {"trusted_prefix_list_ids": ["sg-0123"]},
        "trusted_prefix_list_ids: 'sg-0123' is refused; give an id such as 'pl-0123456789abcdef0'",
    ),
    (
        {"trusted_security_group_ids": ["default"]},
        "trusted_security_group_ids: 'default' is refused; give an id such as 'sg-0123456789abcdef0'",
    ),
    (
        {"trusted_security_group_ids": ["sg-01", "sg-01"]},
        "trusted_security_group_ids: 'sg-01' is named twice; name each source once",
    ),
    # Clients and names
    (
        {"clients": []},
        "clients: [] is refused; name at least one client, or leave the argument out for 'default'",
    ),
    ({"clients": "alice"}, "clients: 'alice' is no list; give a list, even of one"),
    ({"clients": ["a b"]}, "clients: 'a b' is refused; use up to 32 letters, digits, '.', '_' and '-'"),
    ({"clients": ["x" * 33]}, f"clients: '{'x' * 33}' is refused; use up to 32 letters"),
    ({"clients": ["../ca"]}, "clients: '../ca' is refused; use up to 32 letters"),
    ({"clients": ["ci", "ci"]}, "clients: 'ci' is named twice; name each client once"),
    (
        {"clients": ["ci-ca", "ci"]},
        "clients: 'ci-ca' is taken; choose another name: so is the CA of 'ci' called",
    ),
    ({"clients": [7]}, "clients: 7 is no string; give strings"),
    (
        {"additional_hostnames": ["203.0.113.7"]},
        "additional_hostnames: '203.0.113.7' is refused; give a DNS name such as 'build.example.com'",
    ),
    ({"additional_hostnames": ["a_b.example"]}, "additional_hostnames: 'a_b.example' is refused; give a DNS name"),
    ({"additional_hostnames": "build.example"}, "additional_hostnames: 'build.example' is no list; give a list"),
    # Choices
    (
        {"os": "ubuntu-22.04"},
        "os: 'ubuntu-22.04' is refused; choose one of 'amazon-linux-2023', 'ubuntu-24.04', 'debian-12', 'debian-13'",
    ),
    (
        {"key_algorithm": "ed25519"},
        "key_algorithm: 'ed25519' is refused; choose one of 'ecdsa-p256', 'ecdsa-p384', 'rsa-3072', 'rsa-4096'",
    ),
    (
        {"key_delivery": "scp"},
        "key_delivery: 'scp' is refused; choose one of 'parameter-store', 'user-data'",
    ),
    # Numbers
    ({"root_volume_size": 7}, "root_volume_size: 7 is refused; give a number from 8 to 16384"),
    ({"root_volume_size": "20"}, "root_volume_size: '20' is refused; give a whole number"),
    ({"root_volume_size": 20.5}, "root_volume_size: 20.5 is refused; give a whole number"),
    ({"root_volume_size": math.inf}, "root_volume_size: inf is refused; give a whole number"),
    ({"root_volume_size": math.nan}, "root_volume_size: nan is refused; give a whole number"),
    ({"data_volume_size": True}, "data_volume_size: True is refused; give a whole number"),
    ({"data_volume_size": 0}, "data_volume_size: 0 is refused; give a number from 1 to 16384"),
    ({"certificate_generation": 0}, "certificate_generation: 0 is refused; give a number from 1 to 1000000"),
    ({"ca_validity_days": 0}, "ca_validity_days: 0 is refused; give a number from 1 to 36500"),
    (
        {"ca_validity_days": 30},
        "certificate_validity_days: 365 is refused; a certificate cannot outlive its CA's 30 days",
    ),
    # Where
    ({"vpc_id": "default"}, "vpc_id: 'default' is refused; give an id such as 'vpc-0123456789abcdef0'"),
    ({"subnet_id": "vpc-01"}, "subnet_id: 'vpc-01' is refused; give an id such as 'subnet-0123456789abcdef0'"),
    ({"subnet_id": ""}, "subnet_id: '' is refused; give an id such as 'subnet-0123456789abcdef0'"),
    ({"ami_id": "ubuntu"}, "ami_id: 'ubuntu' is refused; give an id such as 'ami-0123456789abcdef0'"),
    ({"instance_type": "large"}, "instance_type: 'large' is refused; give a type such as 't3.medium'"),
    (
        {"kms_key_id": "alias/docker"},
        "kms_key_id: 'alias/docker' is refused; give the key's ARN, such as "
        "'arn:aws:kms:eu-central-1:123456789012:key/…'",
    ),
    (
        {"kms_key_id": "arn:aws:kms:eu-central-1:123456789012:alias/docker"},
        "kms_key_id: 'arn:aws:kms:eu-central-1:123456789012:alias/docker' is refused; give the key's ARN",
    ),
    # Switches and tags
    ({"assign_public_ip": "false"}, "assign_public_ip: 'false' is no boolean; give True or False"),
    ({"allow_all_egress": 1}, "allow_all_egress: 1 is no boolean; give True or False"),
    ({"tags": ["team"]}, "tags: ['team'] is no map; give a map of strings"),
    ({"tags": {"cost": 3}}, "tags.cost: 3 is no string; give strings"),
    ({"tags": {"aws:team": "x"}}, "tags.aws:team: 'x' is refused; AWS keeps keys that start with 'aws:' for itself"),
    ({"tags": {"": "x"}}, "tags: '' is refused; give a key of 1 to 128 characters"),
    ({"tags": {"t": "x" * 257}}, "tags.t: '"),
    ({"tags": {f"t{n}": "" for n in range(50)}}, "tags: '50 tags' is refused; give at most 49, besides Name"),
    # daemon.json
    ({"daemon_options": {"hosts": ["tcp://0.0.0.0:2375"]}}, "daemon_options.hosts: ['tcp://0.0.0.0:2375'] is refused"),
    ({"daemon_options": {"tlsverify": False}}, "daemon_options.tlsverify: False is refused"),
    ({"daemon_options": {"TLS": False}}, "daemon_options.TLS: False is refused"),
    ({"daemon_options": {"log-leve": "info"}}, "daemon_options: 'log-leve' is not an option of dockerd; did you mean"),
    ({"daemon_options": ["icc"]}, "daemon_options: ['icc'] is not a map; give a map of dockerd's options"),
    ({"daemon_options": {"hosts": [Late("fd://")]}}, "daemon_options.hosts: "),
    (
        {"daemon_options": {"registry-mirrors": ["mirror.example.com"]}},
        "daemon_options.registry-mirrors: 'mirror.example.com' is no http or https URL; write 'https://mirror.example.com'",
    ),
    (
        {"daemon_options": {"registry-mirrors": ["https://mirror.example.com/hub"]}, "os": "debian-12"},
        "daemon_options.registry-mirrors: 'https://mirror.example.com/hub' is refused; write "
        "'https://mirror.example.com': Docker 20.10 takes no path here",
    ),
    (
        {"daemon_options": {"registry-mirrors": ["https://user:secret@mirror.example.com"]}},
        "daemon_options.registry-mirrors: 'a URL with a user name' is refused; write it without",
    ),
    (
        {"daemon_options": {"default-ulimits": {"nofile": "1024:2048"}}},
        "daemon_options.default-ulimits.nofile: '1024:2048' is no limit; write "
        '{"Name": "nofile", "Soft": 1024, "Hard": 2048}',
    ),
    (
        {"daemon_options": {"default-ulimits": {"nofile": {"name": "nofile", "soft": 1, "hard": 1}}}},
        "daemon_options.default-ulimits.nofile: {'name': 'nofile', 'soft': 1, 'hard': 1} is no limit; write "
        '{"Name": "nofile", "Soft": 1, "Hard": 1}',
    ),
    (
        {"daemon_options": {"builder": {"gc": {"enabled": "true"}}}},
        "daemon_options.builder.gc.enabled: 'true' is not true or false; dockerd wants true or false",
    ),
    (
        {"daemon_options": {"features": {"buildkit": 1.0}}},
        "daemon_options.features.buildkit: 1.0 is not true or false; write true or false",
    ),
    (
        {"daemon_options": {"default-address-pools": [{"base": "10.10.0.0/16"}]}},
        "daemon_options.default-address-pools[0]: {'base': '10.10.0.0/16'} is no pool; write ",
    ),
    (
        {"daemon_options": {"log-opts": {"max-sise": "10m"}}},
        "daemon_options.log-opts: 'max-sise' is no option of the log driver json-file; did you mean 'max-size'?",
    ),
    (
        {"daemon_options": {"log-driver": "local", "log-opts": {"tag": "a"}}},
        "daemon_options.log-opts: 'tag' is refused; leave it out: of Docker 25.0, the log driver local",
    ),
    (
        {"daemon_options": {"default-gateway": "10.9.9.9"}},
        "daemon_options.default-gateway: '10.9.9.9' lies elsewhere; name an address of the bridge's network, "
        "172.17.0.0/16, or set bip, too",
    ),
    (
        {"daemon_options": {"http-proxy": "http://user:secret@proxy.example.com"}},
        "daemon_options.http-proxy: 'what is said here' would be ignored; write it into the map proxies",
    ),
    (
        {"daemon_options": {"firewall-backend": "nftables"}, "os": "debian-12"},
        "daemon_options: 'firewall-backend' is not an option of Docker 20.10; leave it out: it came with 29.0",
    ),
    (
        {"daemon_options": {"firewall-backend": "nftables"}},
        "daemon_options: 'firewall-backend' is not an option of Docker 25.0; leave it out: it came with 29.0",
    ),
    (
        {"daemon_options": {"oom-score-adjust": -500}, "os": "debian-13"},
        "daemon_options: 'oom-score-adjust' is not an option of Docker 26.1; leave it out: 24 was the last to know it",
    ),
    # Arguments that there are not
    (
        {"trusted_cidr": ["10.0.5.0/24"]},
        "trusted_cidr: ['10.0.5.0/24'] is for no argument of this name; did you mean 'trusted_cidrs'?",
    ),
    (
        {"trustedCidrs": ["10.0.5.0/24"]},
        "trustedCidrs: ['10.0.5.0/24'] is for no argument of this name; did you mean 'trusted_cidrs'?",
    ),
    ({"region": "eu-central-1"}, "region: 'eu-central-1' is for no argument of this name; the arguments are "),
    ({"xyzzy": None}, "xyzzy: None is for no argument of this name; the arguments are trusted_cidrs, "),
    # Outputs where the program must know
    (
        {"clients": Late(["alice"])},
        "clients: 'an Output' is refused; give a value that is known when the program runs: it decides which "
        "resources there are",
    ),
    (
        {"trusted_prefix_list_ids": Late(["pl-01"])},
        "trusted_prefix_list_ids: 'an Output' is refused; give a value that is known when the program runs: it "
        "decides which resources there are; the members of a list or map may be Outputs",
    ),
    ({"assign_public_ip": Late(True)}, "assign_public_ip: 'an Output' is refused"),
    ({"root_volume_size": Late(20)}, "root_volume_size: 'an Output' is refused"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "message"), REFUSED, ids=[message[:60] for _, message in REFUSED])
def test_refused_before_any_resource_exists(stack: Stack, args: dict[str, Any], message: str) -> None:
    with pytest.raises(DockerHostError) as refused:
        stack.run(lambda: DockerHost("build", with_outputs(args)))
    text = str(refused.value)
    assert text.startswith(message)
    assert "\n" not in text
    assert stack.resources == {}
    assert stack.invoked == []


def test_a_refusal_is_one_that_pulumi_shows_as_one_line() -> None:
    assert issubclass(DockerHostError, pulumi.RunError)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "name: '' is refused; use up to 51 letters, digits, '.', '_' and '-'"),
        ("build host", "name: 'build host' is refused; use up to 51 letters"),
        ("n" * 52, f"name: '{'n' * 52}' is refused; use up to 51 letters"),
        (
            "aws-build",
            "name: 'aws-build' is refused; Parameter Store reserves names that start with 'aws' or 'ssm'",
        ),
        ("SSM", "name: 'SSM' is refused; Parameter Store reserves names that start with 'aws' or 'ssm'"),
        ("sg-build", "name: 'sg-build' is refused; EC2 keeps 'sg-' for the ids of security groups"),
        ("SG-build", "name: 'SG-build' is refused; EC2 keeps 'sg-' for the ids of security groups"),
    ],
)
def test_a_name_that_aws_would_refuse_halfway_is_refused_first(stack: Stack, name: str, message: str) -> None:
    with pytest.raises(DockerHostError) as refused:
        stack.run(lambda: DockerHost(name, {}))
    assert str(refused.value).startswith(message)
    assert stack.resources == {}


@pytest.mark.parametrize("args", [None, [], "10.0.5.0/24"])
def test_arguments_that_are_no_dict_are_refused(stack: Stack, args: Any) -> None:
    with pytest.raises(DockerHostError, match=r"args: .* is no dict; give a dict, such as"):
        stack.run(lambda: DockerHost("build", args))
    assert stack.resources == {}


def test_a_long_value_is_cut_in_the_message(stack: Stack) -> None:
    with pytest.raises(DockerHostError) as refused:
        stack.host({"trusted_cidrs": ["x" * 5000]})
    assert len(str(refused.value)) < 300


def test_none_is_as_if_left_out(stack: Stack) -> None:
    from aws_docker import DockerHostArgs

    stack.host(dict.fromkeys(DockerHostArgs.__annotations__))
    without = Stack().host({})
    assert {n: r.inputs for n, r in stack.resources.items()} == {
        n: r.inputs for n, r in without.resources.items()
    }


# --- Sizes ---------------------------------------------------------------------------------------------------------


def test_user_data_over_16_kib_is_refused_and_the_instance_not_made(stack: Stack) -> None:
    stack.cloud.pem_length = 2500
    with pytest.raises(
        DockerHostError,
        match=r"^key_delivery: 'user-data' is refused; the user-data would take \d+ bytes and EC2 accepts 16384:",
    ):
        stack.host({"trusted_cidrs": ["10.0.5.0/24"], "key_delivery": "user-data"})
    assert "build-instance" not in stack.resources


def test_a_document_over_8_kib_is_refused_and_the_parameter_not_made(stack: Stack) -> None:
    stack.cloud.pem_length = 500
    with pytest.raises(
        DockerHostError,
        match=r"^clients: '20 clients, 1 trusted networks' is refused; the host's configuration takes \d+ bytes",
    ):
        stack.host({"trusted_cidrs": ["10.0.5.0/24"], "clients": [f"client{n}" for n in range(20)]})
    assert "build-configuration" not in stack.resources
    assert "build-instance" not in stack.resources


REMOTE = {"trusted_cidrs": ["10.0.5.0/24"]}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"clients": 14}, r"clients: '14 clients, 1 trusted networks' is refused; .* a parameter holds 8192"),
        ({"clients": 3, "key_algorithm": "rsa-3072"}, r"clients: '3 clients, 1 trusted networks' is refused"),
        ({"clients": 2, "key_algorithm": "rsa-4096"}, r"clients: '2 clients, 1 trusted networks' is refused"),
        (
            {"clients": 8, "key_delivery": "user-data"},
            r"key_delivery: 'user-data' is refused; the user-data would take \d+ bytes and EC2 accepts 16384",
        ),
        (
            {"clients": 1, "key_algorithm": "rsa-4096", "key_delivery": "user-data"},
            r"key_delivery: 'user-data' is refused",
        ),
    ],
)
def test_more_clients_than_fit_are_refused_before_any_resource_exists(
    stack: Stack, args: dict[str, Any], message: str
) -> None:
    clients = [f"c{number}" for number in range(args["clients"])]
    with pytest.raises(DockerHostError, match="^" + message):
        stack.host({**REMOTE, **args, "clients": clients})
    assert stack.resources == {}
    assert stack.invoked == []


@pytest.mark.parametrize(
    ("algorithm", "most"), [("ecdsa-p256", 11), ("ecdsa-p384", 9), ("rsa-3072", 2), ("rsa-4096", 1)]
)
def test_as_many_clients_as_fit_are_not_refused(stack: Stack, algorithm: str, most: int) -> None:
    clients = [f"c{number}" for number in range(most)]
    stack.host({**REMOTE, "key_algorithm": algorithm, "clients": clients})
    assert "build-instance" in stack.resources


@pytest.mark.parametrize("os", ["amazon-linux-2023", "debian-12", "debian-13", "ubuntu-24.04"])
@pytest.mark.parametrize(("algorithm", "most"), [("ecdsa-p256", 3), ("ecdsa-p384", 2)])
def test_as_many_clients_as_fit_into_user_data_are_not_refused(
    stack: Stack, os: str, algorithm: str, most: int
) -> None:
    clients = [f"client-{number}" for number in range(most)]
    args = {"os": os, "key_delivery": "user-data", "key_algorithm": algorithm, "data_volume_size": 100}
    stack.host({**REMOTE, **args, "clients": clients})
    assert "build-instance" in stack.resources


# --- Late values -----------------------------------------------------------------------------------------------------


def test_daemon_options_that_are_known_late_are_judged_when_known(stack: Stack) -> None:
    with pytest.raises(DockerHostError, match=r"^daemon_options\.registry-mirrors: 7 is"):
        stack.run(
            lambda: DockerHost("build", with_outputs({"daemon_options": {"registry-mirrors": Late(7)}}))
        )
    assert "build-configuration" not in stack.resources
    assert "build-instance" not in stack.resources


@pytest.mark.parametrize(
    "args",
    [
        {"os": "debian-13", "daemon_options": {"registry-mirrors": ["https://mirror.example.com/hub"]}},
        {"os": "amazon-linux-2023", "daemon_options": {"log-format": "json"}},
        # Of the engines that noble-updates may have, one knows it.
        {"os": "ubuntu-24.04", "daemon_options": {"firewall-backend": "nftables"}},
        # An image of the caller's may have any engine in it.
        {"os": "debian-12", "ami_id": "ami-01", "daemon_options": {"firewall-backend": "nftables"}},
    ],
)
def test_options_are_judged_by_the_engines_that_the_host_may_have(stack: Stack, args: dict[str, Any]) -> None:
    stack.host(args)
    assert "build-instance" in stack.resources


def test_daemon_options_may_hold_values_that_are_known_late(stack: Stack) -> None:
    options = {"registry-mirrors": [Late("https://mirror.example.com")]}
    stack.run(lambda: DockerHost("build", with_outputs({"daemon_options": options})))
    assert "https://mirror.example.com" in stack["build-configuration"]["value"]


@pytest.mark.parametrize(
    ("args", "warning"),
    [
        (
            {"trusted_cidrs": ["10.0.5.0/24"], "key_delivery": "user-data"},
            "key_delivery user-data: whoever can read the user-data can read the server's key",
        ),
        ({"os": "debian-12"}, "Debian's image has no Session Manager agent"),
        ({}, "a default VPC's subnets have no way out without a public address"),
    ],
)
def test_what_is_allowed_and_unwise_is_said(
    stack: Stack, caplog: pytest.LogCaptureFixture, args: dict[str, Any], warning: str
) -> None:
    stack.host(args)
    assert [record for record in caplog.records if record.message.startswith(warning)]


def test_a_type_with_too_little_memory_is_said_with_the_figure(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.cloud.memory_size = 512
    stack.host({"subnet_id": "subnet-5", "instance_type": "t4g.nano"})
    (said,) = [record.message for record in caplog.records]
    assert said.startswith("instance_type t4g.nano has 512 MiB of memory")
    caplog.clear()
    stack.cloud.memory_size = 1024
    stack.host({"subnet_id": "subnet-5", "instance_type": "t4g.micro"})
    assert caplog.records == []


def test_nothing_is_said_of_a_host_in_a_subnet_of_its_own(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.host({"subnet_id": "subnet-5", "trusted_cidrs": ["10.0.5.0/24"]})
    assert caplog.records == []
