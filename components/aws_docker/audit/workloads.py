"""Decides what the documents of Systems Manager and the task definitions of ECS in a region make of Docker. Pure.

documents.py and containers.py say what they run, aws_docker.boot what that exposes. Which addresses reach it is not
decided: a document may be sent to any instance, and a task may run on any of a cluster.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..boot import judge
from ..core.checks import Severity
from ..core.dockerd import Listener
from .containers import container_scripts
from .documents import OF_AWS, Parameters, Scripts, of_aws_document, of_document
from .exposures import without_tls
from .findings import Closing, Finding, Unchecked
from .wording import holds, listens


@dataclass(frozen=True, slots=True)
class Document:
    """A document of Systems Manager that is the account's own, or is used by an association of it."""

    name: str
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Association:
    """An order to run a document on instances, again and again."""

    id: str
    document: str
    parameters: Parameters = field(repr=False)


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """A task definition of ECS: the newest of its family, or one of which tasks run."""

    arn: str
    newest: bool
    running: int
    """How many tasks run of it."""
    task: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Workloads:
    """What may start Docker in a region besides user-data."""

    account: str
    region: str
    partition: str
    documents: tuple[Document, ...] = ()
    associations: tuple[Association, ...] = ()
    tasks: tuple[TaskDefinition, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedWorkload:
    """What one of them makes of Docker."""

    kind: str
    """document, association or task-definition."""
    arn: str
    runs_docker: bool
    unsafe: tuple[tuple[str, Listener], ...]
    """Listeners that ask no client for a certificate, and where they are configured."""
    private_keys: tuple[str, ...]
    unread: tuple[str, ...]
    """What could not be read, a clause each."""
    what: str
    """It, for people."""
    swarm_keys: tuple[str, ...] = ()
    """Where a Swarm's join tokens and unlock keys stand."""

    def findings(self) -> Iterator[Finding]:
        """What is not as it should be."""
        if self.unsafe:
            kind = "task-without-tls" if self.kind == "task-definition" else "document-without-tls"
            message = f"{self.what} starts a Docker API that asks no client for a certificate."
            evidence = tuple(listens(where, listener) for where, listener in self.unsafe)
            yield Finding(kind, Severity.MEDIUM, self.arn, message, evidence=evidence, close=(_CLOSE[kind],))
        if self.private_keys or self.swarm_keys:
            message, places = holds(self.what, self.private_keys, self.swarm_keys)
            yield Finding("private-key-in-document", Severity.MEDIUM, self.arn, message, evidence=places)

    def unchecked(self) -> Iterator[Unchecked]:
        """What of it is not known."""
        for clause in self.unread:
            yield Unchecked(self.arn, f"{clause}.")


_CLOSE: Final = {
    "document-without-tls": Closing(
        "start dockerd with --tlsverify, --tlscacert, --tlscert and --tlskey beside -H (docs/how-it-works.md)"
    ),
    "task-without-tls": Closing(
        "publish no port of the container that serves Docker's API, or let it ask for certificates"
    ),
}


def judge_workloads(workloads: Workloads) -> list[JudgedWorkload]:
    """Every document, association and task definition."""
    return [*_documents(workloads), *_associations(workloads), *_tasks(workloads)]


def _documents(workloads: Workloads) -> Iterator[JudgedWorkload]:
    for document in workloads.documents:
        arn = _arn(workloads, f"document/{document.name}") if ":" not in document.name else document.name
        yield _judged("document", arn, f"Document {document.name}", of_document(document.content))


def _associations(workloads: Workloads) -> Iterator[JudgedWorkload]:
    known = {document.name: document for document in workloads.documents}
    for association in workloads.associations:
        name = association.document
        if OF_AWS.fullmatch(name):
            scripts = of_aws_document(name, association.parameters)
        elif name in known and association.parameters:
            scripts = of_document(known[name].content, association.parameters)
        else:
            continue  # the document is judged itself, or could not be read, which is said
        arn = _arn(workloads, f"association/{association.id}")
        yield _judged("association", arn, f"Association {association.id} of {name}", scripts)


def _tasks(workloads: Workloads) -> Iterator[JudgedWorkload]:
    for task in workloads.tasks:
        name = task.arn.rpartition("/")[2]
        running = f", of which {task.running} run," if task.running else ""
        # A family's finding is the same from revision to revision.
        arn = task.arn.rpartition(":")[0] if task.newest else task.arn
        judgements = [(name, judge(script)) for name, script in container_scripts(task.task)]
        yield JudgedWorkload(
            "task-definition",
            arn,
            any(judged.runs_docker for _, judged in judgements),
            tuple(
                (f"container {name}", listener)
                for name, judged in judgements
                for _, listener in without_tls(judged)
            ),
            tuple(f"container {name}" for name, judged in judgements if judged.private_keys),
            tuple(f"container {name}: {each}" for name, judged in judgements for each in judged.unread),
            f"Task definition {name}{running}",
            tuple(f"container {name}" for name, judged in judgements if judged.swarm_keys),
        )


def _judged(kind: str, arn: str, what: str, scripts: Scripts) -> JudgedWorkload:
    judgements = [judge(text) for text in scripts.texts()]
    return JudgedWorkload(
        kind,
        arn,
        any(judged.runs_docker for judged in judgements),
        _once(found for judged in judgements for found in without_tls(judged)),
        _once(where for judged in judgements for where in judged.private_keys),
        _once([*scripts.unread, *(each for judged in judgements for each in judged.unread)]),
        what,
        _once(where for judged in judgements for where in judged.swarm_keys),
    )


def _once(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(found))


def _arn(workloads: Workloads, resource: str) -> str:
    return f"arn:{workloads.partition}:ssm:{workloads.region}:{workloads.account}:{resource}"
