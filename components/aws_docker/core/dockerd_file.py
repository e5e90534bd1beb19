"""Judges a daemon.json as dockerd would: which options it would refuse to load, or to start with. Pure.

What can be known without the host is judged: not whether a path, a user or a plugin exists there.
"""

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from . import dockerd_options as known
from .addresses import AddressSet
from .dockerd_forms import Problem, is_whole
from .dockerd_logging import log_options
from .engines import EVERY, Engines


def problems(options: Mapping[str, Any], engines: Engines = EVERY) -> Iterator[Problem]:
    """What every one of these engines would refuse; an option that is None counts as left out.

    A problem's `where` begins with the option's name: `.icc`.
    """
    sound = True
    for name, value in options.items():
        for problem in _option(name, value, engines):
            sound = False
            yield problem
    if sound:
        yield from _together({name: value for name, value in options.items() if value is not None}, engines)


def _option(name: str, value: Any, engines: Engines) -> Iterator[Problem]:
    option = known.OPTIONS.get(name)
    if option is None:
        near = difflib.get_close_matches(str(name).strip().lower(), known.OPTIONS, 1)
        hint = f"did you mean {near[0]!r}?" if near else "dockerd would refuse to start: leave it out"
        # The value may hold a secret, and is not shown.
        yield Problem("", name, hint, "is not an option of dockerd")
    elif engines.all_before(option.since):
        came = f"it came with {option.since[0]}.{option.since[1]}"
        yield Problem("", name, f"leave it out: {came}", f"is not an option of Docker {engines}")
    elif engines.all_since((option.until[0] + 1, 0)):
        gone = f"{option.until[0]} was the last to know it"
        yield Problem("", name, f"leave it out: {gone}", f"is not an option of Docker {engines}")
    elif value is None:
        return
    elif not _fits(option.kind, value):
        yield Problem(f".{name}", value, f"dockerd wants {option.kind}", f"is not {option.kind}")
    elif option.form is not None:
        for problem in option.form(value, engines):
            yield problem._replace(where=f".{name}{problem.where}")


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case known.SWITCH:
            return isinstance(value, bool)
        case known.NUMBER:
            return is_whole(value)
        case known.TEXT:
            return isinstance(value, str)
        case known.MAP:
            return isinstance(value, Mapping)
        case known.MAPS:
            return _is_list_of(Mapping, value)
        case _:
            return _is_list_of(str, value)


def _is_list_of(kind: type, value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and all(isinstance(each, kind) for each in cast(Sequence[object], value))
    )


def _together(options: Mapping[str, Any], engines: Engines) -> Iterator[Problem]:
    """What options say together (moby: verifyDaemonSettings, setupRuntimes, ValidateLogOpts)."""
    if "log-opts" in options:
        for problem in log_options(options.get("log-driver", "json-file"), options["log-opts"], engines):
            yield problem._replace(where=f".log-opts{problem.where}")
    for one, other in (("bridge", "bip"), ("bridge", "bip6"), ("host-gateway-ip", "host-gateway-ips")):
        if options.get(one) and options.get(other):
            yield Problem(f".{other}", options[other], f"leave one out: dockerd takes it or {one}")
    if options.get("ip6tables") and not options.get("experimental") and engines.all_before((27, 0)):
        yield Problem(".ip6tables", True, f"say experimental, too: Docker {engines} has it as an experiment")
    if options.get("ipv6") and not options.get("fixed-cidr-v6") and engines.all_before((27, 0)):
        hint = f"say fixed-cidr-v6, too: Docker {engines} chooses no IPv6 network by itself"
        yield Problem(".ipv6", True, hint)
    gateway, bridge = options.get("default-gateway"), options.get("bip")
    if gateway and bridge and not AddressSet.of([gateway]) <= AddressSet.of([_network(bridge)]):
        hint = f"name an address of the bridge's network, {_network(bridge)}, or set bip, too"
        yield Problem(".default-gateway", gateway, hint, "lies elsewhere")
    driver = options.get("storage-driver")
    if driver and not _is_storage_driver(driver, options.get("features", {}), engines):
        yield Problem(".storage-driver", driver, "write 'overlay2'", f"is none that Docker {engines} has")
    if options.get("containerd-namespace") == "plugins.moby":
        yield Problem(".containerd-namespace", "plugins.moby", "name another: plugins have it")
    parent = options.get("cgroup-parent")
    # The driver is systemd's wherever systemd is the init and cgroups are v2's, as on every host of ours.
    by_systemd = "native.cgroupdriver=cgroupfs" not in options.get("exec-opts", ())
    if parent and by_systemd and not re.fullmatch(r".+\.slice", parent):
        yield Problem(".cgroup-parent", parent, "write a slice, such as 'docker.slice'", "is no slice")
    runtime = options.get("default-runtime")
    if runtime and not _is_runtime(runtime, options.get("runtimes", {}), engines):
        hint = "name 'runc', or one of your runtimes"
        yield Problem(".default-runtime", runtime, hint, "is no runtime that dockerd knows")


def _network(interface: str) -> str:
    return str(ipaddress.ip_interface(interface).network)


def _is_storage_driver(name: str, features: Mapping[str, Any], engines: Engines) -> bool:
    if features.get("containerd-snapshotter") or not engines.all_before((29, 0)):
        return True  # a snapshotter of containerd's, whatever is installed
    older = () if engines.all_since((25, 0)) else ("aufs", "devicemapper", "overlay")
    return name in ("btrfs", "fuse-overlayfs", "overlay2", "vfs", "zfs", *older)


def _is_runtime(name: str, runtimes: Mapping[str, Any], engines: Engines) -> bool:
    if name in ("runc", "io.containerd.runc.v2") or name in runtimes:
        return True
    # A shim, by its path or by containerd's name for it, needs no entry since 23.0.
    return not engines.all_before((23, 0)) and (name.startswith("/") or name.count(".") > 1)
