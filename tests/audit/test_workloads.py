"""Documents of Systems Manager and task definitions of ECS: what is found in them, beside harmless neighbours."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_docker.audit.documents import of_document
from aws_docker.audit.workloads import (
    Association,
    Document,
    JudgedWorkload,
    TaskDefinition,
    Workloads,
    judge_workloads,
)

OPEN = "dockerd -H tcp://0.0.0.0:2375"
SAFE = "dockerd -H tcp://10.0.5.10:2376 --tlsverify --tlscacert /a --tlscert /b --tlskey /c"


def shell(*commands: str, **more: Any) -> dict[str, Any]:
    step = {"action": "aws:runShellScript", "name": "s", "inputs": {"runCommand": list(commands)}}
    return {"schemaVersion": "2.2", "mainSteps": [step], **more}


def judged(content: Any, **given: list[str]) -> JudgedWorkload:
    """A document, or, with parameters, the association that gives them to it."""
    text = content if isinstance(content, str) else json.dumps(content)
    associations = (Association("a-1", "d", given),) if given else ()
    found = judge_workloads(Workloads("1", "eu-central-1", "aws", (Document("d", text),), associations))
    return found[-1]


def listeners(found: JudgedWorkload) -> list[str]:
    return [str(listener) for _, listener in found.unsafe]


def step(action: str, /, **inputs: Any) -> dict[str, Any]:
    return {"schemaVersion": "2.2", "mainSteps": [{"action": action, "name": "s", "inputs": inputs}]}


DOCUMENTS: list[tuple[Any, list[str]]] = [
    (shell(OPEN), ["tcp://0.0.0.0:2375"]),
    (shell(SAFE), []),
    (shell("apt-get update", "echo tcp://0.0.0.0:2375"), []),
    (yaml.safe_dump(shell(OPEN)), ["tcp://0.0.0.0:2375"]),
    # Steps are one after the other on one machine.
    (
        {
            "schemaVersion": "2.2",
            "mainSteps": [
                *shell('echo \'{"hosts": ["tcp://0.0.0.0:2375"]}\' > /etc/docker/daemon.json')["mainSteps"],
                *shell("systemctl restart docker")["mainSteps"],
            ],
        },
        ["tcp://0.0.0.0:2375"],
    ),
    (
        {
            "schemaVersion": "1.2",
            "runtimeConfig": {"aws:runShellScript": {"properties": [{"id": "0", "runCommand": [OPEN]}]}},
        },
        ["tcp://0.0.0.0:2375"],
    ),
    (step("aws:runPowerShellScript", runCommand=[OPEN]), ["tcp://0.0.0.0:2375"]),
    (step("aws:runPowerShellScript", runCommand=[SAFE]), []),
    (
        step("aws:runCommand", DocumentName="AWS-RunShellScript", Parameters={"commands": [OPEN]}),
        ["tcp://0.0.0.0:2375"],
    ),
    (step("aws:runInstances", ImageId="i", UserData=f"#!/bin/sh\n{OPEN}\n"), ["tcp://0.0.0.0:2375"]),
    (
        step(
            "aws:runDockerAction",
            action="Run",
            image="alpine/socat",
            publish="2375:2375",
            volume=["/var/run/docker.sock:/var/run/docker.sock"],
            cmd="tcp-listen:2375,fork unix-connect:/var/run/docker.sock",
        ),
        ["tcp://0.0.0.0:2375"],
    ),
    (step("aws:runDockerAction", action="Run", image="nginx", publish="80:80"), []),
    (step("aws:runDockerAction", action="Stop", image="docker:dind", publish="2375:2375"), []),
    (step("aws:executeScript", Runtime="python3.11", Handler="h", Script=OPEN), []),
    # Parameters: their defaults, and what is given instead.
    (
        shell("dockerd -H {{ where }}", parameters={"where": {"default": "tcp://0.0.0.0:2375"}}),
        ["tcp://0.0.0.0:2375"],
    ),
    (shell("dockerd -H {{ where }}", parameters={"where": {"default": "unix:///run/docker.sock"}}), []),
]


@pytest.mark.parametrize(("content", "found"), DOCUMENTS)
def test_documents(content: Any, found: list[str]) -> None:
    assert listeners(judged(content)) == found
    assert [each.kind for each in judged(content).findings()] == (["document-without-tls"] if found else [])


def test_what_an_association_gives_is_what_runs() -> None:
    document = shell("dockerd -H {{ where }}", parameters={"where": {"default": "unix:///run/docker.sock"}})
    found = judged(document, where=["tcp://0.0.0.0:2375"])
    assert (found.kind, listeners(found)) == ("association", ["tcp://0.0.0.0:2375"])
    assert found.arn == "arn:aws:ssm:eu-central-1:1:association/a-1"


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("AWS-RunShellScript", {"commands": [OPEN]}, ["tcp://0.0.0.0:2375"]),
        ("AWS-RunShellScript", {"commands": [SAFE]}, []),
        (
            "arn:aws:ssm:eu-central-1::document/AWS-RunPowerShellScript",
            {"commands": [OPEN]},
            ["tcp://0.0.0.0:2375"],
        ),
        ("AWS-UpdateSSMAgent", {}, []),
        ("AmazonCloudWatch-ManageAgent", {"action": ["configure"]}, []),
    ],
)
def test_associations_of_aws_own_documents(name: str, given: dict[str, list[str]], found: list[str]) -> None:
    workloads = Workloads("1", "eu-central-1", "aws", (), (Association("a-1", name, given),))
    (association,) = judge_workloads(workloads)
    assert listeners(association) == found
    assert not association.unread


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1]", "neither a JSON nor a YAML map"),
        ("{", "neither a JSON nor a YAML map"),
        ("a: &a [*a", "neither a JSON nor a YAML map"),
        (step("aws:downloadContent", sourceType="S3"), "aws:downloadContent runs what stands elsewhere"),
        (
            step("aws:runCommand", DocumentName="AWS-RunRemoteScript", Parameters={}),
            "AWS-RunRemoteScript runs what stands elsewhere",
        ),
        (shell("#" * 300_000, OPEN), "it runs more than can be read"),
        (shell("curl -s https://get.example.com | sh", OPEN), "a script that is not in the user-data is run"),
    ],
)
def test_what_cannot_be_read_is_unchecked(content: Any, says: str) -> None:
    found = judged(content)
    reasons = [each.reason for each in found.unchecked()]
    assert any(says in reason for reason in reasons)
    assert {each.subject for each in found.unchecked()} == {"arn:aws:ssm:eu-central-1:1:document/d"}


def test_a_private_key_in_a_document_is_found_and_not_shown() -> None:
    from lab.hosts import certs

    key = certs.authority("a").key_pem
    found = judged(shell("cat > /k <<E", *key.splitlines(), "E"))
    (finding,) = found.findings()
    assert finding.kind == "private-key-in-document"
    assert key.splitlines()[1] not in repr(found) + repr(finding)


@settings(deadline=None, max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "mainSteps",
                        "action",
                        "inputs",
                        "runCommand",
                        "parameters",
                        "runtimeConfig",
                        "properties",
                        "default",
                    ]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_any_document_is_read_or_said_to_be_unread(document: Any) -> None:
    of_document(json.dumps(document))
    of_document(yaml.safe_dump(document))


# --- ECS -----------------------------------------------------------------------------------------------------------


def task(container: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"containerDefinitions": [{"name": "c", **container}], "networkMode": "bridge", **more}


def judged_task(described: dict[str, Any], *, newest: bool = True, running: int = 0) -> JudgedWorkload:
    arn = "arn:aws:ecs:eu-central-1:1:task-definition/build:7"
    tasks = (TaskDefinition(arn, newest, running, described),)
    (found,) = judge_workloads(Workloads("1", "eu-central-1", "aws", tasks=tasks))
    return found


SOCKET = {"volumes": [{"name": "s", "host": {"sourcePath": "/var/run/docker.sock"}}]}
MOUNT = {"mountPoints": [{"sourceVolume": "s", "containerPath": "/var/run/docker.sock"}]}
PUBLISHED = {"portMappings": [{"containerPort": 2375, "hostPort": 2375, "protocol": "tcp"}]}
PLAIN = {"environment": [{"name": "DOCKER_TLS_CERTDIR", "value": ""}]}
RELAY = {"image": "alpine/socat", "command": ["tcp-listen:2375,fork", "unix:/var/run/docker.sock"]}
TASKS: list[tuple[dict[str, Any], bool]] = [
    (task({"image": "docker:27-dind", "privileged": True, **PLAIN, **PUBLISHED}), True),
    (task({"image": "docker:27-dind", "privileged": True, **PLAIN}), False),
    (task({"image": "docker:27-dind", "privileged": True, **PLAIN}, networkMode="host"), True),
    (task({"image": "docker:27-dind", "privileged": True, **PLAIN}, networkMode="awsvpc"), True),
    (
        task(
            {
                "image": "alpine/socat",
                **RELAY,
                **MOUNT,
                **PUBLISHED,
            },
            **SOCKET,
        ),
        True,
    ),
    (
        task(
            {
                "image": "alpine/socat",
                **RELAY,
                **MOUNT,
            },
            networkMode="host",
            **SOCKET,
        ),
        True,
    ),
    (task({"image": "tecnativa/docker-socket-proxy", **MOUNT, **PUBLISHED}, **SOCKET), True),
    (task({"image": "datadog/agent", **MOUNT}, **SOCKET), False),
    (task({"image": "nginx", "portMappings": [{"containerPort": 80, "hostPort": 8080}]}), False),
    # Nothing there can be a daemon, or have one's socket.
    (task({"image": "docker:27-dind", **PLAIN, **PUBLISHED}, requiresCompatibilities=["FARGATE"]), False),
    (
        task({"image": "docker:27-dind", **PLAIN, **PUBLISHED}, requiresCompatibilities=["EC2", "FARGATE"]),
        True,
    ),
]


@pytest.mark.parametrize(("described", "found"), TASKS)
def test_task_definitions(described: dict[str, Any], found: bool) -> None:
    kinds = [each.kind for each in judged_task(described).findings()]
    assert kinds == (["task-without-tls"] if found else [])


def test_a_task_is_named_by_its_family_and_by_its_revision_where_an_older_one_runs() -> None:
    described = TASKS[0][0]
    (finding,) = judged_task(described).findings()
    assert finding.subject == "arn:aws:ecs:eu-central-1:1:task-definition/build"
    assert finding.message.startswith("Task definition build:7 starts a Docker API")
    assert finding.evidence[0].of == "container c"
    (finding,) = judged_task(described, newest=False, running=3).findings()
    assert finding.subject == "arn:aws:ecs:eu-central-1:1:task-definition/build:7"
    assert finding.message.startswith("Task definition build:7, of which 3 run, starts a Docker API")
