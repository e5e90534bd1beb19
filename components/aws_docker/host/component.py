"""DockerHost: one EC2 instance whose Docker API answers to trusted sources over mutual TLS, and to nobody else.

This module says which resources exist and in which order. What is acceptable is decided in arguments.py and
networks.py, what a host is told in userdata.py, and what it does with that in agent.py.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Optional, cast

import pulumi
import pulumi_aws as aws

from ..core.errors import InvalidInput
from ..core.ports import DOCKER_TLS_PORT
from ..core.trust import trusted_networks
from . import arguments, certificates, userdata
from . import security_group as firewall
from .arguments import DockerHostArgs, KeyDelivery, OperatingSystem
from .certificates import KeyAlgorithm
from .container_networks import container_address_pools
from .daemon_json import daemon_configuration

_ARM64 = {"amazon-linux-2023": "arm64", "ubuntu-24.04": "arm64", "debian-12": "arm64", "debian-13": "arm64"}
_X86_64 = {"amazon-linux-2023": "x86_64", "ubuntu-24.04": "amd64", "debian-12": "amd64", "debian-13": "amd64"}

# The publishers' own public parameters for their newest images.
_IMAGE_PARAMETERS = {
    "amazon-linux-2023": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{}",
    "ubuntu-24.04": "/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id",
    "debian-12": "/aws/service/debian/release/12/latest/{}",
    "debian-13": "/aws/service/debian/release/13/latest/{}",
}

# What Session Manager's agent asks for. The managed policy AmazonSSMManagedInstanceCore would let the host read every
# parameter of the account.
_SESSION_MANAGER_ACTIONS = [
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]


class DockerHostError(pulumi.RunError):
    """An argument that DockerHost refuses; the message names the argument, the value and the hint."""


class DockerHost(pulumi.ComponentResource):
    """A Docker host on EC2 whose API is reachable on TCP 2376 by trusted sources over mutual TLS, or not at all."""

    endpoint: pulumi.Output[Optional[str]]
    """What clients connect to, e.g. `tcp://10.0.5.10:2376`; none on a local-only host."""

    ca_material: pulumi.Output[Optional[str]]
    """The certificate (PEM) of the CA that signed the server's: clients' `ca.pem`."""

    cert_material: pulumi.Output[Optional[str]]
    """The first client's certificate (PEM): its `cert.pem`."""

    key_material: pulumi.Output[Optional[str]]
    """The first client's key (PEM), secret: its `key.pem`."""

    client_cert_materials: pulumi.Output[Mapping[str, str]]
    """Every client's certificate (PEM) by name."""

    client_key_materials: pulumi.Output[Mapping[str, str]]
    """Every client's key (PEM) by name, secret."""

    private_ip: pulumi.Output[str]
    """The private IPv4 address of the host's network interface, kept for the interface's life."""

    public_ip: pulumi.Output[Optional[str]]
    """The Elastic IP, if one was asked for."""

    instance_id: pulumi.Output[str]
    """The EC2 instance."""

    security_group_id: pulumi.Output[str]
    """The host's security group; further rules can be attached to it."""

    certificates_expire_at: pulumi.Output[Optional[str]]
    """When the first of the server's and clients' certificates expires (RFC 3339)."""

    def __init__(
        self, name: str, args: DockerHostArgs, opts: Optional[pulumi.ResourceOptions] = None
    ) -> None:
        try:
            args = arguments.checked(name, args)
        except InvalidInput as error:
            raise DockerHostError(str(error)) from None
        super().__init__("aws-docker:index:DockerHost", name, {}, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._tags = dict(args.get("tags", {}))

        operating_system = OperatingSystem(args.get("os", OperatingSystem.AMAZON_LINUX_2023)).value
        in_user_data = (
            KeyDelivery(args.get("key_delivery", KeyDelivery.PARAMETER_STORE)) is KeyDelivery.USER_DATA
        )
        cidrs = args.get("trusted_cidrs") or []
        prefix_lists = list(args.get("trusted_prefix_list_ids") or [])
        groups = list(args.get("trusted_security_group_ids") or [])
        remote = bool(prefix_lists or groups) or isinstance(cidrs, pulumi.Output) or bool(cidrs)
        self._warn(args, operating_system, remote, in_user_data)

        subnet = self._subnet(args)
        vpc = aws.ec2.get_vpc_output(id=subnet.vpc_id, opts=pulumi.InvokeOptions(parent=self))
        vpc_networks = vpc.cidr_block_associations.apply(
            lambda blocks: [block.cidr_block for block in blocks]
        )
        trusted = self._trusted(cidrs, prefix_lists, groups, vpc_networks)

        group = firewall.security_group(name, subnet.vpc_id, self._named("security-group"), self._child)
        rules = firewall.egress_rules(
            name, group, bool(args.get("allow_all_egress", False)), self._named("egress"), self._child
        )
        self._admit(group, cidrs, trusted, prefix_lists, groups)

        # The address comes before the certificate, and outlives the instance.
        interface = aws.ec2.NetworkInterface(
            f"{name}-interface",
            subnet_id=subnet.id,
            security_groups=[group.id],
            ipv6_address_count=trusted.apply(lambda sources: 1 if any(":" in s for s in sources) else None),
            description=f"Docker host {name}",
            tags=self._named("interface"),
            opts=self._child,
        )
        before_instance: list[pulumi.Resource] = [*rules]
        public_ip: Optional[aws.ec2.Eip] = None
        if args.get("assign_public_ip", False):
            public_ip = aws.ec2.Eip(f"{name}-ip", domain="vpc", tags=self._named("ip"), opts=self._child)
            before_instance.append(
                aws.ec2.EipAssociation(
                    f"{name}-ip-association",
                    allocation_id=public_ip.allocation_id,
                    network_interface_id=interface.id,
                    opts=self._child,
                )
            )
        server, clients = self._certificates(args, interface, public_ip) if remote else (None, {})
        document = self._document(args, interface, trusted, vpc_networks, server, list(clients.values()))
        instance = self._instance(
            args, operating_system, subnet, interface, document, in_user_data, before_instance
        )

        self.private_ip = interface.private_ip
        self.public_ip = pulumi.Output.from_input(public_ip.public_ip if public_ip else None)
        self.instance_id = instance.id
        self.security_group_id = group.id
        self.endpoint = self._endpoint(interface, trusted) if remote else _nothing()
        self.client_cert_materials = _by_name({n: leaf.certificate_pem for n, leaf in clients.items()})
        self.client_key_materials = pulumi.Output.secret(
            _by_name({n: leaf.key_pem for n, leaf in clients.items()})
        )
        first = next(iter(clients.values()), None)
        self.ca_material = server.ca_pem if server else _nothing()
        self.cert_material = first.certificate_pem if first else _nothing()
        self.key_material = pulumi.Output.secret(first.key_pem) if first else _nothing()
        leaves = [server, *clients.values()] if server else []
        expiries = pulumi.Output.all(*[leaf.expires_at for leaf in leaves])
        self.certificates_expire_at = expiries.apply(lambda dates: min(dates, default=None))
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "ca_material": self.ca_material,
                "cert_material": self.cert_material,
                "key_material": self.key_material,
                "client_cert_materials": self.client_cert_materials,
                "client_key_materials": self.client_key_materials,
                "private_ip": self.private_ip,
                "public_ip": self.public_ip,
                "instance_id": self.instance_id,
                "security_group_id": self.security_group_id,
                "certificates_expire_at": self.certificates_expire_at,
            }
        )

    def _warn(self, args: DockerHostArgs, operating_system: str, remote: bool, in_user_data: bool) -> None:
        if in_user_data and remote:
            pulumi.log.warn(
                "key_delivery user-data: whoever can read the user-data can read the server's key", self
            )
        if operating_system == "debian-12":
            pulumi.log.warn(
                "Debian 12's own Docker is 20.10, which Docker no longer maintains: debian-13 has a newer one",
                self,
            )
        if not remote and operating_system.startswith("debian") and not args.get("ami_id"):
            pulumi.log.warn(
                "Debian's image has no Session Manager agent: nobody can log in to this local host", self
            )
        if not args.get("subnet_id") and not args.get("vpc_id") and not args.get("assign_public_ip"):
            pulumi.log.warn(
                "a default VPC's subnets have no way out without a public address, and the host must fetch packages: "
                "set assign_public_ip, or a subnet_id behind a NAT gateway",
                self,
            )

    def _named(self, role: str) -> dict[str, pulumi.Input[str]]:
        return {"Name": f"{self._name}-{role}", **self._tags}

    def _subnet(self, args: DockerHostArgs) -> pulumi.Output[aws.ec2.GetSubnetResult]:
        invoke = pulumi.InvokeOptions(parent=self)
        subnet_id = args.get("subnet_id")
        vpc_id = args.get("vpc_id")
        if subnet_id is None:
            default = vpc_id is None
            within = aws.ec2.get_vpc_output(default=True, opts=invoke).id if vpc_id is None else vpc_id
            filters = [{"name": "vpc-id", "values": [within]}]
            if default:
                filters.append({"name": "default-for-az", "values": ["true"]})
            found = aws.ec2.get_subnets_output(filters=cast(Any, filters), opts=invoke)
            # Kept from the first time: a subnet added to the VPC later must not move the host.
            subnet_id = pulumi.Stash(
                f"{self._name}-subnet",
                input=pulumi.Output.all(found.ids, within).apply(_first_subnet),
                opts=pulumi.ResourceOptions(
                    parent=self, ignore_changes=["input"], replacement_trigger=within
                ),
            ).output
        subnet = aws.ec2.get_subnet_output(id=subnet_id, opts=invoke)
        if vpc_id is not None:
            subnet = pulumi.Output.all(subnet, vpc_id).apply(_in_vpc)
        return subnet

    def _trusted(
        self,
        cidrs: pulumi.Input[Sequence[pulumi.Input[str]]],
        prefix_lists: Sequence[pulumi.Input[str]],
        groups: Sequence[pulumi.Input[str]],
        vpc_networks: pulumi.Output[list[str]],
    ) -> pulumi.Output[list[str]]:
        """Every trusted network, checked again now that all values are known: the given ones come first."""
        entries = [
            aws.ec2.get_managed_prefix_list_output(
                id=each, opts=pulumi.InvokeOptions(parent=self)
            ).entries.apply(lambda found: [entry.cidr for entry in found])
            for each in prefix_lists
        ]
        whole_list = isinstance(cidrs, pulumi.Output)
        known = pulumi.Output.all(cidrs, pulumi.Output.all(*entries), vpc_networks if groups else [])

        def checked(values: Any) -> list[str]:
            given, listed, members = cast(tuple[list[str], list[list[str]], list[str]], values)
            if whole_list and not given:
                raise DockerHostError(
                    str(InvalidInput("trusted_cidrs", "[]", "an Output must hold at least one network"))
                )
            try:
                networks = [str(network) for network in trusted_networks(given)]
                for addresses in listed:
                    trusted_networks(addresses, "trusted_prefix_list_ids")
            except InvalidInput as error:
                raise DockerHostError(str(error)) from None
            more = [network for addresses in (*listed, members) for network in addresses]
            return list(dict.fromkeys([*networks, *more]))

        return known.apply(checked)

    def _admit(
        self,
        group: aws.ec2.SecurityGroup,
        cidrs: pulumi.Input[Sequence[pulumi.Input[str]]],
        trusted: pulumi.Output[list[str]],
        prefix_lists: Sequence[pulumi.Input[str]],
        groups: Sequence[pulumi.Input[str]],
    ) -> None:
        tags = self._named("source")

        def rule(label: str, **source: Any) -> None:
            firewall.ingress_rule(self._name, label, group, tags, self._child, **source)

        if isinstance(cidrs, pulumi.Output):
            # How many there are is not known before the Output is: the rules appear with `up`, not in the preview.
            pulumi.Output.all(cidrs, trusted).apply(
                lambda both: [rule(_label(cidr), cidr=cidr) for cidr in both[1][: len(both[0])]]
            )
        else:
            for index, cidr in enumerate(cast(Sequence[pulumi.Input[str]], cidrs)):
                label = (
                    _label(str(trusted_networks([cidr])[0])) if isinstance(cidr, str) else f"source-{index}"
                )
                rule(label, cidr=trusted.apply(lambda networks, index=index: networks[index]))
        for index, prefix_list in enumerate(prefix_lists):
            label = prefix_list if isinstance(prefix_list, str) else f"prefix-list-{index}"
            # Waits for the entries to be judged.
            checked = pulumi.Output.all(prefix_list, trusted).apply(lambda both: cast(str, both[0]))
            rule(label, prefix_list_id=checked)
        for index, source in enumerate(groups):
            rule(source if isinstance(source, str) else f"group-{index}", source_group_id=source)

    def _certificates(
        self, args: DockerHostArgs, interface: aws.ec2.NetworkInterface, public_ip: Optional[aws.ec2.Eip]
    ) -> tuple[certificates.Leaf, dict[str, certificates.Leaf]]:
        given = cast(Mapping[str, Any], args)
        policy = certificates.Policy(
            algorithm=KeyAlgorithm(args.get("key_algorithm", KeyAlgorithm.ECDSA_P256)),
            ca_validity_days=arguments.whole_number(given, "ca_validity_days", 3650, 1, 36500),
            certificate_validity_days=arguments.whole_number(
                given, "certificate_validity_days", 365, 1, 36500
            ),
            generation=arguments.whole_number(given, "certificate_generation", 1, 1, 1_000_000),
        )
        addresses = pulumi.Output.all(
            interface.private_ip, interface.ipv6_addresses, public_ip.public_ip if public_ip else None
        ).apply(
            lambda found: _present(
                cast(str, found[0]),
                *sorted(cast(list[str], found[1] or [])),
                cast(str, found[2]),
                "127.0.0.1",
            )
        )
        hostnames = pulumi.Output.all(
            args.get("additional_hostnames") or [],
            interface.private_dns_name,
            public_ip.public_dns if public_ip else None,
        ).apply(
            lambda found: _present(
                *cast(list[str], found[0]), cast(str, found[1]), cast(str, found[2]), "localhost"
            )
        )
        server = certificates.server(self._name, policy, addresses, hostnames, self._child)
        clients = {
            client: certificates.client(self._name, client, policy, self._child)
            for client in arguments.client_names(args.get("clients", ["default"]))
        }
        return server, clients

    def _document(
        self,
        args: DockerHostArgs,
        interface: aws.ec2.NetworkInterface,
        trusted: pulumi.Output[list[str]],
        vpc_networks: pulumi.Output[list[str]],
        server: Optional[certificates.Leaf],
        clients: Sequence[certificates.Leaf],
    ) -> pulumi.Output[str]:
        options = args.get("daemon_options")

        def render(values: Any) -> str:
            sources = cast(list[str], values["trusted"])
            # One listener for each family of addresses that has a trusted source.
            listen = [values["private_ip"]] if any(":" not in source for source in sources) else []
            if any(":" in source for source in sources):
                listen += sorted(values["ipv6"] or [])
            try:
                bridge, pools = container_address_pools([*sources, *values["vpc"]])
                return userdata.configuration_document(
                    daemon=daemon_configuration(values["options"], bip=bridge, pools=pools),
                    listen=listen,
                    trusted=sources if listen else [],
                    server_key=values["key"],
                    server_certificate=values["certificate"],
                    client_authorities=values["authorities"],
                )
            except InvalidInput as error:
                raise DockerHostError(str(error)) from None

        return pulumi.Output.all(
            trusted=trusted,
            private_ip=interface.private_ip,
            ipv6=interface.ipv6_addresses,
            vpc=vpc_networks,
            options=options,
            key=server.key_pem if server else "",
            certificate=server.certificate_pem if server else "",
            authorities=[leaf.ca_pem for leaf in clients],
        ).apply(render)

    def _endpoint(
        self, interface: aws.ec2.NetworkInterface, trusted: pulumi.Output[list[str]]
    ) -> pulumi.Output[Optional[str]]:
        def address(values: Any) -> Optional[str]:
            public, private, ipv6, sources = values
            if not sources:
                return None
            if all(":" in source for source in sources):
                return f"tcp://[{ipv6[0]}]:{DOCKER_TLS_PORT}"
            return f"tcp://{public or private}:{DOCKER_TLS_PORT}"

        return pulumi.Output.all(self.public_ip, self.private_ip, interface.ipv6_addresses, trusted).apply(
            address
        )

    def _image(self, args: DockerHostArgs, operating_system: str) -> pulumi.Input[str]:
        ami_id = args.get("ami_id")
        if ami_id is not None:
            return ami_id
        invoke = pulumi.InvokeOptions(parent=self)
        instance_type = args.get("instance_type", "t3.medium")
        architecture = aws.ec2.get_instance_type_output(
            instance_type=instance_type, opts=invoke
        ).supported_architectures.apply(
            lambda supported: (_ARM64 if "arm64" in supported else _X86_64)[operating_system]
        )
        newest = aws.ssm.get_parameter_output(
            name=architecture.apply(_IMAGE_PARAMETERS[operating_system].format), opts=invoke
        )
        # Kept from the first time: a newer image must not replace the host.
        return pulumi.Stash(
            f"{self._name}-image",
            input=newest.insecure_value,
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["input"],
                replacement_trigger=architecture.apply(lambda name: f"{operating_system} {name}"),
            ),
        ).output

    def _instance(
        self,
        args: DockerHostArgs,
        operating_system: str,
        subnet: pulumi.Output[aws.ec2.GetSubnetResult],
        interface: aws.ec2.NetworkInterface,
        document: pulumi.Output[str],
        in_user_data: bool,
        before: list[pulumi.Resource],
    ) -> aws.ec2.Instance:
        name = self._name
        kms_key_id = args.get("kms_key_id")
        volume: Optional[aws.ebs.Volume] = None
        if args.get("data_volume_size") is not None:
            volume = aws.ebs.Volume(
                f"{name}-data",
                availability_zone=subnet.availability_zone,
                size=arguments.whole_number(cast(Mapping[str, Any], args), "data_volume_size", 1, 1, 16384),
                type="gp3",
                encrypted=True,
                kms_key_id=kms_key_id,
                tags=self._named("data"),
                opts=self._child,
            )
        profile: Optional[aws.iam.InstanceProfile] = None
        parameter: Optional[aws.ssm.Parameter] = None
        if not in_user_data:
            parameter = aws.ssm.Parameter(
                f"{name}-configuration",
                description=f"What Docker host {name} serves, its server key included",
                type="SecureString",
                # Standard, and so free, up to 4 KiB.
                tier="Intelligent-Tiering",
                key_id=kms_key_id,
                value=document,
                tags=self._named("configuration"),
                opts=self._child,
            )
            profile, policy = self._profile(parameter, kms_key_id)
            before += [policy]
        user_data = pulumi.Output.all(
            parameter.name if parameter else None,
            document if in_user_data else None,
            volume.id if volume else None,
        ).apply(lambda values: _user_data(operating_system, *values))
        instance = aws.ec2.Instance(
            f"{name}-instance",
            ami=self._image(args, operating_system),
            instance_type=args.get("instance_type", "t3.medium"),
            primary_network_interface={"network_interface_id": interface.id},
            iam_instance_profile=profile.name if profile else None,
            metadata_options={
                "http_endpoint": "enabled",
                "http_tokens": "required",
                "http_put_response_hop_limit": 1,
                "instance_metadata_tags": "disabled",
            },
            root_block_device={
                "volume_type": "gp3",
                "volume_size": arguments.whole_number(
                    cast(Mapping[str, Any], args), "root_volume_size", 20, 8, 16384
                ),
                "encrypted": True,
                "kms_key_id": kms_key_id,
                "tags": self._named("root"),
            },
            user_data=user_data,
            user_data_replace_on_change=True,
            tags={"Name": name, **self._tags},
            # The interface and the data volume can be with one instance at a time.
            opts=pulumi.ResourceOptions(parent=self, depends_on=before, delete_before_replace=True),
        )
        if volume is not None:
            aws.ec2.VolumeAttachment(
                f"{name}-data-attachment",
                device_name="/dev/sdf",
                volume_id=volume.id,
                instance_id=instance.id,
                stop_instance_before_detaching=True,
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
        return instance

    def _profile(
        self, parameter: aws.ssm.Parameter, kms_key_id: Optional[pulumi.Input[str]]
    ) -> tuple[aws.iam.InstanceProfile, aws.iam.RolePolicy]:
        """The instance's role: its own parameter, Session Manager, and nothing else."""
        name = self._name
        role = aws.iam.Role(
            f"{name}-role",
            assume_role_policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "ec2.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                }
            ),
            tags=self._named("role"),
            opts=self._child,
        )

        def statements(values: Any) -> str:
            parameter_arn, key = values
            allowed: list[dict[str, Any]] = [
                {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": parameter_arn},
                {"Effect": "Allow", "Action": _SESSION_MANAGER_ACTIONS, "Resource": "*"},
            ]
            if key is not None:
                only = {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": parameter_arn}}
                allowed.append(
                    {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key, "Condition": only}
                )
            return json.dumps({"Version": "2012-10-17", "Statement": allowed})

        policy = aws.iam.RolePolicy(
            f"{name}-role-policy",
            role=role.name,
            policy=pulumi.Output.all(parameter.arn, kms_key_id).apply(statements),
            opts=self._child,
        )
        profile = aws.iam.InstanceProfile(
            f"{name}-profile", role=role.name, tags=self._named("profile"), opts=self._child
        )
        return profile, policy


def _nothing() -> pulumi.Output[Any]:
    return pulumi.Output.from_input(None)


def _by_name(values: Mapping[str, pulumi.Output[str]]) -> pulumi.Output[Mapping[str, str]]:
    # Of nothing, Output.all makes a list.
    return pulumi.Output.all(**values) if values else pulumi.Output.from_input(cast(Mapping[str, str], {}))


def _label(cidr: str) -> str:
    # A URN is split at "::", which IPv6 networks hold.
    return cidr.replace("/", "-").replace(":", "_")


def _present(*values: Optional[str]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _first_subnet(values: Any) -> str:
    ids, vpc = cast(tuple[list[str], str], values)
    if not ids:
        raise DockerHostError(
            str(InvalidInput("subnet_id", "none", f"{vpc} has no subnet to choose: name one"))
        )
    return min(ids)


def _in_vpc(values: Any) -> aws.ec2.GetSubnetResult:
    subnet, vpc_id = values
    if subnet.vpc_id != vpc_id:
        hint = f"it lies in {subnet.vpc_id}: name a subnet of {vpc_id}, or leave vpc_id out"
        raise DockerHostError(str(InvalidInput("subnet_id", subnet.id, hint)))
    return cast(aws.ec2.GetSubnetResult, subnet)


def _user_data(
    operating_system: str, parameter: Optional[str], document: Optional[str], volume_id: Optional[str]
) -> str:
    try:
        return userdata.user_data(
            operating_system, parameter=parameter, document=document, volume_id=volume_id
        )
    except InvalidInput as error:
        raise DockerHostError(str(error)) from None
