"""Reads Chef recipes that stand in the user-data: resources whose properties are literals.

sous-chefs/docker: docker_service's host, tls_*, misc_opts; docker_container.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ...listeners.containers import docker_run
from ...machine.state import UNKNOWN
from ...shell.port import Scope
from .acts import Act, Daemon, Install, Run, RunContainer, Start, WriteFile

_RESOURCE = re.compile(
    r"(?m)^[ \t]*(\w+)[ \t(]+(?:'([^'\n]*)'|\"([^\"\n]*)\"|%w\[([^\]]*)\])[ \t)]*(do|\{)?[ \t]*(?:#[^\n]*)?$"
)
_HEREDOC = re.compile(r"<<[-~]?['\"]?(\w+)['\"]?[^\n]*\n(.*?)\n[ \t]*\1\b", re.S)
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_MOST: Final = 200


def read(scope: Scope, argv: list[str], text: str) -> Iterator[Act]:
    """What a recipe does."""
    for number, found in enumerate(_RESOURCE.finditer(text[:100_000])):
        if number >= _MOST:
            return
        title = found[2] or found[3] or found[4] or ""
        body = ""
        if found[5]:
            indent = re.match(r"[ \t]*", found[0])
            close = re.compile(rf"(?m)^{indent[0] if indent else ''}(?:end\b|\}})")
            end = close.search(text, found.end())
            body = text[found.end() : end.start() if end else found.end() + 4_000]
        yield from _resource(found[1], title, body)


def _values(body: str) -> dict[str, list[str]]:
    """The properties of a resource: the texts in each."""
    values: dict[str, list[str]] = {}
    documents = {found[0]: found[2] + "\n" for found in _HEREDOC.finditer(body)}
    for whole, inside in documents.items():
        line = body[: body.index(whole)].rpartition("\n")[2]
        values[line.strip().partition(" ")[0].rstrip("(")] = [inside]
        body = body.replace(whole, "''")
    for line in re.sub(r",\s*\n\s*|\[\s*\n\s*", lambda found: found[0].strip() + " ", body).splitlines():
        name, _, rest = line.strip().partition(" ")
        if not re.fullmatch(r"\w+", name) or name in values:
            continue
        texts = [_text(found) for found in _STRING.finditer(rest)]
        listed = re.search(r"%w\[([^\]]*)\]", rest)
        values[name] = texts or (listed[1].split() if listed else [rest.strip()])
    return values


def _text(found: re.Match[str]) -> str:
    if found[1] is not None:
        return re.sub(r"\\(['\\])", r"\1", found[1])
    text = re.sub(r"\\(.)", lambda each: {"n": "\n", "t": "\t"}.get(each[1], each[1]), found[2])
    return re.sub(r"#\{[^}]*\}", UNKNOWN, text)


def _resource(kind: str, title: str, body: str) -> Iterator[Act]:
    values = _values(body)

    def text(key: str, default: str = "") -> str:
        return "".join(values.get(key, [default]))

    match kind:
        case "docker_service" | "docker_service_manager" | "docker_service_manager_systemd":
            yield _docker(values)
        case "docker_installation" | "docker_installation_package" | "docker_installation_script":
            yield Install(["docker-ce"])
        case "file" if "content" in values:
            yield WriteFile(text("path", title), text("content"))
        case "template" | "cookbook_file" | "remote_file":
            yield WriteFile(text("path", title), UNKNOWN)
        case "execute":
            yield Run(text("command", title))
        case "bash" | "script" | "sh":
            yield Run(text("code"))
        case "package" | "apt_package" | "yum_package" | "dnf_package":
            yield Install(values.get("package_name") or title.split() or [title])
        case "service" | "systemd_unit":
            if "content" in values:
                yield WriteFile(f"/etc/systemd/system/{title}", text("content"))
            yield Start(text("service_name", title))
        case "docker_container":
            words = [word for port in values.get("port", []) for word in ("-p", port)]
            words += [word for each in values.get("volumes", []) for word in ("-v", each)]
            words += [word for each in values.get("env", []) for word in ("-e", each)]
            words += [f"--net={text('network_mode')}"] if "network_mode" in values else []
            image = text("repo", title) + (":" + text("tag") if "tag" in values else "")
            yield RunContainer(docker_run([*words, image, *text("command").split()]))
        case _:
            pass


def _docker(values: Mapping[str, list[str]]) -> Daemon:
    argv = ["dockerd"]
    for host in values.get("host", []):
        argv += ["-H", host]
    for name, flag in (
        ("tls_ca_cert", "tlscacert"),
        ("tls_server_cert", "tlscert"),
        ("tls_server_key", "tlskey"),
    ):
        argv += [f"--{flag}={value}" for value in values.get(name, [])]
    for name, flag in (("tls", "tls"), ("tls_verify", "tlsverify")):
        argv += [f"--{flag}={value}" for value in values.get(name, []) if value in ("true", "false")]
    argv += [word for each in values.get("misc_opts", []) for word in each.split()]
    return Daemon(argv)
