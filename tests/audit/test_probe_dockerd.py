"""The probe against real dockerds, each in a namespace of the test's own, in the states that dockerd can be in."""

import contextlib
import http.client
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aws_docker.audit.conversations import PATHS, Question
from aws_docker.audit.findings import Exit
from aws_docker.audit.probing import probe
from aws_docker.audit.results import ProbeReport
from aws_docker.audit.speaking import ProbeSettings
from aws_docker.audit.verdicts import PortJudgement, Verdict
from aws_docker.core.checks import Severity
from lab.hosts import certs, image, network
from lab.processes import die_with_lab

from .conftest import write_bundle

pytestmark = [
    pytest.mark.requires("root", "ip", "nft", "nspawn"),
    pytest.mark.xdist_group("audit-network"),
]

SERVER = "10.0.7.30"


@dataclass(frozen=True)
class Engine:
    """What a dockerd says of itself."""

    system: str
    version: str
    api: str
    least_api: str


# Built with Go 1.24 and with Go 1.19, whose TLS refuses in other words.
ENGINES = (Engine(image.MAIN, "26.1.", "1.45", "1.24"), Engine(image.OLD, "20.10.", "1.41", "1.12"))


@pytest.fixture(scope="module", params=ENGINES, ids=lambda engine: engine.system)
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


@pytest.fixture(scope="module")
def programs(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dockerd and containerd as Debian has them, from the packages of the test host's image."""
    folder = tmp_path_factory.mktemp("docker")
    packages = image.ensure(engine.system, say=print).packages
    for name in ("docker.io", "containerd", "runc"):
        (package,) = packages.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder / "usr"


@dataclass
class Site:
    """A router, a client, and a host on which a dockerd may run."""

    wires: network.Network
    host: str
    programs: Path
    folder: Path

    @contextlib.contextmanager
    def dockerd(self, *arguments: str) -> Iterator[None]:
        paths = [self.programs / "bin", self.programs / "sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        with (self.folder / "log").open("w") as log:
            process = subprocess.Popen(
                [
                    # Not `ip netns exec`: its own /sys has no cgroups, without which dockerd does not start.
                    *["nsenter", f"--net=/run/netns/{self.host}", "dockerd"],
                    *["--data-root", self.folder / "data", "--exec-root", self.folder / "exec"],
                    *["--pidfile", self.folder / "pid", "--host", f"unix://{self.folder}/socket"],
                    *["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs"],
                    *arguments,
                ],
                env={"PATH": ":".join(map(str, paths)), "HOME": str(self.folder)},
                stdout=log,
                stderr=log,
                preexec_fn=die_with_lab,
            )
            try:
                self._wait(process)
                yield
            finally:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        until = time.monotonic() + 40
        while "API listen on" not in (text := (self.folder / "log").read_text()):
            assert process.poll() is None, text[-2000:]
            assert time.monotonic() < until, text[-2000:]
            time.sleep(0.1)

    def probe(self, bundle: Path | None = None, **options: object) -> ProbeReport:
        """What a client says of both ports."""
        asked: Callable[[], ProbeReport] = lambda: probe([SERVER], bundle, **options)  # type: ignore[arg-type]  # noqa: E731
        return network.within(self.wires.trusted, asked)

    def port(self, number: int, bundle: Path | None = None) -> PortJudgement:
        return {port.endpoint.port: port for port in self.probe(bundle).ports}[number]


@pytest.fixture(scope="module")
def site(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    # A short path: that of a Unix socket may have 108 characters.
    folder = Path(f"/run/dockerhost-lab-{os.getpid()}")
    folder.mkdir(mode=0o700)
    try:
        with network.Network() as wires:
            host = wires.host(SERVER, "10.0.7.0/24")
            yield Site(wires, host, programs, folder)
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)


@dataclass
class Keys:
    server_ca: certs.Certificate
    client_ca: certs.Certificate
    client: certs.Certificate
    folder: Path

    def files(self, server: certs.Certificate) -> list[str]:
        for name, text in (
            ("ca.pem", self.client_ca.pem),
            ("cert.pem", server.pem),
            ("key.pem", server.key_pem),
        ):
            (self.folder / name).write_text(text)
        return [
            f"--tlscacert={self.folder}/ca.pem",
            f"--tlscert={self.folder}/cert.pem",
            f"--tlskey={self.folder}/key.pem",
        ]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    server_ca, client_ca = certs.authority("server CA"), certs.authority("client CA")
    return Keys(server_ca, client_ca, certs.leaf(client_ca, [certs.CLIENT]), tmp_path)


def test_no_tls(site: Site, engine: Engine) -> None:
    with site.dockerd("--host", f"tcp://{SERVER}:2375"):
        report = site.probe()
    clear, tls = report.ports
    assert (clear.verdict, tls.verdict) == (Verdict.API_IN_CLEAR_TEXT, Verdict.CLOSED)
    assert (clear.engine or "").startswith(engine.version)
    assert (clear.api_version, clear.min_api_version) == (engine.api, engine.least_api)
    assert [finding.severity for finding in report.findings] == [Severity.CRITICAL]
    assert report.status is Exit.FINDINGS


def test_what_is_asked_past_a_filter_is_refused_before_anything_is_listed(site: Site, engine: Engine) -> None:
    def ask() -> list[tuple[int, str | None, bytes]]:
        answers: list[tuple[int, str | None, bytes]] = []
        for path in PATHS[Question.PAST_A_FILTER]:
            client = http.client.HTTPConnection(SERVER, 2375, timeout=10)
            client.request("GET", path)
            answer = client.getresponse()
            answers.append((answer.status, answer.getheader("Api-Version"), answer.read(200)))
            client.close()
        return answers

    with site.dockerd("--host", f"tcp://{SERVER}:2375"):
        answers = network.within(site.wires.trusted, ask)
    assert len(answers) == 5
    for status, version, body in answers:
        assert (status in (400, 500), version) == (True, engine.api), body  # 20.10 says either
        assert body.startswith(b'{"message":')  # and no list


def test_certificates_without_tlsverify_serve_in_clear_text(site: Site, keys: Keys) -> None:
    server = certs.leaf(keys.server_ca, [certs.SERVER], [SERVER])
    with site.dockerd("--host", f"tcp://{SERVER}:2376", *keys.files(server)):
        assert site.port(2376).verdict is Verdict.API_IN_CLEAR_TEXT


def test_tls_without_verify(site: Site, keys: Keys) -> None:
    server = certs.leaf(keys.server_ca, [certs.SERVER], [SERVER])
    with site.dockerd("--host", f"tcp://{SERVER}:2376", "--tlsverify=false", *keys.files(server)):
        port = site.port(2376)
    assert port.verdict is Verdict.API_WITHOUT_CLIENT_CERTIFICATE
    assert port.tls_version == "TLSv1.3"
    assert [finding.severity for finding in port.findings] == [Severity.CRITICAL]


def test_mutual_tls_and_bundles(site: Site, engine: Engine, keys: Keys, tmp_path: Path) -> None:
    server = certs.leaf(keys.server_ca, [certs.SERVER], [SERVER])
    works = write_bundle(tmp_path / "works", keys.server_ca, keys.client)
    stranger = certs.leaf(certs.authority("client CA"), [certs.CLIENT])
    refused = write_bundle(tmp_path / "refused", keys.server_ca, stranger)
    expects = write_bundle(tmp_path / "expects", certs.authority("server CA"), keys.client)
    with site.dockerd("--host", f"tcp://{SERVER}:2376", "--tlsverify", *keys.files(server)):
        alone, served, unserved, other = (site.port(2376, each) for each in (None, works, refused, expects))
        rules = (
            "table inet t { chain c { type filter hook input priority 0; tcp dport { 2375, 2376 } drop; }; }"
        )
        network.run_in(site.host, ["nft", rules]).check_returncode()
        filtered = site.probe(settings=ProbeSettings(connect_timeout=1.2))
        network.run_in(site.host, ["nft", "flush ruleset"]).check_returncode()
    assert {each.verdict for each in (alone, served, unserved, other)} == {Verdict.MUTUAL_TLS}
    # Go says bad_certificate up to 1.19, which Debian's dockerd is built with, and certificate_required since.
    assert re.search(
        "refused with the alert bad_certificate|came the alert certificate_required", alone.evidence
    )
    assert alone.findings == ()
    assert (served.bundle_works, served.expected_authority, served.findings) == (True, True, ())
    assert (served.engine or "").startswith(engine.version)
    assert (unserved.bundle_works, unserved.expected_authority) == (False, True)
    assert unserved.bundle_evidence.startswith("refused with the alert ")
    assert [finding.kind for finding in unserved.findings] == ["bundle-refused"]
    assert (other.bundle_works, other.expected_authority) == (False, False)
    assert [finding.kind for finding in other.findings] == ["unexpected-authority"]
    assert filtered.counts == {Verdict.FILTERED: 2}
    assert filtered.status is Exit.AS_INTENDED


def test_an_expired_certificate_is_served_and_found(site: Site, keys: Keys) -> None:
    server = certs.leaf(keys.server_ca, [certs.SERVER], [SERVER], starts=-2, days=1)
    with site.dockerd("--host", f"tcp://{SERVER}:2376", "--tlsverify", *keys.files(server)):
        port = site.port(2376)
    assert port.verdict is Verdict.MUTUAL_TLS
    assert [finding.kind for finding in port.findings] == ["certificate-expired"]
