"""Reads PowerShell: what variables hold, which files are written, and which command lines are run or registered. Pure.

Branches are taken all, one after the other; loops' bodies once. What cmdlets compute is UNKNOWN.

One file, since a grammar's rules all call one another.
"""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, cast

from .state import UNKNOWN, names

_TOKEN = re.compile(
    r"""(?P<here>@"\r?\n(?P<herebody>.*?)\r?\n\s*"@|@'\r?\n(?P<rawbody>.*?)\r?\n\s*'@)|(?P<comment><\#.*?\#>|\#[^\n]*)"""
    r"""|(?P<string>"(?:[^"`]|`.|"")*"|'(?:[^']|'')*')|(?P<variable>\$(?:\w+:)?\w+|\$\{[^}]*\}|\$\?)"""
    r"""|(?P<open>\$\(|@\(|@\{|\(|\{|\[)|(?P<close>[)}\]])|(?P<newline>\r?\n|;)|(?P<space>(?:`\r?\n|[ \t])+)"""
    r"""|(?P<pipe>\|\|?)|(?P<assign>[-+]?=)|(?P<comma>,)|(?P<plus>\+)|(?P<word>(?:[^\s"'$(){}\[\];|,=+`@\#]|`.|(?<=\w)[=+\#@](?=\S))+)|(?P<other>.)""",
    re.S,
)
_KEYWORDS: Final = names(
    "if elseif else foreach for while do until try catch finally switch function process begin end param"
)
_NAMING: Final = names("catch switch function for")
_AUTOMATIC: Final = {"true": True, "false": False, "null": None, "env:programdata": "C:/ProgramData"}
_MOST: Final = 20_000
_DEEPEST: Final = 40


@dataclass(slots=True)
class Token:
    kind: str
    text: str
    line: int
    spaced: bool
    """Whether space stands before it."""


@dataclass(slots=True)
class Effects:
    """What a script does, as far as it is read."""

    files: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    """Files that it writes, and in which line."""
    commands: list[tuple[list[str], int]] = field(default_factory=list[tuple[list[str], int]])
    """Programs with their words, and what is registered as a service's command line."""


def effects(text: str) -> Effects:
    """What a script does."""
    reader = _Reader(text)
    with suppress(RecursionError):
        while reader.at < len(reader.tokens):
            reader.block()
            reader.at += 1  # a bracket that nothing opened
    return reader.effects


def _tokens(text: str) -> list[Token]:
    found: list[Token] = []
    line, spaced = 1, True
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        kind = "here" if match["here"] else kind
        if kind == "space" or kind == "comment":
            spaced = True
        elif len(found) < _MOST:
            found.append(Token(kind, match[0], line, spaced))
            spaced = kind == "newline"
        line += match[0].count("\n")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0
        self.depth = 0
        self.variables: dict[str, Any] = dict(_AUTOMATIC)
        self.effects = Effects()

    # --- Statements ---

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def is_(self, kind: str, text: str = "") -> bool:
        token = self.peek()
        return token is not None and token.kind == kind and (not text or token.text.lower() == text)

    def block(self) -> Any:
        """Statements up to a closing bracket; what the last of them gives."""
        self.depth += 1
        value: Any = None
        while (token := self.peek()) is not None and self.depth < _DEEPEST:
            if token.kind == "close":
                break
            if token.kind in ("newline", "pipe", "comma"):
                self.at += 1
                continue
            before = self.at
            value = self.statement()
            if self.at == before:
                self.at += 1
        self.depth -= 1
        return value

    def statement(self) -> Any:
        token = self.peek()
        assert token is not None  # noqa: S101 - the caller looked
        keyword = token.text.lower() if token.kind == "word" else ""
        if keyword in _KEYWORDS:
            self.at += 1
            if keyword == "function":
                self.at += 1
            return self.bodies(keyword)
        start = self.at
        target = self.target()
        if target and self.is_("assign"):
            operator = self.tokens[self.at].text
            self.at += 1
            while self.is_("newline"):
                self.at += 1
            value = self.statement() if self.peek() else None
            self.assign(target, value, operator)
            return None
        self.at = start
        return self.pipeline()

    def bodies(self, keyword: str) -> Any:
        """What follows a keyword: its condition is passed over, its body is read."""
        while (token := self.peek()) is not None:
            if token.kind == "open" and token.text == "(":
                if keyword == "foreach":
                    self.foreach()
                else:
                    self.skip()
            elif token.kind == "open" and token.text == "{":
                self.at += 1
                value = self.block()
                self.at += self.is_("close")
                return value
            elif token.kind == "newline" or (
                token.kind == "word" and keyword in ("catch", "switch", "function", "for")
            ):
                self.at += 1
            elif token.kind == "open" and token.text == "[":
                self.skip()
            else:
                return None
        return None

    def foreach(self) -> None:
        self.at += 1
        token = self.peek()
        if token is not None and token.kind == "variable":
            self.variables[_name(token.text)] = UNKNOWN
        depth = 1
        while (token := self.peek()) is not None and depth:
            depth += (token.kind == "open") - (token.kind == "close")
            self.at += 1

    def skip(self) -> None:
        """Goes past a bracket."""
        depth = 0
        while (token := self.peek()) is not None:
            depth += (token.kind == "open") - (token.kind == "close")
            self.at += 1
            if depth <= 0:
                return

    def target(self) -> list[str]:
        """What may be assigned to: a variable and its properties; nothing where none stands here."""
        token = self.peek()
        while token is not None and token.kind == "open" and token.text == "[":
            self.skip()  # a type
            token = self.peek()
        if token is None or token.kind != "variable":
            return []
        self.at += 1
        path = [_name(token.text)]
        while (token := self.peek()) is not None and not token.spaced:
            if token.kind == "word" and token.text.startswith("."):
                path += [part for part in token.text[1:].split(".") if part]
                self.at += 1
            elif token.kind == "open" and token.text == "[":
                self.at += 1
                path.append(str(self.expression()))
                self.at += self.is_("close")
            else:
                break
        return path

    def assign(self, path: list[str], value: Any, operator: str) -> None:
        if len(path) == 1:
            old = self.variables.get(path[0])
            self.variables[path[0]] = _sum(old, value) if operator == "+=" else value
            return
        place = _table(self.variables.get(path[0]))
        if place is None:
            place = self.variables[path[0]] = dict[str, Any]()
        for key in path[1:-1]:
            inner = _table(_get(place, key))
            if inner is None:
                inner = dict[str, Any]()
                _set(place, key, inner)
            place = inner
        _set(place, path[-1], _sum(_get(place, path[-1]), value) if operator == "+=" else value)

    # --- Pipelines and commands ---

    def pipeline(self) -> Any:
        value = self.command(None)
        while self.is_("pipe"):
            self.at += 1
            while self.is_("newline"):
                self.at += 1
            value = self.command(value)
        return value

    def command(self, given: Any) -> Any:
        token = self.peek()
        if token is None or token.kind in ("close", "newline", "pipe"):
            return given
        line = token.line
        if token.kind == "word" and token.text in ("&", "."):
            self.at += 1
            name = self.argument()
            return self.cmdlet(str(name), given, line)
        if token.kind == "word" and not re.fullmatch(r"-?\d+(?:\.\d+)?", token.text):
            self.at += 1
            return self.cmdlet(token.text.replace("`", ""), given, line)
        return self.expression()

    def cmdlet(self, name: str, given: Any, line: int) -> Any:
        """Reads a command's words, and does what it does."""
        words: list[Any] = []
        options: dict[str, Any] = {}
        flag = ""
        target: Any = None
        while (token := self.peek()) is not None and token.kind not in ("newline", "pipe", "close"):
            if (
                token.kind == "word"
                and re.fullmatch(r"-[A-Za-z]\w*:?", token.text)
                and not given_program(name)
            ):
                flag = token.text.strip("-:").lower()
                options[flag] = True
                self.at += 1
                continue
            if token.kind == "word" and re.fullmatch(r"[12*]?>>?", token.text):
                self.at += 1
                target = self.argument()
                continue
            value = self.argument()
            if flag and flag not in _SWITCHES:
                options[flag] = value
            else:
                words.append(value)
            flag = ""
        result = self.does(name.rpartition("\\")[2].lower(), words, options, given, line)
        if target is not None:
            self.write(target, result if result is not None else given, line)
        return result

    def does(self, name: str, words: list[Any], options: Mapping[str, Any], given: Any, line: int) -> Any:
        def option(*names: str, at: int = -1) -> Any:
            for full in names:
                for flag, value in options.items():
                    if full.startswith(flag):
                        return value
            return words[at] if 0 <= at < len(words) else None

        match name:
            case "set-content" | "out-file" | "add-content" | "sc" if name != "sc" or given is not None:
                path = option("path", "filepath", "literalpath", at=0)
                value = option("value", "inputobject", at=1)
                self.write(path, given if value is None else value, line, append=name == "add-content")
            case "new-item":
                if (value := option("value")) is not None:
                    parts = [str(part) for part in (option("path", at=0), option("name")) if part]
                    self.write("/".join(parts), value, line)
            case "get-content" | "gc" | "cat" | "type":
                return self.read(option("path", "literalpath", at=0))
            case "convertfrom-json":
                return _parsed(option("inputobject", at=0) if given is None else given)
            case "convertto-json":
                return _dumped(option("inputobject", at=0) if given is None else given)
            case "add-member":
                place = _table(given if given is not None else option("inputobject", at=0))
                members = _table(option("notepropertymembers"))
                if place is not None and members is not None:
                    place.update(members)
                elif place is not None:
                    named = option("name", "notepropertyname") is not None
                    shift = 1 if words and str(words[0]).lower() == "noteproperty" and not named else 0
                    key = option("name", "notepropertyname", at=shift)
                    value = option("value", "notepropertyvalue", at=0 if named else shift + 1)
                    _set(place, str(key), value)
                return place
            case "new-object":
                return _table(option("property")) or dict[str, Any]()
            case "write-output" | "echo":
                return words[0] if len(words) == 1 else words
            case "out-string" | "select-object" | "where-object" | "foreach-object" | "sort-object":
                return given
            case "join-path":
                parts = [option("path", at=0), option("childpath", at=1 if "path" not in options else 0)]
                return "\\".join(str(part) for part in parts)
            case "start-process" | "saps":
                arguments = option("argumentlist", at=1)
                listed = cast(list[Any], arguments) if isinstance(arguments, list) else [arguments or ""]
                self.run(
                    [str(option("filepath", at=0)), *(word for each in listed for word in str(each).split())],
                    line,
                )
            case "new-service" | "set-service":
                self.registered(option("binarypathname", at=1), line)
            case "set-itemproperty" | "new-itemproperty" | "sp":
                if str(option("name", at=1)).lower() == "imagepath":
                    self.registered(option("value", at=2), line)
            case "invoke-cimmethod" | "invoke-wmimethod":
                self.changed(option("arguments", "argumentlist"), line)
            case "cmd" | "cmd.exe" | "powershell" | "powershell.exe" | "pwsh":
                rest = [word for word in words if str(word).lower() not in ("/c", "/s", "/k")]
                self.run(" ".join(str(word) for word in rest).split(), line)
            case "sc.exe" | "sc":
                texts = [str(word) for word in words]
                at = next((at for at, word in enumerate(texts) if word.lower().startswith("binpath=")), None)
                if at is not None:
                    self.registered(texts[at][8:].strip() or " ".join(texts[at + 1 : at + 2]), line)
                self.run(["sc.exe", *texts], line)
            case _:
                flat = [
                    text
                    for word in words
                    for text in (cast(list[Any], word) if isinstance(word, list) else [word])
                ]
                self.run([name, *(str(word) for word in flat), *(f"-{flag}" for flag in options)], line)
                return UNKNOWN if name.endswith(("content", "json")) or "-" in name else None
        return None

    def run(self, words: list[str], line: int) -> None:
        self.effects.commands.append((words, line))

    def registered(self, command: Any, line: int) -> None:
        if isinstance(command, str) and command:
            words = re.findall(r"\"[^\"]*\"|\S+", command.replace('\\"', '"'))
            self.run([str(word).strip('"') for word in words], line)

    def changed(self, arguments: Any, line: int) -> None:
        """A service that is changed by WMI or CIM: the one text that is its command line."""
        values = arguments
        if isinstance(arguments, dict):
            values = list(cast(dict[str, Any], arguments).values())
        for value in cast(list[Any], values) if isinstance(values, list) else [values]:
            if isinstance(value, str) and "dockerd" in value.lower():
                self.registered(value, line)
            elif isinstance(value, str) and re.search(r"(?:^|\s)(?:-H|--host)\b", value):
                self.registered(
                    "dockerd " + value.replace(UNKNOWN, ""), line
                )  # the old command line, and more

    def write(self, path: Any, value: Any, line: int, *, append: bool = False) -> None:
        if not isinstance(path, str):
            return
        text = "\n".join(map(_text, cast(list[Any], value))) if isinstance(value, list) else _text(value)
        key = _path(path)
        old = self.effects.files.get(key, ("", 0))[0] if append else ""
        self.effects.files[key] = ((old + "\n" + text).strip("\n") if old else text, line)

    def read(self, path: Any) -> Any:
        found = self.effects.files.get(_path(str(path)))
        return found[0] if found else UNKNOWN

    # --- Expressions ---

    def expression(self) -> Any:
        value = self.operand()
        while (token := self.peek()) is not None:
            if token.kind == "comma":
                self.at += 1
                while self.is_("newline"):
                    self.at += 1
                listed = _list(value)
                other = self.operand()
                value = [*listed, *_list(other)]
            elif token.kind == "plus":
                self.at += 1
                value = _sum(value, self.operand())
            elif token.kind == "word" and token.text.lower() in _OPERATORS:
                self.at += 1
                value = _OPERATORS[token.text.lower()](value, self.expression())
            else:
                break
        return value

    def argument(self) -> Any:
        """A word of a command: texts that stand together are one."""
        value = self.operand(word=True)
        while (token := self.peek()) is not None:
            if token.kind == "comma":
                self.at += 1
                listed = _list(value)
                other = self.operand(word=True)
                value = [*listed, *_list(other)]
            elif not token.spaced and token.kind in ("word", "variable", "string", "assign", "plus", "other"):
                if token.kind in ("assign", "plus", "other"):
                    self.at += 1
                    value = _text(value) + token.text
                else:
                    value = _text(value) + _text(self.operand(word=True))
            else:
                break
        return value

    def operand(self, *, word: bool = False) -> Any:
        token = self.peek()
        if token is None or token.kind in ("newline", "close", "pipe"):
            return None
        self.at += 1
        value: Any = None
        if token.kind in ("string", "here"):
            value = self.string(token)
        elif token.kind == "variable":
            value = self.variables.get(_name(token.text), UNKNOWN)
        elif token.kind == "word":
            number = re.fullmatch(r"-?\d+", token.text)
            value = int(token.text) if number and not word else token.text.replace("`", "")
        elif token.kind == "open":
            value = self.bracket(token.text)
        return self.members(value)

    def bracket(self, opener: str) -> Any:
        if opener == "[":  # a type: what follows is of it
            self.at -= 1
            name = "".join(token.text for token in self.tokens[self.at : self.at + 8]).lower()
            self.skip()
            return (
                self.static()
                if self.is_("word") and name.startswith(("[system.io", "[io."))
                else self.operand()
            )
        if opener == "@{":
            return self.hash_table()
        self.depth += 1
        value = self.block() if opener != "@(" else self.array()
        self.depth -= 1
        self.at += self.is_("close")
        return value

    def static(self) -> Any:
        """`::WriteAllText(path, text)` and its like."""
        name = self.tokens[self.at].text.strip(":").lower()
        line = self.tokens[self.at].line
        self.at += 1
        given: Any = self.operand() if self.is_("open") else None
        arguments = cast(list[Any], given) if isinstance(given, list) else [given]
        if name in ("writealltext", "writealllines", "appendalltext") and len(arguments) > 1:
            rest: Any = arguments[1] if len(arguments) <= 3 and name != "writealllines" else arguments[1:]
            self.write(arguments[0], rest, line, append=name.startswith("append"))
            return None
        return self.read(arguments[0]) if name.startswith("readall") else UNKNOWN

    def array(self) -> list[Any]:
        values: list[Any] = []
        while (token := self.peek()) is not None and token.kind != "close" and self.depth < _DEEPEST:
            if token.kind in ("newline", "comma", "pipe"):
                self.at += 1
                continue
            before = self.at
            value = self.pipeline()
            values += _list(value)
            if self.at == before:
                self.at += 1
        return values

    def hash_table(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while (token := self.peek()) is not None and token.kind != "close":
            if token.kind in ("newline", "comma"):
                self.at += 1
                continue
            key = self.string(token) if token.kind in ("string", "here") else token.text
            self.at += 1
            if not self.is_("assign"):
                continue
            self.at += 1
            while self.is_("newline"):
                self.at += 1
            values[key] = self.pipeline()
        self.at += self.is_("close")
        return values

    def members(self, value: Any) -> Any:
        """Properties, indices and methods after a value."""
        while (token := self.peek()) is not None and not token.spaced:
            if token.kind == "word" and token.text.startswith("."):
                self.at += 1
                names = [part for part in token.text[1:].split(".") if part]
                for name in names:
                    call = name is names[-1] and self.is_("open", "(") and not self.tokens[self.at].spaced
                    if call:
                        value = self.method(name.lower(), value, token.line)
                    else:
                        value = (
                            _get(cast(dict[str, Any], value), name) if isinstance(value, dict) else UNKNOWN
                        )
            elif token.kind == "open" and token.text == "[":
                self.at += 1
                key = self.expression()
                self.at += self.is_("close")
                value = _get(cast(dict[str, Any], value), str(key)) if isinstance(value, dict) else UNKNOWN
            else:
                break
        return value

    def method(self, name: str, value: Any, line: int) -> Any:
        self.at += 1
        arguments = self.array()
        self.at += self.is_("close")
        match name:
            case "change":
                self.changed(arguments, line)
            case "add" if isinstance(value, dict) and len(arguments) == 2:
                _set(cast(dict[str, Any], value), str(arguments[0]), arguments[1])
            case "add" if isinstance(value, list):
                cast(list[Any], value).extend(arguments)
            case "replace" if isinstance(value, str) and len(arguments) == 2:
                return value.replace(_text(arguments[0]), _text(arguments[1]))
            case "tostring" | "trim":
                return cast(Any, value)
            case _:
                return UNKNOWN
        return None

    def string(self, token: Token) -> str:
        text = token.text
        if text.startswith(("@'", "'")):
            return (
                re.sub(r"^@'\r?\n|\r?\n\s*'@$", "", text) if text[0] == "@" else text[1:-1].replace("''", "'")
            )
        text = (
            re.sub(r"^@\"\r?\n|\r?\n\s*\"@$", "", text) if text[0] == "@" else text[1:-1].replace('""', '"')
        )
        text = re.sub(r"`(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)

        def put_in(found: re.Match[str]) -> str:
            if found[1]:
                inner = _Reader(found[1])
                inner.variables, inner.depth = self.variables, self.depth + 1
                return _text(inner.block()) if self.depth < _DEEPEST else UNKNOWN
            return _text(self.variables.get(_name(found[0]), UNKNOWN))

        return re.sub(r"\$\(([^()]*)\)|\$\{[^}]*\}|\$(?:\w+:)?\w+", put_in, text).replace("\ue002", "$")


_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "", "$": "\ue002"}
_SWITCHES: Final = names(
    "force raw passthru nonewline wait compress asarray confirm append noclobber verbose"
)
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "-join": lambda one, other: _text(other).join(map(_text, _list(one))),
    "-f": lambda one, other: _format(_text(one), _list(other)),
    "-replace": lambda one, other: _replaced(_text(one), _list(other)),
}


def _list(value: Any) -> list[Any]:
    """A value as a list: what is none is one of its own."""
    return cast(list[Any], value) if isinstance(value, list) else [value]


def _table(value: Any) -> dict[str, Any] | None:
    """A value as a hash table or object, None where it is something else."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else None


def given_program(name: str) -> bool:
    """Whether a name is a program's, whose flags are words of its own; cmdlets' are options."""
    return "-" not in name.rpartition("\\")[2] or name.lower().endswith(".exe")


def _replaced(text: str, values: list[Any]) -> str:
    old, new = _text(values[0] if values else ""), _text(values[1] if len(values) > 1 else "")
    return text.replace(re.sub(r"\\(.)", r"\1", old), new)


def _format(text: str, values: list[Any]) -> str:
    return re.sub(
        r"\{(\d{1,2})(?::[^}]*)?\}",
        lambda found: _text(values[int(found[1])]) if int(found[1]) < len(values) else UNKNOWN,
        text,
    )


def _name(text: str) -> str:
    name = text.lstrip("$").strip("{}").lower()
    return re.sub(r"^(?:global|script|local|private|using):", "", name)


def _get(place: Mapping[str, Any], key: str) -> Any:
    return next((value for name, value in place.items() if name.lower() == key.lower()), None)


def _set(place: dict[str, Any], key: str, value: Any) -> None:
    place[next((name for name in place if name.lower() == key.lower()), key)] = value


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, list) or (one is None and isinstance(other, list)):
        more = _list(other)
        return [*cast(list[Any], one or []), *more]
    if isinstance(one, dict) and isinstance(other, dict):
        return {**cast(dict[str, Any], one), **cast(dict[str, Any], other)}
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    return _text(one) + _text(other)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return " ".join(_text(each) for each in cast(list[Any], value))
    return str(value)


def _parsed(value: Any) -> Any:
    try:
        return json.loads(_text(value))
    except (ValueError, RecursionError):
        return {}


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _path(path: str) -> str:
    return path.replace("\\", "/").strip("\"'").lower()
