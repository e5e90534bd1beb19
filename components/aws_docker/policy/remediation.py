"""Changes resources where that is safe: at the level 'remediate' only, which is never the default.

Written through the engine's own proxies, so that secrets stay secret and unknown values stay unknown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from pulumi_policy import ResourceValidationArgs

from ..core.addresses import AddressSet
from ..core.networks import tcp_ports
from .configuration import settings
from .reading.table import Role, roles
from .reading.values import Unknown, Value

_LISTS: Final = ("cidrBlocks", "ipv6CidrBlocks")


def narrow_sources(args: ResourceValidationArgs) -> Any:
    """Narrows the address ranges of rules for TCP 2376 alone to their trusted part.

    A rule whose sources are all untrusted is left as it is, for the validation to refuse: an empty rule would hide
    the mistake. None where nothing is to change.
    """
    trusted = settings(args.get_config()).trusted.addresses
    has, properties = roles(args.resource_type), cast(Any, args.props)
    changed = False
    if Role.GROUP in has:
        listed = Value(properties)["ingress"].raw
        if isinstance(listed, Sequence) and not isinstance(listed, str):
            for rule in cast(Sequence[Any], listed):
                changed = _narrow(rule, trusted) or changed
    elif Role.RULE in has and Value(properties)["type"].raw == "ingress":
        changed = _narrow(properties, trusted)
    return properties if changed else None


def _narrow(rule: Any, trusted: AddressSet) -> bool:
    if not isinstance(rule, Mapping):
        return False
    value = Value(cast(Any, rule))
    try:
        ports = tcp_ports(*(value[name].scalar or 0 for name in ("protocol", "fromPort", "toPort")))
    except ValueError:
        return False
    if ports != (2376, 2376):
        return False
    narrowed: dict[str, list[str]] = {}
    left = False
    for name in _LISTS:
        items = [item.raw for item in value[name].each()]
        if isinstance(value[name].raw, Unknown) or not all(isinstance(item, str) for item in items):
            return False
        try:
            sources = AddressSet.of(items)
        except ValueError:
            return False
        kept = sources & trusted
        left = left or bool(kept)
        if kept != sources:
            narrowed[name] = list(kept.cidrs())
    if not narrowed or not left:
        return False
    for name, cidrs in narrowed.items():
        cast(Any, rule)[name] = cidrs
    return True


def require_imdsv2(args: ResourceValidationArgs) -> Any:
    """Requires IMDSv2 with a hop limit of 1 of an instance or a launch template whose options are known."""
    if Role.METADATA not in roles(args.resource_type):
        return None
    properties = cast(Any, args.props)
    options = Value(properties)["metadataOptions"]
    if isinstance(options.raw, Unknown) or not (options.absent or isinstance(options.raw, Mapping)):
        return None
    wanted = {"httpTokens": "required", "httpPutResponseHopLimit": 1}
    given = {name: options[name].raw for name in options.names()}
    if any(isinstance(value, Unknown) for value in given.values()):
        return None
    if given.get("httpEndpoint") == "disabled" or all(given.get(name) == wanted[name] for name in wanted):
        return None
    properties["metadataOptions"] = {**given, **wanted}
    return properties
