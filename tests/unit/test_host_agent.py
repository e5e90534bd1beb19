"""The program on the host, where it needs no host: what it reads, what it would run, how it signs."""

import ast
import base64
import contextlib
import gzip
import json
import re
import subprocess
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import aws_docker
from aws_docker.boot import own
from aws_docker.host import agent as host_agent
from aws_docker.host import userdata
from tests import packing

KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def document(**changes: Any) -> str:
    return json.dumps(
        {
            "version": 1,
            "listen": ["10.0.5.10"],
            "trusted": ["10.0.5.0/24"],
            "server_key": KEY,
            "server_certificate": CERTIFICATE,
            "client_authorities": [CERTIFICATE],
            "daemon": {"icc": False},
            **changes,
        }
    )


def program(name: str) -> str:
    return files("aws_docker.host").joinpath(f"{name}.py").read_text()


@pytest.mark.parametrize("names", userdata.PACKED, ids="-".join)
def test_the_compressed_programs_are_the_programs(names: tuple[str, ...]) -> None:
    compressed = base64.b64decode(packing.file_of(names).read_text())
    assert gzip.decompress(compressed).decode() == "".join(map(userdata.part, names)), "run `make agent`"


@pytest.mark.parametrize("name", packing.PROGRAMS)
def test_nothing_but_comments_stays_behind(name: str) -> None:
    there = userdata.installed(program(name))
    assert ast.dump(ast.parse(there)) == ast.dump(ast.parse(program(name)))
    assert there.startswith("#!/usr/bin/python3 -I\n")
    assert len(there) < len(program(name))


def test_spot_hosts_have_a_program_of_their_own() -> None:
    told = userdata.user_data("debian-13", parameter="p", spot=True)
    assert userdata.part("spot") in told
    assert gzip.decompress(userdata.compressed(told)).decode() == told
    assert "dockerhost-spot" not in userdata.user_data("debian-13", parameter="p")


@pytest.mark.parametrize("name", packing.PROGRAMS)
def test_hosts_of_every_release_are_known(name: str) -> None:
    listing = "agents.sha256" if name == "agent" else "programs.sha256"
    known = files("aws_docker.host").joinpath(listing).read_text().splitlines()
    releases = [line.split()[-1] for line in known if name == "agent" or f" {name}.py " in line]
    assert releases[-1] == aws_docker.__version__, "run `make agent`"
    assert len(releases) == len(set(releases)), "one line a release: earlier ones stay"
    is_ours = own.is_agent if name == "agent" else own.opens_nothing
    installed = userdata.installed(program(name))
    assert is_ours(installed), "run `make agent`"
    assert not is_ours(installed + "\n")


def test_a_document_is_read() -> None:
    settings, tls = host_agent.read(document())
    assert settings == {"listen": ["10.0.5.10"], "trusted": ["10.0.5.0/24"], "daemon": {"icc": False}}
    assert tls == [KEY, CERTIFICATE, CERTIFICATE]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid"),
        ("garbage", "not valid"),
        ("[]", "not valid"),
        ("null", "not valid"),
        (document(version=2), "another version"),
        (document(listen=["0.0.0.0"]), "not one address"),
        (document(listen=["::"]), "not one address"),
        (document(listen=["127.0.0.1"]), "not one address"),
        (document(listen="10.0.5.10"), "not valid"),
        (document(listen=["localhost"]), "not valid"),
        (document(trusted=[]), "needs a trusted source"),
        (document(listen=[]), "needs a trusted source"),
        (document(client_authorities=[]), "needs a trusted source"),
        (document(trusted=["0.0.0.0/0"]), "whole internet"),
        (document(trusted=["::/0"]), "whole internet"),
        (document(trusted=["10.0.5.10/24"]), "not valid"),
        (document(server_key=""), "server key"),
        (document(server_key=None), "server key"),
        (document(server_key=KEY.replace("EC PRIVATE", "ENCRYPTED PRIVATE")), "server key"),
        (document(server_key=KEY + KEY), "server key"),
        (document(server_certificate=CERTIFICATE + CERTIFICATE), "certificate"),
        (document(client_authorities=[CERTIFICATE + "garbage"]), "certificate"),
        (document(client_authorities=[KEY]), "certificate"),
        (document(listen=["127.0.0.1"], tunnel=True), "not one address"),
        (document(listen=[], tunnel=True), "needs a trusted source"),
        (document(trusted=[], tunnel=True), "needs a trusted source"),
        (document(listen=[], trusted=[], tunnel=True, client_authorities=[]), "a client CA"),
        (document(listen=[], trusted=[], tunnel=True, server_key=""), "server key"),
        (document(daemon={"hosts": ["tcp://0.0.0.0:2375"]}), "daemon.json"),
        (document(daemon={"tlsverify": False}), "daemon.json"),
        (document(daemon=None), "not valid"),
    ],
)
def test_a_document_that_is_not_whole_is_refused(text: str, reason: str) -> None:
    with pytest.raises(host_agent.Refused, match=reason) as refused:
        host_agent.read(text)
    assert "MHcCAQEE" not in str(refused.value)


def test_a_tunnel_is_served_on_loopback_alone_or_beside_the_trusted() -> None:
    alone, tls = host_agent.read(document(listen=[], trusted=[], tunnel=True))
    assert (alone["listen"], alone["trusted"]) == (["127.0.0.1"], [])
    assert tls == [KEY, CERTIFICATE, CERTIFICATE]
    both, _ = host_agent.read(document(tunnel=True))
    assert both["listen"] == ["10.0.5.10", "127.0.0.1"]
    for said in (None, False, 1, "true", "127.0.0.1"):
        assert host_agent.read(document(tunnel=said))[0]["listen"] == ["10.0.5.10"], said


def test_the_firewall_lets_a_tunnel_end_on_loopback_and_nothing_else_come_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    links = {"10.0.5.10": "ens5", "127.0.0.1": "lo"}
    monkeypatch.setattr(host_agent, "uplinks", lambda addresses: {each: links[each] for each in addresses})

    def accepts(listen: list[str], trusted: list[str]) -> list[str]:
        rules = host_agent.ruleset({"listen": listen, "trusted": trusted})
        return [line for line in rules.splitlines() if line.endswith("accept") and "hook" not in line]

    loopback = 'iifname "lo" tcp dport 2376 accept'
    assert accepts(["127.0.0.1"], []) == [loopback]
    assert accepts(["10.0.5.10", "127.0.0.1"], ["10.0.5.0/24"]) == [
        loopback,
        'iifname "ens5" ip saddr { 10.0.5.0/24 } ip daddr 10.0.5.10 tcp dport 2376 accept',
    ]


def test_nothing_lies_in_the_way_of_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {"10.0.5.10": "ens5", "127.0.0.1": "lo"}
    monkeypatch.setattr(host_agent, "uplinks", lambda _addresses: links)
    routes = [{"dst": "default", "dev": "ens5"}, {"dst": "10.0.5.0/24", "dev": "br-0"}]
    monkeypatch.setattr(host_agent, "routes", lambda _family: routes)
    monkeypatch.setattr(host_agent, "way", lambda _address, _listen: "br-0")
    monkeypatch.setattr(host_agent, "whose", lambda device, _network: device)
    settings = {"listen": list(links), "trusted": ["10.0.5.0/24"]}
    assert host_agent.obstruction(settings) == "br-0 lies in the way of trusted 10.0.5.0/24"


def test_listener_and_tlsverify_stand_on_one_line() -> None:
    command = host_agent.command({"listen": ["10.0.5.10", "2001:db8::5"]})
    assert command.split(" ", 1)[1] == (
        "-H fd:// -H tcp://10.0.5.10:2376 -H tcp://[2001:db8::5]:2376 --tlsverify "
        "--tlscacert /etc/dockerhost/current/client-ca.pem --tlscert /etc/dockerhost/current/server.pem "
        "--tlskey /etc/dockerhost/current/server-key.pem "
        "--config-file /etc/dockerhost/current/daemon.json --containerd /run/containerd/containerd.sock"
    )


def test_a_local_host_has_no_listener() -> None:
    assert "tcp://" not in host_agent.command({"listen": []})


def test_the_firewall_admits_each_family_on_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {"10.0.5.10": "ens5", "2001:db8::5": "ens5"}
    monkeypatch.setattr(host_agent, "uplinks", lambda _addresses: links)
    rules = host_agent.ruleset({"listen": list(links), "trusted": ["10.0.5.0/24", "2001:db8:7::/48"]})
    accepts = [line for line in rules.splitlines() if line.endswith("accept") and "hook" not in line]
    assert accepts == [
        'iifname "lo" tcp dport 2376 accept',
        'iifname "ens5" ip saddr { 10.0.5.0/24 } ip daddr 10.0.5.10 tcp dport 2376 accept',
        'iifname "ens5" ip6 saddr { 2001:db8:7::/48 } ip6 daddr 2001:db8::5 tcp dport 2376 accept',
    ]
    assert rules.index("accept\ntcp dport 2376 drop") > rules.index("tcp dport 2375 drop")


def test_published_ports_are_for_the_trusted_sources_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    links = {"10.0.5.10": "ens5", "2001:db8::5": "ens5"}
    monkeypatch.setattr(host_agent, "uplinks", lambda _addresses: links)
    settings = {"listen": list(links), "trusted": ["10.0.5.0/24", "2001:db8:7::/48"]}
    without = host_agent.ruleset(settings).splitlines()
    rules = host_agent.ruleset({**settings, "published": ["8080", "32768-60999"]}).splitlines()
    assert [line for line in without if line not in rules] == []
    # 2375 is dropped before, and the host's own connections have such ports: only what comes as a question is dropped.
    ports = "{ 8080, 32768-60999 }"
    dropped = rules.index(f'iifname != "lo" tcp dport {ports} ct direction original drop')
    assert rules.index("tcp dport 2375 drop") < dropped
    sources = ('iifname "ens5" ip saddr { 10.0.5.0/24 }', 'iifname "ens5" ip6 saddr { 2001:db8:7::/48 }')
    for source in sources:
        assert rules.index(f"{source} tcp dport {ports} accept") < dropped
        forwarded = f"{source} ct status dnat meta l4proto tcp ct original proto-dst {ports} accept"
        assert rules.index(forwarded) < rules.index('meta oifkind "bridge" ct direction original drop')
    docker = "ct status dnat meta l4proto tcp ct original proto-dst 2375-2376 drop"
    assert rules.index(docker) < rules.index('meta iifkind "bridge" accept')


@pytest.mark.parametrize(
    "published",
    [["8080 accept"], ["}"], [""], [8080.5], ["80-90-100"], ["2375"], ["8080", "2000-3000"], ["2376"]],
)
def test_a_published_port_that_is_none_is_refused(published: list[Any]) -> None:
    with pytest.raises(host_agent.Refused):
        host_agent.read(document(published=published))


def test_the_closed_firewall_accepts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_agent, "uplinks", lambda _addresses: {})
    assert "accept\n" not in host_agent.ruleset(host_agent.CLOSED).replace("policy accept;\n", "")


def test_the_request_is_signed_as_botocore_signs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    metadata = {
        "api/token": "token",
        "meta-data/iam/security-credentials/": "role\n",
        "meta-data/iam/security-credentials/role": json.dumps(
            {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "secret/+key", "Token": "session//token=="}
        ),
        "meta-data/placement/region": "eu-central-1",
        "meta-data/services/domain": "amazonaws.com",
    }
    sent: dict[str, Any] = {}

    def request(
        url: str, data: bytes | None = None, headers: dict[str, str] | None = None, method: str = ""
    ) -> str:
        if url.startswith(host_agent.IMDS):
            return metadata[url.removeprefix(host_agent.IMDS)]
        sent.update(url=url, data=data, headers=headers)
        return json.dumps({"Parameter": {"Value": "the document"}})

    monkeypatch.setattr(host_agent, "request", request)
    assert host_agent.fetch({"parameter": "build-configuration-1a2b3c4"}) == "the document"
    assert json.loads(sent["data"]) == {"Name": "build-configuration-1a2b3c4", "WithDecryption": True}

    headers: dict[str, str] = sent["headers"]
    theirs = {name: value for name, value in headers.items() if name not in ("authorization", "host")}
    again = AWSRequest("POST", sent["url"], theirs, sent["data"])
    again.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "secret/+key", "session//token=="), "ssm", "eu-central-1")
    sign: Callable[..., str] = signer.canonical_request
    text = signer.string_to_sign(again, sign(again))
    assert headers["authorization"].endswith("Signature=" + signer.signature(text, again))


class TestUplinks:
    """`ip` says on stderr alone, with exit status 0, that its list may lack an address (seen with veth pairs)."""

    @staticmethod
    def _ip(monkeypatch: pytest.MonkeyPatch, *answers: tuple[str, str]) -> None:
        left = iter(answers)

        def ip(argv: tuple[str, ...], **_how: Any) -> subprocess.CompletedProcess[str]:
            assert argv == ("ip", "-j", "address")
            stdout, stderr = next(left)
            return subprocess.CompletedProcess(argv, 0, stdout, stderr)

        monkeypatch.setattr(host_agent.subprocess, "run", ip)

    WHOLE = '[{"ifname": "lo", "addr_info": []}, {"ifname": "ens5", "addr_info": [{"local": "10.0.5.10"}]}]'
    INTERRUPTED = "Dump was interrupted and may be inconsistent.\n"

    def test_an_interrupted_list_is_asked_for_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ip(monkeypatch, ("[]", self.INTERRUPTED), (self.WHOLE, self.INTERRUPTED), (self.WHOLE, ""))
        assert host_agent.uplinks(["10.0.5.10", "10.0.5.11"]) == {"10.0.5.10": "ens5"}

    def test_a_list_that_never_is_whole_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ip(monkeypatch, *[(self.WHOLE, self.INTERRUPTED)] * 100)
        with pytest.raises(host_agent.Refused, match="interrupted"):
            host_agent.uplinks(["10.0.5.10"])


class TestTheStatus:
    """What is written to the parameter, and when, where Parameter Store may fail."""

    @pytest.fixture(autouse=True)
    def _host(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.put: list[dict[str, Any]] = []
        self.fails = False

        def parameter_store(action: str, **arguments: Any) -> dict[str, Any]:
            assert action == "PutParameter"
            if self.fails:
                raise OSError("timed out")
            self.put.append(arguments)
            return {}

        monkeypatch.setattr(host_agent, "RUN", tmp_path)
        monkeypatch.setattr(host_agent, "CURRENT", tmp_path / "current")
        monkeypatch.setattr(host_agent, "parameter_store", parameter_store)
        monkeypatch.setattr(host_agent, "metadata", lambda: {"instance-id": "i-1"}.__getitem__)
        monkeypatch.setattr(host_agent.shutil, "which", lambda _name: None)

    def tell(self) -> int:
        """How often it has been written by now."""
        with contextlib.suppress(OSError):
            host_agent.tell({"status": "build-status-1a2b3c4"})
        return len(self.put)

    def test_it_is_written_once_for_each_change(self) -> None:
        host_agent.report("installing", "nft")
        assert self.tell() == self.tell() == 1
        assert self.put[0].keys() == {"Name", "Value", "Overwrite"}, "of no type: it is never made anew"
        said = json.loads(self.put[0]["Value"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said.pop("at"))
        assert said == {
            "version": 1,
            "state": "installing",
            "reason": "nft",
            "document": "",
            "refused": "",
            "engine": "",
            "certificate_expires_at": "",
            "instance": "i-1",
        }
        host_agent.report("installing", "nft")
        assert self.tell() == 1
        host_agent.report("ready")
        assert self.tell() == 2

    def test_what_failed_is_written_later_and_once_more_since_it_may_still_arrive(self) -> None:
        host_agent.report("stale", "why")
        self.fails = True
        assert self.tell() == 0
        self.fails = False
        host_agent.report("ready")
        assert [self.tell(), self.tell(), self.tell()] == [1, 2, 2]

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ("two\nlines\tand  spaces", "two lines and spaces"),
            (
                'invalid mirror: "https://user:pass/word@mirror.example.com"',
                'invalid mirror: ...mirror.example.com"',
            ),
            ("failed: " + "A" * 64 + ".", "failed: ...."),
            ("token IQoJb3JpZ2luX2VjEHoaCXVzLWVhc3QtMSJHMEUCIQD/+x== and more", "token ... and more"),
            ("log-opts: tag {{.Name}}", "log-opts: tag { {.Name}}"),
            ("x " * 400, ("x " * 200)[:400]),
        ],
    )
    def test_a_reason_is_one_bounded_line_without_secrets(self, reason: str, said: str) -> None:
        host_agent.report("stale", reason)
        assert json.loads((host_agent.RUN / "status.json").read_text())["reason"] == said

    def test_the_longest_status_fits_a_standard_parameter(self) -> None:
        host_agent.report("stale", "\N{SNOWMAN} " * 400, "f" * 64)
        assert self.tell() == 1
        assert len(self.put[0]["Value"]) < 4096


class TestAnInterruptedInstallation:
    """On a system with dnf: what is on PATH may be half there (dpkg's way is run on booted hosts)."""

    TOOLS: ClassVar = ["nft", "openssl", "dockerd"]

    @pytest.fixture(autouse=True)
    def _host(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.asked: list[str] = []
        self.there = {"rpm", "dnf", "nft", "openssl"}
        self.dnf_fails_after_unpacking = False
        self.installed: dict[str, int] = {"kernel": 1_000_000_000}
        self.damaged: set[str] = set()

        def run(*argv: str, stdin: str | None = None) -> str:
            if argv[0] == "dnf":
                self.asked.append(" ".join(argv))
                if argv[1] == "install":
                    self.there.add({"nftables": "nft", "docker": "dockerd"}.get(argv[-1], argv[-1]))
                    if self.dnf_fails_after_unpacking:
                        raise host_agent.Refused("dnf install: power failure")
                if argv[1] == "reinstall":
                    self.damaged -= set(argv[3:])
            if argv[:2] == ("rpm", "-qa"):
                return "".join(f"{at} {name}\n" for name, at in self.installed.items())
            return ""

        def verify(argv: Any, **_how: Any) -> subprocess.CompletedProcess[str]:
            assert argv[:2] == ["rpm", "-V"]
            return subprocess.CompletedProcess(argv, int(argv[-1] in self.damaged), "", "")

        for name, at in {"ETC": "etc", "RUN": "run", "CURRENT": "current", "BEGUN": "begun"}.items():
            monkeypatch.setattr(host_agent, name, tmp_path / at)
        (tmp_path / "etc").mkdir()
        (tmp_path / "run").mkdir()
        monkeypatch.setattr(host_agent, "run", run)
        monkeypatch.setattr(host_agent.subprocess, "run", verify)
        monkeypatch.setattr(host_agent.shutil, "which", lambda name: name if name in self.there else None)
        monkeypatch.setattr(host_agent, "uplinks", lambda _addresses: {})
        monkeypatch.setattr(host_agent, "load_firewall", lambda _settings: None)

    def install(self) -> None:
        commands = {"nft": "nftables", "openssl": "openssl", "dockerd": "docker"}
        host_agent.install([[tool, [["dnf", "install", "-y", commands[tool]]]] for tool in self.TOOLS])

    def test_dnf_is_asked_for_what_is_missing_and_not_again(self) -> None:
        self.install()
        self.install()
        assert self.asked == ["dnf install -y docker"]

    def test_dnf_is_asked_again_where_it_failed_with_dockerd_in_its_place(self) -> None:
        self.dnf_fails_after_unpacking = True
        with pytest.raises(host_agent.Refused, match="power failure"):
            self.install()
        self.dnf_fails_after_unpacking = False
        self.asked.clear()
        self.install()
        assert self.asked[-1] == "dnf install -y docker"
        self.asked.clear()
        self.install()
        assert self.asked == []

    def test_files_that_the_power_cut_left_empty_are_written_again(self) -> None:
        self.dnf_fails_after_unpacking = True
        with pytest.raises(host_agent.Refused):
            self.install()
        self.dnf_fails_after_unpacking = False
        now = int(time.time())
        self.installed |= {"containerd": now, "runc": now}
        self.damaged = {"containerd", "kernel"}
        self.asked.clear()
        self.install()
        assert self.asked[0] == "dnf reinstall -y containerd", "and nothing of what was there before"
        assert self.asked[-1] == "dnf install -y docker"
