"""Our answer to daemon_options beside that of the engines which the lab's systems bring.

An engine is asked twice: some mistakes it refuses when it reads the file, others only when it starts with it.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from aws_docker.core.dockerd_file import problems
from aws_docker.core.dockerd_options import MAP, MAPS, NUMBER, OPTIONS, SWITCH, TEXT, TEXTS
from aws_docker.core.engines import Engines
from aws_docker.host.systems import SYSTEMS, OperatingSystem
from lab.hosts import image

from .engines import Document, Engine

pytestmark = pytest.mark.requires("root", "nspawn")

# What every document needs: the engines of the lab look for docker-proxy in other places than the packages do.
BASE: Document = {"userland-proxy": False}

RIGHT: dict[str, Any] = {
    "allow-nondistributable-artifacts": ["registry.example.com"],
    "authorization-plugins": ["plugin"],
    "bip": "172.17.0.1/16",
    "bip6": "fd00:17::1/64",
    "bridge": "none",
    "bridge-accept-fwmark": "0x2/0xff",
    "builder": {
        "gc": {"enabled": True, "policy": [{"keepStorage": "10GB", "filter": ["unused-for=48h"]}]},
        "entitlements": {"network-host": True},
    },
    "cdi-spec-dirs": ["/etc/cdi"],
    "cgroup-parent": "docker.slice",
    "containerd": "/run/containerd/containerd.sock",
    "containerd-namespace": "mine",
    "cpu-rt-period": 1_000_000,
    "cpu-rt-runtime": 950_000,
    "data-root": "/var/lib/docker",
    "default-address-pools": [{"base": "10.10.0.0/16", "size": 24}],
    "default-cgroupns-mode": "private",
    "default-gateway": "172.17.0.2",
    "default-gateway-v6": "fd00:17::2",
    "default-ipc-mode": "shareable",
    "default-network-opts": {"macvlan": {"com.docker.network.driver.mtu": "1400"}},
    "default-runtime": "runc",
    "default-shm-size": "64m",
    "default-stop-timeout": 20,
    "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}},
    "dns": ["10.0.0.2", "fd00::2"],
    "dns-opts": ["ndots:1"],
    "dns-search": ["example.com"],
    "exec-opts": ["native.cgroupdriver=systemd"],
    "exec-root": "/var/run/docker",
    "features": {"buildkit": True},
    "firewall-backend": "nftables",
    "fixed-cidr": "172.17.1.0/24",
    "fixed-cidr-v6": "fd00:17::/64",
    "group": "docker",
    "host-gateway-ip": "10.0.0.7",
    "host-gateway-ips": ["10.0.0.7"],
    "hosts": ["unix:///run/other.sock"],
    "init-path": "/usr/bin/tini",
    "insecure-registries": ["registry.example.com:5000", "10.0.0.0/8"],
    "ip": "127.0.0.1",
    "labels": ["team=platform"],
    "log-driver": "journald",
    "log-format": "json",
    "log-level": "debug",
    "log-opts": {"max-size": "10m", "max-file": "3", "mode": "non-blocking", "max-buffer-size": "4m"},
    "max-concurrent-downloads": 0,
    "max-concurrent-uploads": 5,
    "max-download-attempts": 5,
    "metrics-addr": "127.0.0.1:9323",
    "min-api-version": "1.44",
    "mtu": 1450,
    "network-control-plane-mtu": 1500,
    "network-diagnostic-port": 0,
    "node-generic-resources": ["gpu=a", "gpu=b", "ssd=2"],
    "nri-opts": {"enable": True},
    "oom-score-adjust": -500,
    "pidfile": "/run/other.pid",
    "proxies": {"http-proxy": "http://proxy.example.com:3128"},
    "registry-mirrors": ["https://mirror.example.com", "http://mirror.example.com:5000/"],
    "runtimes": {"other": {"path": "/usr/bin/other", "runtimeArgs": ["--debug"]}},
    "seccomp-profile": "unconfined",
    "shutdown-timeout": 30,
    "storage-driver": "overlay2",
    "storage-opts": ["overlay2.override_kernel_check=true"],
    "swarm-default-advertise-addr": "eth0",
    "userland-proxy-path": "/bin/true",
    "userns-remap": "default",
}
"""A right value of every option that is no switch."""

IGNORED = {"containerd-plugins-namespace", "http-proxy", "https-proxy", "no-proxy"}
"""What dockerd knows as flags, and ignores in a file without a word: we refuse them."""
NEVER = {"api-cors-header", "rootless", *(name for name in OPTIONS if name.startswith("tls"))}
"""What no file of ours holds, and needs more than a value."""

SWITCHES = {name for name, option in OPTIONS.items() if option.kind == SWITCH} - NEVER
WRONG_KIND: dict[str, Any] = {SWITCH: 7, NUMBER: "7", TEXT: 7, TEXTS: [7], MAPS: [7], MAP: 7}

WHEN_READ: list[Document] = [
    {"default-address-pools": [{"base": "10.10.0.0/16", "size": "24"}]},
    {"default-ulimits": {"nofile": "1024:2048"}},
    {"default-ulimits": {"nofile": 1024}},
    {"default-ulimits": {"nofile": {"Name": "nofile", "Soft": "1024", "Hard": 2048}}},
    {"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 1.5, "Hard": 2048}}},
    {"builder": {"gc": True}},
    {"builder": {"gc": {"enabled": "true"}}},
    {"builder": {"GC": {"Enabled": "true"}}},
    {"builder": {"gc": {"defaultKeepStorage": 20}}},
    {"builder": {"gc": {"policy": {"keepStorage": "10GB"}}}},
    {"builder": {"gc": {"policy": [{"keepStorage": "10GB", "all": "true"}]}}},
    {"builder": {"gc": {"policy": [{"keepStorage": "10GB", "filter": "unused-for=48h"}]}}},
    {"builder": {"gc": {"policy": [{"keepStorage": "10GB", "filter": {"unused-for": {"48h": True}}}]}}},
    {"builder": {"entitlements": {"network-host": "true"}}},
    {"builder": {"entitlements": {"other": "true"}}},
    {"builder": {"history": {"maxAge": 24}}},
    {"builder": {"history": {"maxAge": "a day"}}},
    {"builder": {"history": {"maxAge": "24h", "maxEntries": "5"}}},
    {"features": {"buildkit": "true"}},
    {"features": {"unheard-of": True}},
    {"labels": ["team"]},
    {"labels": ["team=a", "team=b"]},
    {"labels": ["team=a", "team=a"]},
    {"labels": ["com.docker.team=a"]},
    {"dns": ["dns.example.com"]},
    {"dns": ["10.0.0.2:53"]},
    {"dns": ["10.0.0.2/32"]},
    {"dns": ["010.0.0.2"]},
    {"dns": ["fe80::1%eth0"]},
    {"dns-search": ["."]},
    {"dns-search": ["a_b.example"]},
    {"dns-search": ["-a.example"]},
    {"dns-search": ["10.0.0.2"]},
    {"log-level": "warning"},
    {"log-level": "INFO"},
    {"log-level": "verbose"},
    {"log-format": "xml"},
    {"default-ipc-mode": "host"},
    {"default-cgroupns-mode": "shared"},
    {"default-shm-size": "lots"},
    {"default-shm-size": "-1"},
    {"default-shm-size": ""},
    {"default-shm-size": "1.5 GiB"},
    {"ip": "10.0.0.0/8"},
    {"ip": "localhost"},
    {"ip": ""},
    {"default-gateway": "172.17.0.300"},
    {"default-gateway-v6": "fd00::g"},
    {"host-gateway-ip": "gateway"},
    {"max-concurrent-downloads": -1},
    {"max-concurrent-uploads": -1},
    {"max-download-attempts": -1},
    {"max-download-attempts": 0},
    {"mtu": 1500.5},
    {"node-generic-resources": ["gpu"]},
    {"node-generic-resources": ["gpu=1", "gpu=2"]},
    {"node-generic-resources": ["gpu=1", "gpu=a"]},
    {"node-generic-resources": ["gpu=-1"]},
    {"runtimes": {"other": "/usr/bin/other"}},
    {"runtimes": {"other": {"path": 7}}},
    {"runtimes": {"other": {"path": "/usr/bin/other", "runtimeArgs": "--debug"}}},
    {"proxies": {"http-proxy": 7}},
    {"proxies": {"default": "http://proxy.example.com:3128"}},
    {"default-network-opts": {"macvlan": {"com.docker.network.driver.mtu": 1400}}},
    {"default-network-opts": {"macvlan": "mtu"}},
    {"log-opts": {"max-file": 3}},
    {"log-opts": {"compress": True}},
    {"firewall-backend": "iptables"},
    {"firewall-backend": "pf"},
    {"bip6": "fd00:17::"},
    {"min-api-version": "2"},
    {"unheard-of": True},
    {"max-size": "10m"},
    {"containerd-plugin-namespace": "plugins"},
]
"""Right and wrong, as the engine says it when it reads the file."""

WHEN_STARTED: list[Document] = [
    {},
    {"registry-mirrors": ["mirror.example.com"]},
    {"registry-mirrors": ["mirror.example.com:5000"]},
    {"registry-mirrors": ["https://mirror.example.com/docker-hub"]},
    {"registry-mirrors": ["https://user:word@mirror.example.com"]},
    {"registry-mirrors": ["https://mirror.example.com?a=b"]},
    {"insecure-registries": ["ftp://registry.example.com"]},
    {"insecure-registries": ["registry.example.com/library"]},
    {"insecure-registries": ["registry.example.com:99999"]},
    {"insecure-registries": ["-registry"]},
    {"insecure-registries": ["https://registry.example.com", "[fd00::7]:5000", "fd00::/8"]},
    {"default-address-pools": [{"base": "10.10.0.0", "size": 24}]},
    {"default-address-pools": [{"base": "10.10.0.0/16"}]},
    {"default-address-pools": [{"base": "10.10.0.0/16", "size": 8}]},
    {"default-address-pools": [{"base": "10.10.0.1/16", "size": 24}]},
    {"log-opts": {"max-sise": "10m"}},
    {"log-opts": {"mode": "lossy"}},
    {"log-opts": {"max-buffer-size": "4m"}},
    {"log-opts": {"cache-disabled": "perhaps"}},
    {"log-driver": "local", "log-opts": {"tag": "{{.ID}}"}},
    {"log-driver": "journald", "log-opts": {"max-size": "10m"}},
    {"log-driver": "syslog", "log-opts": {"syslog-address": "udp://10.0.0.9:514", "tag": "{{.Name}}"}},
    {"log-driver": "awslogs", "log-opts": {"awslogs-region": "eu-central-1"}},
    {"log-driver": "awslogs", "log-opts": {"awslogs-group": "g", "awslogs-create-stream": "false"}},
    {"log-driver": "awslogs", "log-opts": {"awslogs-group": "g", "awslogs-format": "json/emf"}},
    {"log-driver": "fluentd", "log-opts": {"fluentd-async-connect": "true"}},
    {"log-driver": "fluentd", "log-opts": {"fluentd-async-reconnect-interval": "1s"}},
    {"log-driver": "gelf", "log-opts": {"tag": "a"}},
    {"log-driver": "splunk", "log-opts": {"splunk-token": "t", "splunk-host": "h"}},
    {"log-driver": "gcplogs", "log-opts": {"tag": "a"}},
    {"bip": "172.17.0.1"},
    {"bip": "172.17.0.0/16"},
    {"bip": "bridge"},
    {"bip": "172.17.0.1/16", "bridge": "docker9"},
    {"fixed-cidr": "172.17.1.0"},
    {"fixed-cidr-v6": "fd00:17::"},
    {"ipv6": True},
    {"ipv6": True, "fixed-cidr-v6": "fd00:17::/64"},
    {"bip": "172.17.0.1/16", "default-gateway": "10.9.9.9"},
    {"bip": "172.17.0.1/16", "default-gateway": "172.17.0.9"},
    {"storage-driver": "overlay3"},
    {"storage-driver": "vfs"},
    {"storage-opts": ["fast"]},
    {"default-runtime": "crun"},
    {"default-runtime": "io.containerd.runc.v2"},
    {"runtimes": {"runc": {"path": "/usr/bin/other"}}},
    {"exec-opts": ["native.cgroupdriver=other"]},
    {"mtu": -1},
    {"containerd-namespace": "plugins.moby"},
    {"ip6tables": True},
    {"ip6tables": True, "experimental": True},
    {"builder": {"gc": {"enabled": True, "defaultKeepStorage": "lots"}}},
    {"builder": {"gc": {"enabled": True, "policy": [{"keepStorage": "lots"}]}}},
    {"builder": {"gc": {"enabled": True, "policy": [{"filter": ["unused-for=48h"]}]}}},
    {"builder": {"gc": {"enabled": True, "policy": [{"keepStorage": "1GB", "filter": ["until=then"]}]}}},
]
"""Right and wrong, as the engine says it when it starts."""

STRICTER: list[tuple[Document, str]] = [
    (
        {"default-ulimits": {"nofile": {"name": "nofile", "soft": 1, "hard": 1}}},
        "not as Docker's manual writes it",
    ),
    ({"default-ulimits": {"nofile": {"Name": "nofile", "Soft": 3, "Hard": 2}}}, "no container starts"),
    ({"default-ulimits": {"nofiles": {"Name": "nofiles", "Soft": 1, "Hard": 2}}}, "no container starts"),
    (
        {"default-ulimits": {"nofile": {"Name": "nproc", "Soft": 1, "Hard": 2}}},
        "one of the two names is wrong",
    ),
    ({"log-opts": {"max-size": "lots"}}, "no container starts"),
    ({"log-opts": {"max-file": "0"}}, "no container starts"),
    ({"log-opts": {"compress": "maybe"}}, "no container starts"),
    ({"exec-opts": ["native.cgroupdriver"]}, "older engines ignore it"),
    ({"labels": ["=platform"]}, "a label without a name"),
    *(({name: "http://proxy.example.com:3128"}, "ignored in a file") for name in sorted(IGNORED)),
    ({"cgroup-parent": "docker"}, "refused where systemd is the init, as on every host of ours"),
]
"""What the engines take, here, and we refuse."""


def refused(document: Document, engine: Engine) -> bool:
    """Our answer, for exactly this engine."""
    return next(problems({**BASE, **document}, Engines(engine.version, engine.version)), None) is not None


def assert_agreement(documents: Sequence[Document], engine: Engine, answers: Sequence[str | None]) -> None:
    differ = [
        f"{document}: dockerd says {said!r}, and we {'refuse' if refused(document, engine) else 'take'} it"
        for document, said in zip(documents, answers, strict=True)
        if (said is not None) != refused(document, engine)
    ]
    assert differ == [], "\n".join(differ)


@pytest.fixture(scope="module", params=sorted(image.SYSTEMS))
def engine(request: pytest.FixtureRequest) -> Engine:
    """The engine of each system that the lab has."""
    return Engine(request.param)


def test_a_system_brings_the_engine_that_its_row_says(request: pytest.FixtureRequest, engine: Engine) -> None:
    system = OperatingSystem(request.node.callspec.params["engine"])
    oldest, newest = SYSTEMS[system].engines
    assert oldest <= engine.version <= newest


def test_every_option_has_a_right_value_here() -> None:
    assert set(RIGHT) | SWITCHES == set(OPTIONS) - IGNORED - NEVER


def test_an_option_is_known_to_an_engine_or_not(engine: Engine) -> None:
    known: Document = {"experimental": True, "fixed-cidr-v6": RIGHT["fixed-cidr-v6"]}
    alone: list[Document] = []
    for name, value in {**dict.fromkeys(SWITCHES, True), **RIGHT}.items():
        if refused({**known, name: value}, engine):
            alone.append({name: value})
        else:
            known[name] = value
    documents = [known, *alone]
    assert_agreement(documents, engine, engine.load([{**BASE, **each} for each in documents]))


def test_a_value_of_another_kind_is_refused(engine: Engine) -> None:
    documents = [{name: WRONG_KIND[OPTIONS[name].kind]} for name in OPTIONS if name not in IGNORED]
    assert_agreement(documents, engine, engine.load([{**BASE, **each} for each in documents]))


def test_what_an_engine_says_when_it_reads_the_file(engine: Engine) -> None:
    assert_agreement(WHEN_READ, engine, engine.load([{**BASE, **each} for each in WHEN_READ]))


def test_what_an_engine_says_when_it_starts(engine: Engine) -> None:
    assert_agreement(WHEN_STARTED, engine, engine.start([{**BASE, **each} for each in WHEN_STARTED]))


def test_where_we_are_stricter_the_engine_takes_what_can_only_be_a_mistake(engine: Engine) -> None:
    documents = [{**BASE, **document} for document, _ in STRICTER]
    answers = engine.load(documents)
    assert all(refused(document, engine) for document, _ in STRICTER)
    # 20.10 knows no proxies.
    unknown = [each for each, said in zip(documents, answers, strict=True) if said]
    assert {name for each in unknown for name in each} - set(BASE) <= IGNORED
