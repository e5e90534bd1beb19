"""What a dockerd exposes: a table of what real dockerds (20.10.24 and 29.7.2) did, and properties around it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aws_docker.core.dockerd import Access, Binding, config_file, exposure
from aws_docker.core.errors import InvalidInput
from aws_docker.host.daemon_json import DAEMON_DEFAULTS, check_daemon_options, daemon_configuration

IP = "tcp://10.9.9.9:2376"
FLAGS = ["--tlscacert", "/c/ca.pem", "--tlscert", "/c/cert.pem", "--tlskey", "/c/key.pem"]
PAIR = {"tlscert": "/c/cert.pem", "tlskey": "/c/key.pem"}
FILE = {"tlscacert": "/c/ca.pem", **PAIR}

LOCAL, MUTUAL, PUBLIC_AUTHORITIES, NO_CHECK, OPEN = (
    Access.LOCAL,
    Access.MUTUAL_TLS,
    Access.PUBLIC_AUTHORITIES,
    Access.NO_CLIENT_CHECK,
    Access.UNAUTHENTICATED,
)


def judged(argv: list[str], daemon_json: Mapping[str, Any] | None = None) -> list[tuple[str, Access]]:
    return [(str(listener), listener.access) for listener in exposure(argv, daemon_json).listeners]


# Each row was run on both engines: they listened like this, and answered like this to a client without a certificate,
# with one of a CA that the system trusts, and with one of the named CA.
LISTENING: list[tuple[list[str], dict[str, Any] | None, list[tuple[str, Access]]]] = [
    ([], None, [("unix:///var/run/docker.sock", LOCAL)]),
    (["-H", ""], None, [("unix:///var/run/docker.sock", LOCAL)]),
    (["-H", "unix:///tmp/x.sock"], None, [("unix:///tmp/x.sock", LOCAL)]),
    (["-H", "tcp://0.0.0.0:2375", "--tls=false"], None, [("tcp://0.0.0.0:2375", OPEN)]),
    (["-H", "0.0.0.0:2399", "--tls=false"], None, [("tcp://0.0.0.0:2399", OPEN)]),
    (["-H", "tcp://10.9.9.9", "--tls=false"], None, [("tcp://10.9.9.9:2375", OPEN)]),
    (["-H", ":2375"], None, [("tcp://localhost:2375", OPEN)]),
    (["-H", "tcp://[::ffff:0.0.0.0]:2375", "--tls=false"], None, [("tcp://[::ffff:0.0.0.0]:2375", OPEN)]),
    (["-H", "tcp://u@10.9.9.9:2375?x", "--tls=false"], None, [("tcp://10.9.9.9:2375", OPEN)]),
    (["-H", "tcp://", "--tlsverify", *FLAGS], None, [("tcp://localhost:2375", MUTUAL)]),
    (["-H=tcp://10.9.9.9", "--tlsverify", *FLAGS], None, [("tcp://10.9.9.9:2375", MUTUAL)]),
    (["-Htcp://[::]:2376", "--tlsverify=1", *FLAGS], None, [("tcp://[::]:2376", MUTUAL)]),
    (["-DH", IP, "--tlsverify", *FLAGS], None, [(IP, MUTUAL)]),
    (["-H", IP, "--tlsverify=TRUE", *FLAGS], None, [(IP, MUTUAL)]),
    (["-H", IP, "--tls", *FLAGS], None, [(IP, MUTUAL)]),
    (["-H", IP, "--tls=false", "--tlsverify", *FLAGS], None, [(IP, MUTUAL)]),
    (["-H", IP, "--tlsverify=false", *FLAGS], None, [(IP, NO_CHECK)]),
    (["-H", IP, "--tls", "--tlsverify=f", *FLAGS], None, [(IP, NO_CHECK)]),
    (["-H", IP, "--tlsverify", "--tlsverify=0", *FLAGS], None, [(IP, NO_CHECK)]),
    # A flag that takes a value takes the next word, even one that looks like a flag.
    (["-H", IP, "--tls=false", "--cgroup-parent", "--tlsverify", *FLAGS], None, [(IP, OPEN)]),
    (["-H", IP, *FLAGS], None, [(IP, OPEN)]),
    (
        ["-H", "tcp://127.0.0.1:2375", "--host", IP, "--tlsverify", *FLAGS],
        None,
        [
            ("tcp://127.0.0.1:2375", MUTUAL),
            (IP, MUTUAL),
        ],
    ),
    (["--tlsverify", *FLAGS], None, [("tcp://localhost:2376", MUTUAL)]),
    (["-H", IP], FILE, [(IP, OPEN)]),
    (["-H", IP], {**FILE, "tlsverify": True}, [(IP, MUTUAL)]),
    (["-H", IP], {**FILE, "tls": True}, [(IP, MUTUAL)]),
    (["-H", IP], {**FILE, "tls": False, "tlsverify": True}, [(IP, MUTUAL)]),
    (["-H", IP], {**FILE, "tls": False}, [(IP, OPEN)]),
    (["-H", IP], {**FILE, "tlsverify": False}, [(IP, NO_CHECK)]),
    (["-H", IP], {**FILE, "tls": True, "tlsverify": False}, [(IP, NO_CHECK)]),
    (["-H", IP], {**PAIR, "tlsverify": True}, [(IP, PUBLIC_AUTHORITIES)]),
    (["-H", IP], {**FILE, "tlscacert": "", "tlsverify": True}, [(IP, PUBLIC_AUTHORITIES)]),
    # Without --tls or --tlsverify, dockerd drops the flags that name certificates.
    (["-H", IP, "--tlscacert", "/c/ca.pem"], {**PAIR, "tlsverify": True}, [(IP, PUBLIC_AUTHORITIES)]),
    (["-H", IP, "--tlsverify", *FLAGS], {"tls": False}, [(IP, MUTUAL)]),
    (["-H", IP, "--tls", *FLAGS], {"tlsverify": False}, [(IP, NO_CHECK)]),
    # dockerd flattens maps, so this turns TLS on; the false inside is not read.
    (["-H", IP], {**FILE, "x": {"tlsverify": False}}, [(IP, MUTUAL)]),
    (["-H", IP], {**PAIR, "x": {"tlsverify": True}}, [(IP, PUBLIC_AUTHORITIES)]),
    ([], {"hosts": ["tcp://10.9.9.9:2375"], "tls": False}, [("tcp://10.9.9.9:2375", OPEN)]),
    ([], {**FILE, "hosts": ["tcp://"], "tlsverify": True}, [("tcp://localhost:2375", MUTUAL)]),
    (["-H", "unix:///tmp/x.sock"], {"host": ["tcp://10.9.9.9:2375"]}, [("unix:///tmp/x.sock", LOCAL)]),
]


@pytest.mark.parametrize(("argv", "daemon_json", "listeners"), LISTENING)
def test_listens_as_the_real_one_did(
    argv: list[str], daemon_json: dict[str, Any] | None, listeners: list[tuple[str, Access]]
) -> None:
    got = exposure(argv, daemon_json)
    assert [(str(listener), listener.access) for listener in got.listeners] == listeners
    assert got.starts, got.refusals
    assert got.safe == all(verdict in (LOCAL, MUTUAL) for _, verdict in listeners)


# Each row was run on both engines, which refused to start. What it would open is judged all the same.
REFUSING: list[tuple[list[str], dict[str, Any] | None, str, bool]] = [
    (["-H", IP, "--tlsverify", "false", *FLAGS], None, "takes no argument such as false", True),
    (["-H", IP, "--tlsverify=yes", *FLAGS], None, "--tlsverify=yes is neither true nor false", False),
    (["-H", "tcp://10.9.9.9:2375/x", "--tls=false"], None, "must not have a path", False),
    (["-H", "TCP://10.9.9.9:2375", "--tls=false"], None, "write the scheme in small letters", False),
    (
        ["-H", "unix:///tmp/x.sock", "--", "-H", "tcp://10.9.9.9:2375"],
        None,
        "takes no argument such as -H",
        True,
    ),
    (["-tlsverify", "-H", "unix:///tmp/x.sock"], None, "dockerd knows no flag in -tlsverify", True),
    (["-H", "unix:///tmp/x.sock"], {"hosts": ["tcp://10.9.9.9:2375"]}, "'hosts' stands both on", False),
    (["-H", IP, "--tlsverify", *FLAGS], {"tlsverify": False}, "'tlsverify' stands both on", True),
    (["-H", IP], {**FILE, "tlsverify": "true"}, "'tlsverify' must be true or false", False),
    (["-H", "unix:///tmp/x.sock"], {"x": {"hosts": ["tcp://10.9.9.9:2375"]}}, "'hosts' stands both on", True),
    ([], {"Hosts": ["tcp://10.9.9.9:2375"]}, "knows no option 'Hosts'", True),
    ([], {"log-drivers": "local"}, "knows no option 'log-drivers'", True),
    (["--no-such-flag", "-H", "tcp://10.9.9.9:2375"], None, "knows no flag --no-such-flag", False),
    (["-H"], None, "--host needs a value", True),
    (["-H", "http://10.9.9.9:2375"], None, "the scheme must be unix, fd or tcp", True),
    (["-H", "tcp://10.9.9.9:docker"], None, "docker is not a port", False),
    (["--version"], None, "--version only prints", True),
    (["-H", IP], {"tlsverify": True}, "does not name both tlscert and tlskey", False),
    ([], {"hosts": "tcp://10.9.9.9:2375"}, "'hosts' must be a list", False),
]


@pytest.mark.parametrize(("argv", "daemon_json", "refusal", "safe"), REFUSING)
def test_refuses_to_start_as_the_real_one_did(
    argv: list[str], daemon_json: dict[str, Any] | None, refusal: str, safe: bool
) -> None:
    got = exposure(argv, daemon_json)
    assert not got.starts
    assert any(refusal in each for each in got.refusals), got.refusals
    assert got.safe == safe, "a refusal is no protection: what it would open counts"


@pytest.mark.parametrize(
    ("host", "reach"),
    [
        ("127.0.0.1", Binding.LOOPBACK),
        ("127.8.9.1", Binding.LOOPBACK),
        ("localhost", Binding.LOOPBACK),
        ("[::1]", Binding.LOOPBACK),
        ("", Binding.LOOPBACK),
        ("0.0.0.0", Binding.EVERY_ADDRESS),
        ("[::]", Binding.EVERY_ADDRESS),
        ("::", Binding.EVERY_ADDRESS),
        ("[::ffff:0.0.0.0]", Binding.EVERY_ADDRESS),
        ("0", Binding.EVERY_ADDRESS),
        ("0x0", Binding.EVERY_ADDRESS),
        ("10.0.5.10", Binding.ADDRESS),
        ("[2001:db8::7]", Binding.ADDRESS),
        ("docker.example.com", Binding.UNKNOWN),
        ("${PRIVATE_IP}", Binding.UNKNOWN),
    ],
)
def test_from_where_packets_can_come(host: str, reach: Binding) -> None:
    (listener,) = exposure(["-H", f"tcp://{host}:2376"]).listeners
    assert listener.binding is reach
    assert listener.port == 2376
    assert listener.access is OPEN


class TestReasons:
    @pytest.mark.parametrize(
        ("argv", "daemon_json", "reason"),
        [
            (["-H", IP], None, "nothing asks for TLS"),
            (["-H", IP, *FLAGS], None, "certificates are named but tlsverify is not set"),
            (["-H", IP, "--tls=false"], None, "TLS is switched off"),
            (
                ["-H", IP, "--tlsverify=false", *FLAGS],
                None,
                "tlsverify is false, which turns TLS on but asks no client",
            ),
            (["-H", IP], {**PAIR, "tlsverify": True}, "no tlscacert is in force"),
            (["-H", IP, "--tlsverify", *FLAGS], None, "clients need a certificate that tlscacert signed"),
            (["-H", "fd://"], None, "a Unix socket is reached on the machine only"),
        ],
    )
    def test_each_verdict_says_why(
        self, argv: list[str], daemon_json: dict[str, Any] | None, reason: str
    ) -> None:
        (listener,) = exposure(argv, daemon_json).listeners
        assert reason in listener.reason

    def test_other_openings_are_noted(self) -> None:
        notes = exposure(["--metrics-addr=0.0.0.0:9323"], {"network-diagnostic-port": 5000, "host": []}).notes
        assert [
            next(word for word in ("metrics", "diagnostics", "ignored") if word in note) for note in notes
        ] == [
            "metrics",
            "diagnostics",
            "ignored",
        ]
        assert "since 20.10 only" in exposure(["-H", IP, "--tls", *FLAGS]).notes[0]

    def test_the_worst(self) -> None:
        assert exposure(["-H", "fd://"]).worst is LOCAL
        assert exposure(["-H", "fd://", "-H", IP, "--tlsverify=0", *FLAGS]).worst is NO_CHECK


class TestCommandLines:
    @pytest.mark.parametrize(
        "start",
        [
            [],
            ["dockerd"],
            ["/usr/bin/dockerd"],
            ["/usr/bin/env", "X=1", "dockerd"],
            ["sudo", "-E", "/usr/local/bin/dockerd"],
        ],
    )
    def test_the_program_may_stand_first(self, start: list[str]) -> None:
        got = exposure([*start, "-H", IP])
        assert got.starts
        assert [str(listener) for listener in got.listeners] == [IP]

    @pytest.mark.parametrize("value", ["dockerd", "/run/dockerd", "/run/dockerd.pid"])
    def test_a_value_called_dockerd_hides_no_flag(self, value: str) -> None:
        for start in ([], ["dockerd"]):
            assert judged([*start, "-H", IP, "--pidfile", value]) == [(IP, OPEN)]

    @pytest.mark.parametrize("quote", ["'", '"'])
    def test_quotes_left_by_a_plain_split(self, quote: str) -> None:
        argv = [
            "-H",
            f"{quote}{IP}{quote}",
            f"--tlscacert={quote}/c/ca.pem{quote}",
            f"{quote}--tlsverify{quote}",
        ]
        assert judged(argv) == [(IP, MUTUAL)]

    @given(
        st.sampled_from(
            [["-H", IP], [f"-H={IP}"], [f"-H{IP}"], ["--host", IP], [f"--host={IP}"], ["-DH", IP]]
        ),
        st.sampled_from(
            ["--tlsverify", "--tlsverify=true", "--tlsverify=1", "--tlsverify=t", "--tlsverify=T"]
        ),
        st.sampled_from([["--tlscacert", "/c/ca.pem"], ["--tlscacert=/c/ca.pem"]]),
        st.randoms(),
    )
    def test_spelling_and_order_do_not_matter(
        self, host: list[str], verify: str, authority: list[str], random: Any
    ) -> None:
        parts = [host, [verify], authority, ["--log-level", "debug"], ["--icc=false"]]
        random.shuffle(parts)
        got = exposure([word for part in parts for word in part])
        assert got.starts
        assert [(str(listener), listener.access) for listener in got.listeners] == [(IP, MUTUAL)]

    def test_what_a_shell_puts_in_is_said_to_be_unread(self) -> None:
        for argv in (["-H", "fd://", "$OPTIONS"], ["`options`"], ["-H", IP, "--tlsverify=$VERIFY", *FLAGS]):
            got = exposure(argv)
            assert got.unread
            assert not got.safe
        (listener,) = exposure(["-H", "$LISTEN"]).listeners
        assert listener.access is Access.UNREADABLE
        (listener,) = exposure(["-H", "${SCHEME}://x", "--tlsverify", *FLAGS]).listeners
        assert listener.access is MUTUAL
        (listener,) = exposure(["-H", "tcp://10.0.5.10:${PORT}"]).listeners
        assert (listener.port, listener.access) == (None, OPEN)

    def test_the_configuration_file(self) -> None:
        assert config_file(["dockerd", "-H", "fd://"]) == "/etc/docker/daemon.json"
        assert config_file(["dockerd", "--config-file=/etc/d.json"]) == "/etc/d.json"
        assert config_file(["--config-file", "/a.json", "--config-file", "/b.json"]) == "/b.json"
        assert (
            "the configuration file /etc/d.json was not given"
            in exposure(["--config-file=/etc/d.json"]).unread
        )
        assert exposure(["--config-file=/etc/d.json"], {}).safe

    @pytest.mark.parametrize(
        ("stream", "listener", "verdict"),
        [
            ("/run/docker.sock", "fd:///run/docker.sock", LOCAL),
            ("%t/docker.sock", "fd://%t/docker.sock", LOCAL),
            ("@docker", "fd://@docker", OPEN),
            ("2375", "tcp://[::]:2375", OPEN),
            ("0.0.0.0:2375", "tcp://0.0.0.0:2375", OPEN),
            ("[::]:2376", "tcp://[::]:2376", OPEN),
        ],
    )
    def test_sockets_that_systemd_opens(self, stream: str, listener: str, verdict: Access) -> None:
        (got,) = exposure(["-H", "fd://"], socket_streams=[stream]).listeners
        assert (str(got), got.access) == (listener, verdict)
        guarded = exposure(["-H", "fd://", "--tlsverify", *FLAGS], socket_streams=[stream])
        assert guarded.safe == (stream != "@docker")


LISTEN_WORDS = ["-H", "--host", IP, f"-H={IP}", "fd://", "$X", "", "-", "--", "=", "--="]
TLS_WORDS = [
    "--tls",
    "--tls=false",
    "--tlsverify",
    "--tlsverify=false",
    "--tlscacert",
    "/c/ca.pem",
    "--tlscacert=",
]
words = st.sampled_from([*LISTEN_WORDS, *TLS_WORDS, "-D", "--label", "a=b", "--pidfile", "dockerd"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5) | st.just(IP),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
TLS_KEYS = ["hosts", "host", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey", "x", "Hosts"]


class TestWhatever:
    @given(
        st.lists(words | st.text(max_size=8), max_size=10), st.dictionaries(st.sampled_from(TLS_KEYS), values)
    )
    def test_any_input_gets_a_verdict(self, argv: list[str], daemon_json: dict[str, Any]) -> None:
        got = exposure(argv, daemon_json)
        assert got.listeners or got.refusals
        config_file(argv)

    @given(st.lists(words, max_size=10), st.dictionaries(st.sampled_from(TLS_KEYS), values))
    def test_no_tcp_is_safe_unless_something_turns_tls_on(
        self, argv: list[str], daemon_json: dict[str, Any]
    ) -> None:
        got = exposure(argv, daemon_json)
        on = "--tls" in argv or "--tlsverify" in argv
        on |= daemon_json.get("tls") is True or "tlsverify" in daemon_json
        on |= any(isinstance(value, dict) and "tlsverify" in value for value in daemon_json.values())
        for listener in got.listeners:
            assert on or listener.kind != "tcp" or not listener.safe


# --- daemon.json on our hosts --------------------------------------------------------------------------------------

NETWORKS: dict[str, Any] = {"bip": "172.17.0.1/16", "pools": [{"base": "172.18.0.0/16", "size": 24}]}
OUR_COMMAND = [
    "/usr/sbin/dockerd",
    "-H",
    "fd://",
    "-H",
    IP,
    "--tlsverify",
    *FLAGS,
    "--containerd=/run/c.sock",
]


class TestDaemonConfiguration:
    def test_defaults(self) -> None:
        got = daemon_configuration(None, **NETWORKS)
        assert got == {
            **{name: default.value for name, default in DAEMON_DEFAULTS.items()},
            "bip": "172.17.0.1/16",
            "default-address-pools": [{"base": "172.18.0.0/16", "size": 24}],
        }
        assert got == daemon_configuration({}, **NETWORKS)
        assert all(default.why.endswith(".") for default in DAEMON_DEFAULTS.values())

    def test_options_stand_over_the_defaults(self) -> None:
        got = daemon_configuration({"icc": True, "mtu": 9001.0, "live-restore": None}, **NETWORKS)
        assert got["icc"] is True
        assert json.dumps(got["mtu"]) == "9001", (
            "numbers come as floats from Pulumi, and dockerd wants integers"
        )
        assert "live-restore" not in got

    def test_maps_are_merged(self) -> None:
        got = daemon_configuration({"log-opts": {"max-size": "1m"}}, **NETWORKS)
        assert got["log-opts"] == {"max-size": "1m", "max-file": "3"}
        limits = {"core": {"Name": "core", "Hard": 0.0, "Soft": 0.0}}
        got = daemon_configuration({"default-ulimits": limits}, **NETWORKS)
        assert list(got["default-ulimits"]) == ["nofile", "core"]
        assert json.dumps(got["default-ulimits"]["core"]["Hard"]) == "0"

    def test_another_log_driver_starts_without_our_log_options(self) -> None:
        assert "log-opts" not in daemon_configuration({"log-driver": "journald"}, **NETWORKS)
        got = daemon_configuration({"log-driver": "awslogs", "log-opts": {"awslogs-group": "g"}}, **NETWORKS)
        assert got["log-opts"] == {"awslogs-group": "g"}

    def test_a_bridge_of_their_own_takes_the_place_of_ours(self) -> None:
        assert "bip" not in daemon_configuration({"bridge": "none"}, **NETWORKS)

    def test_nothing_is_shared_between_calls(self) -> None:
        daemon_configuration(None, **NETWORKS)["log-opts"]["max-size"] = "1t"
        assert daemon_configuration(None, **NETWORKS)["log-opts"]["max-size"] != "1t"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"hosts": ["tcp://0.0.0.0:2375"]},
                r"daemon_options\.hosts: .* is refused; leave it out: listeners and TLS",
            ),
            ({"host": ["tcp://0.0.0.0:2375"]}, r"daemon_options\.host: .*listeners and TLS"),
            ({"Hosts": []}, r"daemon_options\.Hosts: .*listeners and TLS"),
            ({"tls": True}, r"daemon_options\.tls: .*listeners and TLS"),
            ({"tlsverify": True}, r"daemon_options\.tlsverify: .*listeners and TLS"),
            ({"TLSVerify": None}, r"daemon_options\.TLSVerify: .*listeners and TLS"),
            ({"tlscacert": "/x"}, r"daemon_options\.tlscacert: .*listeners and TLS"),
            ({"tlscert": "/x"}, r"daemon_options\.tlscert: .*listeners and TLS"),
            ({"tlskey": "/x"}, r"daemon_options\.tlskey: .*listeners and TLS"),
            ({"metrics-addr": "0.0.0.0:9323"}, r"metrics-addr: .*write a loopback address"),
            ({"metrics-addr": ":9323x"}, r"metrics-addr: .*write a loopback address"),
            ({"metrics-addr": "127.0.0.1:2375"}, r"metrics-addr: .*a port that is not Docker's"),
            (
                {"network-diagnostic-port": 5000},
                r"network-diagnostic-port: 5000 is refused; .*without any check",
            ),
            ({"api-cors-header": "*"}, r"api-cors-header: .*web pages"),
            ({"data-root": "/data"}, r"data-root: .*/var/lib/docker"),
            ({"group": "users"}, r"group: 'users' is refused; .*root"),
            ({"iptables": False}, r"iptables: False is refused; .*apart"),
            ({"ip6tables": False}, r"ip6tables: False is refused; .*apart"),
            ({"containerd": "/x"}, r"containerd: .*units"),
            ({"exec-root": "/x"}, r"exec-root: .*units"),
            ({"pidfile": "/x"}, r"pidfile: .*units"),
            ({"rootless": True}, r"rootless: .*units"),
            (
                {"log-opts": {"max-file": 3.0}},
                r"daemon_options\.log-opts\.max-file: 3\.0 is not a string; write '3'",
            ),
            ({"log-opts": {"max-size": 10_000_000}}, r"write '10000000'"),
            ({"log-opts": {"compress": True}}, r"True is not a string; write 'true'"),
            ({"log-opts": "max-size=1m"}, r"log-opts: .*is not a map; dockerd wants a map"),
            ({"icc": "false"}, r"icc: 'false' is not true or false"),
            ({"mtu": "9001"}, r"mtu: '9001' is not a whole number"),
            ({"mtu": 9001.5}, r"mtu: 9001\.5 is not a whole number"),
            ({"mtu": True}, r"mtu: True is not a whole number"),
            ({"labels": "a=b"}, r"labels: 'a=b' is not a list of strings"),
            ({"dns": [8]}, r"dns: \[8\] is not a list of strings"),
            ({"default-address-pools": ["10.0.0.0/8"]}, r"is not a list of maps"),
            (
                {"log-drivers": "local"},
                r"daemon_options: 'log-drivers' is not an option of dockerd; .*'log-driver'",
            ),
            ({"x": {"tlsverify": True}}, r"daemon_options: 'x' is not an option of dockerd"),
            ({"proxies": {"tlsverify": True}}, r"proxies: 'tlsverify' is not an option"),
            ({5: 6}, r"daemon_options: 5 is not an option"),
            (["icc"], r"daemon_options: \['icc'\] is not a map"),
        ],
    )
    def test_refused(self, options: Any, message: str) -> None:
        with pytest.raises(InvalidInput, match=message) as refused:
            daemon_configuration(options, **NETWORKS)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        "options",
        [
            {"iptables": True, "group": "docker", "metrics-addr": "127.0.0.1:9323"},
            {
                "proxies": {"http-proxy": "http://u:p@proxy:3128"},
                "registry-mirrors": ["https://m.example.com"],
            },
            {
                "features": {"buildkit": True},
                "runtimes": {"crun": {"path": "/usr/bin/crun"}},
                "bridge": "none",
            },
        ],
    )
    def test_accepted(self, options: dict[str, Any]) -> None:
        check_daemon_options(options)
        got = daemon_configuration(options, **NETWORKS)
        assert got.items() >= options.items()

    def test_no_secret_is_shown(self) -> None:
        for options in (
            {"http-proxies": "http://u:hunter2@p"},
            {"proxies": {"http-proxi": "http://u:hunter2@p"}},
        ):
            with pytest.raises(InvalidInput) as refused:
                check_daemon_options(options)
            assert "hunter2" not in str(refused.value)

    @given(
        st.dictionaries(
            st.sampled_from(
                [*TLS_KEYS, "log-opts", "log-driver", "proxies", "bridge", "icc", "mtu", "labels", "features"]
            )
            | st.sampled_from(
                ["metrics-addr", "group", "data-root", "TLS", "config-file", "restart", "containerd"]
            ),
            values | st.dictionaries(st.sampled_from(TLS_KEYS), values, max_size=2),
            max_size=4,
        )
    )
    @example({"proxies": {"hosts": [IP]}})
    @example({"features": {"tlsverify": False}})
    def test_whatever_is_accepted_leaves_the_listeners_as_they_are(self, options: dict[str, Any]) -> None:
        try:
            written = daemon_configuration(options, **NETWORKS)
        except InvalidInput:
            return
        guarded = exposure(OUR_COMMAND, written)
        assert guarded.starts, guarded.refusals
        assert [(str(listener), listener.access) for listener in guarded.listeners] == [
            ("fd://", LOCAL),
            (IP, MUTUAL),
        ]
        assert judged(["dockerd", "-H", "fd://"], written) == [("fd://", LOCAL)], (
            "a lost drop-in opens nothing"
        )
