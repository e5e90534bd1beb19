"""What the audit costs: beside a plain loop that only lists the same objects, and beside Prowler's nearest checks.

1,000 instances and 10,000 security groups of four rules each, on a moto server of the run's own. The plain loop makes
the same calls, one after the other, and throws the answers away: what any audit needs at least. Prowler has a virtual
environment of its own in the cache, and no check for Docker's ports; the two that are run are the nearest it has.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from aws_docker.audit.auditing import audit
from aws_docker.audit.findings import Exit
from benchmarks.figures import Figure
from lab.hosts import image

PROWLER = "5.46.0"
CHECKS = (
    "ec2_securitygroup_allow_ingress_from_internet_to_high_risk_tcp_ports",
    "ec2_networkacl_allow_ingress_any_port",
)
REGION = "us-east-1"
INSTANCES, GROUPS = 1_000, 10_000
_RUNS = 3

# Seeded inside moto's own process: by HTTP it takes minutes.
_MOTO = f"""
import sys
from lab.engine import associations
associations.extend()
from moto.ec2 import ec2_backends
from moto.server import ThreadedMotoServer
backend = ec2_backends["123456789012"]["{REGION}"]
vpc = backend.create_vpc("10.0.0.0/16")
gateway = backend.create_internet_gateway()
backend.attach_internet_gateway(gateway.id, vpc.id)
table = next(t for t in backend.route_tables.values() if t.vpc_id == vpc.id)
backend.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)
groups = []
for at in range({GROUPS}):
    group = backend.create_security_group(f"g{{at}}", "d", vpc_id=vpc.id)
    world = [{{"CidrIp": "0.0.0.0/0"}}] if at % 10 == 0 else []
    ranges = [{{"CidrIp": f"10.{{at % 250}}.{{n}}.0/24"}} for n in range(4 - len(world))]
    backend.authorize_security_group_ingress(group.id, "tcp", "2000", "3000", ip_ranges=world + ranges)
    groups.append(group.id)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], vpc.id, groups[0], groups[1], flush=True)
sys.stdin.read()
"""


def figures() -> Iterator[Figure]:
    with _cloud():
        session = boto3.Session(region_name=REGION)
        ours: list[float] = []
        floor: list[float] = []
        for _ in range(_RUNS):
            ours.append(_timed(lambda: _audit(session)))
            floor.append(_timed(lambda: _list(session)))
        yield Figure(
            "audit of 1,000 instances, 10,000 groups",
            statistics.median(ours),
            statistics.median(floor),
            "a boto3 loop that only lists",
            bound=1.5,
        )
        yield Figure(
            "audit beside Prowler", statistics.median(ours), _timed(_prowler), f"Prowler {PROWLER}", bound=1
        )


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _audit(session: Any) -> None:
    report = audit(session)
    open_ones = sum(finding.kind.startswith("open-to-the-internet") for finding in report.findings)
    if report.status is not Exit.FINDINGS or len(report.exposures) != INSTANCES or not open_ones:
        raise RuntimeError(
            f"the audit ended with {report.status}, {len(report.exposures)} interfaces, {open_ones} open"
        )


def _list(session: Any) -> None:
    ec2 = session.client("ec2")
    for operation in (
        *("describe_instances", "describe_network_interfaces", "describe_security_group_rules"),
        *(
            "describe_network_acls",
            "describe_route_tables",
            "describe_subnets",
            "describe_vpc_peering_connections",
        ),
    ):
        pages = list(ec2.get_paginator(operation).paginate(PaginationConfig={"PageSize": 1_000}))
        if operation == "describe_instances":
            found = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    for instance in found:
        ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
    ssm, ecs = session.client("ssm"), session.client("ecs")
    for asked in (
        ssm.get_paginator("list_documents").paginate(Filters=[{"Key": "Owner", "Values": ["Self"]}]),
        ssm.get_paginator("list_associations").paginate(),
        ecs.get_paginator("list_task_definition_families").paginate(status="ACTIVE"),
        ecs.get_paginator("list_clusters").paginate(),
    ):
        list(asked)


def _prowler() -> None:
    folder = image.cache() / f"prowler-{PROWLER}"
    if not (folder / "bin" / "prowler").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", f"prowler=={PROWLER}"], check=True)
    with tempfile.TemporaryDirectory() as output:
        done = subprocess.run(
            [
                *[folder / "bin" / "prowler", "aws", "-c", *CHECKS, "--region", REGION, "-M", "csv"],
                *["--output-directory", output, "--no-banner", "--ignore-exit-code-3"],
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode or not list(Path(output).glob("*.csv")):
            raise RuntimeError(f"Prowler ended with {done.returncode}: {(done.stdout + done.stderr)[-800:]}")


@contextmanager
def _cloud() -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _MOTO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"},
    )
    before = dict(os.environ)
    try:
        if process.stdout is None or not (line := process.stdout.readline()):
            raise RuntimeError("the moto server did not start")
        port, vpc, *groups = line.split()
        os.environ |= {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
        }
        _start_instances(vpc, groups)
        yield
    finally:
        os.environ.clear()
        os.environ |= before
        process.kill()
        process.communicate()


def _start_instances(vpc: str, groups: list[str]) -> None:
    ec2 = boto3.client("ec2")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
    picture = ec2.register_image(Name="picture", RootDeviceName="/dev/xvda")["ImageId"]
    for at in range(0, INSTANCES, 50):
        ec2.run_instances(
            ImageId=picture,
            MinCount=50,
            MaxCount=50,
            UserData="#!/bin/sh\ndockerd -H tcp://0.0.0.0:2375\n",
            NetworkInterfaces=[
                {
                    "DeviceIndex": 0,
                    "SubnetId": subnet,
                    "Groups": [groups[at // 50 % 2]],
                    "AssociatePublicIpAddress": True,
                }
            ],
        )
