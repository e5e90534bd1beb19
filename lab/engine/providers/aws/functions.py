"""What programs look up: VPCs and subnets, instance types, prefix lists, parameters, and where they are."""

from collections.abc import Mapping
from typing import Any

from lab.engine.providers.aws.api import Api, one
from lab.engine.providers.plugin import Function, Inputs, Refused


def _get_vpc(api: Api, given: Inputs) -> Mapping[str, Any]:
    filters = _filters(given)
    if given.get("default"):
        filters.append({"Name": "is-default", "Values": ["true"]})
    ids = {"VpcIds": [given["id"]]} if given.get("id") else {}
    vpcs = api.ec2.describe_vpcs(Filters=filters, **ids)["Vpcs"]
    vpc = _only(vpcs, "EC2 VPC")
    return {
        "id": vpc["VpcId"],
        "cidrBlock": vpc["CidrBlock"],
        "cidrBlockAssociations": [
            {
                "associationId": a["AssociationId"],
                "cidrBlock": a["CidrBlock"],
                "state": a["CidrBlockState"]["State"],
            }
            for a in vpc["CidrBlockAssociationSet"]
        ],
        "default": vpc["IsDefault"],
        "arn": api.arn("ec2", f"vpc/{vpc['VpcId']}"),
        "region": api.region,
    }


def _get_subnets(api: Api, given: Inputs) -> Mapping[str, Any]:
    subnets = api.ec2.describe_subnets(Filters=_filters(given))["Subnets"]
    return {"ids": [subnet["SubnetId"] for subnet in subnets], "id": api.region, "region": api.region}


def _get_subnet(api: Api, given: Inputs) -> Mapping[str, Any]:
    ids = {"SubnetIds": [given["id"]]} if given.get("id") else {}
    subnet = _only(api.ec2.describe_subnets(Filters=_filters(given), **ids)["Subnets"], "EC2 Subnet")
    ipv6 = subnet.get("Ipv6CidrBlockAssociationSet", [])
    return {
        "id": subnet["SubnetId"],
        "vpcId": subnet["VpcId"],
        "availabilityZone": subnet["AvailabilityZone"],
        "cidrBlock": subnet["CidrBlock"],
        "ipv6CidrBlock": ipv6[0]["Ipv6CidrBlock"] if ipv6 else "",
        "arn": api.arn("ec2", f"subnet/{subnet['SubnetId']}"),
        "region": api.region,
    }


def _get_instance_type(api: Api, given: Inputs) -> Mapping[str, Any]:
    kind = api.ec2.describe_instance_types(InstanceTypes=[given["instanceType"]])["InstanceTypes"][0]
    return {
        "id": kind["InstanceType"],
        "instanceType": kind["InstanceType"],
        "memorySize": kind["MemoryInfo"]["SizeInMiB"],
        "supportedArchitectures": kind["ProcessorInfo"]["SupportedArchitectures"],
        "region": api.region,
    }


def _get_instances(api: Api, given: Inputs) -> Mapping[str, Any]:
    # Like the real one, running ones only, unless others are asked for.
    states = given.get("instanceStateNames") or ["running"]
    filters = [*_filters(given), {"Name": "instance-state-name", "Values": states}]
    found = api.ec2.describe_instances(Filters=filters)["Reservations"]
    ids = [instance["InstanceId"] for each in found for instance in each["Instances"]]
    return {"id": api.region, "ids": ids, "region": api.region}


def _get_managed_prefix_list(api: Api, given: Inputs) -> Mapping[str, Any]:
    ids = {"PrefixListIds": [given["id"]]} if given.get("id") else {}
    found = one(
        lambda: api.ec2.describe_managed_prefix_lists(**ids), "PrefixLists", "InvalidPrefixListID.NotFound"
    )
    if found is None:
        raise Refused(f"reading EC2 Managed Prefix List: no matching {given.get('id')} found")
    entries = api.ec2.get_managed_prefix_list_entries(PrefixListId=found["PrefixListId"])["Entries"]
    return {
        "id": found["PrefixListId"],
        "name": found["PrefixListName"],
        "addressFamily": found["AddressFamily"],
        "entries": [{"cidr": e["Cidr"], "description": e.get("Description", "")} for e in entries],
        "arn": found["PrefixListArn"],
        "region": api.region,
    }


def _get_parameter(api: Api, given: Inputs) -> Mapping[str, Any]:
    name = given["name"]
    parameter = api.ssm.get_parameter(Name=name, WithDecryption=given.get("withDecryption", True))[
        "Parameter"
    ]
    value, kind = parameter["Value"], parameter["Type"]
    # The real provider's `insecureValue` is the value of what is not a SecureString.
    return {
        "id": name,
        "name": name,
        "type": kind,
        "value": value,
        "insecureValue": "" if kind == "SecureString" else value,
        "arn": api.arn("ssm", f"parameter/{name.lstrip('/')}"),
        "version": parameter["Version"],
        "region": api.region,
    }


def _get_region(api: Api, given: Inputs) -> Mapping[str, Any]:
    return {"id": api.region, "name": api.region, "region": api.region, "description": api.region}


def _get_caller_identity(api: Api, given: Inputs) -> Mapping[str, Any]:
    identity = api.identity()
    return {
        "id": identity["Account"],
        "accountId": identity["Account"],
        "arn": identity["Arn"],
        "userId": identity["UserId"],
    }


def _filters(given: Inputs) -> list[dict[str, Any]]:
    filters = [{"Name": each["name"], "Values": each["values"]} for each in given.get("filters") or []]
    if given.get("vpcId"):
        filters.append({"Name": "vpc-id", "Values": [given["vpcId"]]})
    return filters


def _only(found: list[dict[str, Any]], noun: str) -> dict[str, Any]:
    if len(found) != 1:
        raise Refused(f"reading {noun}: {'no' if not found else 'multiple'} matching {noun} found")
    return found[0]


FUNCTIONS: Mapping[str, Function] = {
    "aws:ec2/getVpc:getVpc": _get_vpc,
    "aws:ec2/getSubnets:getSubnets": _get_subnets,
    "aws:ec2/getSubnet:getSubnet": _get_subnet,
    "aws:ec2/getInstanceType:getInstanceType": _get_instance_type,
    "aws:ec2/getInstances:getInstances": _get_instances,
    "aws:ec2/getManagedPrefixList:getManagedPrefixList": _get_managed_prefix_list,
    "aws:ssm/getParameter:getParameter": _get_parameter,
    "aws:index/getRegion:getRegion": _get_region,
    "aws:index/getCallerIdentity:getCallerIdentity": _get_caller_identity,
}
