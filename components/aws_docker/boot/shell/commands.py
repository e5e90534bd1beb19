"""Follows single commands: assignments, redirections, conditions, and what a program asks of the shell that runs it.

What a command does is for the programs that the shell is given; how commands are joined is interpreter.py's.
"""

import re
from collections.abc import Sequence

from ..machine.state import UNKNOWN
from ..machine.world import World, merged
from . import arithmetic, conditions, expansion
from .conditions import Operand
from .forks import Forks, Where
from .syntax import MAX_DEPTH, Block, Redirect, Script, Simple, Word, source


class Commands(Forks):
    """A shell that runs commands."""

    # --- The interpreter's part ---

    def script(self, worlds: list[World], script: Script) -> list[World]:
        raise NotImplementedError

    def run(self, worlds: list[World], text: str) -> list[World]:
        raise NotImplementedError

    def call(self, block: Block, arguments: list[str]) -> str:
        """Follows a function in the current world."""

        def inside(world: World) -> list[World]:
            outer = world.process.arguments
            world.process.arguments = arguments
            worlds = self.script([world], block.bodies[0]) if block.bodies else [world]
            for each in worlds:
                each.process.arguments = outer
                each.flow = "" if each.flow == "return" else each.flow
            return self.fewer(merged(worlds))

        if self.depth > MAX_DEPTH // 2:
            return UNKNOWN
        self.depth += 1
        line = self.line
        try:
            return self.inside_of(inside)
        finally:
            self.depth -= 1
            self.line = line

    # --- A command ---

    def simple(self, world: World, command: Simple) -> list[World]:
        self.machine.step()
        self.line = command.line
        if self.straight(world, command):
            self.world = world
            self.perform(command)
            return [self.world]
        return self.explore(world, lambda: self.perform(command))

    def straight(self, world: World, command: Simple) -> bool:
        """Whether a command comes out in one way only, as nothing runs inside it."""
        if command.plain is None:
            command.plain = _is_plain(command)
        if not command.plain:
            return False
        if not command.words:
            return True
        first = command.words[0]
        if len(first) != 1 or first[0].kind != "text":
            return False
        name = first[0].text
        process = world.process
        return name not in process.functions and name not in process.aliases and not self.programs.nests(name)

    def perform(self, command: Simple) -> None:
        """Follows a command in the current world."""
        self.line = command.line
        self.world.status = True
        held = self.world.input
        self.redirect_input(command.redirects)
        variables = self.world.process.variables
        outside = {name: variables.get(name) for name, *_ in command.assignments}
        for name, operator, words in command.assignments:
            self.assign(name, operator, words)
        out = ""
        if command.words and command.words[0] and command.words[0][0].text in ("[[", "(("):
            self.condition(command.words)
        elif command.words:
            argv = [field for word in command.words for field in expansion.fields(self, word)]
            if argv:
                self.asked = command.words
                out = self.command(argv, self.world.input)
                keeps = argv[0] in ("export", "declare", "typeset", "local", "readonly", "eval", "set")
                for name, value in outside.items() if not keeps else ():
                    if value is None:
                        self.world.process.variables.pop(name, None)
                    else:
                        self.world.process.variables[name] = value
        elif not command.assignments and command.redirects:
            out = self.world.input or ""  # `$(< file)`: a command of a redirection alone prints the file
        self.redirect_output(command.redirects, out)
        if any("<" in redirect.operator for redirect in command.redirects):
            self.world.input = held

    def assign(self, name: str, operator: str, words: Sequence[Word]) -> None:
        process = self.world.process
        if operator.endswith("("):
            values = [field for word in words for field in expansion.fields(self, word)]
            process = self.world.process
            process.arrays[name] = (process.arrays.get(name, []) if operator[0] == "+" else []) + values
            process.variables.pop(name, None)
            return
        parts = words[0] if words else ()
        if name not in process.variables and any(part[:2] == ("variable", name) for part in parts):
            process.variables[name] = ""  # one that grows from nothing: X="$X more"
        value = expansion.text(self, words[0]) if words else ""
        if operator == "+=":
            value = self.world.process.variables.get(name, "") + value
        self.set(name, value)

    def set(self, name: str, value: str) -> None:
        """Gives a variable a value in the current world."""
        self.world.process.variables[name] = value[: expansion.LONGEST]
        if UNKNOWN in value and self.world.answers:
            mark = re.compile(rf"\$\{{?{re.escape(name)}(?!\w)")
            for key in [key for key in self.world.answers if any(mark.search(each) for each in key)]:
                del self.world.answers[key]

    def condition(self, words: Sequence[Word]) -> None:
        """`[[ ... ]]` and `(( ... ))`."""
        if words[0][0].text == "((":
            found = arithmetic.value(words[1][0].text, lambda name: expansion.variable(self, name))
            if found is None:
                self.ask(words[1][0].text.strip(), verb="holds")
            else:
                self.world.status = found != 0
            return
        operands: list[Operand] = []
        for word in words[1:-1]:
            operator = len(word) == 1 and (word[0].kind == "operator" or not word[0].quoted)
            text = expansion.text(self, word)
            operands.append(Operand(text, expansion.pattern(self, word), operator))
        self.tested(operands, source(words[1:-1]), double=True)

    def tested(self, operands: Sequence[Operand], text: str, *, double: bool = False) -> None:
        """Answers a condition, or leaves it open."""
        answer = conditions.decide(self.world, operands, double=double)
        if answer is None:
            key = conditions.key(self.world, [each.text for each in operands], text)
            self.ask(text, key, "holds")
        else:
            self.world.status = answer

    def command(self, argv: Sequence[str], stdin: str | None = None) -> str:
        """Follows one program with its words, in the current world."""
        words = list(argv)
        process = self.world.process
        name = words[0]
        if name in process.aliases and self.depth < MAX_DEPTH // 2:
            alias = process.aliases[name].split()
            if alias and alias[0] != name:
                self.depth += 1
                try:
                    return self.command([*alias, *words[1:]], stdin)
                finally:
                    self.depth -= 1
            words = [*alias, *words[1:]] or [":"]
        block = process.functions.get(words[0])
        if isinstance(block, Block):
            held, self.world.input = self.world.input, stdin
            out = self.call(block, words[1:])
            self.world.input = held
            return out
        if words[0] in ("[", "test"):
            inside = words[1:-1] if words[0] == "[" and words[-1:] == ["]"] else words[1:]
            asked = self.asked if isinstance(self.asked, str) else source(self.asked)
            shown = asked.removeprefix("test ").removeprefix("[ ").removesuffix(" ]")
            self.tested([Operand(word) for word in inside], shown)
            return ""
        return self.programs.run(self, words, stdin)

    def redirect_input(self, redirects: Sequence[Redirect]) -> None:
        for redirect in redirects:
            if redirect.operator == "<<":
                self.world.input = expansion.text(self, redirect.word)
            elif redirect.operator == "<<<":
                self.world.input = expansion.text(self, redirect.word) + "\n"
            elif redirect.operator in ("<", "<>"):
                self.world.input = self.file(expansion.text(self, redirect.word))

    def redirect_output(self, redirects: Sequence[Redirect], out: str) -> None:
        for redirect in redirects:
            if redirect.operator in (">", ">>", ">|", "&>", "&>>") and redirect.descriptor in ("", "1"):
                self.write(expansion.text(self, redirect.word), out, append=">>" in redirect.operator)
                out = ""
            elif redirect.operator == ">&" and redirect.descriptor == "":
                target = expansion.text(self, redirect.word)
                if not re.fullmatch(r"\d*-?", target, re.A):
                    self.write(target, out)
                    out = ""
                elif target == "2":
                    out = ""
        self.world.out = (self.world.out + out)[: expansion.LONGEST << 2]

    # --- What programs ask of the shell that runs them ---

    def inner(
        self,
        text: str,
        stdin: str | None = None,
        arguments: Sequence[str] | None = (),
        name: str | None = None,
    ) -> str:
        """Follows a script in a shell of its own, which inherits what this one knows."""
        place = self.place

        def inside(world: World) -> list[World]:
            process, held = world.process, world.input
            world.process = process.copy()
            world.process.arguments = None if arguments is None else list(arguments)
            world.process.traps = ()
            world.process.name = name or world.process.name
            if stdin is not None:
                world.input = stdin
            outer, self.where = self.where, _at(place)
            line, fixed = self.line, self.fixed
            try:
                worlds = self.run([world], text)
            finally:
                self.where, self.line, self.fixed = outer, line, fixed
            for each in worlds:
                each.process, each.input, each.flow = process.copy(), held, ""
            return self.fewer(merged(worlds)) if len(worlds) > 1 else worlds

        return self.inside_of(inside)

    def include(self, text: str, stdin: str | None = None, arguments: Sequence[str] | None = None) -> str:
        """Follows a script in this same shell: eval, source."""

        def inside(world: World) -> list[World]:
            outer, held = world.process.arguments, world.input
            if arguments:
                world.process.arguments = list(arguments)
            if stdin is not None:
                world.input = stdin
            worlds = self.run([world], text)
            for each in worlds:
                each.input = held
                each.process.arguments = outer if arguments else each.process.arguments
                each.flow = "" if each.flow == "return" else each.flow
            return self.fewer(merged(worlds)) if len(worlds) > 1 else worlds

        outer, self.fixed = self.fixed, self.fixed or self.line
        try:
            return self.inside_of(inside)
        finally:
            self.fixed = outer

    def path(self, path: str) -> str:
        return self.world.path(path, self.world.process.directory)

    def write(self, path: str, text: str, *, append: bool = False) -> None:
        if not path or path.startswith("/dev/"):
            return
        self.world.write(self.path(path), text, self.place, append=append)

    def file(self, path: str) -> str:
        content = self.world.read(self.path(path))
        return content.text if content else UNKNOWN


def _at(place: str) -> Where:
    return lambda _: place


def _is_plain(command: Simple) -> bool:
    """Whether nothing runs inside a command's words, and nothing in them is decided."""
    words = [*command.words, *(word for _, _, each in command.assignments for word in each)]
    words += [redirect.word for redirect in command.redirects]
    return all(
        part.kind in ("text", "operator", "arithmetic")
        or (part.kind == "variable" and not re.search(r"[-=+`(]", part.text))
        for word in words
        for part in word
    )
