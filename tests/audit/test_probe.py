"""The probe against servers on loopback, in every state that Python's TLS can be in; dockerd's own are in
test_probe_dockerd.py.
"""

import select
import socket
import ssl
import time
from pathlib import Path

import pytest

from aws_docker.audit.conversations import Conversation, End, PortFacts, State, next_question
from aws_docker.audit.findings import Exit
from aws_docker.audit.probing import probe
from aws_docker.audit.results import ProbeReport
from aws_docker.audit.speaking import ProbeSettings, hung_up
from aws_docker.audit.targets import Endpoint
from aws_docker.audit.verdicts import PortJudgement, Verdict, judge_port
from aws_docker.core.checks import Severity
from aws_docker.core.errors import InvalidInput
from lab.hosts import certs

from . import servers
from .conftest import Authorities, write_bundle
from .servers import Server, context

QUICK = ProbeSettings(answer_timeout=1.0)


def only(report: ProbeReport) -> PortJudgement:
    (port,) = report.ports
    return port


def seen(server: Server, bundle: Path | None = None, authority: str | None = None) -> PortJudgement:
    with server:
        return only(probe([server.target], bundle, authority=authority, settings=QUICK))


def kinds(port: PortJudgement) -> list[tuple[str, Severity]]:
    return [(finding.kind, finding.severity) for finding in port.findings]


def test_in_clear_text() -> None:
    port = seen(Server(servers.docker))
    assert port.verdict is Verdict.API_IN_CLEAR_TEXT
    assert kinds(port) == [("api-in-clear-text", Severity.CRITICAL)]
    assert (port.engine, port.api_version, port.min_api_version) == ("29.7.2", "1.55", "1.40")


def test_an_answer_in_chunks() -> None:
    port = seen(Server(servers.docker_in_chunks))
    assert (port.verdict, port.engine, port.api_version) == (Verdict.API_IN_CLEAR_TEXT, "29.7.2", "1.55")


def test_tls_without_a_client_certificate(authorities: Authorities) -> None:
    port = seen(Server(servers.docker, context(authorities.server)))
    assert port.verdict is Verdict.API_WITHOUT_CLIENT_CERTIFICATE
    assert "asked for no client certificate" in port.evidence
    assert kinds(port) == [("api-without-client-certificate", Severity.CRITICAL)]
    assert port.engine == "29.7.2"


def test_an_optional_client_certificate(authorities: Authorities) -> None:
    port = seen(Server(servers.docker, context(authorities.server, authorities.client_ca, optional=True)))
    assert port.verdict is Verdict.API_WITHOUT_CLIENT_CERTIFICATE
    assert "asked for a client certificate and served without one" in port.evidence


def test_mutual_tls(authorities: Authorities, bundle: Path) -> None:
    server = Server(servers.docker, context(authorities.server, authorities.client_ca))
    port = seen(server, bundle)
    assert port.verdict is Verdict.MUTUAL_TLS
    assert port.evidence == "TLS 1.3: after the handshake came the alert certificate_required"
    assert (port.tls_version, port.expected_authority, port.bundle_works) == ("TLSv1.3", True, True)
    assert (port.engine, port.api_version) == ("29.7.2", "1.55")
    assert port.certificate is not None
    assert set(port.certificate.names) == {"127.0.0.1", "localhost"}
    assert port.findings == ()


def test_mutual_tls_of_tls_1_2(authorities: Authorities, bundle: Path) -> None:
    old = context(authorities.server, authorities.client_ca)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    port = seen(Server(servers.docker, old), bundle)
    assert port.verdict is Verdict.MUTUAL_TLS
    assert "asked for a client certificate, and refused" in port.evidence
    assert (port.tls_version, port.bundle_works) == ("TLSv1.2", True)


@pytest.mark.parametrize("denies", ["403 Forbidden", "404 Not Found", "405 Method Not Allowed"])
@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("through", ["/containers/", "/events", "/volumes"])
def test_a_filter_that_hides_ping_and_serves_the_rest(through: str, denies: str, closes: bool) -> None:
    port = seen(Server(servers.Filter(through, denies, closes)))
    assert port.verdict is Verdict.API_IN_CLEAR_TEXT
    assert kinds(port) == [("api-in-clear-text", Severity.CRITICAL)]
    assert port.evidence.startswith(f"a filter hides GET /_ping, and GET {through}")
    assert (port.engine, port.api_version) == ("29.7.2", "1.55")


@pytest.mark.parametrize("optional", [False, True])
def test_a_filter_behind_tls(authorities: Authorities, optional: bool) -> None:
    tls = context(authorities.server, authorities.client_ca if optional else None, optional=True)
    port = seen(Server(servers.Filter("/images/"), tls))
    assert port.verdict is Verdict.API_WITHOUT_CLIENT_CERTIFICATE
    assert ("asked for a client certificate and served without one" in port.evidence) is optional
    assert "GET /images/json was answered by Docker's API" in port.evidence


def test_what_denies_everything_is_not_called_harmless() -> None:
    port = seen(Server(servers.Filter("")))
    assert (port.verdict, port.findings) == (Verdict.UNCLEAR, ())
    assert "it speaks HTTP and denies what was asked (403)" in port.evidence


def test_past_a_filter_only_lists_are_asked_for_that_docker_refuses() -> None:
    for talk in (servers.web, servers.Filter("")):
        server = Server(talk)
        seen(server)
        lists = [
            f"/{name}?filters=x"
            for name in ("containers/json", "images/json", "networks", "volumes", "events")
        ]
        assert server.asked == [f"GET {path} HTTP/1.1" for path in ("/_ping", *lists)]


def test_a_refusal_by_http(authorities: Authorities) -> None:
    demanding = context(authorities.server, authorities.client_ca, optional=True)
    port = seen(Server(servers.demanding_proxy, demanding))
    assert port.verdict is Verdict.REFUSED
    assert port.findings == ()


def test_a_connection_closed_after_the_handshake_is_refused_and_never_open(authorities: Authorities) -> None:
    port = seen(Server(servers.closing, context(authorities.server)))
    assert port.verdict is Verdict.REFUSED
    assert "after the handshake the server closed the connection" in port.evidence


def test_an_expired_certificate(authorities: Authorities, bundle: Path) -> None:
    expired = authorities.server_with(days=1, starts=-2)
    port = seen(Server(servers.docker, context(expired, authorities.client_ca)), bundle)
    assert port.verdict is Verdict.MUTUAL_TLS
    # An expired certificate is of its CA all the same.
    assert (port.expected_authority, port.bundle_works) == (True, False)
    assert kinds(port) == [("certificate-expired", Severity.MEDIUM)]


def test_a_certificate_of_the_future(authorities: Authorities) -> None:
    early = authorities.server_with(starts=1)
    port = seen(Server(servers.docker, context(early, authorities.client_ca)))
    assert kinds(port) == [("certificate-expired", Severity.MEDIUM)]


def test_a_certificate_that_is_about_to_expire(authorities: Authorities, bundle: Path) -> None:
    for days, found in ((59, [("certificate-expiring", Severity.LOW)]), (61, [])):
        server = Server(servers.docker, context(authorities.server_with(days=days), authorities.client_ca))
        port = seen(server, bundle)
        assert (port.verdict, port.bundle_works) == (Verdict.MUTUAL_TLS, True)
        assert kinds(port) == found


def test_a_bundle_that_is_refused_is_found_beside_a_certificate_that_soon_expires(
    authorities: Authorities, tmp_path: Path
) -> None:
    stranger = certs.leaf(certs.authority("client CA"), [certs.CLIENT])
    folder = write_bundle(tmp_path / "stranger", authorities.server_ca, stranger)
    server = Server(servers.docker, context(authorities.server_with(days=9), authorities.client_ca))
    found = {kind for kind, _ in kinds(seen(server, folder))}
    assert found == {"certificate-expiring", "bundle-refused"}


def test_another_authority_of_the_same_name(authorities: Authorities) -> None:
    fake = certs.leaf(certs.authority("server CA"), [certs.SERVER], ["127.0.0.1"])
    port = seen(Server(servers.docker, context(fake, authorities.client_ca)), None, authorities.server_ca.pem)
    assert port.verdict is Verdict.MUTUAL_TLS
    assert (port.expected_authority, port.bundle_works) == (False, None)
    assert kinds(port) == [("unexpected-authority", Severity.HIGH)]


def test_a_certificate_for_another_name(authorities: Authorities) -> None:
    other = certs.leaf(authorities.server_ca, [certs.SERVER], ["10.0.5.9"])
    port = seen(
        Server(servers.docker, context(other, authorities.client_ca)), None, authorities.server_ca.pem
    )
    assert port.expected_authority is True
    assert kinds(port) == [("certificate-for-another-name", Severity.MEDIUM)]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_bundle_of_another_client_authority(
    authorities: Authorities, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    stranger = certs.leaf(certs.authority("client CA"), [certs.CLIENT])
    folder = write_bundle(tmp_path / "stranger", authorities.server_ca, stranger)
    strict = context(authorities.server, authorities.client_ca)
    strict.maximum_version = version
    port = seen(Server(servers.docker, strict), folder)
    assert (port.verdict, port.expected_authority, port.bundle_works) == (Verdict.MUTUAL_TLS, True, False)
    assert kinds(port) == [("bundle-refused", Severity.MEDIUM)]


@pytest.mark.parametrize(
    ("talk", "verdict"),
    [
        (servers.web, Verdict.NOT_DOCKER),
        (servers.garbage, Verdict.NOT_DOCKER),
        (servers.ssh, Verdict.NOT_DOCKER),
        (servers.closing, Verdict.REFUSED),
        (servers.hanging_up, Verdict.REFUSED),
        (servers.tarpit, Verdict.UNCLEAR),
        (servers.dripping, Verdict.UNCLEAR),
        (servers.flooding, Verdict.API_IN_CLEAR_TEXT),
    ],
)
def test_strange_servers(talk: object, verdict: Verdict) -> None:
    started = time.monotonic()
    port = seen(Server(talk))  # type: ignore[arg-type]
    assert port.verdict is verdict
    assert time.monotonic() - started < 4


def test_whoever_hangs_up_unasked_is_not_asked_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = socket.create_connection(listening.getsockname())
        there, _ = listening.accept()
    with here:
        here.setblocking(False)
        assert not hung_up(here)
        there.sendall(b"SSH-2.0-OpenSSH\r\n")
        select.select([here], [], [], 5)
        assert not hung_up(here)
        here.recv(64)
        there.close()
        select.select([here], [], [], 5)
        assert hung_up(here)
    for port in (2375, 2376):
        question = next_question(port, [], verify=True)
        assert question is not None
        unasked = Conversation(question, End.UNASKED)
        assert next_question(port, [unasked], verify=True) is None
        judged = judge_port(PortFacts(Endpoint("127.0.0.1", port, "127.0.0.1"), State.OPEN, "", (unasked,)))
        assert (judged.verdict, judged.findings) == (Verdict.REFUSED, ())
        assert judged.evidence == "it closes connections without a word, before it is asked anything"
        closed = Conversation(question, End.CLOSED)
        assert next_question(port, [closed], verify=True) is not None


def test_web_over_tls(authorities: Authorities) -> None:
    port = seen(Server(servers.web, context(authorities.server)))
    assert (port.verdict, port.findings) == (Verdict.NOT_DOCKER, ())


def test_a_tarpit_behind_tls(authorities: Authorities) -> None:
    assert seen(Server(servers.tarpit, context(authorities.server))).verdict is Verdict.UNCLEAR


def test_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    report = probe([f"127.0.0.1:{port}", f"[::1]:{port}"])
    assert report.counts == {Verdict.CLOSED: 2}
    assert report.status is Exit.AS_INTENDED


def test_only_what_changes_nothing_is_asked(authorities: Authorities, bundle: Path) -> None:
    asked: set[str] = set()
    for tls in (None, context(authorities.server, authorities.client_ca, optional=True)):
        server = Server(servers.docker, tls)
        seen(server, bundle)
        asked |= set(server.asked)
    assert asked == {"GET /_ping HTTP/1.1", "GET /version HTTP/1.1"}


def test_many_at_once(authorities: Authorities) -> None:
    strict = context(authorities.server, authorities.client_ca)
    # No socket's end may be taken for another's, however many share a loop.
    with (
        Server(servers.docker) as clear,
        Server(servers.docker, strict) as mutual,
        Server(servers.web) as web,
    ):
        ports = (clear.port, mutual.port, web.port)
        targets = [f"127.0.0.1:{port}" for port in ports for _ in range(20)]
        report = probe(targets, settings=ProbeSettings(answer_timeout=10, concurrency=16))
    expected = dict(
        zip(ports, (Verdict.API_IN_CLEAR_TEXT, Verdict.MUTUAL_TLS, Verdict.NOT_DOCKER), strict=True)
    )
    assert {(port.endpoint.port, port.verdict) for port in report.ports} == set(expected.items())
    assert report.counts.total() == 60


def test_what_cannot_be_tried_is_no_result() -> None:
    # A broadcast address has no connections.
    report = probe(["127.255.255.255:2376"], settings=QUICK)
    assert only(report).verdict is Verdict.UNCHECKED
    assert report.status is Exit.NOT_CHECKED


def test_no_more_than_it_says_at_once_nor_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    # Without loopback's exemption.
    monkeypatch.setattr("aws_docker.audit.wire._is_local", lambda address: False)
    started = time.monotonic()
    report = probe(["127.0.9.0/26"], ports=[1], settings=ProbeSettings(rate=100))
    assert report.counts == {Verdict.CLOSED: 64}
    assert time.monotonic() - started > 0.5


class TestBundles:
    def test_an_incomplete_one(self, tmp_path: Path) -> None:
        with pytest.raises(
            InvalidInput, match=r"has no ca\.pem; name a folder that `aws-docker bundle` wrote"
        ):
            probe(["127.0.0.1"], tmp_path)

    def test_a_key_of_another(self, authorities: Authorities, bundle: Path) -> None:
        (bundle / "key.pem").write_text(authorities.server.key_pem)
        with pytest.raises(
            InvalidInput, match=r"cannot be used with its key; give a certificate and its own key"
        ):
            probe(["127.0.0.1"], bundle)

    def test_an_encrypted_key(self, authorities: Authorities, bundle: Path) -> None:
        (bundle / "key.pem").write_text(authorities.client.encrypted_key_pem)
        with pytest.raises(InvalidInput, match=r"unencrypted"):
            probe(["127.0.0.1"], bundle)

    def test_no_authority(self, bundle: Path) -> None:
        (bundle / "ca.pem").write_text("nothing")
        with pytest.raises(InvalidInput, match=r"ca: .* holds no certificate"):
            probe(["127.0.0.1"], bundle)
