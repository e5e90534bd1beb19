"""What hosts cost the engine: a program of components beside a flat one that makes the same resources by hand.

On the lab, whose providers are stand-ins: they answer at once, so that the program and the engine are all there is.
Each run has an account and a stack of its own.
"""

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Sample, in_turns
from lab.engine.cloud import Cloud
from lab.engine.stack import Stack

_RUNS = {1: 3, 5: 2, 25: 1}
_USER_DATA = "#cloud-config\nruncmd:\n- [true]\n#" + "x" * 12_000 + "\n"

_OURS = """
import pulumi
from aws_docker import DockerHost

config = pulumi.Config()
for number in range(config.require_int("hosts")):
    host = {"trusted_cidrs": ["10.0.5.0/24"], "clients": ["alice", "ci"], "subnet_id": config.require("subnetId")}
    DockerHost(f"h{number}", host)
"""
_FLAT = '''
import json

import pulumi
import pulumi_aws as aws
import pulumi_tls as tls

config = pulumi.Config()
subnet = aws.ec2.get_subnet_output(id=config.require("subnetId"))
image = aws.ssm.get_parameter_output(
    name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
).insecure_value


def allow(action, resource=None, principal=None):
    statement = {"Effect": "Allow", "Action": action}
    statement |= {"Resource": resource} if resource else {"Principal": {"Service": principal}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def leaf(name, use, **names):
    """A CA, and a certificate of it: the key, the certificate, the CA's certificate."""
    ca_key = tls.PrivateKey(f"{name}-ca-key", algorithm="ECDSA", ecdsa_curve="P256")
    ca = tls.SelfSignedCert(
        f"{name}-ca", private_key_pem=ca_key.private_key_pem, is_ca_certificate=True, allowed_uses=["cert_signing"],
        validity_period_hours=87600, subject={"common_name": f"{name} CA"},
    )
    key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256")
    request = tls.CertRequest(
        f"{name}-request", private_key_pem=key.private_key_pem, subject={"common_name": name}, **names
    )
    certificate = tls.LocallySignedCert(
        f"{name}-certificate", cert_request_pem=request.cert_request_pem, ca_private_key_pem=ca_key.private_key_pem,
        ca_cert_pem=ca.cert_pem, allowed_uses=["digital_signature", use], validity_period_hours=8760,
    )
    return key.private_key_pem, certificate.cert_pem, ca.cert_pem


for number in range(config.require_int("hosts")):
    name = f"h{number}"
    group = aws.ec2.SecurityGroup(f"{name}-group", description=name, vpc_id=subnet.vpc_id, tags={"Name": name})
    rules = [
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-egress-{port}-{family}", security_group_id=group.id, ip_protocol="tcp", from_port=port,
            to_port=port, **{f"cidr_{family}": everybody},
        )
        for family, everybody in (("ipv4", "0.0.0.0/0"), ("ipv6", "::/0"))
        for port in (443, 80)
    ]
    aws.vpc.SecurityGroupIngressRule(
        f"{name}-ingress", security_group_id=group.id, ip_protocol="tcp", from_port=2376, to_port=2376,
        cidr_ipv4="10.0.5.0/24",
    )
    interface = aws.ec2.NetworkInterface(f"{name}-interface", subnet_id=subnet.id, security_groups=[group.id])
    server = leaf(
        f"{name}-server", "server_auth", ip_addresses=[interface.private_ip, "127.0.0.1"], dns_names=["localhost"]
    )
    clients = [leaf(f"{name}-client-{each}", "client_auth") for each in ("alice", "ci")]
    document = pulumi.Output.all(*server[:2], *(client[2] for client in clients)).apply(json.dumps)
    parameter = aws.ssm.Parameter(
        f"{name}-configuration", type="SecureString", tier="Intelligent-Tiering", value=document
    )
    role = aws.iam.Role(f"{name}-role", assume_role_policy=allow("sts:AssumeRole", principal="ec2.amazonaws.com"))
    policy = aws.iam.RolePolicy(
        f"{name}-policy", role=role.name, policy=parameter.arn.apply(lambda arn: allow("ssm:GetParameter", arn))
    )
    profile = aws.iam.InstanceProfile(f"{name}-profile", role=role.name)
    aws.ec2.Instance(
        f"{name}-instance", ami=image, instance_type="t3.medium",
        primary_network_interface={"network_interface_id": interface.id}, iam_instance_profile=profile.name,
        metadata_options={"http_tokens": "required", "http_put_response_hop_limit": 1, "http_endpoint": "enabled"},
        user_data=parameter.name.apply(lambda value: config.require("userData") + f"# {value}\\n"),
        root_block_device={"volume_type": "gp3", "volume_size": 20, "encrypted": True},
        opts=pulumi.ResourceOptions(depends_on=[policy, *rules]),
    )
'''
_STEPS = ("first up", "preview, nothing changed")


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="dockerhost-bench-") as made:
        programs = {"ours": Path(made) / "ours", "flat": Path(made) / "flat"}
        for (_, folder), text in zip(programs.items(), (_OURS, _FLAT), strict=True):
            folder.mkdir()
            (folder / "__main__.py").write_text(text)
        for hosts, runs in _RUNS.items():
            taken: dict[tuple[str, str], list[float]] = {}
            in_turns(*(partial(_run, taken, name, programs[name], hosts) for name in programs), runs=runs)
            for step in _STEPS:
                ours, flat = (Sample(tuple(taken[name, step])) for name in programs)
                plural = "s" if hosts > 1 else ""
                yield Figure(f"{step}, {hosts} host{plural}", ours, flat, "a flat program", bound=1.5)


def _run(taken: dict[tuple[str, str], list[float]], name: str, program: Path, hosts: int) -> float:
    """One stack, up and previewed again; notes what each step took."""
    with Cloud() as cloud:
        subnet = cloud.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
        config: dict[str, Any] = {"subnetId": subnet, "hosts": hosts, "userData": _USER_DATA}
        with Stack(cloud, program, config) as stack:
            for step in _STEPS:
                started = time.perf_counter()
                result = (stack.up if step == "first up" else stack.preview)().check()
                taken.setdefault((name, step), []).append(time.perf_counter() - started)
                if bool(result.changes) != (step == "first up"):
                    raise RuntimeError(f"{name}, {step}: {result.changes}")
    return 0.0
