"""Follows what a shell script does to a machine: variables, files that it writes, programs that it starts.

Nothing is executed. Words are expanded with every value that a variable may have; what only the machine knows stays in
the text as `$NAME` or `$(command)`. A branch of an if, a loop's body and what follows `||` may or may not run, so what
they write are alternatives. What single programs do is programs.py's.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..machine.state import UNKNOWN, Machine
from ..programs import registry as programs
from . import expansion
from .syntax import MAX_DEPTH, Block, Node, Pipeline, Redirect, Script, Simple, parse

_VALUES: Final = 6
_TESTS: Final = frozenset(
    ("[", "test", "[[", "grep", "egrep", "command", "which", "type", "hash", "pgrep", "!")
)

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
    fixed: int = 0
    """The line to name while text from elsewhere runs in this shell (eval, source); 0 for none."""
    ended: bool = False

    @property
    def place(self) -> str:
        """Where in the user-data the command stands that runs now."""
        return self.where(self.fixed or self.line)

    def include(self, text: str, stdin: str | None = None) -> str:
        """Follows a script in this same shell: eval, source."""
        outer, self.fixed = self.fixed, self.fixed or self.line
        try:
            return self.run(text, stdin)
        finally:
            self.fixed = outer

    def run(self, text: str, stdin: str | None = None) -> str:
        """Follows a script to its end, and gives what it prints."""
        if self.depth > MAX_DEPTH // 2:
            self.machine.note_unread(f"{self.place}: scripts inside scripts, too deep to follow")
            return UNKNOWN
        self.machine.step(1 + len(text) // 20)
        self.depth += 1
        try:
            parsed = parse(text)
            if parsed.too_deep:
                self.machine.note_unread(f"{self.place}: nested too deeply to read")
            return self.script(parsed.script, stdin)
        finally:
            self.depth -= 1

    def inner(self, text: str, stdin: str | None = None, arguments: Sequence[str] = ()) -> str:
        """Follows a script in a shell of its own, which inherits what this one knows."""
        shell = Shell(
            self.machine,
            lambda _, place=self.place: place,
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
                fields = [text for word in block.words for text in expansion.fields(self, word)]
                for text in fields[:30]:
                    if block.name:
                        self.variables[block.name] = [text]
                    out.append(self.script(block.bodies[0], stdin))
                if not fields:
                    self.maybe = True
                    out.append(self.script(block.bodies[0], stdin))
                if len(fields) > 30:
                    self.machine.note_unread(
                        f"{self.where(block.line)}: a loop over too many words to follow"
                    )
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
                fields = [text for word in words for text in expansion.fields(self, word)]
                self.arrays[name] = (self.arrays.get(name, []) if operator[0] == "+" else []) + fields
                self.variables.pop(name, None)
                continue
            values = expansion.texts(self, words[0] if words else ())
            old = self.variables.get(name, [])
            if operator == "+=":
                values = [before + value for before in old or [""] for value in values]
            if self.maybe:
                values = list(dict.fromkeys([*old, *values]))
            values = [value[: expansion.LONGEST] for value in values[-_VALUES:]]
            if declares and old:
                own[name] = old
            elif declares:
                own[name] = []
            self.variables[name] = values
        # `$(< file)`: a command of a redirection alone prints the file.
        out = stdin or "" if not command.words and not command.assignments and command.redirects else ""
        outer_maybe = self.maybe
        combinations = expansion.commands(self, command.words)
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
                stdin = expansion.text(self, redirect.word)
            elif redirect.operator == "<<<":
                stdin = expansion.text(self, redirect.word) + "\n"
            elif redirect.operator in ("<", "<>"):
                stdin = self.file(expansion.text(self, redirect.word))
        return stdin

    def output(self, redirects: Sequence[Redirect], out: str) -> str:
        for redirect in redirects:
            if redirect.operator in (">", ">>", ">|", "&>", "&>>") and redirect.descriptor in ("", "1"):
                append = ">>" in redirect.operator
                for path in expansion.texts(self, redirect.word):
                    self.write(path, out, append=append)
                out = ""
            elif redirect.operator == ">&" and redirect.descriptor == "":
                target = expansion.text(self, redirect.word)
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
        self.machine.write(self.path(path), text, self.place, append=append, maybe=self.maybe)

    def file(self, path: str) -> str:
        """The last content that a file may have."""
        contents = self.machine.read(self.path(path))
        return contents[-1].text if contents else UNKNOWN


def _is_test(pipeline: Pipeline) -> bool:
    node = pipeline.nodes[-1]
    if not isinstance(node, Simple) or not node.words:
        return False
    return "".join(part.text for part in node.words[0]) in _TESTS
