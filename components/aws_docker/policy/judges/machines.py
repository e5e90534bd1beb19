"""Judges what machines run, at first boot or later, by `boot`: listeners, keys, and whether Docker runs there at all.

A document may hold secrets, so findings name the place in it, the port and a digest, and repeat nothing.
"""

import hashlib
from collections.abc import Iterator

from ...boot import BootJudgement, judge
from ...core.dockerd import Access, Listener
from ..findings import Certainty, Finding, doubtful, violation
from ..reading.facts import Facts, Machine, UserData
from ..reading.values import About


def documents(machine: Machine) -> Iterator[tuple[UserData, BootJudgement]]:
    """The documents of a machine that are known. `boot` remembers what several policies ask about."""
    for document in machine.user_data:
        if document.text is not None:
            yield document, judge(document.text)


def runs_docker(machine: Machine) -> bool:
    """Whether a machine is known to run Docker."""
    return any(judged.runs_docker for _, judged in documents(machine))


def in_swarm(machine: Machine) -> bool:
    """Whether a machine is known to make a Docker Swarm, or to join one."""
    return any(judged.in_swarm for _, judged in documents(machine))


def listener_findings(facts: Facts) -> Iterator[Finding]:
    """Every listener of dockerd that asks no certificate of a client, and what could not be read."""
    for machine in facts.machines:
        for document, judged in documents(machine):
            for found in judged.listeners:
                if not found.listener.safe:
                    place = _place(document) + (f", {found.where}" if document.has_lines else "")
                    yield listener_finding(place, found.listener)
            yield from _unread(document, judged)
        yield from _unknown(machine, "it may make dockerd listen without asking for client certificates")
    yield from doubtful(
        [*facts.unread_machines, *facts.unread_documents],
        ", so dockerd may listen without asking for client certificates",
    )


def _unread(document: UserData, judged: BootJudgement) -> Iterator[Finding]:
    """What of a document could not be read: where it has nothing to do with Docker, in one sentence."""
    elsewhere = list(map(str, document.elsewhere))
    unrelated = [sentence for sentence in judged.unread if not sentence.concerns_docker]
    for sentence in judged.unread:
        if sentence.concerns_docker:
            yield Finding(Certainty.UNREADABLE, f"{_place(document)}: {sentence}")
    if judged.runs_docker:
        yield from (
            Finding(Certainty.UNREADABLE, f"{_place(document)}: {sentence}") for sentence in elsewhere
        )
    elif unrelated := [*unrelated, *elsewhere]:
        more = f" (and {len(unrelated) - 1} more)" if len(unrelated) > 1 else ""
        yield Finding(Certainty.UNRELATED, f"{_place(document)}: {unrelated[0]}{more}")


def secret_findings(facts: Facts) -> Iterator[Finding]:
    """Every private key, and every key of a Swarm, in a start-up document."""
    for machine in facts.machines:
        for document, judged in documents(machine):
            if document.readers is None:
                continue
            for where in judged.private_keys:
                place = _place(document) + (f", {where}," if document.has_lines else "")
                yield violation(
                    f"{place} holds a private key, which {document.readers} can read; deliver it by Parameter Store "
                    "instead"
                )
            for where in judged.swarm_keys:
                place = _place(document) + (f", {where}," if document.has_lines else "")
                yield violation(
                    f"{place} holds a Swarm's join token or unlock key, which {document.readers} can read, and with a "
                    "manager's token is root on every member; deliver it by Parameter Store instead, and make a new "
                    "one (docker swarm join-token --rotate)"
                )
            concerned = {each for each in judged.unread if each.concerns_docker}
            for sentence in judged.undecoded:
                certainty = Certainty.UNREADABLE if sentence in concerned else Certainty.UNRELATED
                yield Finding(certainty, f"{_place(document)}: {sentence}, so it may hold a private key")
        yield from _unknown(machine, "it may hold a private key", of_commands=False)
    yield from doubtful([*facts.unread_machines, *facts.unread_documents], ", so it may hold a private key")


def metadata_findings(facts: Facts) -> Iterator[Finding]:
    """Every machine that runs Docker and whose metadata service answers containers, or asks for no token."""
    for machine in facts.machines:
        lacking = _lacking(machine)
        if not lacking:
            continue
        if runs_docker(machine):
            yield from lacking
        else:
            yield from _unknown(machine, "it may run Docker, and " + "; ".join(each.text for each in lacking))
    yield from doubtful(facts.unread_machines, ", so it may run Docker with an open metadata service")


def _unknown(machine: Machine, consequence: str, of_commands: bool = True) -> Iterator[Finding]:
    documents = [each for each in machine.user_data if of_commands or each.readers is not None]
    return doubtful([each.doubt for each in documents if each.doubt], f": {consequence}")


def _lacking(machine: Machine) -> list[Finding]:
    """What the metadata settings of a machine lack; nothing where they are as they should be."""
    options = machine.metadata
    if options is None or options.disabled:
        return []
    if not options.supported:
        return [
            violation(
                f"{machine.where or 'the resource'} cannot require IMDSv2 of its instances; describe them in a "
                "launch template with metadataOptions"
            )
        ]
    if options.inherited:
        text = f"{options.inherited} decides on the metadata service, and is judged where it is made"
        return [Finding(Certainty.NOT_YET, text)]
    lacking: list[Finding] = []
    unknown = {doubt.about for doubt in options.doubts}
    if options.tokens != "required" and About.TOKENS not in unknown:
        said = f"is {options.tokens!r}" if options.tokens else "is not set"
        lacking.append(
            violation(
                f"{options.where}.httpTokens {said}: without IMDSv2, one forged request reads the role's keys"
            )
        )
    if options.hop_limit not in (1, 1.0, "1") and About.HOP_LIMIT not in unknown:
        said = "is not set, and images set 2" if options.hop_limit is None else f"is {options.hop_limit:.9}"
        lacking.append(
            violation(
                f"{options.where}.httpPutResponseHopLimit {said}: with more than 1, containers read the role's keys"
            )
        )
    return lacking + list(doubtful(options.doubts, ": the metadata service may answer containers"))


def listener_finding(place: str, listener: Listener) -> Finding:
    at = "a port that cannot be read" if listener.port is None else f"port {listener.port}"
    if listener.access is Access.UNREADABLE:
        return Finding(Certainty.UNREADABLE, f"{place}: dockerd may listen on {at}: {listener.reason}")
    what = f"TCP {at}, on {listener.binding.value}" if listener.kind == "tcp" else f"a {listener.kind} socket"
    return violation(
        f"{place}: the Docker API is served on {what}, to whoever connects ({listener.access.value}): "
        f"{listener.reason}. Start dockerd with --tlsverify, --tlscacert, --tlscert and --tlskey, or with its Unix "
        "socket alone"
    )


def _place(document: UserData) -> str:
    digest = hashlib.sha256((document.text or "").encode("utf-8", "surrogatepass")).hexdigest()
    return f"{document.where} (sha256 {digest[:12]})"
