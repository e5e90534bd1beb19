"""The engine's side of a provider plugin: its gRPC service, and how a resource's differences are found.

The difference between what a program asks for and what is there follows Terraform's rules, as the real providers do:
an argument left out is a difference only if the resource would not have chosen the value itself.

It serves the protocol itself instead of through `pulumi.provider.experimental`: that one answers one request at a
time where a provider blocks, shows users stack traces, and does not pass on a resource's old inputs.
"""

import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent import futures
from importlib import metadata
from typing import Any, ClassVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from lab.engine.providers import sdk
from lab.engine.providers.values import UNKNOWN, contains_unknown, from_struct, to_struct

Inputs = dict[str, Any]
State = dict[str, Any]


class Refused(Exception):
    """What the provider refuses; the message is shown to the user as it is."""


class Kind:
    """One type of resource: what a change of each argument means, and how the resource is made."""

    token: ClassVar[str]
    replaced_by: ClassVar[frozenset[str]] = frozenset()
    """Arguments whose change replaces the resource. All of them, if this is {"*"}."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """Arguments that are chosen for the caller where left out: then no value of them is a difference. Those inside
    another argument are written "argument.inner"."""
    unordered: ClassVar[frozenset[str]] = frozenset()
    """Lists that are sets."""
    not_stored: ClassVar[frozenset[str]] = frozenset()
    """Arguments that only steer the provider: they live in state, and cannot drift."""
    defaults: ClassVar[Mapping[str, Any]] = {}
    name_length: ClassVar[int] = 0
    """If not 0: `name` is chosen where left out, as the resource's own and 7 hex digits, up to this length."""
    name_property: ClassVar[str] = "name"
    delete_before_replace: ClassVar[bool] = False
    provider: Any
    """What `Plugin.configure` returned."""

    def problems(self, inputs: Inputs) -> list[tuple[str, str]]:
        """(argument, reason) for what the real provider refuses in a plan, beyond the arguments' types."""
        return []

    def prepare(self, inputs: Inputs) -> Inputs:
        """The inputs with what the provider itself adds."""
        return inputs

    def same(self, argument: str, state: Any, wanted: Any) -> bool:
        """Whether two different values of an argument mean the same."""
        return False

    def also_replaces(self, changed: set[str], state: State, inputs: Inputs) -> set[str]:
        """Which of the changed arguments replace the resource this time, besides `replaced_by`."""
        return set()

    def unplanned(self, state: State) -> set[str]:
        """Properties that must be replaced although no argument changed."""
        return set()

    def unknown_after(self, changed: set[str], inputs: Inputs) -> set[str]:
        """Properties that an update in place changes to something not known before."""
        return set()

    def create(self, inputs: Inputs) -> str:
        """Makes the resource, wholly or not at all; returns its id."""
        raise NotImplementedError

    def read(self, identity: str, state: State) -> State | None:
        """The resource's properties as they are now; None if it is gone. `state` is what was known before."""
        raise NotImplementedError

    def update(self, identity: str, state: State, inputs: Inputs, changed: set[str]) -> None:
        raise NotImplementedError

    def delete(self, identity: str, state: State) -> None:
        raise NotImplementedError


Function = Callable[[Any, Inputs], Mapping[str, Any]]


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """A provider made of kinds and functions."""

    def __init__(
        self,
        name: str,
        kinds: list[type[Kind]],
        functions: Mapping[str, Function],
        configure: Callable[[Inputs], Any],
    ) -> None:
        self._name = name
        self._kinds = {kind.token: kind() for kind in kinds}
        self._functions = functions
        self._configure = configure
        self._provider: Any = None

    # --- configuration ------------------------------------------------------------------------------------------

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version(f"pulumi_{self._name}"))

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema='{"name": "%s"}' % self._name)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        news = from_struct(request.news)
        known = {**sdk.provider_inputs(self._name)}
        failures = [
            (name, f"there is no such provider argument: '{name}'")
            for name in news
            if name not in known
            and name not in {"version", "pluginDownloadURL"}
            and not name.startswith("__")
        ]
        return _checked(news, failures)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    def Configure(self, request: Any, context: Any) -> Any:
        arguments = from_struct(request.args)
        arguments.pop("version", None)
        self._provider = _answered(context, lambda: self._configure(arguments))
        for kind in self._kinds.values():
            kind.provider = self._provider
        # Secrets are the engine's own business: it keeps a property secret that went in secret.
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptSecrets=False)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    # --- functions ----------------------------------------------------------------------------------------------

    def Invoke(self, request: Any, context: Any) -> Any:
        function = self._functions.get(request.tok)
        if function is None:
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"the stand-in provider has no function {request.tok}"
            )
            raise AssertionError
        arguments = from_struct(request.args)
        failures = list(sdk.problems(sdk.function_inputs(request.tok), arguments))
        if failures:
            return provider_pb2.InvokeResponse(failures=_failures(failures))
        result = _answered(context, lambda: function(self._provider, arguments))
        return provider_pb2.InvokeResponse(**{"return": to_struct(result)})

    # --- resources ----------------------------------------------------------------------------------------------

    def Check(self, request: Any, context: Any) -> Any:
        kind = self._kind(request.urn, context)
        olds, inputs = from_struct(request.olds), from_struct(request.news)
        inputs = {name: value for name, value in inputs.items() if not name.startswith("__")}
        failures = list(sdk.problems(sdk.resource_inputs(kind.token), inputs))
        chosen: list[str] = []
        for name, default in kind.defaults.items():
            if name not in inputs:
                inputs[name] = default
                chosen.append(name)
        if kind.name_length and kind.name_property not in inputs and "namePrefix" not in inputs:
            inputs[kind.name_property] = _automatic_name(kind, request, olds)
            chosen.append(kind.name_property)
            if len(inputs[kind.name_property]) > kind.name_length:
                failures.append(
                    (
                        kind.name_property,
                        f"the name chosen for the resource is longer than {kind.name_length}",
                    )
                )
        if not failures:
            failures = kind.problems(inputs)
            inputs = kind.prepare(inputs)
        inputs["__defaults"] = sorted(name for name in chosen if name in inputs)
        return _checked(inputs, failures)

    def Diff(self, request: Any, context: Any) -> Any:
        kind = self._kind(request.urn, context)
        state, inputs = from_struct(request.olds), from_struct(request.news)
        old_inputs = from_struct(request.old_inputs)
        changed = _differences(kind, state, inputs, old_inputs)
        changed = {
            name for name in changed if name not in {path.split(".")[0] for path in request.ignoreChanges}
        }
        replaces = changed if "*" in kind.replaced_by else changed & kind.replaced_by
        replaces = replaces | kind.also_replaces(changed, state, inputs) | kind.unplanned(state)
        changed |= replaces
        detail: dict[str, Any] = {}
        for name in changed:
            action = "ADD" if state.get(name) is None else "DELETE" if inputs.get(name) is None else "UPDATE"
            action += "_REPLACE" if name in replaces else ""
            detail[name] = provider_pb2.PropertyDiff(kind=provider_pb2.PropertyDiff.Kind.Value(action))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            diffs=sorted(changed),
            replaces=sorted(replaces),
            deleteBeforeReplace=bool(replaces)
            and (kind.delete_before_replace or _keeps_name(kind, state, inputs)),
            detailedDiff=detail,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:
        kind = self._kind(request.urn, context)
        inputs = _visible(from_struct(request.properties))
        if request.preview:
            planned = dict.fromkeys(sdk.resource_outputs(kind.token), UNKNOWN)
            for name in sdk.resource_inputs(kind.token):
                if name not in kind.computed:
                    planned.pop(name, None)
            return provider_pb2.CreateResponse(properties=to_struct({**planned, **inputs}))
        identity = _answered(context, lambda: kind.create(inputs))
        state = _answered(context, lambda: kind.read(identity, inputs))
        return provider_pb2.CreateResponse(id=identity, properties=to_struct(_stored(kind, inputs, state)))

    def Update(self, request: Any, context: Any) -> Any:
        kind = self._kind(request.urn, context)
        state, inputs = from_struct(request.olds), from_struct(request.news)
        changed = _differences(kind, state, inputs, from_struct(request.old_inputs))
        changed -= {path.split(".")[0] for path in request.ignoreChanges}
        inputs = _visible(inputs)
        if request.preview:
            planned = {name: value for name, value in state.items() if name not in changed}
            planned.update({name: value for name, value in inputs.items() if name in changed})
            planned.update(dict.fromkeys(kind.unknown_after(changed, inputs), UNKNOWN))
            return provider_pb2.UpdateResponse(properties=to_struct(planned))
        _answered(context, lambda: kind.update(request.id, state, inputs, changed))
        now = _answered(context, lambda: kind.read(request.id, {**state, **inputs}))
        return provider_pb2.UpdateResponse(properties=to_struct(_stored(kind, inputs, now)))

    def Read(self, request: Any, context: Any) -> Any:
        kind = self._kind(request.urn, context)
        state, inputs = from_struct(request.properties), from_struct(request.inputs)
        now = _answered(context, lambda: kind.read(request.id, state))
        if now is None:
            return provider_pb2.ReadResponse()
        if not inputs:
            # An import: what is there becomes what is asked for, but for what nobody would write down.
            writable = sdk.resource_inputs(kind.token)
            news = {k: v for k, v in now.items() if k in writable and v not in (None, "", [], {})}
            news["__defaults"] = []
        else:
            news = {
                k: _as_written(v, now.get(k), k in kind.not_stored or k.startswith("__"))
                for k, v in inputs.items()
            }
        stored = _stored(kind, {k: v for k, v in state.items() if k in kind.not_stored}, now)
        return provider_pb2.ReadResponse(
            id=now.get("id", request.id), properties=to_struct(stored), inputs=to_struct(news)
        )

    def Delete(self, request: Any, context: Any) -> Any:
        kind = self._kind(request.urn, context)
        _answered(context, lambda: kind.delete(request.id, from_struct(request.properties)))
        return empty_pb2.Empty()

    def _kind(self, urn: str, context: Any) -> Kind:
        token = urn.split("::")[2].split("$")[-1]
        if token not in self._kinds:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in provider has no resource {token}")
        return self._kinds[token]


def serve(plugin: Plugin) -> None:
    """Serves the plugin until the engine ends, however it ends."""
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.max_receive_message_length", 400 << 20)]
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server.wait_for_termination()


def _end_with_parent() -> None:
    """A killed engine cannot tell its plugins to end."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def _answered(context: Any, ask: Callable[[], Any]) -> Any:
    """The answer, or else the failure in the words that the user shall read."""
    try:
        return ask()
    except Exception as error:
        if not isinstance(error, Refused) and type(error).__module__.split(".")[0] not in {
            "botocore",
            "boto3",
        }:
            import traceback

            traceback.print_exc(file=sys.stderr)
        context.abort(grpc.StatusCode.UNKNOWN, str(error) or type(error).__name__)
        raise


def _checked(inputs: Inputs, failures: list[tuple[str, str]]) -> Any:
    return provider_pb2.CheckResponse(inputs=to_struct(inputs), failures=_failures(failures))


def _failures(failures: list[tuple[str, str]]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in failures]


def _visible(inputs: Inputs) -> Inputs:
    return {name: value for name, value in inputs.items() if not name.startswith("__")}


def _stored(kind: Kind, inputs: Inputs, state: State | None) -> State:
    if state is None:
        raise Refused("the resource is gone")
    return {**{k: v for k, v in inputs.items() if k in kind.not_stored}, **state}


def _automatic_name(kind: Kind, request: Any, olds: Inputs) -> str:
    """The name that the resource has already, or a new one as Pulumi's autonaming makes it."""
    if kind.name_property in olds.get("__defaults", []):
        return str(olds[kind.name_property])
    seed = request.randomSeed or os.urandom(32)
    return f"{request.urn.split('::')[-1]}-{hashlib.sha256(seed).hexdigest()[:7]}"


def _keeps_name(kind: Kind, state: State, inputs: Inputs) -> bool:
    """Whether old and new would have the same name that the caller chose: then both cannot exist at once."""
    name = kind.name_property
    if not kind.name_length or name in inputs.get("__defaults", []):
        return False
    return inputs.get(name) is not None and inputs.get(name) == state.get(name)


def _as_written(written: Any, now: Any, keep: bool) -> Any:
    """The value that stands there now, in the shape in which the program wrote it."""
    if keep:
        return written
    if isinstance(written, dict) and isinstance(now, dict):
        return {key: _as_written(value, now.get(key), False) for key, value in written.items()}
    return now


def _differences(kind: Kind, state: State, inputs: Inputs, old_inputs: Inputs) -> set[str]:
    changed: set[str] = set()
    for name in sdk.resource_inputs(kind.token):
        wanted, was = inputs.get(name), state.get(name)
        if name == "region":
            continue
        if wanted is None:
            # Left out: a difference if the resource has a value that it would not have chosen itself.
            if name in kind.computed or _empty(was):
                continue
            changed.add(name)
        elif not _equal(kind, name, was, wanted, old_inputs.get(name)):
            changed.add(name)
    tagged = "tagsAll" in sdk.resource_outputs(kind.token) and not contains_unknown(inputs.get("tags"))
    if tagged and kind.provider.all_tags(inputs) != (state.get("tagsAll") or {}):
        changed.add("tagsAll")
    return changed


def _equal(kind: Kind, name: str, was: Any, wanted: Any, wanted_before: Any) -> bool:
    if contains_unknown(wanted):
        return False
    if _empty(was) and _empty(wanted):
        return True
    if isinstance(wanted, dict) and isinstance(was, dict) and name not in {"tags", "triggers"}:
        before = wanted_before if isinstance(wanted_before, dict) else {}
        return all(
            (wanted.get(key) is None and f"{name}.{key}" in kind.computed)
            or _equal(kind, f"{name}.{key}", was.get(key), wanted.get(key), before.get(key))
            for key in {*wanted, *before}
        )
    if isinstance(wanted, list) and isinstance(was, list):
        if name in kind.unordered:
            was, wanted = sorted(was, key=repr), sorted(wanted, key=repr)
        return (
            len(was) == len(wanted)
            and all(_equal(kind, f"{name}[]", a, b, None) for a, b in zip(was, wanted, strict=True))
        ) or kind.same(name, was, wanted)
    if was == wanted and isinstance(was, bool) == isinstance(wanted, bool):
        return True
    # As through Terraform's types: "443" and 443 are the same.
    plain = was is not None and not isinstance(wanted, (dict, list)) and not isinstance(was, (dict, list))
    if plain and _text(was) == _text(wanted):
        return True
    return kind.same(name, was, wanted)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _empty(value: Any) -> bool:
    return value is None or value is False or value in ("", 0, [], {})
