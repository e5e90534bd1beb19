"""What dockerd knows: its options and flags, by the kind of their value. From 20.10 to 29 (moby: cmd/dockerd, later
daemon/command; daemon/config)."""

from collections.abc import Mapping
from typing import Final

# The options of dockerd 20.10 to 29 that a file may hold, by the kind of their value.
FILE_OPTIONS: Final[Mapping[str, str]] = {
    name: kind
    for kind, names in {
        "true or false": "allow-direct-routing cri-containerd debug experimental icc init ip-forward "
        "ip-forward-no-drop ip-masq ip6tables iptables ipv6 live-restore no-new-privileges raw-logs "
        "rootless selinux-enabled tls tlsverify userland-proxy",
        "a whole number": "cpu-rt-period cpu-rt-runtime default-stop-timeout max-concurrent-downloads "
        "max-concurrent-uploads max-download-attempts mtu network-control-plane-mtu "
        "network-diagnostic-port oom-score-adjust shutdown-timeout",
        "a string": "api-cors-header bip bip6 bridge bridge-accept-fwmark cgroup-parent containerd "
        "containerd-namespace containerd-plugins-namespace data-root default-cgroupns-mode "
        "default-gateway default-gateway-v6 default-ipc-mode default-runtime default-shm-size "
        "exec-root firewall-backend fixed-cidr fixed-cidr-v6 group host-gateway-ip http-proxy "
        "https-proxy init-path ip log-driver log-format log-level metrics-addr min-api-version "
        "no-proxy pidfile seccomp-profile storage-driver swarm-default-advertise-addr tlscacert "
        "tlscert tlskey userland-proxy-path userns-remap",
        "a list of strings": "allow-nondistributable-artifacts authorization-plugins cdi-spec-dirs dns dns-opts "
        "dns-search exec-opts host-gateway-ips hosts insecure-registries labels node-generic-resources "
        "registry-mirrors storage-opts",
        "a list of maps": "default-address-pools",
        "a map": "builder default-network-opts default-ulimits features log-opts nri-opts proxies runtimes",
    }.items()
    for name in names.split()
}

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
