"""What a host on EC2 finds around it: the instance metadata service, Parameter Store's endpoint, a package mirror.

The metadata service answers from the cloud's records of one instance, IMDSv2 only. Requests to Parameter Store are
answered only if signed with the instance role's credentials, and allowed by the role's policies. `faults` breaks
things on purpose.
"""

import datetime
import fnmatch
import json
import re
import secrets
import socket
import ssl
import tempfile
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from lab.hosts import certs, network

_LATEST = "/latest/"
_API_VERSIONS = ("latest", "2009-04-04", "2016-09-02", "2018-09-24", "2021-03-23")


class Surroundings:
    """The services of one instance, on sockets in the router's namespace, until closed."""

    def __init__(self, cloud: Any, instance_id: str, namespace: str, address: str, packages: Path) -> None:
        self.cloud = cloud
        self.instance_id = instance_id
        self.packages = packages
        self.faults: set[str] = set()
        """Any of: imds, role, ssm-denied, ssm-timeout, ssm-garbage, ssm-empty, put-denied, put-timeout, mirror."""
        self.met: set[str] = set()
        """The faults that the host has run into."""
        self.notice: dict[str, str] | None = None
        """What EC2 announces to a spot instance: `action` and `time` (EC2, "Spot Instance interruption notices")."""
        self.document: str | None = None
        """What Parameter Store answers with instead, if set."""
        self.tokens: dict[str, float] = {}
        self._issued: dict[str, tuple[str, str, str]] = {}
        authority = certs.authority("lab.internal")
        self.ca_pem = authority.pem
        """What the host trusts Parameter Store's endpoint by."""
        endpoint = certs.leaf(authority, [certs.SERVER], names=[f"ssm.{cloud.region}.amazonaws.com"])
        self._context = _server_context(endpoint)
        self.address = address
        self._servers: list[ThreadingHTTPServer] = []
        self._serve(network.listen_in(namespace, network.METADATA_IPV4, 80), _metadata(self))
        self._serve(network.listen_in(namespace, network.METADATA_IPV6, 80), _metadata(self))
        self._serve(network.listen_in(namespace, address, 443), _parameter_store(self), tls=True)
        self._serve(network.listen_in(namespace, address, 80), _mirror(self))

    def hosts(self) -> str:
        """Lines for /etc/hosts, in place of Amazon's resolver."""
        return f"{self.address} ssm.{self.cloud.region}.amazonaws.com packages.lab.internal\n"

    def fails(self, fault: str) -> bool:
        if fault in self.faults:
            self.met.add(fault)
        return fault in self.faults

    def close(self) -> None:
        while self._servers:
            server = self._servers.pop()
            server.shutdown()
            server.server_close()

    def _serve(
        self, listener: socket.socket, handler: type[BaseHTTPRequestHandler], tls: bool = False
    ) -> None:
        server = _Server(listener.getsockname()[:2], handler, bind_and_activate=False)
        server.socket.close()
        server.socket = (
            self._context.wrap_socket(listener, server_side=True, do_handshake_on_connect=False)
            if tls
            else listener
        )
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        self._servers.append(server)

    def instance(self) -> dict[str, Any]:
        found = self.cloud.client("ec2").describe_instances(InstanceIds=[self.instance_id])
        return found["Reservations"][0]["Instances"][0]

    def user_data(self) -> bytes:
        return self.cloud.user_data(self.instance_id)

    def role(self) -> str | None:
        profile = self.instance().get("IamInstanceProfile")
        if profile is None or self.fails("role"):
            return None
        name = profile["Arn"].rsplit("/", 1)[1]
        roles = self.cloud.client("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"][
            "Roles"
        ]
        return roles[0]["RoleName"] if roles else None

    def credentials(self, role: str) -> dict[str, str]:
        found = self.cloud.client("iam").get_role(RoleName=role)["Role"]
        if "ec2.amazonaws.com" not in json.dumps(found["AssumeRolePolicyDocument"]):
            return {"Code": "InvalidUserDataRequest", "Message": "EC2 cannot assume the role"}
        arn = found["Arn"]
        made = self.cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName=self.instance_id)[
            "Credentials"
        ]
        self._issued[made["AccessKeyId"]] = (role, made["SecretAccessKey"], made["SessionToken"])
        return {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "LastUpdated": "2026-01-01T00:00:00Z",
            "AccessKeyId": made["AccessKeyId"],
            "SecretAccessKey": made["SecretAccessKey"],
            "Token": made["SessionToken"],
            "Expiration": made["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def authorised(self, headers: Any, body: bytes) -> tuple[str, dict[str, Any]]:
        """The action and arguments of a signed request, if the signer's role may do it; else PermissionError."""
        match = re.match(
            r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d+)/([\w-]+)/ssm/aws4_request, "
            r"SignedHeaders=([\w;-]+), Signature=(\w+)$",
            headers.get("Authorization", ""),
        )
        if match is None or match[1] not in self._issued or match[3] != self.cloud.region:
            raise PermissionError("the security token included in the request is invalid")
        role, secret, token = self._issued[match[1]]
        signed = {name: headers.get(name, "") for name in match[4].split(";")}
        now = datetime.datetime.now(datetime.UTC)
        sent = datetime.datetime.strptime(signed["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
        if signed["x-amz-security-token"] != token or abs(now - sent) > datetime.timedelta(minutes=5):
            raise PermissionError("the request's token or time is wrong")
        request = AWSRequest("POST", f"https://{signed.pop('host')}/", signed, body)
        request.context["timestamp"] = signed["x-amz-date"]
        signer = SigV4Auth(Credentials(match[1], secret, token), "ssm", self.cloud.region)
        if (
            signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
            != match[5]
        ):
            raise PermissionError("the request signature we calculated does not match")
        service, _, call = signed["x-amz-target"].partition(".")
        if service != "AmazonSSM" or call not in ("GetParameter", "PutParameter"):
            raise PermissionError(f"{role} may not call {signed['x-amz-target']}")
        arguments = json.loads(body)
        action = f"ssm:{call}"
        account = self.cloud.client("sts").get_caller_identity()["Account"]
        arn = f"arn:aws:ssm:{self.cloud.region}:{account}:parameter/{arguments['Name'].lstrip('/')}"
        iam = self.cloud.client("iam")
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            for statement in document["Statement"]:
                actions, resources = (
                    [v] if isinstance(v, str) else v for v in (statement["Action"], statement["Resource"])
                )
                if (
                    statement["Effect"] == "Allow"
                    and any(fnmatch.fnmatchcase(action, allowed) for allowed in actions)
                    and any(fnmatch.fnmatchcase(arn, resource) for resource in resources)
                ):
                    return call, arguments
        raise PermissionError(f"{role} is not authorized to perform: {action} on resource: {arn}")

    def metadata(self) -> dict[str, Any]:
        # Read for each request: the cloud's records may change while the machine runs.
        instance = self.instance()
        interface = instance["NetworkInterfaces"][0]
        mac = interface["MacAddress"]
        tree: dict[str, Any] = {
            "ami-id": instance["ImageId"],
            "instance-id": self.instance_id,
            "instance-type": instance["InstanceType"],
            "local-ipv4": interface["PrivateIpAddress"],
            "local-hostname": f"ip-{interface['PrivateIpAddress'].replace('.', '-')}",
            "hostname": f"ip-{interface['PrivateIpAddress'].replace('.', '-')}",
            "mac": mac,
            "placement": {
                "region": self.cloud.region,
                "availability-zone": instance["Placement"]["AvailabilityZone"],
            },
            "services": {"domain": "amazonaws.com", "partition": "aws"},
            "network": {
                "interfaces": {"macs": {mac: {"local-ipv4s": interface["PrivateIpAddress"], "mac": mac}}}
            },
        }
        if self.notice is not None:
            tree["spot"] = {"instance-action": json.dumps(self.notice)}
        role = self.role()
        if role is not None:
            tree["iam"] = {"security-credentials": {role: lambda: json.dumps(self.credentials(role))}}
        identity = {
            "instanceId": self.instance_id,
            "region": self.cloud.region,
            "imageId": instance["ImageId"],
        }
        return {"meta-data": tree, "dynamic": {"instance-identity": {"document": json.dumps(identity)}}}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or does not trust the lab's CA, is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _metadata(around: Surroundings) -> type[BaseHTTPRequestHandler]:
    class Metadata(_Handler):
        def setup(self) -> None:
            # A hop limit of 1, as `metadata_options` asks: the reply dies at the first router behind the host.
            if self.request.family == socket.AF_INET:
                self.request.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 1)
            else:
                self.request.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
            super().setup()

        def do_PUT(self) -> None:
            lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if around.fails("imds"):
                return self.answer(503)
            if self.path != _LATEST + "api/token" or not lifetime.isdecimal():
                return self.answer(400)
            token = secrets.token_urlsafe(32)
            around.tokens[token] = time.time() + int(lifetime)
            return self.answer(200, token.encode())

        def do_GET(self) -> None:
            if around.fails("imds"):
                return self.answer(503)
            if around.tokens.get(self.headers.get("X-aws-ec2-metadata-token", ""), 0) < time.time():
                return self.answer(401)
            version, _, path = self.path.lstrip("/").partition("/")
            if version not in _API_VERSIONS:
                return self.answer(404)
            if path == "user-data":
                data = around.user_data()
                return self.answer(200 if data else 404, data)
            node: Any = around.metadata()
            for part in path.strip("/").split("/"):
                if part and not (isinstance(node, dict) and part in node):
                    return self.answer(404)
                node = node[part] if part else node
            if callable(node):
                node = node()
            if isinstance(node, dict):
                node = "\n".join(
                    name + ("/" if isinstance(value, dict) else "") for name, value in node.items()
                )
            return self.answer(200, str(node).encode())

    return Metadata


def _parameter_store(around: Surroundings) -> type[BaseHTTPRequestHandler]:
    class ParameterStore(_Handler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if around.fails("ssm-timeout"):
                time.sleep(10)
            if around.fails("ssm-denied"):
                return self.answer(400, b'{"__type":"AccessDeniedException"}')
            if around.fails("ssm-garbage"):
                return self.answer(200, b"<html>not what you asked for")
            if around.fails("ssm-empty"):
                return self.answer(200)
            try:
                call, arguments = around.authorised(self.headers, body)
                answered = {"GetParameter": self.get, "PutParameter": self.put}[call](arguments)
                return self.answer(200, json.dumps(answered).encode(), "application/x-amz-json-1.1")
            except PermissionError as error:
                reason = json.dumps({"__type": "AccessDeniedException", "Message": str(error)})
                return self.answer(400, reason.encode(), "application/x-amz-json-1.1")
            except ClientError as error:
                return self.answer(
                    400, json.dumps(error.response["Error"]).encode(), "application/x-amz-json-1.1"
                )

        def get(self, arguments: dict[str, Any]) -> dict[str, Any]:
            found = around.cloud.client("ssm").get_parameter(**arguments)["Parameter"]
            return {"Parameter": {"Name": found["Name"], "Value": around.document or found["Value"]}}

        def put(self, arguments: dict[str, Any]) -> dict[str, Any]:
            if around.fails("put-timeout"):
                time.sleep(10)
                return {}
            if around.fails("put-denied"):
                raise PermissionError("an organisation's policy denies it")
            # What AWS refuses (PutParameter in the Systems Manager API reference), and moto takes.
            if "{{" in arguments["Value"]:
                raise PermissionError("Parameter value can't nest another parameter")
            if len(arguments["Value"]) > 4096:
                raise PermissionError(
                    "Standard tier parameters support a maximum parameter value of 4096 characters"
                )
            ssm = around.cloud.client("ssm")
            if "Type" not in arguments:
                found = ssm.get_parameter(Name=arguments["Name"])["Parameter"]  # a new one needs a type
                arguments = {**arguments, "Type": found["Type"]}
            return {"Version": ssm.put_parameter(**arguments)["Version"]}

    return ParameterStore


def _mirror(around: Surroundings) -> type[BaseHTTPRequestHandler]:
    class Mirror(_Handler):
        def do_GET(self) -> None:
            path = (around.packages / urllib.parse.unquote(self.path).lstrip("/")).resolve()
            if around.fails("mirror") or path.parent != around.packages or not path.is_file():
                return self.answer(404)
            return self.answer(200, path.read_bytes(), "application/octet-stream")

    return Mirror


def _server_context(server: certs.Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(server.pem + server.key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context
