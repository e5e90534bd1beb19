"""A cloud of mocks: what a program registers, in which order and with which options, read back by name.

It keeps secrets as the engine does: a property that is secret going in, or that its resource says is secret, comes
back secret.
"""

import asyncio
import gc
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pulumi
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

from aws_docker import DockerHost

VPC = {"id": "vpc-0a1b2c3d", "cidrBlockAssociations": [{"cidrBlock": "172.31.0.0/16"}]}
SUBNET = {"id": "subnet-0a1b2c3d", "vpcId": "vpc-0a1b2c3d", "availabilityZone": "eu-central-1a"}
PARAMETER_ARN = "arn:aws:ssm:eu-central-1:123456789012:parameter/build-configuration"
STATUS_ARN = "arn:aws:ssm:eu-central-1:123456789012:parameter/build-status"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


class Denied(grpc.RpcError):
    """What a provider says of a call that AWS refuses."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return "AccessDeniedException: not authorized to perform: ssm:GetParameter"


class Cloud(Mocks):
    """What AWS and the providers would answer."""

    def __init__(self) -> None:
        self.architectures = ["x86_64"]
        self.prefix_list = ["198.51.100.0/24"]
        self.subnets = ["subnet-9", SUBNET["id"]]
        self.memory_size: int | None = 4096
        self.asleep: list[str] = []
        self.ipv6 = ["2001:db8:31::5"]
        self.expiries = {"server": "2027-11-24T00:00:00Z", "client": "2027-11-25T00:00:00Z"}
        self.pem_length = 0
        self.prefix_list_seconds = 0.0
        self.status: Callable[[str], str | None] = lambda _: None
        """What stands in the status parameter of that name; None: it may not be read."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        made: dict[str, dict[str, Any]] = {
            "aws:ec2/networkInterface:NetworkInterface": {
                "privateIp": "172.31.5.10",
                "privateDnsName": "ip-172-31-5-10.eu-central-1.compute.internal",
                "ipv6Addresses": self.ipv6 if args.inputs.get("ipv6AddressCount") else [],
            },
            "aws:ec2/eip:Eip": {"publicIp": "203.0.113.7", "publicDns": "ec2-203-0-113-7.example"},
            "tls:index/privateKey:PrivateKey": {"privateKeyPem": self._pem(f"PRIVATE KEY of {args.name}")},
            "tls:index/selfSignedCert:SelfSignedCert": {
                "certPem": self._pem(f"CERTIFICATE of {args.name}"),
                "validityEndTime": self.expiries.get("ca", "2099-11-25T00:00:00Z"),
            },
            "tls:index/certRequest:CertRequest": {"certRequestPem": self._pem(f"REQUEST of {args.name}")},
            "tls:index/locallySignedCert:LocallySignedCert": {
                "certPem": self._pem(f"CERTIFICATE of {args.name}"),
                "validityEndTime": self.expiries["server" if "server" in args.name else "client"],
            },
            "aws:ssm/parameter:Parameter": {
                "arn": f"arn:aws:ssm:eu-central-1:123456789012:parameter/{args.name}"
            },
            "pulumi:index:Stash": {"output": args.inputs.get("input")},
        }
        return f"{args.name}-id", {"name": args.name, **args.inputs, **made.get(args.typ, {})}

    def _pem(self, text: str) -> str:
        return text.ljust(self.pem_length) + "\n"

    def call(self, args: MockCallArgs) -> dict[str, Any]:
        if "PrefixList" in args.token:
            time.sleep(self.prefix_list_seconds)
        if args.token == "aws:ssm/getParameter:getParameter" and args.args["name"].endswith("-status"):
            if (word := self.status(args.args["name"])) is None:
                raise Denied
            return {"insecureValue": word}
        answers: dict[str, dict[str, Any]] = {
            "aws:ec2/getVpc:getVpc": VPC,
            "aws:ec2/getSubnets:getSubnets": {"ids": self.subnets},
            "aws:ec2/getSubnet:getSubnet": {**SUBNET, "id": args.args.get("id")},
            "aws:ec2/getInstanceType:getInstanceType": {
                "supportedArchitectures": self.architectures,
                "memorySize": self.memory_size,
            },
            "aws:ec2/getInstances:getInstances": {"ids": self.asleep},
            "aws:ec2/getManagedPrefixList:getManagedPrefixList": {
                "entries": [{"cidr": cidr, "description": ""} for cidr in self.prefix_list]
            },
            "aws:ssm/getParameter:getParameter": {"insecureValue": f"ami of {args.args.get('name')}"},
        }
        return answers[args.token]


@dataclass(frozen=True)
class Registered:
    """A resource that a program registered."""

    name: str
    type: str
    inputs: Mapping[str, Any]
    secrets: frozenset[str]
    """Inputs that are secret, wholly or in part."""
    request: Any
    """The request to the engine, with every option."""

    @property
    def parent(self) -> str:
        return self.request.parent.rsplit("::", 1)[-1]

    @property
    def depends_on(self) -> set[str]:
        """Names of resources that must exist first: by `depends_on`, and by the properties that are used."""
        urns = {urn for each in self.request.propertyDependencies.values() for urn in each.urns}
        return {urn.rsplit("::", 1)[-1] for urn in {*urns, *self.request.dependencies}}


@dataclass(frozen=True)
class Invoked:
    """A function that a program called."""

    token: str
    arguments: Mapping[str, Any]
    provider: str


class Monitor(MockMonitor):
    """Writes down what is asked of the engine."""

    def __init__(self, mocks: Mocks) -> None:
        super().__init__(mocks)
        self.registered: dict[str, Registered] = {}
        self.invoked: list[Invoked] = []
        self.outputs: dict[str, struct_pb2.Struct] = {}

    def RegisterResource(self, request: Any) -> Any:
        answer = super().RegisterResource(request)
        if request.type == "pulumi:pulumi:Stack":
            return answer
        assert request.name not in self.registered, f"{request.name} is registered twice"
        secrets = secret_names(request.object)
        self.registered[request.name] = Registered(
            request.name, request.type, _plain(request.object), secrets, request
        )
        for name in {*secrets, *request.additionalSecretOutputs} & set(answer.object.fields):
            plain = struct_pb2.Value()
            plain.CopyFrom(answer.object.fields[name])
            wrapped = {_SIGNATURE: struct_pb2.Value(string_value=_SECRET), "value": plain}
            answer.object.fields[name].struct_value.CopyFrom(struct_pb2.Struct(fields=wrapped))
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:
        name = request.urn.rsplit("::", 1)[-1]
        assert name not in self.outputs, f"the outputs of {name} are registered twice"
        self.outputs[name] = request.outputs
        return super().RegisterResourceOutputs(request)

    def Invoke(self, request: Any) -> Any:
        if not request.tok.startswith("pulumi:"):
            arguments = _plain(request.args)
            self.invoked.append(Invoked(request.tok, arguments, request.provider))
        return super().Invoke(request)


@dataclass
class Stack:
    """What a program registered, by name, in order."""

    cloud: Cloud = field(default_factory=Cloud)
    preview: bool = False
    resources: dict[str, Registered] = field(default_factory=dict[str, Registered])
    invoked: list[Invoked] = field(default_factory=list[Invoked])
    _outputs: dict[str, struct_pb2.Struct] = field(default_factory=dict[str, struct_pb2.Struct])

    def run(self, program: Callable[[], Any]) -> Any:
        """Run the program, wait for all it registers, and return what it returns; raises what it raises."""
        monitor = Monitor(self.cloud)
        pulumi.runtime.set_mocks(self.cloud, preview=self.preview, monitor=monitor)
        self.resources, self.invoked, self._outputs = monitor.registered, monitor.invoked, monitor.outputs
        result: list[Any] = []

        def once() -> None:
            result.append(program())

        try:
            pulumi.runtime.test(once)()
        except Exception as error:
            # Every await on the way has left its mark: thousands of lines that say nothing.
            raise error.with_traceback(None) from None
        finally:
            _forget()
        return result[0]

    def host(
        self, args: Mapping[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> "Stack":
        """Make one host, called build."""
        self.run(lambda: DockerHost("build", args or {}, opts))  # type: ignore[arg-type]
        return self

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        """The inputs of the resource of that name."""
        return self.resources[name].inputs

    def of_type(self, token: str) -> list[str]:
        return sorted(name for name, resource in self.resources.items() if resource.type == token)

    def types(self) -> set[str]:
        return {resource.type for resource in self.resources.values()}

    def outputs(self, name: str = "build") -> dict[str, Any]:
        return _plain(self._outputs[name])

    def secret_outputs(self, name: str = "build") -> frozenset[str]:
        return secret_names(self._outputs[name])


def _forget() -> None:
    """Collects what a failed program never awaited, now and in silence, and not in the middle of another test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


def _plain(struct: struct_pb2.Struct) -> dict[str, Any]:
    return {name: _unwrapped(value) for name, value in rpc.deserialize_properties(struct).items()}


def _unwrapped(value: Any) -> Any:
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return _unwrapped(value["value"])
        return {name: _unwrapped(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_unwrapped(item) for item in value]
    return value


def secret_names(struct: struct_pb2.Struct) -> frozenset[str]:
    return frozenset(name for name, value in struct.fields.items() if _holds_secret(value))


def _holds_secret(value: struct_pb2.Value) -> bool:
    if value.HasField("list_value"):
        return any(_holds_secret(item) for item in value.list_value.values)
    fields = value.struct_value.fields
    if _SIGNATURE in fields and fields[_SIGNATURE].string_value == _SECRET:
        return True
    return any(_holds_secret(item) for item in fields.values())


def unknown(_: Any = None) -> pulumi.Output[Any]:
    """An Output whose value is not known yet, as in a preview."""
    resolved: list[Any] = []
    for value in (None, False):

        async def answer(value: Any = value) -> Any:
            return value

        resolved.append(answer())
    return pulumi.Output(set(), *resolved)


@pytest.fixture(scope="session", autouse=True)
def _program_loop() -> Iterator[None]:
    """The event loop of all programs."""
    loop = asyncio.new_event_loop()
    # One failure fails every Output that follows from it; the first is raised, the others are no news.
    loop.set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loop)
    # What the SDKs' thousands of classes take is never garbage: looking through it would take most of the time.
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    # The SDK makes a loop for each of the executor's threads, and leaves it behind.
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()
    _forget()


@pytest.fixture
def stack() -> Stack:
    return Stack()
