"""What a Python program in user-data writes and starts, as far as its literals tell.

Read with `ast`, never run. Strings that are computed are not followed; a program that concerns Docker and yields
nothing is said to be unread.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, Final, cast

from .. import own
from ..formats.encodings import Undecodable, as_text, unbase64
from ..machine.state import UNKNOWN
from ..shell.port import Scope

_NAME = re.compile(r"(?:python|pypy)[\d.]{0,6}")
_RUNS: Final = frozenset(
    (
        "run",
        "call",
        "check_call",
        "check_output",
        "Popen",
        "system",
        "popen",
        "execv",
        "execvp",
        "execl",
        "execlp",
        "execve",
        "getoutput",
        "spawn",
    )
)
_LONGEST: Final = 100_000
_DEEPEST: Final = 60
_CONCERNS = re.compile(r"dockerd|daemon\.json|docker\.sock|tcp://", re.I)


def interprets(name: str) -> bool:
    """Whether a program of this name runs Python."""
    return _NAME.fullmatch(name) is not None


def follow(scope: Scope, text: str) -> None:
    """Follows the literals of a program: files that it writes, and commands that it runs."""
    if own.is_agent(text) or own.opens_nothing(text):
        return  # listeners/dockerd.py knows what they do
    found = _Found(scope)
    concerns = _CONCERNS.search(text)
    if concerns or re.search(r"subprocess|os\.|exec|eval", text):
        tree = _tree(text)
        if tree is not None:
            found.look(tree)
    if concerns and not found.anything:
        scope.note("a Python program concerns Docker and cannot be followed")


def _tree(text: str) -> ast.Module | None:
    # Deep nesting overflows the parser's and our own stack.
    if len(text) > _LONGEST or sum(map(text.count, "([{")) > 20_000 or re.search(r"[(\[{\-~]{40}", text):
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Found:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.values: dict[str, Any] = {}
        self.opened: dict[str, ast.Call] = {}
        self.written: set[int] = set()
        self.anything = False

    def look(self, tree: ast.Module) -> None:
        daemon: dict[str, Any] = {}
        path = ""
        for node in _nodes(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                self.assign(node.targets[0], self.value(node.value), daemon)
            elif isinstance(node, ast.Dict):
                value = self.value(node)
                options = cast(dict[str, Any], value) if isinstance(value, dict) else {}
                if {"hosts", "tls", "tlsverify", "tlscacert"} & set(options):
                    daemon |= options
            elif (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value.endswith("daemon.json")
            ):
                path = node.value
            elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                self.grow(node.target, self.value(node.value))
            elif isinstance(node, ast.withitem):
                if isinstance(node.optional_vars, ast.Name) and isinstance(node.context_expr, ast.Call):
                    self.opened[node.optional_vars.id] = node.context_expr
            elif isinstance(node, ast.Call):
                self.call(node)
        if daemon and path:
            self.anything = True
            self.scope.write(
                path if "/" in path else "/etc/docker/daemon.json", json.dumps(daemon, default=str)
            )

    def follows(self, text: str) -> None:
        self.anything = self.anything or _CONCERNS.search(text) is not None

    def assign(self, target: ast.expr, value: Any, daemon: dict[str, Any]) -> None:
        if isinstance(target, ast.Name):
            self.values[target.id] = value
        elif isinstance(target, ast.Subscript):
            key = self.value(target.slice)
            if isinstance(key, str) and (key == "hosts" or key.startswith("tls")):
                daemon[key] = value

    def grow(self, target: ast.expr, added: Any) -> None:
        """Adds to a list or a text that a name holds."""
        old = self.values.get(target.id) if isinstance(target, ast.Name) else None
        if isinstance(target, ast.Name) and isinstance(old, list):
            more = cast(list[Any], added) if isinstance(added, list) else [None]
            self.values[target.id] = [*cast(list[Any], old), *more][:1_000]
        elif isinstance(target, ast.Name) and isinstance(old, str):
            self.values[target.id] = old + (added if isinstance(added, str) else UNKNOWN)

    def call(self, node: ast.Call) -> None:
        function = node.func
        name = (
            function.attr
            if isinstance(function, ast.Attribute)
            else function.id
            if isinstance(function, ast.Name)
            else ""
        )
        if name in ("append", "extend", "insert") and isinstance(function, ast.Attribute) and node.args:
            value = self.value(node.args[-1])
            self.grow(function.value, value if name == "extend" else [value])
        elif name in ("exec", "eval") and isinstance(function, ast.Name) and node.args:
            text = self.value(node.args[0])
            if isinstance(text, str | bytes) and self.scope.depth < 9:
                self.scope.depth += 1
                follow(self.scope, as_text(text) if isinstance(text, bytes) else text)
                self.scope.depth -= 1
            else:
                self.scope.note("a Python program runs code that it computes", elsewhere=True)
        elif name in _RUNS and node.args:
            value: Any = self.value(node.args[0])
            if name.startswith(("execl", "spawn")) or (name.startswith("execv") and len(node.args) > 1):
                rest: list[Any] = [self.value(each) for each in node.args[1:]]
                value = cast(list[Any], rest[0]) if len(rest) == 1 and isinstance(rest[0], list) else rest
            if isinstance(value, str):
                self.follows(value)
                self.scope.inner(value)
            elif value is None:
                self.scope.note("a Python program runs a command that it computes", elsewhere=True)
            elif isinstance(value, list) and value:
                words = [UNKNOWN if word is None else str(word) for word in cast(list[Any], value)]
                self.follows(" ".join(words))
                self.scope.command(words, None)
        elif name in ("write_text", "write") and isinstance(function, ast.Attribute) and node.args:
            text, place = self.value(node.args[0]), function.value
            if isinstance(place, ast.Name):
                place = self.opened.get(place.id, place)
            if isinstance(place, ast.Call) and place.args:
                path = self.value(place.args[0])
                mode = self.value(place.args[1]) if len(place.args) > 1 else "w"
                if isinstance(path, str) and isinstance(text, str):
                    self.follows(path + text)
                    again = id(place) in self.written
                    self.written.add(id(place))
                    self.scope.write(path, text, append=again or (isinstance(mode, str) and "a" in mode))

    def decoded(self, value: Any) -> bytes | None:
        try:
            return unbase64(value.encode() if isinstance(value, str) else value) if value else None
        except (Undecodable, TypeError, UnicodeEncodeError):
            return None

    def element(self, node: ast.expr) -> list[Any]:
        """What an element adds to its list: several, where it is unpacked."""
        if isinstance(node, ast.Starred):
            inner = self.value(node.value)
            return cast(list[Any], inner) if isinstance(inner, list) else [None]
        return [self.value(node)]

    def value(self, node: ast.AST) -> Any:
        """A literal's value; None for what is computed."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.values.get(node.id)
            case ast.List() | ast.Tuple():
                return [text for each in node.elts for text in self.element(each)]
            case ast.Call(func=ast.Attribute(attr="join", value=ast.Constant(value=str() as glue))) if (
                node.args
            ):
                parts = self.value(node.args[0])
                words = cast(list[Any], parts) if isinstance(parts, list) else [None]
                return glue.join(UNKNOWN if word is None else str(word) for word in words)
            case ast.Dict():
                return {
                    str(self.value(key)): self.value(value)
                    for key, value in zip(node.keys, node.values, strict=True)
                    if key
                }
            case ast.BinOp(op=ast.Add()):
                left, right = self.value(node.left), self.value(node.right)
                try:
                    return left + right if len(left) + len(right) < 10_000 else None
                except TypeError:
                    return None
            case ast.JoinedStr():
                parts = [self.value(each) for each in node.values]
                return "".join(UNKNOWN if part is None else str(part) for part in parts)
            case ast.FormattedValue():
                return self.value(node.value)
            case ast.Call(func=ast.Attribute(attr="dumps")) if node.args:
                value = self.value(node.args[0])
                return json.dumps(value, default=str) if value is not None else None
            case ast.Call(func=ast.Attribute(attr="b64decode" | "standard_b64decode")) if node.args:
                return self.decoded(self.value(node.args[0]))
            case ast.Call(func=ast.Attribute(attr="decode" | "encode" | "strip", value=inner)):
                value = self.value(inner)
                return as_text(value) if isinstance(value, bytes) else value
            case ast.Call(func=ast.Attribute(attr="split", value=ast.Constant(value=str() as text))):
                return text.split()
            case _:
                return None


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    # In the order of the text, unlike ast.walk; not deeper than is sensible.
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node
        if depth < _DEEPEST:
            waiting += [(child, depth + 1) for child in reversed(list(ast.iter_child_nodes(node)))]
