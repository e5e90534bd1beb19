"""Follows what a shell script does to a machine: variables, files that it writes, programs that it starts.

Nothing is executed. Words are expanded with every value that a variable may have; what only the machine knows stays in
the text as `$NAME` or `$(command)`. A branch of an if, a loop's body and what follows `||` may or may not run, so what
they write are alternatives. What single programs do is programs.py's.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Final

from . import programs
from .machine import UNKNOWN, Machine
from .syntax import MAX_DEPTH, Block, Node, Part, Pipeline, Redirect, Script, Simple, Word, parse

_COMBINATIONS: Final = 8
_VALUES: Final = 6
_LONGEST: Final = 1 << 16
_ENVIRONMENT: Final = {
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "UID": "0",
    "EUID": "0",
    "IFS": " \t\n",
}
_TESTS: Final = frozenset(
    ("[", "test", "[[", "grep", "egrep", "command", "which", "type", "hash", "pgrep", "!")
)
_PARAMETER = re.compile(r"([!#]?)([A-Za-z_]\w*|[0-9]+|[@*#?$!-])(?:\[([^\]]*)\])?(.*)", re.S | re.A)

Where = Callable[[int], str]


@dataclass(slots=True)
class Shell:
    """A running shell: what it knows, and the machine that it changes."""

    machine: Machine
    where: Where
    start: Callable[[Sequence[str], str], None]
    """Told of each program that starts or reconfigures something."""
    variables: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    arrays: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    functions: dict[str, Block] = field(default_factory=dict[str, Block])
    called: set[str] = field(default_factory=set[str])
    aliases: dict[str, str] = field(default_factory=dict[str, str])
    arguments: list[str] = field(default_factory=list[str])
    directory: str = "/"
    maybe: bool = False
    """Whether what runs now may not run on the machine."""
    depth: int = 0
    line: int = 1
    ended: bool = False

    def run(self, text: str, stdin: str | None = None) -> str:
        """Follows a script to its end, and gives what it prints."""
        if self.depth > MAX_DEPTH // 2:
            self.machine.say(f"{self.where(self.line)}: scripts inside scripts, too deep to follow")
            return UNKNOWN
        self.machine.step(1 + len(text) // 200)
        self.depth += 1
        try:
            return self.script(parse(text), stdin)
        finally:
            self.depth -= 1

    def inner(self, text: str, stdin: str | None = None, arguments: Sequence[str] = ()) -> str:
        """Follows a script in a shell of its own, which inherits what this one knows."""
        shell = Shell(
            self.machine,
            lambda _: self.where(self.line),
            self.start,
            dict(self.variables),
            dict(self.arrays),
            dict(self.functions),
            arguments=list(arguments),
            directory=self.directory,
            maybe=self.maybe,
            depth=self.depth,
        )
        return shell.run(text, stdin)

    def finish(self, text: str) -> None:
        """Follows the functions that the script names again but was not seen to call: a trap may."""
        self.maybe = True
        for name, block in list(self.functions.items()):
            if (
                name not in self.called
                and len(re.findall(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)) > 1
            ):
                self.call(block, [], None)

    # --- Lists of commands ---

    def script(self, script: Script, stdin: str | None = None) -> str:
        printed: list[str] = []
        tested = False
        for pipeline in script:
            if self.ended:
                break
            self.machine.step()
            was = self.maybe
            if pipeline.joined == "||" or (pipeline.joined == "&&" and tested):
                self.maybe = True
            if pipeline.joined != "&&":
                tested = False
            tested = tested or _is_test(pipeline)
            printed.append(self.pipeline(pipeline, stdin))
            self.maybe = was
        return "".join(printed)

    def pipeline(self, pipeline: Pipeline, stdin: str | None) -> str:
        nodes = pipeline.nodes
        out = ""
        for number, node in enumerate(nodes):
            out = self.node(
                node, stdin if number == 0 else out, alone=len(nodes) == 1 and not pipeline.joined
            )
        if len(nodes) > 1:
            programs.whole_pipeline(self, nodes)
        return out

    def node(self, node: Node, stdin: str | None, alone: bool = False) -> str:
        if isinstance(node, Simple):
            return self.simple(node, stdin, alone)
        outer = self.line
        self.line = node.line
        stdin = self.input(node.redirects, stdin)
        out = self.block(node, stdin)
        self.line = outer if node.kind == "function" else self.line
        return self.output(node.redirects, out)

    def block(self, block: Block, stdin: str | None) -> str:
        was = self.maybe
        out: list[str] = []
        match block.kind:
            case "function":
                self.functions[block.name] = block
            case "subshell":
                directory, variables, ended = self.directory, dict(self.variables), self.ended
                out.append(self.script(block.bodies[0], stdin))
                self.directory, self.variables, self.ended = directory, variables, ended
            case "for":
                fields = [text for word in block.words for text in self.fields(word)]
                for text in fields[:30]:
                    if block.name:
                        self.variables[block.name] = [text]
                    out.append(self.script(block.bodies[0], stdin))
                if not fields:
                    self.maybe = True
                    out.append(self.script(block.bodies[0], stdin))
                if len(fields) > 30:
                    self.machine.say(f"{self.where(block.line)}: a loop over too many words to follow")
            case "if" | "loop" | "case":
                for number, body in enumerate(block.bodies):
                    self.maybe = was or number > 0 or block.kind == "case"
                    out.append(self.script(body, stdin))
                    self.maybe = was
            case _:
                out += [self.script(body, stdin) for body in block.bodies]
        self.maybe = was
        return "".join(out)

    def call(self, block: Block, arguments: list[str], stdin: str | None) -> str:
        if self.depth > MAX_DEPTH // 2:
            return UNKNOWN
        self.called.add(block.name)
        outer, self.arguments = self.arguments, arguments
        self.depth += 1
        out = "".join(self.script(body, stdin) for body in block.bodies)
        self.depth -= 1
        self.arguments = outer
        return out

    # --- A command ---

    def simple(self, command: Simple, stdin: str | None, alone: bool) -> str:
        self.line = command.line
        self.machine.step()
        stdin = self.input(command.redirects, stdin)
        declares = bool(command.words)
        own: dict[str, list[str]] = {}
        for name, operator, words in command.assignments:
            if operator.endswith("("):
                fields = [text for word in words for text in self.fields(word)]
                self.arrays[name] = (self.arrays.get(name, []) if operator[0] == "+" else []) + fields
                self.variables.pop(name, None)
                continue
            values = self.texts(words[0] if words else ())
            old = self.variables.get(name, [])
            if operator == "+=":
                values = [before + value for before in old or [""] for value in values]
            if self.maybe:
                values = list(dict.fromkeys([*old, *values]))
            values = [value[:_LONGEST] for value in values[-_VALUES:]]
            if declares and old:
                own[name] = old
            elif declares:
                own[name] = []
            self.variables[name] = values
        out = ""
        outer_maybe = self.maybe
        combinations = self.argvs(command.words)
        self.maybe = self.maybe or len(combinations) > 1
        for argv in combinations:
            if argv:
                out = self.command(argv, stdin, alone)
        self.maybe = outer_maybe
        first = combinations[0][:1] if combinations else []
        if own and first and first[0] not in ("export", "declare", "typeset", "local", "readonly", "eval"):
            for name, old in own.items():
                if old:
                    self.variables[name] = old
                else:
                    self.variables.pop(name, None)
        return self.output(command.redirects, out)

    def command(self, argv: list[str], stdin: str | None, alone: bool = False) -> str:
        """Follows one program with its words."""
        if argv[0] in self.aliases and self.depth < MAX_DEPTH // 2:
            alias = self.aliases.pop(argv[0])
            try:
                argv = [*alias.split(), *argv[1:]]
                return self.command(argv, stdin, alone) if argv else ""
            finally:
                self.aliases[argv[0] if not alias.split() else alias.split()[0]] = alias
        if block := self.functions.get(argv[0]):
            return self.call(block, argv[1:], stdin)
        if argv[0] == "exit" and alone and self.depth == 1 and not self.maybe:
            self.ended = True
            return ""
        return programs.run(self, argv, stdin)

    def input(self, redirects: Sequence[Redirect], stdin: str | None) -> str | None:
        for redirect in redirects:
            if redirect.operator == "<<":
                stdin = self.text(redirect.word)
            elif redirect.operator == "<<<":
                stdin = self.text(redirect.word) + "\n"
            elif redirect.operator in ("<", "<>"):
                stdin = self.file(self.text(redirect.word))
        return stdin

    def output(self, redirects: Sequence[Redirect], out: str) -> str:
        for redirect in redirects:
            if redirect.operator in (">", ">>", ">|", "&>", "&>>") and redirect.descriptor in ("", "1"):
                append = ">>" in redirect.operator
                for path in self.texts(redirect.word):
                    self.write(path, out, append=append)
                out = ""
            elif redirect.operator == ">&" and redirect.descriptor == "":
                target = self.text(redirect.word)
                if not re.fullmatch(r"\d*-?", target, re.A):
                    self.write(target, out)
                    out = ""
        return out

    # --- Files ---

    def path(self, path: str) -> str:
        return self.machine.path(path, self.directory)

    def write(self, path: str, text: str, *, append: bool = False) -> None:
        if not path or path.startswith("/dev/"):
            return
        self.machine.write(self.path(path), text, self.where(self.line), append=append, maybe=self.maybe)

    def file(self, path: str) -> str:
        """The last content that a file may have."""
        contents = self.machine.read(self.path(path))
        return contents[-1].text if contents else UNKNOWN

    # --- Words ---

    def text(self, word: Word) -> str:
        """A word as one text."""
        return self.texts(word)[-1]

    def texts(self, word: Word) -> list[str]:
        """A word as one text, in each of its alternatives."""
        if len(word) == 1 and word[0].kind == "text":
            return [_tilde(word[0])]
        pieces = [self.part(part) for part in word]
        return [
            "".join(" ".join(texts) for texts in each) for each in islice(product(*pieces), _COMBINATIONS)
        ]

    def fields(self, word: Word) -> list[str]:
        """A word as the fields that it splits into, taking the last value of each variable."""
        return self.alternatives(word)[-1]

    def argvs(self, words: Sequence[Word]) -> list[list[str]]:
        """A command's words, in each combination of alternatives."""
        if not words:
            return []
        each = [self.alternatives(word) for word in words]
        combinations = [
            [field for fields in chosen for field in fields]
            for chosen in islice(product(*each), _COMBINATIONS)
        ]
        count = 1
        for alternatives in each:
            count *= len(alternatives)
        if count > _COMBINATIONS:
            # Too many to try all: each word's alternatives once, beside the others' last.
            last = [alternatives[-1] for alternatives in each]
            for at, alternatives in enumerate(each):
                for fields in alternatives[:-1]:
                    chosen = [*last[:at], fields, *last[at + 1 :]]
                    combinations.append([field for fields in chosen for field in fields])
        return combinations

    def alternatives(self, word: Word) -> list[list[str]]:
        if len(word) == 1 and word[0].kind == "text":
            text = _tilde(word[0])
            return [_braces(text) if not word[0].quoted else [text]]
        pieces = [self.part(part) for part in word]
        results: list[list[str]] = []
        for chosen in islice(product(*pieces), _COMBINATIONS):
            fields: list[str] = []
            current: str | None = None
            for part, texts in zip(word, chosen, strict=True):
                if part.quoted and len(texts) <= 1:
                    current = (current or "") + "".join(texts)
                    continue
                if part.quoted:  # "$@"
                    fields.append((current or "") + texts[0])
                    fields += texts[1:-1]
                    current = texts[-1]
                    continue
                if part.kind == "text":
                    current = (current or "") + texts[0]
                    continue
                text = " ".join(texts)
                split = text.split()
                if text[:1].isspace() and current is not None:
                    fields.append(current)
                    current = None
                if split:
                    fields += [(current or "") + split[0], *split[1:]][:-1]
                    current = split[-1] if len(split) > 1 else (current or "") + split[0]
                    if text[-1:].isspace():
                        fields.append(current)
                        current = None
            if current is not None:
                fields.append(current)
            if any(part.kind == "text" and not part.quoted and "{" in part.text for part in word):
                fields = [each for field in fields for each in _braces(field)]
            results.append(fields)
        return results or [[]]

    def part(self, part: Part) -> list[list[str]]:
        """What a piece of a word stands for: its alternatives, each a list of texts (one, save for arrays)."""
        match part.kind:
            case "text":
                return [[part.text]]
            case "variable":
                return self.variable(part.text)
            case "command":
                shown = self.inner(part.text).rstrip("\n") if part.text.strip() else ""
                return [[shown]]
            case "arithmetic":
                return [[_arithmetic(part.text, self.variables)]]
            case "process<":
                self.machine.changes += 1
                path = f"/dev/fd/{self.machine.changes}"
                self.machine.write(path, self.inner(part.text), self.where(self.line))
                return [[path]]
            case _:
                return [["/dev/fd/63"]]

    def variable(self, inside: str) -> list[list[str]]:
        found = _PARAMETER.fullmatch(inside)
        if not found:
            return [[f"${{{inside[:40]}}}"]]
        mark, name, index, operation = found.groups()
        if name in ("@", "*"):
            return [list(self.arguments)]
        if name.isdigit():
            number = int(name[:6])
            values = [self.arguments[number - 1]] if 0 < number <= len(self.arguments) else None
        elif name in self.arrays:
            array = self.arrays[name]
            if index in ("@", "*"):
                return [list(array)]
            number = int(index[:6]) if index and index.isdigit() else 0
            values = [array[number]] if number < len(array) else None
        elif name in self.variables:
            values = self.variables[name]
        elif name in _ENVIRONMENT:
            values = [_ENVIRONMENT[name]]
        elif name == "PWD":
            values = [self.directory]
        else:
            values = None
        if mark == "#":
            return [[str(len(values[-1]))]] if values else [["0"]]
        if mark == "!":
            targets = values or []
            return [
                each for target in targets if re.fullmatch(r"\w+", target) for each in self.variable(target)
            ] or [[f"${{!{name}}}"]]
        if operation:
            return [[text] for text in self.operation(name, values, operation)]
        if values is None:
            return [[""]] if name.isdigit() else [[f"${name}" if name in "#?$!-" else f"${{{name}}}"]]
        return [[value] for value in values]

    def operation(self, name: str, values: list[str] | None, operation: str) -> list[str]:
        kind = re.match(r":?[-=+?]|##?|%%?|//?|\^\^?|,,?|:", operation)
        operator = kind[0] if kind else ""
        rest = operation[len(operator) :]

        def given() -> list[str]:
            parsed = parse("_ " + f'"{rest}"' if "'" not in rest and '"' not in rest else "_ " + rest)
            words = parsed[0].nodes[0].words[1:] if parsed and isinstance(parsed[0].nodes[0], Simple) else []
            return [" ".join(each) for each in product(*(self.texts(word) for word in words[:20]))][
                :_COMBINATIONS
            ]

        match operator:
            case ":-" | "-" | ":=" | "=":
                chosen = [value for value in values or [] if value or operator[0] != ":"]
                if not chosen or (len(chosen) < len(values or [])):
                    chosen += given() or [""]
                if "=" in operator:
                    self.variables[name] = chosen
                return chosen
            case ":+" | "+":
                return given() or [""] if values else [""]
            case ":?" | "?":
                return values if values is not None else [f"${{{name}}}"]
        if values is None:
            return [f"${{{name}}}"]
        match operator:
            case "^^":
                return [value.upper() for value in values]
            case ",,":
                return [value.lower() for value in values]
            case "/" | "//":
                pattern, _, new = rest.partition("/")
                old = "".join(
                    self.texts(parse("_ " + pattern)[0].nodes[0].words[1])
                    if pattern.strip() and _is_word(pattern)
                    else [pattern]
                )  # type: ignore[union-attr]
                if old and not re.search(r"[*?\[]", old):
                    put = (_is_word(new) and self.texts(_word(new))) or [new]
                    return [
                        value.replace(old, put[-1], -1 if operator == "//" else 1)[:_LONGEST]
                        for value in values
                    ]
            case "%" | "%%" | "#" | "##":
                if not re.search(r"[*?\[$`\\'\"]", rest):
                    cut = str.removesuffix if operator[0] == "%" else str.removeprefix
                    return [cut(value, rest) for value in values]
            case ":":
                numbers = re.fullmatch(r"\s*(-?\d{1,5})\s*(?::\s*(-?\d{1,5})\s*)?", rest)
                if numbers:
                    start = int(numbers[1])
                    cut_off = [value[start:] for value in values]
                    if numbers[2]:
                        cut_off = [value[: int(numbers[2])] for value in cut_off]
                    return cut_off
            case _:
                pass
        return [f"${{{name}}}"]


def _word(text: str) -> Word:
    parsed = parse("_ " + text)
    node = parsed[0].nodes[0] if parsed else None
    return node.words[1] if isinstance(node, Simple) and len(node.words) == 2 else (Part("text", text, True),)


def _is_word(text: str) -> bool:
    return len(text) < 1_000 and not re.search(r"[\s;&|<>()]", text)


def _tilde(part: Part) -> str:
    text = part.text
    return "/root" + text[1:] if not part.quoted and (text == "~" or text.startswith("~/")) else text


_BRACES = re.compile(r"\{([^{}\s]*,[^{}\s]*)\}")


def _braces(text: str) -> list[str]:
    if "{" not in text:
        return [text]
    texts = [text]
    for _ in range(4):
        found = _BRACES.search(texts[0])
        if not found:
            break
        texts = [
            each[: inner.start()] + choice + each[inner.end() :]
            for each in texts
            if (inner := _BRACES.search(each))
            for choice in inner[1].split(",")[:20]
        ][:60]
    return texts


def _arithmetic(text: str, variables: dict[str, list[str]]) -> str:
    # A sum of numbers and variables, such as a port is made of.
    total, sign = 0, 1
    for token in re.findall(r"\d{1,9}|\$?\w{1,64}|\S", text, re.A)[:40]:
        if token in "+-":
            sign = 1 if token == "+" else -1  # noqa: S105 - an arithmetic sign
            continue
        values = variables.get(token.lstrip("$"), [])
        value = token if token.isdigit() else values[-1] if values else ""
        if not re.fullmatch(r"\d{1,9}", value, re.A):
            return UNKNOWN
        total += sign * int(value)
    return str(total)


def _is_test(pipeline: Pipeline) -> bool:
    node = pipeline.nodes[-1]
    if not isinstance(node, Simple) or not node.words:
        return False
    return "".join(part.text for part in node.words[0]) in _TESTS
