"""Instances and volumes."""

import base64
from typing import Any

from lab.engine.providers.aws.api import AwsKind, as_tags, found, one, present
from lab.engine.providers.aws.networks import attached_to_living_instance
from lab.engine.providers.plugin import Inputs, Refused, State
from lab.engine.providers.values import contains_unknown

_USER_DATA_LIMIT = 16 * 1024


class Instance(AwsKind):
    token = "aws:ec2/instance:Instance"
    replaced_by = frozenset(
        {
            "ami",
            "availabilityZone",
            "subnetId",
            "keyName",
            "privateIp",
            "primaryNetworkInterface",
            "placementGroup",
            "instanceMarketOptions",
        }
    )
    # What EC2 chooses where a program does not.
    computed = (replaced_by - {"ami"}) | frozenset(
        [
            "region",
            "associatePublicIpAddress",
            "capacityReservationSpecification",
            "cpuOptions",
            "creditSpecification",
            "disableApiStop",
            "disableApiTermination",
            "ebsBlockDevices",
            "ebsOptimized",
            "enclaveOptions",
            "ephemeralBlockDevices",
            "hostId",
            "hostResourceGroupArn",
            "instanceInitiatedShutdownBehavior",
            "instanceMarketOptions",
            "ipv6AddressCount",
            "ipv6Addresses",
            "maintenanceOptions",
            "metadataOptions",
            "monitoring",
            "networkInterfaces",
            "placementGroupId",
            "placementPartitionNumber",
            "rootBlockDevice",
            "privateDnsNameOptions",
            "secondaryNetworkInterfaces",
            "secondaryPrivateIps",
            "securityGroups",
            "tenancy",
            "vpcSecurityGroupIds",
            "enablePrimaryIpv6",
            "userDataBase64",
            # Optional and computed, all of them (terraform-provider-aws, internal/service/ec2/ec2_instance.go).
            *(
                f"rootBlockDevice.{name}"
                for name in ("encrypted", "iops", "kmsKeyId", "throughput", "volumeSize", "volumeType")
            ),
        ]
    )
    defaults = {
        "getPasswordData": False,
        "sourceDestCheck": True,
        "userDataReplaceOnChange": False,
        "forceDestroy": False,
    }
    not_stored = frozenset(
        {"getPasswordData", "userDataReplaceOnChange", "forceDestroy", "rootBlockDevice", "metadataOptions"}
        | {
            "sourceDestCheck",
            "primaryNetworkInterface",
            "userData",
            "userDataBase64",
            "instanceMarketOptions",
        }
    )

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        failures: list[tuple[str, str]] = []
        text, encoded = inputs.get("userData", ""), inputs.get("userDataBase64", "")
        if isinstance(text, str) and len(text.encode()) > _USER_DATA_LIMIT:
            failures.append(
                ("userData", f"expected length of userData to be in the range (0 - {_USER_DATA_LIMIT})")
            )
        # The provider does not measure these; EC2 does, before base64.
        if isinstance(encoded, str) and len(base64.b64decode(encoded)) > _USER_DATA_LIMIT:
            failures.append(("userDataBase64", f"User data is limited to {_USER_DATA_LIMIT} bytes"))
        if inputs.get("primaryNetworkInterface"):
            # The interface has the address and the groups already.
            for name in ("subnetId", "vpcSecurityGroupIds", "associatePublicIpAddress", "privateIp"):
                if name in inputs:
                    failures.append((name, f'"{name}": conflicts with primaryNetworkInterface'))
        options = inputs.get("metadataOptions") or {}
        tokens = options.get("httpTokens", "optional")
        if not contains_unknown(tokens) and tokens not in ("optional", "required"):
            failures.append(
                ("metadataOptions", f"expected httpTokens to be optional or required, got {tokens}")
            )
        market = inputs.get("instanceMarketOptions") or {}
        spot = market.get("spotOptions") or {}
        for name, value, allowed in (
            ("marketType", market.get("marketType", "spot"), ("spot", "capacity-block")),
            ("spotInstanceType", spot.get("spotInstanceType", "one-time"), ("one-time", "persistent")),
            (
                "instanceInterruptionBehavior",
                spot.get("instanceInterruptionBehavior", "terminate"),
                ("hibernate", "stop", "terminate"),
            ),
        ):
            if value not in allowed:
                failures.append(
                    ("instanceMarketOptions", f"expected {name} to be one of {allowed}, got {value}")
                )
        return failures

    def prepare(self, inputs: Inputs) -> Inputs:
        # An interface of its own has its own check: the real provider neither compares nor records it then.
        if "primaryNetworkInterface" in inputs and inputs["sourceDestCheck"] is True:
            return {name: value for name, value in inputs.items() if name != "sourceDestCheck"}
        return inputs

    def also_replaces(self, changed: set[str], state: State, inputs: Inputs) -> set[str]:
        replaces: set[str] = set()
        if inputs.get("userDataReplaceOnChange"):
            replaces |= changed & {"userData", "userDataBase64"}
        # AWS changes neither of a volume that is there: both force a new instance (ec2_instance.go).
        was, wanted = state.get("rootBlockDevice") or {}, inputs.get("rootBlockDevice") or {}
        if any(wanted.get(name) not in (None, was.get(name)) for name in ("encrypted", "kmsKeyId")):
            replaces |= changed & {"rootBlockDevice"}
        return replaces

    def create(self, inputs: Inputs) -> str:
        image = one(lambda: self.api.ec2.describe_images(ImageIds=[inputs["ami"]]), "Images")
        if image is None:
            raise Refused(
                f"creating EC2 Instance: InvalidAMIID.NotFound: The image id '[{inputs['ami']}]' does not exist"
            )
        offered = self.api.ec2.describe_instance_types(InstanceTypes=[inputs["instanceType"]])[
            "InstanceTypes"
        ][0]
        # Moto forgets the architecture; the lab's images carry it in their names.
        architecture = image.get("Architecture") or image["Name"].split("-")[-2]
        if architecture not in offered["ProcessorInfo"]["SupportedArchitectures"]:
            # Moto starts anything.
            raise Refused(
                f"creating EC2 Instance: InvalidParameterValue: The architecture of the image ({architecture}) "
                f"does not match the one of {inputs['instanceType']}"
            )
        profile = inputs.get("iamInstanceProfile")
        if profile:
            self.api.iam.get_instance_profile(InstanceProfileName=profile)
        options = inputs.get("metadataOptions") or {}
        root = inputs.get("rootBlockDevice") or {}
        interface = (inputs.get("primaryNetworkInterface") or {}).get("networkInterfaceId")
        if interface:
            self._require_free(interface)
        market = inputs.get("instanceMarketOptions")
        spot = (market or {}).get("spotOptions") or {}
        if spot.get("spotInstanceType") == "persistent" and spot.get(
            "instanceInterruptionBehavior", "terminate"
        ) not in ("stop", "hibernate"):
            # EC2 API, SpotMarketOptions.
            raise Refused(
                "creating EC2 Instance: InvalidParameterCombination: persistent Spot requests are only supported with "
                "the interruption behavior stop or hibernate"
            )
        made = self.api.ec2.run_instances(
            ImageId=inputs["ami"],
            MinCount=1,
            MaxCount=1,
            InstanceType=inputs["instanceType"],
            **present(
                # Given plain, the provider encodes it once; boto3 does the same.
                UserData=inputs.get("userData")
                or (base64.b64decode(inputs["userDataBase64"]) if inputs.get("userDataBase64") else None),
                IamInstanceProfile={"Name": profile} if profile else None,
                NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": interface}]
                if interface
                else None,
                SubnetId=inputs.get("subnetId"),
                SecurityGroupIds=inputs.get("vpcSecurityGroupIds"),
                InstanceInitiatedShutdownBehavior=inputs.get("instanceInitiatedShutdownBehavior"),
                InstanceMarketOptions={"MarketType": market.get("marketType", "spot")} if market else None,
                MetadataOptions=present(
                    HttpTokens=options.get("httpTokens"),
                    HttpEndpoint=options.get("httpEndpoint"),
                    HttpPutResponseHopLimit=options.get("httpPutResponseHopLimit"),
                    InstanceMetadataTags=options.get("instanceMetadataTags"),
                )
                or None,
                BlockDeviceMappings=[
                    {
                        "DeviceName": image.get("RootDeviceName") or "/dev/xvda",
                        "Ebs": present(
                            VolumeSize=root.get("volumeSize", 8),
                            VolumeType=root.get("volumeType"),
                            Encrypted=root.get("encrypted"),
                            KmsKeyId=root.get("kmsKeyId"),
                            # As EC2 does; moto would keep it.
                            DeleteOnTermination=root.get("deleteOnTermination", True),
                        ),
                    }
                ],
            ),
            **self.api.tag_specification("instance", inputs),
        )
        instance = made["Instances"][0]
        if market:
            self._request_spot(instance["InstanceId"], inputs, spot)
        if root.get("tags"):
            for volume in self._volumes(instance["InstanceId"]):
                self.api.ec2.create_tags(Resources=[volume["VolumeId"]], Tags=as_tags(root["tags"]))
        return instance["InstanceId"]

    def read(self, identity: str, state: State) -> State | None:
        answer = found(lambda: self.api.ec2.describe_instances(InstanceIds=[identity]))
        instances = [i for r in (answer or {}).get("Reservations", []) for i in r["Instances"]]
        if not instances or instances[0]["State"]["Name"] in ("terminated", "shutting-down"):
            return None
        instance = instances[0]
        profile = instance.get("IamInstanceProfile", {}).get("Arn", "")
        primary = instance["NetworkInterfaces"][0] if instance.get("NetworkInterfaces") else {}
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"instance/{identity}"),
            "ami": instance["ImageId"],
            "instanceType": instance["InstanceType"],
            "instanceState": instance["State"]["Name"],
            "instanceLifecycle": instance.get("InstanceLifecycle", ""),
            "instanceInitiatedShutdownBehavior": self.api.ec2.describe_instance_attribute(
                InstanceId=identity, Attribute="instanceInitiatedShutdownBehavior"
            )["InstanceInitiatedShutdownBehavior"]["Value"],
            "spotInstanceRequestId": self._spot_request(identity) or "",
            "iamInstanceProfile": profile.rsplit("/", 1)[-1],
            "availabilityZone": instance["Placement"]["AvailabilityZone"],
            "subnetId": instance.get("SubnetId", ""),
            "privateIp": instance.get("PrivateIpAddress", ""),
            "privateDns": instance.get("PrivateDnsName", ""),
            "publicIp": instance.get("PublicIpAddress", ""),
            "primaryNetworkInterfaceId": primary.get("NetworkInterfaceId", ""),
            "vpcSecurityGroupIds": [group["GroupId"] for group in instance.get("SecurityGroups", [])],
            "region": self.api.region,
            **self.api.read_tags(instance.get("Tags"), state),
            **{name: state[name] for name in self.not_stored if name in state},
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        modify = self.api.ec2.modify_instance_attribute
        if changed & {"instanceType", "userData", "userDataBase64"}:
            self.api.ec2.stop_instances(InstanceIds=[identity])
            if "instanceType" in changed:
                modify(InstanceId=identity, InstanceType={"Value": inputs["instanceType"]})
            if "userData" in changed:
                modify(InstanceId=identity, UserData={"Value": inputs.get("userData", "").encode()})
            self.api.ec2.start_instances(InstanceIds=[identity])
        if "instanceInitiatedShutdownBehavior" in changed:
            behaviour = inputs.get("instanceInitiatedShutdownBehavior", "stop")
            modify(InstanceId=identity, InstanceInitiatedShutdownBehavior={"Value": behaviour})
        if "metadataOptions" in changed:
            options = inputs.get("metadataOptions") or {}
            self.api.ec2.modify_instance_metadata_options(
                InstanceId=identity,
                **present(
                    HttpTokens=options.get("httpTokens"),
                    HttpEndpoint=options.get("httpEndpoint"),
                    HttpPutResponseHopLimit=options.get("httpPutResponseHopLimit"),
                ),
            )
        if "rootBlockDevice" in changed:
            root = inputs.get("rootBlockDevice") or {}
            for volume in self._volumes(identity):
                if root.get("volumeSize", volume["Size"]) != volume["Size"]:
                    self.api.ec2.modify_volume(VolumeId=volume["VolumeId"], Size=root["volumeSize"])
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        # As the real one does from terraform-provider-aws 5.86 on (resourceInstanceDelete): EC2 would keep a persistent
        # request, and start another instance for it.
        request = state.get("spotInstanceRequestId")
        if state.get("instanceLifecycle") == "spot" and request:
            self.api.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[request])
        found(lambda: self.api.ec2.terminate_instances(InstanceIds=[identity]))

    def _request_spot(self, identity: str, inputs: Inputs, options: dict[str, Any]) -> None:
        """EC2 makes a request for such an instance; moto only calls it spot. Tied to the instance by a tag."""
        kind = options.get("spotInstanceType", "one-time")
        made = self.api.ec2.request_spot_instances(
            InstanceCount=1,
            Type=kind,
            InstanceInterruptionBehavior=options.get("instanceInterruptionBehavior", "terminate"),
            LaunchSpecification={"ImageId": inputs["ami"], "InstanceType": inputs["instanceType"]},
        )["SpotInstanceRequests"][0]
        request = made["SpotInstanceRequestId"]
        self.api.ec2.create_tags(Resources=[request], Tags=as_tags({"lab:instance": identity}))
        # Moto starts another instance for it.
        if made.get("InstanceId"):
            self.api.ec2.terminate_instances(InstanceIds=[made["InstanceId"]])

    def _spot_request(self, identity: str) -> str | None:
        requests = self.api.ec2.describe_spot_instance_requests()["SpotInstanceRequests"]
        for each in requests:
            if {"Key": "lab:instance", "Value": identity} in each.get("Tags", []):
                return each["SpotInstanceRequestId"]
        return None

    def _require_free(self, interface: str) -> None:
        """EC2 refuses an interface that another instance has; moto takes it away from that one."""
        now = self.api.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][
            0
        ]
        owner = (now.get("Attachment") or {}).get("InstanceId")
        if owner and attached_to_living_instance(self.api, owner):
            raise Refused(
                f"creating EC2 Instance: InvalidNetworkInterface.InUse: {interface} is in use by {owner}"
            )

    def _volumes(self, identity: str) -> list[dict[str, Any]]:
        filters = [{"Name": "attachment.instance-id", "Values": [identity]}]
        return self.api.ec2.describe_volumes(Filters=filters)["Volumes"]


class Volume(AwsKind):
    token = "aws:ebs/volume:Volume"
    replaced_by = frozenset({"availabilityZone", "encrypted", "kmsKeyId", "snapshotId", "multiAttachEnabled"})
    computed = frozenset(
        {"iops", "kmsKeyId", "snapshotId", "throughput", "type", "encrypted", "size", "region"}
    )
    not_stored = frozenset({"finalSnapshot"})

    def create(self, inputs: Inputs) -> str:
        made = self.api.ec2.create_volume(
            AvailabilityZone=inputs["availabilityZone"],
            **present(
                Size=inputs.get("size"),
                VolumeType=inputs.get("type"),
                Encrypted=inputs.get("encrypted"),
                KmsKeyId=inputs.get("kmsKeyId"),
                SnapshotId=inputs.get("snapshotId"),
            ),
            **self.api.tag_specification("volume", inputs),
        )
        return made["VolumeId"]

    def read(self, identity: str, state: State) -> State | None:
        volume = one(lambda: self.api.ec2.describe_volumes(VolumeIds=[identity]), "Volumes")
        if volume is None:
            return None
        return {
            "id": identity,
            "arn": self.api.arn("ec2", f"volume/{identity}"),
            "availabilityZone": volume["AvailabilityZone"],
            "size": volume["Size"],
            "type": volume["VolumeType"],
            "encrypted": volume["Encrypted"],
            "kmsKeyId": volume.get("KmsKeyId", ""),
            "snapshotId": volume.get("SnapshotId", ""),
            "region": self.api.region,
            **self.api.read_tags(volume.get("Tags"), state),
        }

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        if changed & {"size", "type"}:
            self.api.ec2.modify_volume(
                VolumeId=identity, **present(Size=inputs.get("size"), VolumeType=inputs.get("type"))
            )
        self.api.retag(identity, state, inputs)

    def delete(self, identity: str, state: State) -> None:
        found(lambda: self.api.ec2.delete_volume(VolumeId=identity))


class VolumeAttachment(AwsKind):
    token = "aws:ec2/volumeAttachment:VolumeAttachment"
    replaced_by = frozenset({"deviceName", "instanceId", "volumeId"})
    not_stored = frozenset({"forceDetach", "skipDestroy", "stopInstanceBeforeDetaching"})

    def create(self, inputs: Inputs) -> str:
        volume = self.api.ec2.describe_volumes(VolumeIds=[inputs["volumeId"]])["Volumes"][0]
        if volume["Attachments"]:
            raise Refused(
                f"attaching EBS Volume: VolumeInUse: {inputs['volumeId']} is already attached to an instance"
            )
        self.api.ec2.attach_volume(
            Device=inputs["deviceName"], InstanceId=inputs["instanceId"], VolumeId=inputs["volumeId"]
        )
        return f"vai-{inputs['volumeId'][4:]}"

    def read(self, identity: str, state: State) -> State | None:
        volume = one(lambda: self.api.ec2.describe_volumes(VolumeIds=[state["volumeId"]]), "Volumes")
        attached = [
            a for a in (volume or {}).get("Attachments", []) if a["InstanceId"] == state["instanceId"]
        ]
        if not attached:
            return None
        return {
            "id": identity,
            "deviceName": attached[0]["Device"],
            "instanceId": attached[0]["InstanceId"],
            "volumeId": state["volumeId"],
            "region": self.api.region,
        }

    def delete(self, identity: str, state: State) -> None:
        if state.get("stopInstanceBeforeDetaching"):
            found(lambda: self.api.ec2.stop_instances(InstanceIds=[state["instanceId"]]))
        found(
            lambda: self.api.ec2.detach_volume(VolumeId=state["volumeId"], InstanceId=state["instanceId"]),
            "IncorrectState",
            "InvalidAttachment.NotFound",
        )


KINDS = [Instance, Volume, VolumeAttachment]
