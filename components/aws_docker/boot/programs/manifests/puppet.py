"""Reads Puppet manifests that stand in the user-data: resources whose parameters are literals.

puppetlabs-docker: class docker's tcp_bind, socket_bind, tls_*, extra_parameters; docker::run.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...formats import yamltree
from ...formats.cloudconfig import items
from ...listeners.containers import Container, docker_run
from ...machine.state import UNKNOWN
from ...shell.port import Scope
from .acts import Act, Daemon, EditLines, Install, Run, RunContainer, Start, WriteFile

_TOKEN = re.compile(
    r"""\s+|\#[^\n]*|/\*.*?\*/|'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<arrow>=>)"""
    r"""|@\("?(?P<tag>\w+)[^)]*\)[^\n]*\n(?P<heredoc>.*?)\n\s*\|?\s*-?\s*(?P=tag)|(?P<word>(?:::)?[\w$](?:[\w.$]|::)*)|(?P<mark>[{}\[\],;:=])|.""",
    re.S,
)
_MOST: Final = 5_000


def read(scope: Scope, argv: list[str], text: str) -> Iterator[Act]:
    """What a manifest does."""
    variables = {found[1]: found[2] for found in re.finditer(r"\$(\w+)\s*=\s*['\"]([^'\"$]*)['\"]", text)}
    declared = False
    for kind, title, given in _resources(text, variables):
        declared = declared or (kind == "class" and title == "docker")
        yield from _resource(kind, title, given)
    if not declared and re.search(
        r"(?m)^\s*(?:include|contain|require|class)\s*\(?\s*['\"]?(?:::)?docker\b", text
    ):
        yield _docker(_hiera(scope))


def _resources(text: str, variables: Mapping[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    tokens = [found for found in _TOKEN.finditer(text[:100_000]) if found.lastgroup][:_MOST]
    at = 0
    while at + 2 < len(tokens):
        word = tokens[at]["word"]
        if not word or tokens[at + 1]["mark"] != "{":
            at += 1
            continue
        at += 2
        while at < len(tokens):
            title, after = _value(tokens, at, variables)
            if after >= len(tokens) or tokens[after]["mark"] != ":":
                break
            given, at = _parameters(tokens, after + 1, variables)
            for each in items(title):
                yield word.lower().lstrip(":"), str(each), given
            if at < len(tokens) and tokens[at]["mark"] == ";":
                at += 1
            else:
                break


def _parameters(
    tokens: list[re.Match[str]], at: int, variables: Mapping[str, str]
) -> tuple[dict[str, Any], int]:
    given: dict[str, Any] = {}
    while at + 1 < len(tokens) and tokens[at]["mark"] not in ("}", ";"):
        if tokens[at + 1]["arrow"]:
            given[_text(tokens[at], variables)], after = _value(tokens, at + 2, variables)
            at = max(after, at + 1)
        else:
            at += 1
    return given, at


def _value(
    tokens: list[re.Match[str]], at: int, variables: Mapping[str, str], depth: int = 0
) -> tuple[Any, int]:
    if at >= len(tokens) or depth > 20:
        return UNKNOWN, at + 1
    mark = tokens[at]["mark"]
    if mark == "[":
        values: list[Any] = []
        at += 1
        while at < len(tokens) and tokens[at]["mark"] != "]":
            if tokens[at]["mark"] == ",":
                at += 1
                continue
            value, at = _value(tokens, at, variables, depth + 1)
            values.append(value)
        return values, at + 1
    if mark == "{":
        given, at = _parameters(tokens, at + 1, variables)
        return given, at + 1
    return _text(tokens[at], variables), at + 1


def _text(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found["single"] is not None:
        return re.sub(r"\\(['\\])", r"\1", found["single"])
    if found["double"] is not None:
        text = re.sub(r"\\(.)", lambda each: {"n": "\n", "t": "\t"}.get(each[1], each[1]), found["double"])
        return re.sub(r"\$\{?(?:::)?(\w+)\}?", lambda each: variables.get(each[1], UNKNOWN), text)
    if found["heredoc"] is not None:
        return found["heredoc"] + "\n"
    word = found["word"] or ""
    return variables.get(word[1:], UNKNOWN) if word.startswith("$") else word


def _resource(kind: str, title: str, given: Mapping[str, Any]) -> Iterator[Act]:
    def text(key: str, default: str = "") -> str:
        value = given.get(key)
        return "".join(str(each) for each in items(value)) if value is not None else default

    match kind:
        case "class" if title.lstrip(":") == "docker":
            yield _docker(given)
        case "file" if "content" in given:
            yield WriteFile(text("path", title), text("content"))
        case "file" if "source" in given and text("ensure") != "directory":
            yield WriteFile(text("path", title), UNKNOWN)
        case "file" if text("ensure") == "absent":
            yield Run(["rm", "-rf", text("path", title)])
        case "file_line":
            yield EditLines(text("path"), text("match"), text("line"))
        case "ini_setting":
            line = f"{text('setting')}={text('value')}"
            yield EditLines(text("path"), f"^{re.escape(text('setting'))}=", line, text("section"))
        case "exec":
            yield Run(text("command", title))
        case "package":
            yield Install([text("name", title)])
        case "service":
            yield Start(text("name", title))
        case "docker::run":
            words: list[str] = [word for port in items(given.get("ports")) for word in ("-p", str(port))]
            words += [word for each in items(given.get("volumes")) for word in ("-v", str(each))]
            words += [word for each in items(given.get("env")) for word in ("-e", str(each))]
            words += [word for each in items(given.get("extra_parameters")) for word in str(each).split()]
            words += ["--net=" + text("net")] if "net" in given else []
            container: Container = docker_run([*words, text("image"), *text("command").split()])
            yield RunContainer(container)
        case _:
            pass


def _docker(given: Mapping[str, Any]) -> Daemon:
    """dockerd as the class starts it (templates/etc/systemd/system/docker.service.d)."""

    def on(key: str, default: bool) -> bool:
        return str(given.get(key, default)).lower() == "true"

    argv = ["dockerd"]
    for bind in items(given.get("tcp_bind")):
        argv += ["-H", str(bind)] if str(bind) not in ("undef", "") else []
    argv += ["-H", str(given.get("socket_bind", "unix:///var/run/docker.sock"))]
    if on("tls_enable", False):
        argv.append("--tlsverify" if on("tls_verify", True) else "--tls")
        for key, path in (("tlscacert", "ca.pem"), ("tlscert", "cert.pem"), ("tlskey", "key.pem")):
            argv.append(f"--{key}={given.get('tls_' + key[3:], '/etc/docker/tls/' + path)}")
    argv += [word for each in items(given.get("extra_parameters")) for word in str(each).split()]
    return Daemon(argv)


def _hiera(scope: Scope) -> dict[str, Any]:
    """What Hiera's files in the user-data give the class."""
    found: dict[str, Any] = {}
    for path, content in scope.world.files.items():
        if path.endswith((".yaml", ".yml")) and "docker::" in content.text:
            tree = yamltree.mapping(yamltree.load(content.text))
            found |= {
                key.removeprefix("docker::"): value
                for key, value in tree.items()
                if key.startswith("docker::")
            }
    return found
