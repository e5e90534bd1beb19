"""A stand-in that only previews: every resource kind of a package, where policies need no more than a plan.

The kinds that the lab really makes are planned as the lab plans them. Of all others the arguments are checked against
the SDK's own types, where that SDK is installed (aws; the others are not), and nothing of them is ever made.
"""

from importlib import metadata
from typing import Any

from pulumi.runtime.proto import plugin_pb2, provider_pb2

from lab.engine.providers import sdk
from lab.engine.providers.plugin import Plugin, Refused
from lab.engine.providers.values import UNKNOWN, from_struct, to_struct

# Those whose schema the tests' resources follow.
_VERSIONS = {"aws-native": "1.84.0", "command": "1.2.1", "docker": "5.2.0"}


class PreviewPlugin(Plugin):
    """Plans any resource of one package."""

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        version = metadata.version("pulumi_aws") if self._name == "aws" else _VERSIONS[self._name]
        return plugin_pb2.PluginInfo(version=version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Check(self, request: Any, context: Any) -> Any:
        token = _token(request.urn)
        if token in self._kinds:
            return super().Check(request, context)
        failures: list[tuple[str, str]] = []
        if self._name == "aws":
            try:
                fields = sdk.resource_inputs(token)
            except (OSError, KeyError, ValueError):
                failures = [("", f"the SDK has no resource {token}")]
            else:
                failures = list(sdk.problems(fields, from_struct(request.news)))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures],
        )

    def Create(self, request: Any, context: Any) -> Any:
        if _token(request.urn) in self._kinds:
            return super().Create(request, context)
        if not request.preview:
            raise Refused("the preview stand-in makes nothing")
        # As they came: what only travels through, assets included, need not be understood.
        planned = to_struct({"arn": UNKNOWN})
        planned.MergeFrom(request.properties)
        return provider_pb2.CreateResponse(properties=planned)


def _token(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]
