"""Networks: VPCs and what lies in them, network interfaces, Elastic IPs, managed prefix lists."""

import ipaddress
from typing import Any

from lab.engine.providers.aws.api import AwsKind, found, one, present
from lab.engine.providers.plugin import Inputs, Refused, State


class Vpc(AwsKind):
    token = "aws:ec2/vpc:Vpc"
    replaced_by = frozenset({"cidrBlock", "ipv4IpamPoolId"})
    computed = frozenset(
        {"cidrBlock", "enableDnsHostnames", "enableNetworkAddressUsageMetrics", "ipv6CidrBlock", "region"}
        | {"ipv6CidrBlockNetworkBorderGroup", "instanceTenancy"}
    )
    defaults = {"enableDnsSupport": True, "instanceTenancy": "default"}
    not_stored = frozenset({"ipv4IpamPoolId", "ipv4NetmaskLength", "ipv6IpamPoolId", "ipv6NetmaskLength"})

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.create_vpc(
            **present(CidrBlock=inputs.get("cidrBlock"), InstanceTenancy=inputs["instanceTenancy"]),
            AmazonProvidedIpv6CidrBlock=bool(inputs.get("assignGeneratedIpv6CidrBlock")),
            **self.api.tag_specification("vpc", inputs),
        )
        identity = made["Vpc"]["VpcId"]
        self._attributes(identity, inputs, {"enableDnsSupport", "enableDnsHostnames"})
        return identity

    def read(self, identity: str, state: State) -> State | None:
        vpc = one(lambda: self.api.ec2.describe_vpcs(VpcIds=[identity]), "Vpcs")
        if vpc is None:
            return None
        ipv6 = [
            a
            for a in vpc.get("Ipv6CidrBlockAssociationSet", [])
            if a["Ipv6CidrBlockState"]["State"] == "associated"
        ]
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"vpc/{identity}"),
            "cidrBlock": vpc["CidrBlock"],
            "instanceTenancy": vpc["InstanceTenancy"],
            "enableDnsSupport": self._attribute(identity, "enableDnsSupport"),
            "enableDnsHostnames": self._attribute(identity, "enableDnsHostnames"),
            "enableNetworkAddressUsageMetrics": False,
            "assignGeneratedIpv6CidrBlock": bool(ipv6),
            "ipv6CidrBlock": ipv6[0]["Ipv6CidrBlock"] if ipv6 else "",
            "ipv6AssociationId": ipv6[0]["AssociationId"] if ipv6 else "",
            "ipv6CidrBlockNetworkBorderGroup": self.api.region if ipv6 else "",
            "ownerId": self.api.identity()["Account"],
            "dhcpOptionsId": vpc.get("DhcpOptionsId", ""),
            "mainRouteTableId": _main_route_table(self.api, identity),
            "defaultRouteTableId": _main_route_table(self.api, identity),
            "defaultSecurityGroupId": _default_security_group(self.api, identity),
            "region": self.api.region,
            **self.api.read_tags(vpc.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        self._attributes(identity, inputs, changed)
        if "assignGeneratedIpv6CidrBlock" in changed:
            if inputs.get("assignGeneratedIpv6CidrBlock"):
                self.api.ec2.associate_vpc_cidr_block(VpcId=identity, AmazonProvidedIpv6CidrBlock=True)
            else:
                self.api.ec2.disassociate_vpc_cidr_block(AssociationId=state["ipv6AssociationId"])
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ec2.delete_vpc(VpcId=identity))

    def _attributes(self, identity: str, inputs: Inputs, changed: set[str]) -> None:
        for name in ("enableDnsSupport", "enableDnsHostnames"):
            if name in changed and name in inputs:
                aws_name = name[0].upper() + name[1:]
                self.api.ec2.modify_vpc_attribute(VpcId=identity, **{aws_name: {"Value": bool(inputs[name])}})

    def _attribute(self, identity: str, name: str) -> bool:
        answer = self.api.ec2.describe_vpc_attribute(VpcId=identity, Attribute=name)
        return answer[name[0].upper() + name[1:]]["Value"]


class Subnet(AwsKind):
    token = "aws:ec2/subnet:Subnet"
    replaced_by = frozenset(
        {"cidrBlock", "availabilityZone", "availabilityZoneId", "vpcId", "ipv6Native", "outpostArn"}
    )
    computed = frozenset(
        {
            "availabilityZone",
            "availabilityZoneId",
            "privateDnsHostnameTypeOnLaunch",
            "ipv6CidrBlock",
            "region",
        }
    )

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.create_subnet(
            VpcId=inputs["vpcId"],
            **present(
                CidrBlock=inputs.get("cidrBlock"),
                AvailabilityZone=inputs.get("availabilityZone"),
                AvailabilityZoneId=inputs.get("availabilityZoneId"),
                Ipv6CidrBlock=inputs.get("ipv6CidrBlock"),
            ),
            **self.api.tag_specification("subnet", inputs),
        )
        identity = made["Subnet"]["SubnetId"]
        self._attributes(
            identity, inputs, {"mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"} & set(inputs)
        )
        return identity

    def read(self, identity: str, state: State) -> State | None:
        subnet = one(lambda: self.api.ec2.describe_subnets(SubnetIds=[identity]), "Subnets")
        if subnet is None:
            return None
        ipv6 = subnet.get("Ipv6CidrBlockAssociationSet", [])
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"subnet/{identity}"),
            "vpcId": subnet["VpcId"],
            "cidrBlock": subnet["CidrBlock"],
            "availabilityZone": subnet["AvailabilityZone"],
            "availabilityZoneId": subnet["AvailabilityZoneId"],
            "mapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"],
            "assignIpv6AddressOnCreation": subnet["AssignIpv6AddressOnCreation"],
            "ipv6CidrBlock": ipv6[0]["Ipv6CidrBlock"] if ipv6 else "",
            "ipv6CidrBlockAssociationId": ipv6[0]["AssociationId"] if ipv6 else "",
            "ownerId": self.api.identity()["Account"],
            "region": self.api.region,
            **self.api.read_tags(subnet.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        self._attributes(identity, inputs, changed)
        if "ipv6CidrBlock" in changed:
            if state.get("ipv6CidrBlockAssociationId"):
                self.api.ec2.disassociate_subnet_cidr_block(AssociationId=state["ipv6CidrBlockAssociationId"])
            if inputs.get("ipv6CidrBlock"):
                self.api.ec2.associate_subnet_cidr_block(
                    SubnetId=identity, Ipv6CidrBlock=inputs["ipv6CidrBlock"]
                )
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ec2.delete_subnet(SubnetId=identity))

    def _attributes(self, identity: str, inputs: Inputs, changed: set[str]) -> None:
        for name in ("mapPublicIpOnLaunch", "assignIpv6AddressOnCreation"):
            if name in changed:
                aws_name = name[0].upper() + name[1:]
                self.api.ec2.modify_subnet_attribute(
                    SubnetId=identity, **{aws_name: {"Value": bool(inputs.get(name))}}
                )


class InternetGateway(AwsKind):
    token = "aws:ec2/internetGateway:InternetGateway"
    computed = frozenset({"vpcId", "region"})

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.create_internet_gateway(**self.api.tag_specification("internet-gateway", inputs))
        identity = made["InternetGateway"]["InternetGatewayId"]
        if inputs.get("vpcId"):
            self.api.ec2.attach_internet_gateway(InternetGatewayId=identity, VpcId=inputs["vpcId"])
        return identity

    def read(self, identity: str, state: State) -> State | None:
        gateway = one(
            lambda: self.api.ec2.describe_internet_gateways(InternetGatewayIds=[identity]), "InternetGateways"
        )
        if gateway is None:
            return None
        attached = gateway.get("Attachments", [])
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"internet-gateway/{identity}"),
            "vpcId": attached[0]["VpcId"] if attached else "",
            "ownerId": self.api.identity()["Account"],
            "region": self.api.region,
            **self.api.read_tags(gateway.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if "vpcId" in changed:
            if state.get("vpcId"):
                self.api.ec2.detach_internet_gateway(InternetGatewayId=identity, VpcId=state["vpcId"])
            self.api.ec2.attach_internet_gateway(InternetGatewayId=identity, VpcId=inputs["vpcId"])
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        if state.get("vpcId"):
            found(
                lambda: self.api.ec2.detach_internet_gateway(
                    InternetGatewayId=identity, VpcId=state["vpcId"]
                ),
                "Gateway.NotAttached",
            )
        found(lambda: self.api.ec2.delete_internet_gateway(InternetGatewayId=identity))


_ROUTE_TARGETS = {
    "gatewayId": "GatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "transitGatewayId": "TransitGatewayId",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
}
_ROUTE_DESTINATIONS = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}


class RouteTable(AwsKind):
    token = "aws:ec2/routeTable:RouteTable"
    replaced_by = frozenset({"vpcId"})
    computed = frozenset({"routes", "propagatingVgws", "region"})
    unordered = frozenset({"routes"})

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.create_route_table(
            VpcId=inputs["vpcId"], **self.api.tag_specification("route-table", inputs)
        )
        identity = made["RouteTable"]["RouteTableId"]
        try:
            for route in inputs.get("routes", []):
                self._add(identity, route)
        except Exception:
            self.delete(identity, {})
            raise
        return identity

    def read(self, identity: str, state: State) -> State | None:
        table = one(lambda: self.api.ec2.describe_route_tables(RouteTableIds=[identity]), "RouteTables")
        if table is None:
            return None
        routes = []
        for route in table["Routes"]:
            if route.get("GatewayId") == "local":
                continue
            both = {**_ROUTE_DESTINATIONS, **_ROUTE_TARGETS}
            routes.append({ours: route[theirs] for ours, theirs in both.items() if route.get(theirs)})
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"route-table/{identity}"),
            "vpcId": table["VpcId"],
            "routes": routes,
            "propagatingVgws": [],
            "ownerId": self.api.identity()["Account"],
            "region": self.api.region,
            **self.api.read_tags(table.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if "routes" in changed:
            old, new = state.get("routes", []), inputs.get("routes", [])
            for route in old:
                if route not in new:
                    destination = {
                        theirs: route[ours] for ours, theirs in _ROUTE_DESTINATIONS.items() if route.get(ours)
                    }
                    self.api.ec2.delete_route(RouteTableId=identity, **destination)
            for route in new:
                if route not in old:
                    self._add(identity, route)
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ec2.delete_route_table(RouteTableId=identity))

    def _add(self, identity: str, route: dict[str, Any]) -> None:
        both = {**_ROUTE_DESTINATIONS, **_ROUTE_TARGETS}
        self.api.ec2.create_route(
            RouteTableId=identity,
            **{both[name]: value for name, value in route.items() if value and name in both},
        )


class ManagedPrefixList(AwsKind):
    token = "aws:ec2/managedPrefixList:ManagedPrefixList"
    replaced_by = frozenset({"addressFamily"})
    computed = frozenset({"entries", "region"})
    unordered = frozenset({"entries"})
    name_length = 255

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        if inputs["addressFamily"] not in ("IPv4", "IPv6"):
            return [("addressFamily", "expected addressFamily to be one of [IPv4 IPv6]")]
        return []

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.create_managed_prefix_list(
            PrefixListName=inputs["name"],
            AddressFamily=inputs["addressFamily"],
            MaxEntries=inputs["maxEntries"],
            Entries=[_entry(entry) for entry in inputs.get("entries", [])],
            **self.api.tag_specification("prefix-list", inputs),
        )
        return made["PrefixList"]["PrefixListId"]

    def read(self, identity: str, state: State) -> State | None:
        ask = lambda: self.api.ec2.describe_managed_prefix_lists(PrefixListIds=[identity])  # noqa: E731
        listed = one(ask, "PrefixLists")
        if listed is None or listed["State"].startswith("delete"):
            return None
        entries = self.api.ec2.get_managed_prefix_list_entries(PrefixListId=identity)["Entries"]
        return {
            "id": identity,
            "arn": listed["PrefixListArn"],
            "name": listed["PrefixListName"],
            "addressFamily": listed["AddressFamily"],
            "maxEntries": listed["MaxEntries"],
            "entries": [
                {"cidr": e["Cidr"], **({"description": e["Description"]} if e.get("Description") else {})}
                for e in entries
            ],
            "ownerId": listed["OwnerId"],
            "version": listed["Version"],
            "region": self.api.region,
            **self.api.read_tags(listed.get("Tags"), state),
        }

    def unknown_after(self, changed: set[str], inputs: Inputs) -> set[str]:
        return {"version"} if changed & {"entries", "name", "maxEntries"} else set()

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        old, new = state.get("entries", []), inputs.get("entries", [])
        arguments: dict[str, Any] = {}
        if "entries" in changed:
            arguments["RemoveEntries"] = [{"Cidr": entry["cidr"]} for entry in old if entry not in new]
            arguments["AddEntries"] = [_entry(entry) for entry in new if entry not in old]
            arguments["CurrentVersion"] = state["version"]
        if "name" in changed:
            arguments["PrefixListName"] = inputs["name"]
        if "maxEntries" in changed:
            self.api.ec2.modify_managed_prefix_list(PrefixListId=identity, MaxEntries=inputs["maxEntries"])
        if arguments:
            self.api.ec2.modify_managed_prefix_list(PrefixListId=identity, **arguments)
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ec2.delete_managed_prefix_list(PrefixListId=identity))


class NetworkInterface(AwsKind):
    token = "aws:ec2/networkInterface:NetworkInterface"
    replaced_by = frozenset({"subnetId", "interfaceType", "privateIp"})
    computed = frozenset(
        {
            "privateIp",
            "privateIps",
            "privateIpsCount",
            "privateIpLists",
            "ipv6Addresses",
            "ipv6AddressCount",
            "region",
        }
        | {
            "ipv6AddressLists",
            "ipv4Prefixes",
            "ipv4PrefixCount",
            "ipv6Prefixes",
            "ipv6PrefixCount",
            "interfaceType",
        }
        | {"securityGroups", "attachments", "enablePrimaryIpv6", "connectionTrackingSpecification"}
    )
    unordered = frozenset({"privateIps", "ipv6Addresses", "securityGroups"})
    defaults = {"sourceDestCheck": True}
    not_stored = frozenset({"privateIpListEnabled", "ipv6AddressListEnabled"})

    def also_replaces(self, changed: set[str], state: State, inputs: Inputs) -> set[str]:
        # The primary address of an interface cannot be changed.
        moved = "privateIps" in changed and state.get("privateIp") not in inputs.get("privateIps", [])
        return {"privateIps"} if moved else set()

    def create(self, inputs: Inputs) -> str:
        addresses = inputs.get("privateIps") or ([inputs["privateIp"]] if inputs.get("privateIp") else [])
        subnet = self.api.ec2.describe_subnets(SubnetIds=[inputs["subnetId"]])["Subnets"][0]
        for address in addresses:
            # Moto takes any address.
            if ipaddress.ip_address(address) not in ipaddress.ip_network(subnet["CidrBlock"]):
                raise Refused(
                    f"creating EC2 Network Interface: InvalidParameterValue: Address {address} does not fall within "
                    "the subnet's address range"
                )
        ipv6 = [{"Ipv6Address": address} for address in inputs.get("ipv6Addresses", [])]
        if (inputs.get("ipv6AddressCount") or ipv6) and not subnet.get("Ipv6CidrBlockAssociationSet"):
            # Moto gives an interface without IPv6 addresses instead.
            raise Refused(
                "creating EC2 Network Interface: InvalidParameterValue: The subnet "
                f"{inputs['subnetId']} has no IPv6 CIDR block associated with it"
            )
        made = self.api.ec2.create_network_interface(
            SubnetId=inputs["subnetId"],
            **present(
                Description=inputs.get("description"),
                Groups=inputs.get("securityGroups") or None,
                PrivateIpAddress=addresses[0] if len(addresses) == 1 else None,
                PrivateIpAddresses=[
                    {"PrivateIpAddress": address, "Primary": index == 0}
                    for index, address in enumerate(addresses)
                ]
                if len(addresses) > 1
                else None,
                Ipv6AddressCount=inputs.get("ipv6AddressCount"),
                Ipv6Addresses=ipv6 or None,
            ),
            **self.api.tag_specification("network-interface", inputs),
        )
        identity = made["NetworkInterface"]["NetworkInterfaceId"]
        if inputs.get("sourceDestCheck") is False:
            self.update(identity, {}, inputs, {"sourceDestCheck"})
        return identity

    def read(self, identity: str, state: State) -> State | None:
        ask = lambda: self.api.ec2.describe_network_interfaces(NetworkInterfaceIds=[identity])  # noqa: E731
        interface = one(ask, "NetworkInterfaces")
        if interface is None:
            return None
        address = interface["PrivateIpAddress"]
        ipv6 = [each["Ipv6Address"] for each in interface.get("Ipv6Addresses", [])]
        attachment = interface.get("Attachment") or {}
        region = "ec2.internal" if self.api.region == "us-east-1" else f"{self.api.region}.compute.internal"
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"network-interface/{identity}"),
            "subnetId": interface["SubnetId"],
            "description": interface.get("Description", ""),
            "interfaceType": interface.get("InterfaceType", "interface"),
            "macAddress": interface["MacAddress"],
            "ownerId": self.api.identity()["Account"],
            "privateDnsName": f"ip-{address.replace('.', '-')}.{region}",
            "privateIp": address,
            "privateIps": [each["PrivateIpAddress"] for each in interface["PrivateIpAddresses"]],
            "privateIpsCount": len(interface["PrivateIpAddresses"]) - 1,
            "privateIpLists": [each["PrivateIpAddress"] for each in interface["PrivateIpAddresses"]],
            "ipv6Addresses": ipv6,
            "ipv6AddressCount": len(ipv6),
            "ipv6AddressLists": ipv6,
            "securityGroups": [group["GroupId"] for group in interface.get("Groups", [])],
            "sourceDestCheck": interface.get("SourceDestCheck", True),
            "attachments": [
                {
                    "attachmentId": attachment["AttachmentId"],
                    "deviceIndex": attachment["DeviceIndex"],
                    "instance": attachment["InstanceId"],
                    "networkCardIndex": 0,
                }
            ]
            if attachment.get("InstanceId")
            else [],
            "region": self.api.region,
            **self.api.read_tags(interface.get("TagSet"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        modify = self.api.ec2.modify_network_interface_attribute
        if "securityGroups" in changed:
            modify(NetworkInterfaceId=identity, Groups=inputs.get("securityGroups", []))
        if "description" in changed:
            modify(NetworkInterfaceId=identity, Description={"Value": inputs.get("description", "")})
        if "sourceDestCheck" in changed:
            modify(
                NetworkInterfaceId=identity, SourceDestCheck={"Value": bool(inputs.get("sourceDestCheck"))}
            )
        if "privateIps" in changed:
            old, new = state["privateIps"], inputs["privateIps"]
            if gone := [each for each in old if each not in new]:
                self.api.ec2.unassign_private_ip_addresses(
                    NetworkInterfaceId=identity, PrivateIpAddresses=gone
                )
            if more := [each for each in new if each not in old]:
                self.api.ec2.assign_private_ip_addresses(NetworkInterfaceId=identity, PrivateIpAddresses=more)
        if changed & {"ipv6AddressCount", "ipv6Addresses"}:
            self._ipv6(identity, state, inputs)
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        now = self.read(identity, state)
        for attachment in now["attachments"] if now else []:
            # Moto leaves a terminated instance its interface.
            if attached_to_living_instance(self.api, attachment["instance"]):
                self.api.ec2.detach_network_interface(AttachmentId=attachment["attachmentId"], Force=True)
        found(lambda: self.api.ec2.delete_network_interface(NetworkInterfaceId=identity))

    def _ipv6(self, identity: str, state: State, inputs: Inputs) -> None:
        old, new = state.get("ipv6Addresses", []), inputs.get("ipv6Addresses")
        count = inputs.get("ipv6AddressCount", len(new or []))
        gone = (
            [each for each in old if new is not None and each not in new] if new is not None else old[count:]
        )
        if gone:
            self.api.ec2.unassign_ipv6_addresses(NetworkInterfaceId=identity, Ipv6Addresses=gone)
        if more := [each for each in new or [] if each not in old]:
            self.api.ec2.assign_ipv6_addresses(NetworkInterfaceId=identity, Ipv6Addresses=more)
        elif new is None and count > len(old):
            self.api.ec2.assign_ipv6_addresses(NetworkInterfaceId=identity, Ipv6AddressCount=count - len(old))


class Eip(AwsKind):
    token = "aws:ec2/eip:Eip"
    replaced_by = frozenset(
        {"domain", "publicIpv4Pool", "networkBorderGroup", "address", "customerOwnedIpv4Pool"}
    )
    computed = frozenset(
        {
            "domain",
            "instance",
            "networkInterface",
            "publicIpv4Pool",
            "networkBorderGroup",
            "ipamPoolId",
            "region",
        }
    )
    not_stored = frozenset({"address", "associateWithPrivateIp", "customerOwnedIpv4Pool"})

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.allocate_address(Domain="vpc", **self.api.tag_specification("elastic-ip", inputs))
        identity = made["AllocationId"]
        if inputs.get("instance") or inputs.get("networkInterface"):
            self.update(identity, {}, inputs, {"instance"})
        return identity

    def read(self, identity: str, state: State) -> State | None:
        address = one(lambda: self.api.ec2.describe_addresses(AllocationIds=[identity]), "Addresses")
        if address is None:
            return None
        public = address["PublicIp"]
        region = "compute-1" if self.api.region == "us-east-1" else f"{self.api.region}.compute"
        private = address.get("PrivateIpAddress") or ""
        internal = "ec2.internal" if self.api.region == "us-east-1" else f"{self.api.region}.compute.internal"
        return {
            "id": identity,
            "allocationId": identity,
            "arn": self.api.arn("ec2", f"elastic-ip/{identity}"),
            "associationId": address.get("AssociationId") or "",
            "domain": address.get("Domain", "vpc"),
            "instance": address.get("InstanceId") or "",
            "networkInterface": address.get("NetworkInterfaceId") or "",
            "networkBorderGroup": self.api.region,
            "privateIp": private,
            "privateDns": f"ip-{private.replace('.', '-')}.{internal}" if private else "",
            "publicIp": public,
            "publicDns": f"ec2-{public.replace('.', '-')}.{region}.amazonaws.com",
            "publicIpv4Pool": "amazon",
            "region": self.api.region,
            **self.api.read_tags(address.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if changed & {"instance", "networkInterface", "associateWithPrivateIp"}:
            if state.get("associationId"):
                self.api.ec2.disassociate_address(AssociationId=state["associationId"])
            if inputs.get("instance") or inputs.get("networkInterface"):
                self.api.ec2.associate_address(
                    AllocationId=identity,
                    **present(
                        InstanceId=inputs.get("instance"),
                        NetworkInterfaceId=inputs.get("networkInterface"),
                        PrivateIpAddress=inputs.get("associateWithPrivateIp"),
                    ),
                )
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        now = self.read(identity, state)
        if now and now["associationId"]:
            self.api.ec2.disassociate_address(AssociationId=now["associationId"])
        if now:
            self.api.ec2.release_address(AllocationId=identity)


class EipAssociation(AwsKind):
    token = "aws:ec2/eipAssociation:EipAssociation"
    replaced_by = frozenset({"*"})
    computed = frozenset(
        {"allocationId", "instanceId", "networkInterfaceId", "privateIpAddress", "publicIp", "region"}
    )
    not_stored = frozenset({"allowReassociation"})

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.associate_address(
            **present(
                AllocationId=inputs.get("allocationId"),
                InstanceId=inputs.get("instanceId"),
                NetworkInterfaceId=inputs.get("networkInterfaceId"),
                PrivateIpAddress=inputs.get("privateIpAddress"),
                AllowReassociation=inputs.get("allowReassociation", False),
            )
        )
        return made["AssociationId"]

    def read(self, identity: str, state: State) -> State | None:
        filters = [{"Name": "association-id", "Values": [identity]}]
        address = one(lambda: self.api.ec2.describe_addresses(Filters=filters), "Addresses")
        if address is None:
            return None
        return {
            "id": identity,
            "allocationId": address["AllocationId"],
            "instanceId": address.get("InstanceId") or "",
            "networkInterfaceId": address.get("NetworkInterfaceId") or "",
            "privateIpAddress": address.get("PrivateIpAddress") or "",
            "publicIp": address["PublicIp"],
            "region": self.api.region,
        }

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ec2.disassociate_address(AssociationId=identity))


def attached_to_living_instance(api: Any, instance: str) -> bool:
    answer = found(lambda: api.ec2.describe_instances(InstanceIds=[instance]))
    instances = [i for r in (answer or {}).get("Reservations", []) for i in r["Instances"]]
    return bool(instances) and instances[0]["State"]["Name"] not in ("terminated", "shutting-down")


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    return present(Cidr=entry["cidr"], Description=entry.get("description"))


def _main_route_table(api: Any, vpc: str) -> str:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    tables = api.ec2.describe_route_tables(Filters=filters)["RouteTables"]
    return tables[0]["RouteTableId"] if tables else ""


def _default_security_group(api: Any, vpc: str) -> str:
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    groups = api.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
    return groups[0]["GroupId"] if groups else ""


KINDS = [
    Vpc,
    Subnet,
    InternetGateway,
    RouteTable,
    ManagedPrefixList,
    NetworkInterface,
    Eip,
    EipAssociation,
]
