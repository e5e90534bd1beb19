"""The embedded AWS: a moto server on loopback, with the publishers' images in an otherwise new account.

Moto keeps everything in memory: an account is as old as its server. It checks no signatures; what a booted host asks
for is checked where the host asks (metadata.py).
"""

import base64
import gzip
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from lab.engine import warm
from lab.processes import die_with_lab

REGION = "eu-central-1"

# Whose newest images the publishers' parameters name (moto_server.py).
_SYSTEMS = ("al2023", "ubuntu-24.04", "debian-12", "debian-13")
_ROOT = Path(__file__).parent.parent.parent


class Cloud:
    """A moto server of its own, until closed."""

    region = REGION
    access_key = "testing"
    secret_key = "testing"

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._server = subprocess.Popen(
            [*warm.START, "-m", "lab.engine.moto_server", "-H", "127.0.0.1", "-p", str(port)],
            cwd=_ROOT,
            env={**os.environ, **warm.environment(), "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_lab,
        )
        try:
            self._wait()
            for name in _SYSTEMS:
                for architecture in ("x86_64", "arm64"):
                    self.publish_image(name, architecture)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Cloud":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        if self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGTERM)
            try:
                self._server.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._server.pid, signal.SIGKILL)
                self._server.wait()

    def client(self, service: str) -> Any:
        """A client that all share: making one takes a tenth of a second."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    endpoint_url=self.endpoint,
                    region_name=REGION,
                    aws_access_key_id=self.access_key,
                    aws_secret_access_key=self.secret_key,
                    config=Config(retries={"max_attempts": 2}, read_timeout=30),
                )
            return self._clients[service]

    def connect(self, network: str) -> None:
        """A VPN from the default VPC to a network, which the trusted clients stand in."""
        ec2 = self.client("ec2")
        vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
        ec2.attach_vpn_gateway(VpcId=vpc, VpnGatewayId=gateway)
        of_the_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
        (table,) = ec2.describe_route_tables(Filters=of_the_vpc)["RouteTables"]
        ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=network, GatewayId=gateway)

    @property
    def environment(self) -> dict[str, str]:
        """What points AWS's own tools, and ours, here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def running_instances(self) -> list[str]:
        """The ids of the instances that have been started."""
        states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        found = self.client("ec2").describe_instances(Filters=states)["Reservations"]
        return [instance["InstanceId"] for each in found for instance in each["Instances"]]

    def user_data(self, instance_id: str) -> bytes:
        """What EC2 would give the instance at its first boot."""
        attribute = self.client("ec2").describe_instance_attribute(
            InstanceId=instance_id, Attribute="userData"
        )
        return base64.b64decode(attribute["UserData"].get("Value", ""))

    def user_data_text(self, instance_id: str) -> str:
        """The same as people would read it: unpacked, where it travels as gzip."""
        data = self.user_data(instance_id)
        return (gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data).decode()

    def publish_image(self, name: str, architecture: str) -> str:
        """A newer image of an operating system: the newest is the one that its parameter names."""
        ec2 = self.client("ec2")
        count = len(
            ec2.describe_images(Filters=[{"Name": "name", "Values": [f"{name}-{architecture}-*"]}])["Images"]
        )
        image = ec2.register_image(
            Name=f"{name}-{architecture}-{count:04}", Architecture=architecture, RootDeviceName="/dev/xvda"
        )
        return image["ImageId"]

    def _wait(self) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                self.client("ec2").describe_vpcs()
                return
            except (EndpointConnectionError, ClientError):
                if self._server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the moto server did not start") from None
                time.sleep(0.2)
