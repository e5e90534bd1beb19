"""Start-up documents: listeners, keys and the metadata service, in every kind of resource and every encoding."""

import base64
import gzip
from collections.abc import Callable
from typing import Any

import pytest
from pulumi_policy import EnforcementLevel, Secret

from aws_docker.host import userdata
from aws_docker.policy import (
    docker_instance_metadata,
    docker_no_secret_in_user_data,
    docker_no_unauthenticated_listener,
    rules,
)
from aws_docker.policy.testing import UNKNOWN, analyze, remediate
from tests.policy.corpus import (
    KEY,
    METADATA,
    NO_LISTENER,
    NO_SECRET,
    Case,
    documents,
    encoded,
    gzipped,
    machine_harmless,
    machine_violations,
)

INSTANCE = "aws:ec2/instance:Instance"
OPEN = "#!/bin/sh\nyum install -y docker\ndockerd -H tcp://0.0.0.0:2376 --tlscacert /a --tlscert /b --tlskey /c\n"
SAFE = {"httpTokens": "required", "httpPutResponseHopLimit": 1}


TOKEN = "SWMTKN-1-49nj1cmql0jkz5s954yi3oex3nedyz0fb0xx14ie39trti4wxv-8vxv8rssmk743ojnwacrr2e7c"
"""Of Docker's own documentation ("docker swarm join-token")."""


@pytest.mark.parametrize("held", [str, encoded, gzipped], ids=["plain", "base64", "gzip"])
def test_a_swarms_token_is_a_secret_and_one_that_is_fetched_is_none(held: Callable[[str], str]) -> None:
    join = "#!/bin/sh\nyum install -y docker\nsystemctl start docker\ndocker swarm join --token {} 10.0.1.10:2377\n"
    properties = {"ami": "ami-1", "metadataOptions": SAFE}
    caught = analyze(rules(), INSTANCE, {**properties, "userDataBase64": held(join.format(TOKEN))})
    assert [(each.policy, each.level) for each in caught.violations] == [(NO_SECRET, "mandatory")]
    assert not any(piece in caught.text for piece in TOKEN.split("-")[2:])
    fetched = join.format(
        "$(aws ssm get-parameter --name /swarm/worker --query Parameter.Value --output text)"
    )
    assert not analyze(rules(), INSTANCE, {**properties, "userDataBase64": held(fetched)}).violations


@pytest.mark.parametrize("case", machine_violations(), ids=lambda case: case.name)
def test_a_dangerous_machine_is_a_violation(case: Case) -> None:
    outcome = analyze(rules(), case.type, case.properties)
    assert {each.policy for each in outcome.violations} == case.policies, outcome.text


@pytest.mark.parametrize("case", machine_harmless(), ids=lambda case: case.name)
def test_a_harmless_machine_passes(case: Case) -> None:
    assert analyze(rules(), case.type, case.properties).text == ""


@pytest.mark.parametrize("encode", [str, encoded, gzipped], ids=["plain", "base64", "gzip"])
def test_messages_name_the_place_and_never_repeat_the_document(encode: Any) -> None:
    document = f"#!/bin/sh\nPASSWORD=correct-horse-battery\ncat > /key <<EOF\n{KEY}\nEOF\n{OPEN}"
    outcome = analyze(rules(), INSTANCE, {"userData": Secret(encode(document))})
    assert {each.policy for each in outcome.violations} == {NO_LISTENER, NO_SECRET, METADATA}
    assert "sha256" in outcome.text
    assert "2376" in outcome.text
    for secret in ("correct-horse", *KEY.splitlines()[1:-1]):
        assert secret not in outcome.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_loopback_is_safe_with_tlsverify_and_not_beside_it(host: str) -> None:
    """The form of a tunnel. Without client certificates every process and every forwarded port of the host is root."""
    start = f"#!/bin/sh\nyum install -y docker\ndockerd -H fd:// -H tcp://{host}:2376"
    certificates = "--tlscacert /a --tlscert /b --tlskey /c"

    def said(options: str) -> set[str]:
        properties = {"userData": f"{start} {options}\n", "metadataOptions": SAFE}
        return {each.policy for each in analyze(rules(), INSTANCE, properties).violations}

    assert said(f"--tlsverify {certificates}") == set()
    for neighbour in (certificates, f"--tlsverify=false {certificates}", ""):
        assert said(neighbour) == {NO_LISTENER}, neighbour


def test_our_own_host_with_a_tunnel_passes() -> None:
    text = userdata.user_data("amazon-linux-2023", parameter="build-configuration")
    data = base64.b64encode(userdata.compressed(text)).decode()
    properties = {"userDataBase64": data, "metadataOptions": SAFE}
    assert analyze(rules(), INSTANCE, properties).text == ""


def test_an_unknown_document_is_said_to_be_unknown_and_hides_nothing_else() -> None:
    outcome = analyze(rules(), INSTANCE, {"userData": UNKNOWN, "userDataBase64": encoded(OPEN)})
    assert {each.policy for each in outcome.at("mandatory")} == {NO_LISTENER, METADATA}
    assert {each.policy for each in outcome.at("advisory")} >= {NO_LISTENER, NO_SECRET}
    assert "userData is not known yet" in outcome.text


def test_an_unknown_document_says_nothing_of_metadata_that_is_as_it_should_be() -> None:
    outcome = analyze(docker_instance_metadata, INSTANCE, {"userData": UNKNOWN, "metadataOptions": SAFE})
    assert outcome.violations == ()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(base64.b64encode(bytes(range(256))).decode(), id="binary"),
        pytest.param(base64.b64encode(gzip.compress(OPEN.encode())[:-9]).decode(), id="cut-gzip"),
        pytest.param(gzipped("A" * 50_000_000), id="gzip-bomb"),
        pytest.param("#!/bin/sh\n" + "true\n" * 500_000, id="oversized"),
        pytest.param("#cloud-config\n" + "[" * 3000, id="deep"),
    ],
)
def test_what_cannot_be_read_is_neither_a_crash_nor_a_pass(document: str) -> None:
    policies = [docker_no_unauthenticated_listener, docker_no_secret_in_user_data]
    outcome = analyze(policies, INSTANCE, {"userData": document})
    assert {each.policy for each in outcome.at("mandatory")} == {NO_LISTENER, NO_SECRET}
    assert "could not evaluate" in outcome.text


_INCLUDE = "#include\nhttps://example.org/boot.sh\n"
_WITH_DOCKER = """Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/x-include-url

https://example.org/boot.sh
--b
Content-Type: text/x-shellscript

#!/bin/sh
apt-get install -y docker.io
--b--
"""


def test_what_is_included_counts_by_what_the_document_has_to_do_with_docker() -> None:
    policies = [docker_no_unauthenticated_listener, docker_no_secret_in_user_data]
    outcome = analyze(policies, INSTANCE, {"userData": _INCLUDE})
    assert {(each.policy, each.level) for each in outcome.violations} == {
        (NO_LISTENER, "advisory"),
        (NO_SECRET, "advisory"),
    }
    raised = analyze(policies, INSTANCE, {"userData": _INCLUDE}, config={"unrelatedToDocker": "mandatory"})
    assert {each.policy for each in raised.at("mandatory")} == {NO_LISTENER, NO_SECRET}
    assert "could not evaluate" in raised.text
    with_docker = analyze(policies, INSTANCE, {"userData": _WITH_DOCKER})
    assert {each.policy for each in with_docker.at("mandatory")} == {NO_LISTENER, NO_SECRET}


def test_what_cannot_be_evaluated_can_be_made_advisory_and_is_never_silent() -> None:
    config = {"couldNotEvaluate": "advisory"}
    outcome = analyze(docker_no_unauthenticated_listener, INSTANCE, {"userData": _WITH_DOCKER}, config=config)
    assert [each.level for each in outcome.violations] == ["advisory"]
    assert "includes" in outcome.text


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (None, "httpTokens"),
        ({}, "httpTokens"),
        ({"httpTokens": "optional", "httpPutResponseHopLimit": 1}, "'optional'"),
        ({"httpTokens": "required"}, "images set 2"),
        ({"httpTokens": "required", "httpPutResponseHopLimit": 2}, "is 2"),
        ({"httpTokens": "required", "httpPutResponseHopLimit": "64"}, "is 64"),
        ([{"httpTokens": "optional"}], "'optional'"),
    ],
)
def test_metadata_that_containers_reach_is_a_violation(options: Any, word: str) -> None:
    properties = {"userData": documents()["apt"], "metadataOptions": options}
    outcome = analyze(docker_instance_metadata, INSTANCE, properties)
    assert outcome.at("mandatory")
    assert word in outcome.text


@pytest.mark.parametrize(
    "options",
    [SAFE, [SAFE], {"httpTokens": "required", "httpPutResponseHopLimit": "1"}, {"httpEndpoint": "disabled"}],
)
def test_metadata_that_containers_do_not_reach_passes(options: Any) -> None:
    properties = {"userData": documents()["apt"], "metadataOptions": options}
    assert analyze(docker_instance_metadata, INSTANCE, properties).violations == ()


def test_one_unknown_metadata_option_hides_no_other() -> None:
    options = {"httpTokens": UNKNOWN, "httpPutResponseHopLimit": 5}
    properties = {"userData": documents()["apt"], "metadataOptions": options}
    outcome = analyze(docker_instance_metadata, INSTANCE, properties)
    assert "is 5" in outcome.at("mandatory")[0].message
    assert "httpTokens is not known yet" in outcome.at("advisory")[0].message


def test_remediation_requires_imdsv2_and_keeps_secrets_secret() -> None:
    properties = {
        "userData": Secret(OPEN),
        "ami": UNKNOWN,
        "metadataOptions": {"instanceMetadataTags": "enabled"},
    }
    changed = remediate(docker_instance_metadata, INSTANCE, properties)
    assert changed is not None
    assert changed["metadataOptions"] == {"instanceMetadataTags": "enabled", **SAFE}
    assert isinstance(changed["userData"], Secret)
    assert changed["ami"] == UNKNOWN
    after = analyze(docker_instance_metadata, INSTANCE, {**changed, "userData": OPEN})
    assert after.violations == ()


@pytest.mark.parametrize("options", [SAFE, UNKNOWN, {"httpTokens": UNKNOWN}, {"httpEndpoint": "disabled"}])
def test_remediation_leaves_alone_what_is_right_or_not_known(options: Any) -> None:
    assert (
        remediate(docker_instance_metadata, INSTANCE, {"userData": OPEN, "metadataOptions": options}) is None
    )


def test_a_violation_that_remediation_cannot_mend_is_mandatory() -> None:
    outcome = analyze(
        docker_instance_metadata, INSTANCE, {"userData": OPEN}, level=EnforcementLevel.REMEDIATE
    )
    assert [each.level for each in outcome.violations] == ["mandatory"] * 2
