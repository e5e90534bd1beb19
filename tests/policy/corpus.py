"""For every resource kind and encoding that the policies read: what they catch, and harmless neighbours.

One table for the fast tests and for those on the real engine. Properties stand as the engine sends them, and as other
people write them: strings for numbers, blocks, small and capital letters.
"""

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

NO_2375 = "docker-no-2375"
MEMBERS = "docker-2375-between-group-members"
TRUSTED_ONLY = "docker-2376-trusted-sources-only"
SWARM = "docker-swarm-members-only"
NO_LISTENER = "docker-no-unauthenticated-listener"
NO_SECRET = "docker-no-secret-in-user-data"
METADATA = "docker-instance-metadata"
PROVIDER = "docker-provider-mutual-tls"
IGNORED = "docker-ignored-changes"

TRUSTED = {
    "trustedCidrs": ["10.0.5.0/24", "2001:db8:7::/48"],
    "trustedPrefixListIds": ["pl-trusted"],
    "trustedSecurityGroupIds": ["sg-trusted"],
}


class Case(NamedTuple):
    """One resource, and the policies that object to it."""

    name: str
    type: str
    properties: dict[str, Any]
    policies: frozenset[str] = frozenset()
    ignore_changes: tuple[str, ...] = ()


def inline(**rule: Any) -> dict[str, Any]:
    return {"ingress": [{"protocol": "tcp", "fromPort": 2375, "toPort": 2375, **rule}]}


def rule(**properties: Any) -> dict[str, Any]:
    return {
        "type": "ingress",
        "securityGroupId": "sg-1",
        "protocol": "tcp",
        "fromPort": 2375,
        "toPort": 2375,
        **properties,
    }


def vpc_rule(**properties: Any) -> dict[str, Any]:
    return {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 2375, "toPort": 2375, **properties}


GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
VPC_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ACL = "aws:ec2/networkAcl:NetworkAcl"
DEFAULT_ACL = "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl"
ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
WORLD = {"cidrBlocks": ["0.0.0.0/0"]}

_NETWORKS = yaml.safe_load((Path(__file__).parent / "networks.yaml").read_text())


def _at(properties: Any, port: int) -> Any:
    """The same properties for another port."""
    if isinstance(properties, dict):
        return {key: _at(value, port) for key, value in properties.items()}
    if isinstance(properties, list):
        return [_at(each, port) for each in properties]
    if properties == 2375 and not isinstance(properties, bool):
        return port
    return properties.replace("2375", str(port)) if isinstance(properties, str) else properties


def network_violations() -> list[Case]:
    """Each open way to 2375, and the same to 2376 by untrusted sources."""
    cases: list[Case] = []
    for name, row in _NETWORKS["violations"].items():
        admits = row.get("admits", [2375])
        policies = {NO_2375} | ({TRUSTED_ONLY} if 2376 in admits else set())
        cases.append(Case(name, row["type"], row["properties"], frozenset(policies)))
        if admits == [2375] and name not in _TRUSTED_WAYS:
            cases.append(
                Case(f"{name}-2376", row["type"], _at(row["properties"], 2376), frozenset({TRUSTED_ONLY}))
            )
    members = inline(protocol="-1", fromPort=0, toPort=0, self=True)
    cases.append(Case("members", GROUP, members, frozenset({MEMBERS})))
    cases.append(Case("members-default", DEFAULT_GROUP, {"vpcId": "vpc-1", **members}, frozenset({MEMBERS})))
    cluster = rule(protocol="-1", fromPort=0, toPort=0, sourceSecurityGroupId="sg-nodes")
    cases.append(Case("members-cluster", RULE, cluster, frozenset({MEMBERS})))
    for name, row in _NETWORKS["swarm-violations"].items():
        cases.append(Case(name, row["type"], row["properties"], frozenset({SWARM})))
    return cases


# What may reach 2376.
_TRUSTED_WAYS = {"inline-private", "inline-prefix-list", "inline-group"}


def network_harmless() -> list[Case]:
    rows = {**_NETWORKS["harmless"], **_NETWORKS["swarm-harmless"]}.items()
    return [Case(f"harmless-{name}", row["type"], row["properties"]) for name, row in rows]


# --- Other places where Docker is started or published ---

_PLACES = yaml.safe_load((Path(__file__).parent / "places.yaml").read_text())


def _asset(text: str) -> dict[str, str]:
    """A text asset, as the engine sends it."""
    return {
        "4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17",
        "hash": "",
        "text": text,
    }


def _copied(text: str, path: str) -> dict[str, Any]:
    return {"connection": {"host": "10.0.0.5"}, "source": _asset(text), "remotePath": path}


def place_violations() -> list[Case]:
    cases = [
        Case(name, row["type"], row["properties"], frozenset(row["policies"]))
        for name, row in _PLACES["violations"].items()
    ]
    unit = "/etc/systemd/system/docker.service.d/10.conf"
    for name, text, path in (
        ("script", "#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375 &\n", "/tmp/setup.sh"),
        ("unit", _UNIT, unit),
        ("daemon-json", '{"hosts": ["tcp://0.0.0.0:2376"]}', "/etc/docker/daemon.json"),
    ):
        kind = "command:remote:CopyToRemote"
        cases.append(Case(f"copied-{name}", kind, _copied(text, path), frozenset({NO_LISTENER})))
    return cases


def place_harmless() -> list[Case]:
    cases = [
        Case(f"harmless-{name}", row["type"], row["properties"]) for name, row in _PLACES["harmless"].items()
    ]
    # A command brings a key by SSH; nobody reads it in an API of AWS's.
    key = {"connection": {"host": "10.0.0.5"}, "create": "sudo tee /etc/ssl/key.pem", "stdin": KEY}
    cases.append(Case("harmless-key-by-ssh", "command:remote:Command", key))
    for name, text, path in (
        ("text", "dockerd -H tcp://0.0.0.0:2375 is what we never do\n", "/srv/README"),
        ("daemon-json", '{"log-driver": "local"}', "/etc/docker/daemon.json"),
    ):
        cases.append(Case(f"harmless-copied-{name}", "command:remote:CopyToRemote", _copied(text, path)))
    return cases


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def gzipped(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


# --- Machines ---

KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVcB/UNPxalR9zDYA
jQIfjojUDiQuGnSJrFEEzZPT/92hRANCAASc7UJtgnF/abqWM60T3XNJEzBvez9T
dwKH0M6xpM2q+53wmsN/eYLdgtjgBd3DBmHtPilCkiFICXyaA8z9LkJU
-----END PRIVATE KEY-----"""
_SAFE_METADATA = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
_UNIT = "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H fd:// -H tcp://0.0.0.0:2375\n"
_MTLS = "dockerd -H tcp://10.0.0.5:2376 --tlsverify --tlscacert /a --tlscert /b --tlskey /c"


def documents() -> dict[str, str]:
    """Start-up documents that run Docker and expose nothing."""
    return {
        "apt": "#!/bin/sh\napt-get install -y docker.io\nsystemctl enable --now docker\n",
        "mutual-tls": f"#!/bin/sh\napt-get install -y docker.io\n{_MTLS}\n",
        "comment": "#!/bin/sh\n# never: dockerd -H tcp://0.0.0.0:2375\nyum install -y docker\n",
        "blocked": "#!/bin/sh\nyum install -y docker\niptables -A INPUT -p tcp --dport 2375 -j DROP\n",
        "cloud-config": "#cloud-config\npackages: [docker.io]\nruncmd: [[systemctl, start, docker]]\n",
    }


def open_documents() -> dict[str, str]:
    """Start-up documents after which the Docker API answers whoever connects."""
    daemon_json = json.dumps(
        {"hosts": ["fd://", "tcp://0.0.0.0:2376"], "tlscacert": "/a", "tlscert": "/b", "tlskey": "/c"}
    )
    mime = (
        'Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n--b\nContent-Type: text/cloud-config\n\n'
        "#cloud-config\npackages: [docker.io]\n--b\nContent-Type: text/x-shellscript\n"
        "Content-Transfer-Encoding: base64\n\n"
        + encoded("#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375\n")
        + "\n--b--\n"
    )
    return {
        "script": "#!/bin/sh\napt-get install -y docker.io\ndockerd -H tcp://0.0.0.0:2375 &\n",
        "other-port": "#!/bin/sh\ndockerd -H tcp://0.0.0.0:9999\n",
        "no-scheme": "#!/bin/sh\ndockerd -H 0.0.0.0:2375\n",
        "no-port": "#!/bin/sh\ndockerd -H tcp://0.0.0.0\n",
        "certificates-without-tlsverify": _json_config(daemon_json),
        "tlsverify-false": _json_config(json.dumps({**json.loads(daemon_json), "tlsverify": False})),
        "tlsverify-without-ca": _json_config(
            json.dumps({"hosts": ["tcp://0.0.0.0:2376"], "tlsverify": True, "tlscert": "/b", "tlskey": "/c"})
        ),
        "drop-in": _config("/etc/systemd/system/docker.service.d/10.conf", _UNIT),
        "drop-in-base64": _config("/etc/systemd/system/docker.service.d/10.conf", encoded(_UNIT), "b64"),
        "drop-in-gzip": _config("/etc/systemd/system/docker.service.d/10.conf", gzipped(_UNIT), "gz+b64"),
        "docker-opts": _config("/etc/default/docker", 'DOCKER_OPTS="-H tcp://0.0.0.0:2375"\n'),
        "bootcmd": "#cloud-config\nbootcmd:\n- [dockerd, -H, 'tcp://0.0.0.0:2375']\n",
        "socat": "#!/bin/sh\nyum install -y docker socat\n"
        "socat TCP-LISTEN:2375,fork UNIX-CONNECT:/var/run/docker.sock &\n",
        "mime": mime,
    }


def _config(path: str, content: str, encoding: str = "") -> str:
    entry = {"path": path, "content": content, **({"encoding": encoding} if encoding else {})}
    return "#cloud-config\n" + json.dumps(
        {"packages": ["docker.io"], "write_files": [entry], "runcmd": ["systemctl restart docker"]}
    )


def _json_config(daemon_json: str) -> str:
    return _config("/etc/docker/daemon.json", daemon_json)


def machines() -> dict[str, Callable[[str], dict[str, Any]]]:
    """Each kind of machine with its start-up document, and the metadata service as it should be."""
    safe = {"metadataOptions": _SAFE_METADATA}
    instance = {"ami": "ami-1", "instanceType": "t3.micro", **safe}
    launch = {"imageId": "ami-1", "instanceType": "t3.micro", **safe}
    native_template = {"launchTemplateName": "t"}
    metadata = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}

    def template(text: str) -> dict[str, Any]:
        properties = {"MetadataOptions": metadata, "UserData": {"Fn::Base64": text}}
        resources = {"I": {"Type": "AWS::EC2::Instance", "Properties": properties}}
        return {"templateBody": json.dumps({"Resources": resources})}

    return {
        "aws:ec2/instance:Instance": lambda text: {**instance, "userData": text},
        "aws:ec2/launchTemplate:LaunchTemplate": lambda text: {
            "imageId": "ami-1",
            **safe,
            "userData": encoded(text),
        },
        "aws:ec2/launchConfiguration:LaunchConfiguration": lambda text: {
            **launch,
            "userDataBase64": gzipped(text),
        },
        "aws:ec2/spotInstanceRequest:SpotInstanceRequest": lambda text: {
            **instance,
            "userDataBase64": encoded(text),
        },
        "aws-native:ec2:Instance": lambda text: {**launch, "userData": encoded(text)},
        "aws-native:ec2:LaunchTemplate": lambda text: {
            **native_template,
            "launchTemplateData": {**safe, "userData": encoded(text)},
        },
        "aws-native:autoscaling:LaunchConfiguration": lambda text: {**launch, "userData": encoded(text)},
        "aws:cloudformation/stack:Stack": template,
        "aws:lightsail/instance:Instance": lambda text: {
            "availabilityZone": "eu-central-1a",
            "blueprintId": "debian_12",
            "bundleId": "nano_3_0",
            "userData": text,
        },
    }


def fleets() -> dict[str, Callable[[str], dict[str, Any]]]:
    """Kinds of machines whose metadata service cannot be set."""
    return {
        "aws:ec2/spotFleetRequest:SpotFleetRequest": lambda text: {
            "iamFleetRole": "arn",
            "targetCapacity": 1,
            "launchSpecifications": [{"ami": "ami-1", "instanceType": "t3.micro", "userData": encoded(text)}],
        },
        "aws-native:ec2:SpotFleet": lambda text: {
            "spotFleetRequestConfigData": {
                "launchSpecifications": [{"imageId": "ami-1", "userData": encoded(text)}]
            }
        },
    }


def machine_violations() -> list[Case]:
    cases: list[Case] = []
    kinds = machines()
    for name, text in open_documents().items():
        kind = "aws:ec2/instance:Instance"
        cases.append(Case(f"open-{name}", kind, kinds[kind](text), frozenset({NO_LISTENER})))
    key = f"#cloud-config\n{json.dumps({'write_files': [{'path': '/k', 'content': KEY}]})}"
    for number, (kind, machine) in enumerate([*kinds.items(), *fleets().items()]):
        cases.append(
            Case(
                f"open-kind-{number}",
                kind,
                machine(open_documents()["other-port"]),
                frozenset({NO_LISTENER} if kind in kinds else {NO_LISTENER, METADATA}),
            )
        )
        cases.append(Case(f"key-kind-{number}", kind, machine(key), frozenset({NO_SECRET})))
        without = {k: v for k, v in machine(documents()["apt"]).items() if k != "metadataOptions"}
        if "launchTemplateData" in without:
            without["launchTemplateData"] = {"userData": without["launchTemplateData"]["userData"]}
        if kind not in ("aws:lightsail/instance:Instance", "aws:cloudformation/stack:Stack"):
            cases.append(Case(f"metadata-kind-{number}", kind, without, frozenset({METADATA})))
    return cases


def machine_harmless() -> list[Case]:
    cases: list[Case] = []
    for number, (kind, machine) in enumerate(machines().items()):
        for name, text in documents().items():
            cases.append(Case(f"harmless-{name}-{number}", kind, machine(text)))
    nginx = "#!/bin/sh\nyum install -y nginx\nsystemctl start nginx\n"
    for number, (kind, machine) in enumerate(fleets().items()):
        cases.append(Case(f"harmless-fleet-{number}", kind, machine(nginx)))
    plain = {"ami": "ami-1", "instanceType": "t3.micro"}
    cases.append(Case("harmless-nginx", "aws:ec2/instance:Instance", {**plain, "userData": nginx}))
    cases.append(Case("harmless-no-document", "aws:ec2/instance:Instance", plain))
    public = (
        "#!/bin/sh\ncat > /ca.pem <<EOF\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\nEOF\n"
    )
    cases.append(Case("harmless-certificate", "aws:ec2/instance:Instance", {**plain, "userData": public}))
    return cases
