"""What dockerd knows: its options and flags, the kind and form of their values, and the engines that know them.

From 20.10 to 29 (moby: cmd/dockerd, later daemon/command; daemon/config). What a value must look like beyond its kind
is said in dockerd_forms.py, dockerd_maps.py and dockerd_logging.py; dockerd_file.py judges a whole file by all of it.
What options mean for who reaches the daemon is dockerd.py's.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from . import dockerd_forms as forms
from . import dockerd_maps as maps
from .engines import EVERY, Version

SWITCH: Final = "true or false"
NUMBER: Final = "a whole number"
TEXT: Final = "a string"
TEXTS: Final = "a list of strings"
MAPS: Final = "a list of maps"
MAP: Final = "a map"


class Option(NamedTuple):
    """An option that a file may hold."""

    kind: str
    form: forms.Form | None = None
    since: Version = EVERY.oldest
    """The first engine that knows it."""
    until: Version = EVERY.newest
    """The last one."""


_PROXY: Final = forms.misplaced("write it into the map proxies")

OPTIONS: Final[Mapping[str, Option]] = {
    "allow-direct-routing": Option(SWITCH, since=(28, 0)),
    "allow-nondistributable-artifacts": Option(TEXTS),
    "api-cors-header": Option(TEXT, until=(26, 99)),
    "authorization-plugins": Option(TEXTS),
    "bip": Option(TEXT, forms.bridge(4)),
    "bip6": Option(TEXT, forms.bridge(6), since=(28, 0)),
    "bridge": Option(TEXT),
    "bridge-accept-fwmark": Option(TEXT, forms.firewall_mark, since=(29, 0)),
    "builder": Option(MAP, maps.builder),
    "cdi-spec-dirs": Option(TEXTS, since=(25, 0)),
    "cgroup-parent": Option(TEXT),
    "containerd": Option(TEXT),
    "containerd-namespace": Option(TEXT),
    "containerd-plugins-namespace": Option(TEXT, forms.misplaced("leave it out")),
    "cpu-rt-period": Option(NUMBER),
    "cpu-rt-runtime": Option(NUMBER),
    "cri-containerd": Option(SWITCH),
    "data-root": Option(TEXT),
    "debug": Option(SWITCH),
    "default-address-pools": Option(MAPS, maps.address_pools),
    "default-cgroupns-mode": Option(TEXT, forms.one_of("host", "private")),
    "default-gateway": Option(TEXT, forms.address),
    "default-gateway-v6": Option(TEXT, forms.address),
    "default-ipc-mode": Option(TEXT, forms.one_of("private", "shareable")),
    "default-network-opts": Option(MAP, maps.network_options, since=(24, 0)),
    "default-runtime": Option(TEXT),
    "default-shm-size": Option(TEXT, forms.size),
    "default-stop-timeout": Option(NUMBER, forms.at_least(0), since=(29, 0)),
    "default-ulimits": Option(MAP, maps.ulimits),
    "dns": Option(TEXTS, forms.each(forms.address)),
    "dns-opts": Option(TEXTS),
    "dns-search": Option(TEXTS, forms.each(forms.domain)),
    "exec-opts": Option(TEXTS, forms.each(forms.exec_option)),
    "exec-root": Option(TEXT),
    "experimental": Option(SWITCH),
    "features": Option(MAP, maps.switches),
    "firewall-backend": Option(TEXT, forms.one_of("iptables", "nftables"), since=(29, 0)),
    "fixed-cidr": Option(TEXT, forms.network(4)),
    "fixed-cidr-v6": Option(TEXT, forms.network(6)),
    "group": Option(TEXT),
    "host-gateway-ip": Option(TEXT, forms.address),
    "host-gateway-ips": Option(TEXTS, forms.each(forms.address), since=(28, 0)),
    "hosts": Option(TEXTS),
    "http-proxy": Option(TEXT, _PROXY, since=(23, 0)),
    "https-proxy": Option(TEXT, _PROXY, since=(23, 0)),
    "icc": Option(SWITCH),
    "init": Option(SWITCH),
    "init-path": Option(TEXT),
    "insecure-registries": Option(TEXTS, forms.each(forms.insecure_registry)),
    "ip": Option(TEXT, forms.address),
    "ip-forward": Option(SWITCH),
    "ip-forward-no-drop": Option(SWITCH, since=(28, 0)),
    "ip-masq": Option(SWITCH),
    "ip6tables": Option(SWITCH),
    "iptables": Option(SWITCH),
    "ipv6": Option(SWITCH),
    "labels": Option(TEXTS, forms.labels),
    "live-restore": Option(SWITCH),
    "log-driver": Option(TEXT),
    "log-format": Option(TEXT, forms.one_of("text", "json"), since=(25, 0)),
    "log-level": Option(TEXT, forms.log_level),
    "log-opts": Option(MAP),
    "max-concurrent-downloads": Option(NUMBER, forms.at_least(0)),
    "max-concurrent-uploads": Option(NUMBER, forms.at_least(0)),
    "max-download-attempts": Option(NUMBER, forms.attempts),
    "metrics-addr": Option(TEXT),
    "min-api-version": Option(TEXT, forms.api_version, since=(29, 0)),
    "mtu": Option(NUMBER, forms.mtu),
    "network-control-plane-mtu": Option(NUMBER),
    "network-diagnostic-port": Option(NUMBER),
    "no-new-privileges": Option(SWITCH),
    "no-proxy": Option(TEXT, _PROXY, since=(23, 0)),
    "node-generic-resources": Option(TEXTS, forms.generic_resources),
    "nri-opts": Option(MAP, maps.node_resources, since=(29, 0)),
    "oom-score-adjust": Option(NUMBER, until=(24, 99)),
    "pidfile": Option(TEXT),
    "proxies": Option(MAP, maps.proxies, since=(23, 0)),
    "raw-logs": Option(SWITCH),
    "registry-mirrors": Option(TEXTS, forms.each(forms.mirror)),
    "rootless": Option(SWITCH),
    "runtimes": Option(MAP, maps.runtimes),
    "seccomp-profile": Option(TEXT),
    "selinux-enabled": Option(SWITCH),
    "shutdown-timeout": Option(NUMBER),
    "storage-driver": Option(TEXT),
    "storage-opts": Option(TEXTS, forms.each(forms.pair)),
    "swarm-default-advertise-addr": Option(TEXT),
    "tls": Option(SWITCH),
    "tlscacert": Option(TEXT),
    "tlscert": Option(TEXT),
    "tlskey": Option(TEXT),
    "tlsverify": Option(SWITCH),
    "userland-proxy": Option(SWITCH),
    "userland-proxy-path": Option(TEXT),
    "userns-remap": Option(TEXT),
}
"""The options of dockerd 20.10 to 29 that a file may hold, by name."""

FILE_OPTIONS: Final[Mapping[str, str]] = {name: option.kind for name, option in OPTIONS.items()}
"""The kind of each option's value."""

# Flags whose name differs from the option's in the file.
FLAG_OPTIONS: Final = {
    "add-runtime": "runtimes",
    "authorization-plugin": "authorization-plugins",
    "cdi-spec-dir": "cdi-spec-dirs",
    "default-address-pool": "default-address-pools",
    "default-network-opt": "default-network-opts",
    "default-ulimit": "default-ulimits",
    "dns-opt": "dns-opts",
    "exec-opt": "exec-opts",
    "feature": "features",
    "host": "hosts",
    "insecure-registry": "insecure-registries",
    "label": "labels",
    "log-opt": "log-opts",
    "node-generic-resource": "node-generic-resources",
    "registry-mirror": "registry-mirrors",
    "storage-opt": "storage-opts",
}
# What a file on our hosts cannot hold: flags without an option, and options that are gone since 20.10.
OTHER_OPTIONS: Final = {
    "cluster-advertise": "a string",
    "cluster-store": "a string",
    "cluster-store-opt": "a string",
    "cluster-store-opts": "a map",
    "config-file": "a string",
    "deprecated-key-path": "a string",
    "graph": "a string",
    "restart": "true or false",
}
ONLY_REPORT: Final = frozenset({"help", "validate", "version"})
SHORT_FLAGS: Final = {
    "D": "debug",
    "G": "group",
    "H": "host",
    "b": "bridge",
    "g": "graph",
    "h": "help",
    "l": "log-level",
    "p": "pidfile",
    "r": "restart",
    "s": "storage-driver",
    "v": "version",
}
PROGRAMS: Final = frozenset({"dockerd", "dockerd-ce", "dockerd-entrypoint.sh", "dockerd-rootless.sh"})
