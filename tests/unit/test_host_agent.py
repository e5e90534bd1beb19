"""The program on the host, where it needs no host: what it reads, what it would run, how it signs."""

import base64
import gzip
import hashlib
import json
import subprocess
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import aws_docker
from aws_docker.boot import own
from aws_docker.host import agent as host_agent

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


def test_the_compressed_agent_is_the_agent() -> None:
    package = files("aws_docker.host")
    compressed = base64.b64decode(package.joinpath("agent.py.gz.b64").read_text())
    assert gzip.decompress(compressed) == package.joinpath("agent.py").read_bytes(), "run `make agent`"


def test_hosts_of_every_release_are_known() -> None:
    program = files("aws_docker.host").joinpath("agent.py").read_text()
    lines = [
        line.split() for line in files("aws_docker.host").joinpath("agents.sha256").read_text().splitlines()
    ]
    assert lines[-1] == [hashlib.sha256(program.encode()).hexdigest(), aws_docker.__version__], (
        "run `make agent`"
    )
    releases = [release for _, release in lines]
    assert len(releases) == len(set(releases)), "one line a release: earlier ones stay"
    assert own.is_agent(program)
    assert not own.is_agent(program + "\n")


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
        (document(daemon={"hosts": ["tcp://0.0.0.0:2375"]}), "daemon.json"),
        (document(daemon={"tlsverify": False}), "daemon.json"),
        (document(daemon=None), "not valid"),
    ],
)
def test_a_document_that_is_not_whole_is_refused(text: str, reason: str) -> None:
    with pytest.raises(host_agent.Refused, match=reason) as refused:
        host_agent.read(text)
    assert "MHcCAQEE" not in str(refused.value)


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
