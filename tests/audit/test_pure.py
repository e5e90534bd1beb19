"""Verdicts, targets and answers without a wire: whatever comes in, something sensible comes out."""

import datetime
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_docker.audit.conversations import (
    PATHS,
    Answer,
    Conversation,
    End,
    PortFacts,
    Question,
    State,
    next_question,
)
from aws_docker.audit.exchange import MOST_BYTES, HttpClient, NoHttp
from aws_docker.audit.targets import Endpoint, count_addresses, every_endpoint, parse_target
from aws_docker.audit.tls import first_certificate
from aws_docker.audit.verdicts import Verdict, judge_port
from aws_docker.core.errors import InvalidInput

HERE = Endpoint("10.0.0.1", 2376, "10.0.0.1")
_ANSWERS = st.none() | st.builds(
    Answer,
    st.sampled_from([200, 400, 403, 500]),
    st.dictionaries(
        st.sampled_from(["server", "api-version", "x"]),
        st.sampled_from(["Docker/1 (linux)", "nginx", "1.41"]),
    ),
    st.binary(max_size=60) | st.just(b'{"Version": 7, "ApiVersion": {}}') | st.just(b"HTTPS"),
    st.booleans(),
)
_CONVERSATIONS = st.builds(
    Conversation,
    st.sampled_from(Question),
    st.sampled_from(End),
    st.sampled_from(
        ["", "TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE", "20 no issuer"]
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, "TLSv1", "TLSv1.3"]),
    st.none() | st.binary(max_size=30),
    _ANSWERS,
    _ANSWERS,
)


@settings(deadline=None)
@given(st.lists(_CONVERSATIONS, max_size=4), st.booleans())
def test_every_conversation_has_a_verdict(said: list[Conversation], bundle: bool) -> None:
    judged = judge_port(PortFacts(HERE, State.OPEN, "", tuple(said)), bundle=bundle)
    first = (Question.CLEAR, Question.TLS)
    api = [c for c in said if c.question in first and c.ping is not None and "api-version" in c.ping.headers]
    last = {c.question: c for c in said}
    if judged.verdict in (Verdict.API_IN_CLEAR_TEXT, Verdict.API_WITHOUT_CLIENT_CERTIFICATE):
        # Open is only what answered.
        assert any(c.ping is not None for c in said)
        assert judged.findings
    elif any(last[c.question] is c for c in api):
        pytest.fail(f"an API answered, and the verdict is {judged.verdict}")


@settings(deadline=None)
@given(st.sampled_from([2375, 2376, 4243]), st.lists(_CONVERSATIONS, max_size=6), st.booleans())
def test_questions_come_to_an_end(port: int, answers: list[Conversation], verify: bool) -> None:
    said: list[Conversation] = []
    for answer in itertools.chain(answers, itertools.repeat(Conversation(Question.TLS, End.SILENT))):
        question = next_question(port, said, verify)
        if question is None:
            break
        assert sum(each.question is question for each in said) < len(PATHS[question])
        said.append(Conversation(question, answer.end, handshake=answer.handshake, ping=answer.ping))
    # Both ways, at the most.
    assert len(said) <= 3 + 2 * len(PATHS[Question.PAST_A_FILTER])


@pytest.mark.parametrize(
    ("port", "first"), [(2375, Question.CLEAR), (2376, Question.TLS), (4243, Question.TLS)]
)
def test_the_ports_custom_comes_first(port: int, first: Question) -> None:
    assert next_question(port, [], False) is first


def test_a_handshake_alone_proves_nothing() -> None:
    said = Conversation(Question.TLS, End.SILENT, handshake=True, tls_version="TLSv1.3")
    assert judge_port(PortFacts(HERE, State.OPEN, "", (said,))).verdict is Verdict.UNCLEAR


def test_an_old_tls_is_found() -> None:
    said = Conversation(Question.TLS, End.ALERT, "X_ALERT_BAD_CERTIFICATE", True, True, "TLSv1.1")
    judged = judge_port(PortFacts(HERE, State.OPEN, "", (said,)))
    assert (judged.verdict, [f.kind for f in judged.findings]) == (Verdict.MUTUAL_TLS, ["old-tls"])


def test_what_a_stranger_says_is_short_and_plain() -> None:
    body = b'{"Version": "\\u001b[31m' + b"x" * 100 + b'", "ApiVersion": "1.41"}'
    said = Conversation(
        Question.CLEAR, End.ANSWERED, ping=Answer(200, {}, b"OK"), version=Answer(200, {}, body)
    )
    judged = judge_port(PortFacts(HERE, State.OPEN, "", (said,)), now=datetime.datetime.now(datetime.UTC))
    assert judged.engine == "[31m" + "x" * 36


def heard(came: bytes, *cuts: int) -> Answer | str | None:
    """What is made of these bytes, cut into pieces, and the end of the connection."""
    client = HttpClient()
    assert client.ask("/_ping").startswith(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n")
    places = sorted({0, len(came), *(cut % (len(came) + 1) for cut in cuts)})
    try:
        for first, last in itertools.pairwise(places):
            if first < last and (answer := client.hear(came[first:last])) is not None:
                return answer
        return client.hear(b"")
    except NoHttp as error:
        return "malformed" if str(error) else "no HTTP"


@settings(deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_read_as_an_answer_or_not(came: bytes, cuts: list[int]) -> None:
    for each in (
        came,
        b"HTTP/1.1 200 OK\r\n" + came,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + came,
    ):
        whole = heard(each)
        assert whole is not None or each == b""
        in_pieces = heard(each, *cuts)
        # Where the head is whole, however it came, the answer's head is the same.
        if isinstance(whole, Answer) and isinstance(in_pieces, Answer):
            assert (whole.status, whole.headers) == (in_pieces.status, in_pieces.headers)
        elif not isinstance(in_pieces, Answer):
            assert not isinstance(whole, Answer)


@pytest.mark.parametrize(
    ("came", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", Answer(200, {"content-length": "2"}, b"OK")),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", Answer(204, {}, b"")),
        (b"HTTP/1.0 400 Bad\r\n\r\nto an HTTPS server", Answer(400, {}, b"to an HTTPS server")),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nOK",
            Answer(200, {"content-length": "9"}, b"OK", False),
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nOK", "malformed"),
        (b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MOST_BYTES, "malformed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 4_000, "malformed"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "no HTTP"),
    ],
)
def test_answers(came: bytes, answer: Answer | str) -> None:
    found = heard(came)
    assert found == answer
    assert heard(came, *range(0, len(came), 1 + len(came) // 7)) == answer


def test_an_endless_answer_is_cut() -> None:
    head = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: chunked\r\n\r\n"
    for chunk in (b"1;" + b"e" * 1_000 + b"\r\nx\r\n", b"4000\r\n" + b"x" * 0x4000 + b"\r\n"):
        client = HttpClient()
        client.ask("/_ping")
        answers = (client.hear(piece) for piece in itertools.chain([head], itertools.repeat(chunk, 100)))
        answer = next(each for each in answers if each is not None)
        assert (answer.headers["api-version"], answer.ended) == ("1.41", False)
        assert len(answer.body) <= MOST_BYTES


def test_http_that_cannot_be_read_is_never_no_docker() -> None:
    # A server that answers so may be anything: it is not checked, rather than called harmless.
    conversation = Conversation(Question.CLEAR, End.MALFORMED, "bad header")
    judged = judge_port(PortFacts(HERE, State.OPEN, "", (conversation,)))
    assert (judged.verdict, judged.evidence) == (Verdict.UNCLEAR, "it speaks HTTP that cannot be read")


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([0x0303, 0x0304]))
def test_any_bytes_are_read_as_a_certificate_or_not(message: bytes, version: int) -> None:
    first_certificate(message, version)


@pytest.mark.parametrize(
    ("text", "endpoints"),
    [
        ("10.0.0.1", ["10.0.0.1:2375", "10.0.0.1:2376"]),
        ("10.0.0.0/31:2376", ["10.0.0.0:2376", "10.0.0.1:2376"]),
        ("tcp://10.0.0.1:2377", ["10.0.0.1:2377"]),
        ("https://10.0.0.1:2377/", ["10.0.0.1:2377"]),
        ("2001:db8::1", ["[2001:db8::1]:2375", "[2001:db8::1]:2376"]),
        ("[2001:db8::1]:9", ["[2001:db8::1]:9"]),
        ("2001:db8::/127", [f"[2001:db8::{host}]:{port}" for host in ("", "1") for port in (2375, 2376)]),
    ],
)
def test_targets(text: str, endpoints: list[str]) -> None:
    assert [str(each) for each in every_endpoint([parse_target(text)])] == endpoints


def test_targets_are_made_as_they_are_asked_for() -> None:
    target = parse_target("2001:db8::/32")
    assert count_addresses([target]) == 2**96
    assert str(next(every_endpoint([target]))) == "[2001:db8::]:2375"


def test_a_name_is_kept_for_the_certificate() -> None:
    assert {each.name for each in every_endpoint([parse_target("localhost:2376")])} == {"localhost"}


@pytest.mark.parametrize("text", ["", "10.0.0.300", "10.0.0.1/33", "10.0.0.1:x", "ftp://10.0.0.1", "[::1]x"])
def test_what_is_no_target(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^target: "):
        parse_target(text)
