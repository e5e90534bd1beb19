"""How the maps in dockerd's options are written: pools, limits, runtimes, the builder. See dockerd_forms.py. Pure."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from .dockerd_forms import Problem, is_network, is_size, is_whole, plain
from .engines import Engines


def address_pools(pools: Sequence[Mapping[str, Any]], _: Engines) -> Iterator[Problem]:
    """Networks that Docker cuts its own from: `{"base": "10.10.0.0/16", "size": 24}`."""
    example = '{"base": "10.10.0.0/16", "size": 24}'
    for index, pool in enumerate(pools):
        where = f"[{index}]"
        if set(pool) != {"base", "size"}:
            yield Problem(where, pool, f"write {example}", "is no pool")
            continue
        base, size = pool["base"], pool["size"]
        if not isinstance(base, str) or not (is_network(base, 4) or is_network(base, 6)):
            yield Problem(f"{where}.base", base, "write one such as '10.10.0.0/16'", "is no network")
        elif not is_whole(size):
            yield Problem(f"{where}.size", size, "write a whole number, such as 24", "is no whole number")
        else:
            pool_network = ipaddress.ip_network(base, strict=False)
            if not pool_network.prefixlen <= size <= pool_network.max_prefixlen:
                hint = f"write a prefix length from {pool_network.prefixlen} to {pool_network.max_prefixlen}"
                yield Problem(f"{where}.size", size, hint, f"is not the size of a part of {base}")


def network_options(options: Mapping[str, Any], _: Engines) -> Iterator[Problem]:
    """Options by network driver, as strings."""
    for driver, given in options.items():
        if not isinstance(given, Mapping):
            yield Problem(f".{driver}", given, "write a map of strings", "is not a map")
            continue
        for name, value in cast(Mapping[str, Any], given).items():
            if not isinstance(value, str):
                yield Problem(f".{driver}.{name}", value, f"write '{plain(value)}'", "is not a string")


def node_resources(given: Mapping[str, Any], _: Engines) -> Iterator[Problem]:
    """Whether and where plugins of the Node Resource Interface are asked."""
    paths = ("plugin-path", "plugin-config-path", "socket-path")
    yield from _members("", given, {"enable": _switch, **dict.fromkeys(paths, _text)})


def proxies(given: Mapping[str, Any], _: Engines) -> Iterator[Problem]:
    """Proxies that dockerd itself uses. A name may be a misplaced URL with a password, and a value is one: the former
    is shown, the latter only where it is no string."""
    for name, value in given.items():
        if name not in ("http-proxy", "https-proxy", "no-proxy"):
            yield Problem("", name, "write http-proxy, https-proxy or no-proxy", "is not an option")
        elif not isinstance(value, str):
            yield Problem(f".{name}", value, "dockerd wants a string", "is not a string")


def switches(given: Mapping[str, Any], _: Engines) -> Iterator[Problem]:
    """Switches by name."""
    for name, value in given.items():
        if not isinstance(value, bool):
            yield Problem(f".{name}", value, "write true or false", "is not true or false")


_ULIMITS: Final = frozenset(
    (
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
    )
) | {"rttime", "sigpending", "stack"}


def ulimits(limits: Mapping[str, Any], _: Engines) -> Iterator[Problem]:
    """Limits by name: `{"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}`."""
    for name, limit in limits.items():
        where = f".{name}"
        if name not in _ULIMITS:
            yield Problem(where, limit, f"the limits are {', '.join(sorted(_ULIMITS))}", "is for no limit")
            continue
        if not isinstance(limit, Mapping) or set(cast(Mapping[str, Any], limit)) != {"Name", "Soft", "Hard"}:
            yield Problem(where, limit, f"write {_ulimit(name, *_ulimit_numbers(limit))}", "is no limit")
            continue
        given = cast(Mapping[str, Any], limit)
        soft, hard = given["Soft"], given["Hard"]
        for key, value in (("Soft", soft), ("Hard", hard)):
            if not is_whole(value):
                yield Problem(f"{where}.{key}", value, "write a whole number", "is no whole number")
                return
        if given["Name"] != name:
            yield Problem(f"{where}.Name", given["Name"], f"write '{name}', as outside", "is another limit")
        elif soft > hard >= 0 or hard >= 0 > soft:
            yield Problem(f"{where}.Soft", soft, f"write at most the hard limit, {int(hard)}")


def _ulimit(name: str, soft: int, hard: int) -> str:
    return f'{{"Name": "{name}", "Soft": {soft}, "Hard": {hard}}}'


def _ulimit_numbers(limit: Any) -> tuple[int, int]:
    """What was probably meant: `1024:2048`, a number, or a map that says it in other letters."""
    if isinstance(limit, Mapping):
        given = lowered(cast(Mapping[str, Any], limit))
        limit = f"{given.get('soft')}:{given.get('hard')}"
    soft, _, hard = str(limit).partition(":")
    return (int(soft), int(hard or soft)) if re.fullmatch(r"\d+(:\d+)?", str(limit)) else (1024, 2048)


def runtimes(given: Mapping[str, Any], engines: Engines) -> Iterator[Problem]:
    """Runtimes by name: a path with arguments, or a runtime type with options."""
    for name, runtime in given.items():
        where = f".{name}"
        if name == "runc":
            yield Problem(where, runtime, "choose another name: Docker's own runtime has it", "is reserved")
        if not isinstance(runtime, Mapping):
            hint = 'write a map such as {"path": "/usr/bin/runsc"}'
            yield Problem(where, runtime, hint, "is not a map")
            continue
        yield from _runtime(where, cast(Mapping[str, Any], runtime), engines)


def _runtime(where: str, runtime: Mapping[str, Any], engines: Engines) -> Iterator[Problem]:
    yield from _members(
        where, runtime, {"path": _text, "runtimeType": _text, "runtimeArgs": _texts, "options": _map}
    )
    path, kind = runtime.get("path"), runtime.get("runtimeType")
    if kind and engines.all_before((23, 0)):
        hint = f"write path: Docker {engines} knows no runtimeType"
        yield Problem(f"{where}.runtimeType", kind, hint)
    elif not path and not kind:
        yield Problem(where, runtime, "write its path, or its runtimeType", "is no runtime")
    elif path and (kind or runtime.get("options")):
        yield Problem(where, runtime, "write either its path, or its runtimeType and its options")
    elif kind and runtime.get("runtimeArgs"):
        yield Problem(f"{where}.runtimeArgs", runtime["runtimeArgs"], "leave them out: they go with a path")


Check = Callable[[Any], str | None]
"""What a value should be, if it is not so."""


def _members(where: str, given: Mapping[str, Any], checks: Mapping[str, Check]) -> Iterator[Problem]:
    """The members that are not of their kind. Go reads names in any case."""
    wanted_kinds = lowered(checks)
    for name, value in given.items():
        check = wanted_kinds.get(str(name).lower())
        wanted = check(value) if check and value is not None else None
        if wanted:
            yield Problem(f"{where}.{name}", value, f"dockerd wants {wanted}", f"is not {wanted}")


def _text(value: object) -> str | None:
    return None if isinstance(value, str) else "a string"


def _switch(value: object) -> str | None:
    return None if isinstance(value, bool) else "true or false"


def _number(value: object) -> str | None:
    return None if is_whole(value) else "a whole number"


def _map(value: object) -> str | None:
    return None if isinstance(value, Mapping) else "a map"


def _texts(value: object) -> str | None:
    return None if all(isinstance(each, str) for each in _list(value, [0])) else "a list of strings"


def _maps(value: object) -> str | None:
    return None if all(isinstance(each, Mapping) for each in _list(value, [0])) else "a list of maps"


def _space(value: object) -> str | None:
    return None if isinstance(value, str) and (not value or is_size(value)) else "a size such as '10GB'"


def _filter(value: object) -> str | None:
    # An older form, which dockerd still reads: {"unused-for": {"48h": true}}.
    return None if isinstance(value, Mapping) else _texts(value)


def _duration(value: object) -> str | None:
    fits = isinstance(value, str) and re.fullmatch(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|0", value)
    return None if fits else "a duration such as '48h'"


def _list(value: object, otherwise: Sequence[Any] = ()) -> Sequence[Any]:
    return cast(Sequence[Any], value) if isinstance(value, (list, tuple)) else otherwise


def lowered(given: Mapping[str, Any]) -> dict[str, Any]:
    return {str(name).lower(): value for name, value in given.items()}


_GC: Final[Mapping[str, Check]] = {
    "enabled": _switch,
    "policy": _maps,
    "defaultKeepStorage": _space,
    "defaultReservedSpace": _space,
    "defaultMaxUsedSpace": _space,
    "defaultMinFreeSpace": _space,
}
_GC_RULE: Final[Mapping[str, Check]] = {
    "all": _switch,
    "filter": _filter,
    "keepStorage": _space,
    "reservedSpace": _space,
    "maxUsedSpace": _space,
    "minFreeSpace": _space,
}


def builder(given: Mapping[str, Any], engines: Engines) -> Iterator[Problem]:
    """What BuildKit keeps and may do. Go reads its names in any case, and leaves alone those that it does not know."""
    parts: dict[str, Check] = {"gc": _map, "entitlements": _map}
    history = not engines.all_before((25, 0))
    yield from _members("", given, {**parts, **({"history": _map} if history else {})})
    for name, part in lowered(given).items():
        if not isinstance(part, Mapping):
            continue
        inside = cast(Mapping[str, Any], part)
        if name == "gc":
            yield from _members(".gc", inside, _GC)
            for index, rule in enumerate(_list(lowered(inside).get("policy"))):
                if isinstance(rule, Mapping):
                    yield from _gc_rule(f".gc.policy[{index}]", cast(Mapping[str, Any], rule), engines)
        elif name == "entitlements":
            entitlements = ("network-host", "security-insecure", "device")
            yield from _members(".entitlements", inside, dict.fromkeys(entitlements, _switch))
        elif name == "history" and history:
            yield from _members(".history", inside, {"maxage": _duration, "maxentries": _number})


def _gc_rule(where: str, rule: Mapping[str, Any], engines: Engines) -> Iterator[Problem]:
    yield from _members(where, rule, _GC_RULE)
    given = lowered(rule)
    if not given.get("keepstorage") and engines.all_before((27, 0)):
        yield Problem(where, rule, f"say keepStorage, too: Docker {engines} insists on it")
    for text in _list(given.get("filter")):
        name, _, value = str(text).partition("=")
        # Since 28.0 it may be a moment, too.
        wrong = _duration(value.strip()) if engines.all_before((28, 0)) else not re.match(r"\s*\d", value)
        if name.strip() in ("until", "unused-for") and wrong:
            yield Problem(f"{where}.filter", text, f"write a duration, such as '{name}=48h'")
