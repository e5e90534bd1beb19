"""Follows what a shell script does to a machine: variables, files that it writes, programs that it starts.

Nothing is executed. Where a script asks what only the machine knows, the world becomes two: one where the answer is
yes, one where it is no, each with its own variables and files. Both go on, and are one again once they stand alike.
What single programs do is programs/'s, which this shell is given.

Control flow (`script`, `node`, `block`) takes a world and gives those that it becomes. A single command runs straight
on in one world, `self.world`; where something in it comes out in several ways (`$(...)` with an if inside, a function),
`choose` picks one, and the command is run again for each other (`explore`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from ..machine.state import CONCERNS, UNKNOWN, Machine
from ..machine.world import Condition, Doubt, Process, World, differing, merged
from . import arithmetic, conditions, expansion, relevance
from .conditions import Operand
from .patterns import glob
from .port import Programs, Starts
from .syntax import MAX_DEPTH, Block, Node, Pipeline, Redirect, Script, Simple, Word, parse, source

MOST: Final = 16
"""Worlds that are followed at once."""
_MANY: Final = 6
"""Worlds from which on those are one that differ in nothing that matters for Docker."""
_TURNS: Final = 30
_ENDLESS: Final = 4
_LONGEST_CONDITION: Final = 60

T = TypeVar("T")
Where = Callable[[int], str]


@dataclass(slots=True)
class _Fork:
    """What is decided while one command runs."""

    decided: list[int]
    at: int = 0
    others: list[tuple[int, ...]] = field(default_factory=list[tuple[int, ...]])
    inside: dict[tuple[int, ...], list[World]] = field(default_factory=dict[tuple[int, ...], list[World]])
    """Worlds that something inside the command became, by what was decided before."""


class Shell:
    """A shell on a machine, in every world that it may be in."""

    def __init__(self, machine: Machine, where: Where, programs: Programs, starts: Starts) -> None:
        self.machine = machine
        self.programs = programs
        self.starts = starts
        self.world = World(machine)
        self.where = where
        self.line = 1
        self.fixed = 0
        """The line to name while text from elsewhere runs in this shell (eval, source); 0 for none."""
        self.depth = 0
        self.fork: _Fork | None = None
        self.asked: str | Sequence[Word] = ""
        """The command that runs now, as it is written."""
        self.relevant: relevance.Relevant | None = None

    @property
    def place(self) -> str:
        """Where in the user-data the command stands that runs now."""
        return self.where(self.fixed or self.line)

    def note(self, sentence: str, *, elsewhere: bool = False) -> None:
        self.machine.note_unread(f"{self.place}: {sentence}", elsewhere=elsewhere)

    # --- Whole scripts ---

    def follow(self, worlds: Sequence[World], text: str, arguments: list[str] | None) -> list[World]:
        """What becomes of worlds where this script runs from its start to its end."""
        self.relevant = relevance.Relevant(text)
        for world in worlds:
            world.start(Process(arguments=arguments))
        ended = self.run(list(worlds), text)
        for world in ended:
            world.start(Process())
        return self.fewer(merged(ended))

    def follow_command(self, world: World, argv: Sequence[str], process: Process) -> list[World]:
        """What becomes of a world where this program runs."""
        world.start(process)
        return self.explore(world, lambda: self.command(argv))

    def run(self, worlds: list[World], text: str) -> list[World]:
        """Follows a text as a script in the shell as it is; what runs when it ends, too."""
        if self.depth > MAX_DEPTH // 2:
            self.note("scripts inside scripts, too deep to follow", elsewhere=True)
            for world in worlds:
                world.out += UNKNOWN
            return worlds
        self.machine.step(1 + len(text) // 20)
        if self.relevant is not None:
            self.relevant.add(text)
        parsed = parse(text)
        if parsed.too_deep:
            self.note("nested too deeply to read")
        elif parsed.unclosed and CONCERNS.search(text):
            self.note("a script is not closed (a quote, bracket or block), and was read as far as it goes")
        before = {trap for world in worlds for trap in world.process.traps}
        self.depth += 1
        try:
            worlds = self.script(worlds, parsed.script)
            ended: list[World] = []
            for world in worlds:
                traps = [trap for trap in world.process.traps if trap not in before]
                world.process.traps = tuple(before)
                flow, world.flow = world.flow, ""
                after = [world]
                for trap in traps:
                    after = [each for one in after for each in self.script([one], parse(trap).script)]
                for each in after:
                    each.flow = flow
                ended += after
            return merged(ended) if len(ended) > 1 else ended
        finally:
            self.depth -= 1

    # --- Lists of commands ---

    def script(self, worlds: list[World], script: Script) -> list[World]:
        stopped: list[World] = []
        for pipeline in script:
            running: list[World] = []
            for world in worlds:
                (stopped if world.flow else running).append(world)
            if not running:
                break
            self.machine.step()
            after: list[World] = []
            for world in running:
                after += self.joined(world, pipeline)
            if len(after) > 1 and (len(after) > len(running) or isinstance(pipeline.nodes[-1], Block)):
                after = self.fewer(merged(after))
            worlds = after
        else:
            return merged([*worlds, *stopped]) if stopped else worlds
        return merged(stopped) if len(stopped) > 1 else stopped

    def joined(self, world: World, pipeline: Pipeline) -> list[World]:
        """A pipeline after what stands before it."""
        if not pipeline.joined:
            return self.pipeline(world, pipeline)
        wanted = pipeline.joined == "&&"
        result: list[World] = []
        for each in self.answered(world, likely=wanted):
            result += self.pipeline(each, pipeline) if each.status is wanted else [each]
        return result

    def pipeline(self, world: World, pipeline: Pipeline) -> list[World]:
        nodes = pipeline.nodes
        if len(nodes) == 1:
            worlds = self.node(world, nodes[0])
        else:
            held, world.out = world.out, ""
            given, process = world.input, world.process
            worlds = [world]
            for number, node in enumerate(nodes):
                after: list[World] = []
                for each in worlds:
                    # Each part is a shell of its own.
                    each.input = each.input if number == 0 else each.out
                    each.out = ""
                    each.process = process.copy()
                    after += self.node(each, node)
                worlds = merged(after) if len(after) > 1 else after
            for each in worlds:
                each.out = held + each.out
                each.input, each.process, each.flow = given, process.copy(), ""
            self.together(worlds[-1], nodes)
        if pipeline.negated:
            for each in worlds:
                if each.status is None:
                    each.doubt = each.doubt._replace(negated=not each.doubt.negated)
                else:
                    each.status = not each.status
        return worlds

    def together(self, world: World, nodes: Sequence[Node]) -> None:
        """Shows a whole pipeline to who knows programs that only together do something."""
        commands = [node for node in nodes if isinstance(node, Simple) and node.words]
        if any(self.programs.joins(part.text) for node in commands for part in node.words[0]):

            def words() -> list[list[str]]:
                return [
                    [each for word in node.words for each in expansion.fields(self, word)]
                    for node in commands
                ]

            given = self.explored(world, words)[-1][1]
            self.world = world
            self.programs.pipeline(self, given)

    # --- What is not known ---

    def answered(self, world: World, *, likely: bool = False) -> list[World]:
        """The worlds that one becomes where it must be known whether its last command succeeded."""
        if world.status is not None:
            return [world]
        doubt = world.doubt
        if likely and doubt.likely and not doubt.negated:
            world.status = True
            return [world]
        known = world.answers.get(doubt.key) if doubt.key else None
        if known is not None:
            world.status = known != doubt.negated
            return [world]
        yes, no = world, world.copy()
        for each, holds in ((yes, True), (no, False)):
            if doubt.key:
                each.answers[doubt.key] = holds
            each.conditions = (*each.conditions, Condition(_short(doubt.text), holds, doubt.verb))
            each.status = holds != doubt.negated
        return [yes, no]

    def ask(self, text: str = "", key: tuple[str, ...] = (), verb: str = "", *, likely: bool = False) -> None:
        """Leaves it open whether the command of the current world succeeds."""
        self.world.status = None
        self.world.doubt = Doubt(text or self.asked, key, verb or "succeeds", likely=likely)

    def choose(self, text: str, key: tuple[str, ...] = ()) -> bool:
        known = self.world.answers.get(key) if key else None
        if known is not None:
            return known
        holds = self._pick(2) == 0
        if key:
            self.world.answers[key] = holds
        self.world.conditions = (*self.world.conditions, Condition(_short(text), holds))
        return holds

    def _pick(self, count: int) -> int:
        fork = self.fork
        if fork is None:
            return 0
        if fork.at == len(fork.decided):
            fork.others += [(*fork.decided, other) for other in range(1, count)]
            fork.decided.append(0)
        fork.at += 1
        return fork.decided[fork.at - 1]

    def explore(self, world: World, action: Callable[[], object]) -> list[World]:
        """The worlds that one becomes by what is done in it."""
        results = [each for each, _ in self.explored(world, action)]
        return merged(results) if len(results) > 1 else results

    def explored(self, world: World, action: Callable[[], T]) -> list[tuple[World, T]]:
        """The worlds that one becomes by what is done in it, each with what that gives."""
        outer, self.fork = self.fork, None
        place = (self.line, self.fixed)
        results: list[tuple[World, T]] = []
        waiting: list[tuple[int, ...]] = [()]
        inside: dict[tuple[int, ...], list[World]] = {}
        try:
            while waiting and len(results) < MOST:
                fork = self.fork = _Fork(list(waiting.pop()), inside=inside)
                self.world = world.copy()
                self.line, self.fixed = place
                given = action()
                waiting += reversed(fork.others)
                results.append((self.world, given))
        finally:
            self.fork = outer
        return results

    def _inside(self, action: Callable[[World], list[World]]) -> str:
        """What something inside the current command prints; the world goes on as one of those that it becomes."""
        fork = self.fork
        key = tuple(fork.decided[: fork.at]) if fork else ()
        worlds = fork.inside.get(key) if fork else None
        if worlds is None:
            world = self.world.copy()
            world.out = ""
            worlds = action(world)
            if fork:
                self.fork = fork
                fork.inside[key] = worlds
        chosen = worlds[self._pick(len(worlds))]
        held = self.world.out
        self.world = chosen.copy()
        out, self.world.out = self.world.out, held
        return out

    def fewer(self, worlds: list[World]) -> list[World]:
        """No more worlds than can be followed: those that matter for Docker, in every value that something has."""
        if len(worlds) <= _MANY or self.relevant is None:
            return worlds
        differs = differing(worlds)
        matter = [name for name, texts in differs.items() if self.relevant.matters(name, texts)]
        kept: dict[tuple[object, ...], World] = {}
        for world in worlds:
            key = (world.flow, world.status, *(_value(world, name) for name in matter))
            if key not in kept:
                kept[key] = world
            else:
                kept[key].conditions = tuple(
                    each for each in kept[key].conditions if each in world.conditions
                )
        worlds = list(kept.values())
        if len(worlds) <= MOST:
            return worlds
        if self.relevant.concerns or any(CONCERNS.search(text) for name in matter for text in differs[name]):
            self.machine.note_unread(
                f"{self.place}: more may have become of the machine by here than can be followed"
            )
        return _covering(worlds, matter)

    # --- Blocks ---

    def node(self, world: World, node: Node) -> list[World]:
        if isinstance(node, Simple):
            return self.simple(world, node)
        self.line = node.line
        if not node.redirects:
            return self.block(world, node)
        worlds = self.explore(world, lambda: self.redirect_input(node.redirects))
        result: list[World] = []
        for each in worlds:
            given, held, each.out = world.input, each.out, ""
            for after in self.block(each, node):
                printed, after.out, after.input = after.out, held, given
                for written in self.explore(after, lambda: self.redirect_output(node.redirects, printed)):  # noqa: B023 - called at once
                    result.append(written)
        return result

    def block(self, world: World, block: Block) -> list[World]:
        match block.kind:
            case "function":
                world.process.functions[block.name] = block
                world.status = True
                return [world]
            case "subshell":
                process = world.process.copy()
                worlds = self.script([world], block.bodies[0])
                for each in worlds:
                    each.process, each.flow = process.copy(), ""
                return worlds
            case "for":
                return self.for_loop(world, block)
            case "while" | "until":
                return self.loop(world, block)
            case "if":
                return self.branches(world, block)
            case "case":
                return self.case(world, block)
            case _:
                return self.script([world], block.bodies[0]) if block.bodies else [world]

    def branches(self, world: World, block: Block) -> list[World]:
        worlds, result = [world], list[World]()
        for number in range(0, len(block.bodies), 2):
            if number + 1 == len(block.bodies):  # else
                result += self.script(worlds, block.bodies[number])
                worlds = []
                break
            go, worlds = self.split(worlds, block.bodies[number], result)
            result += self.script(go, block.bodies[number + 1]) if go else []
            if not worlds:
                break
        for each in worlds:
            each.status = True
        return [*result, *worlds]

    def split(
        self, worlds: list[World], condition: Script, stopped: list[World]
    ) -> tuple[list[World], list[World]]:
        """The worlds where a condition holds, and those where it fails."""
        sides: tuple[list[World], list[World]] = ([], [])
        for world in self.script(worlds, condition):
            if world.flow:
                stopped.append(world)
                continue
            for each in self.answered(world):
                sides[0 if each.status else 1].append(each)
        return sides

    def case(self, world: World, block: Block) -> list[World]:
        if not block.words:
            return [world]
        result: list[World] = []
        for each, value in self.explored(world, lambda: expansion.text(self, block.words[0])):
            result += self.arms(each, block, value)
        return result

    def arms(self, world: World, block: Block, value: str) -> list[World]:
        open_, result = [world], list[World]()
        falling: list[World] = []
        for body, (words, end) in zip(block.bodies, block.patterns, strict=False):
            taken = falling
            left: list[World] = []
            for each in open_:
                yes, no = self.matching(each, block.words[0], value, words)
                taken += yes
                left += no
            open_, falling = left, []
            after = self.script(self.fewer(merged(taken)), body) if taken else []
            if end == ";&":
                falling = after
            elif end == ";;&":
                open_ = merged([*open_, *after])
            else:
                result += after
            if not open_ and not falling:
                break
        for each in open_:
            each.status = True
        return [*result, *falling, *open_]

    def matching(
        self, world: World, word: Word, value: str, words: Sequence[Word]
    ) -> tuple[list[World], list[World]]:
        """Where a value matches one of an arm's patterns, and where it does not."""
        for each in words:
            pattern = self.explored(world, lambda: expansion.pattern(self, each))[0][1]  # noqa: B023 - called at once
            if pattern == "*":
                return [world], []
            found = glob(pattern)
            if expansion.is_known(value) and expansion.is_known(pattern) and found is not None:
                if found.fullmatch(value):
                    return [world], []
                continue
            asked = source([word])
            self.world = world
            once = "$(" in asked or "`" in asked
            self.ask(f"{asked} is {source([each])}", () if once else (asked, source([each])), "holds")
            yes, no = _sides(self.answered(world))
            if not no:
                return yes, []
            if not yes:
                continue
            rest = self.matching(no[0], word, value, words[list(words).index(each) + 1 :])
            return [*yes, *rest[0]], rest[1]
        return [], [world]

    def for_loop(self, world: World, block: Block) -> list[World]:
        def words() -> list[str]:
            return [text for word in block.words for text in expansion.fields(self, word)]

        finished: list[World] = []
        if not block.name:  # for ((...)): how often is not read
            return self.turn([world], block, finished) + finished
        for each, given in self.explored(world, words):
            worlds = [each]
            each.status = True
            if len(given) > _TURNS:
                self.note("a loop over too many words to follow", elsewhere=True)
            for text in given[:_TURNS]:
                for one in worlds:
                    one.process.variables[block.name] = text
                worlds = self.turn(worlds, block, finished)
                if not worlds:
                    break
            finished += worlds
        return finished

    def loop(self, world: World, block: Block) -> list[World]:
        worlds, finished = [world], list[World]()
        for turn in range(_TURNS):
            certain = all(each.conditions == world.conditions for each in worlds)
            go, stop = self.split(worlds, block.bodies[0], finished)
            if block.kind == "until":
                go, stop = stop, go
            finished += stop
            if not go:
                return finished
            undecided = bool(stop) or not certain
            before = [each.copy() for each in go] if turn else []
            worlds = self.turn(go, block, finished, body=1)
            same = len(before) == len(worlds) and all(
                one.process == other.process and one.files == other.files and one.input == other.input
                for one, other in zip(before, worlds, strict=True)
            )
            if not worlds or (undecided and turn) or same or (turn >= _ENDLESS and not _counts(block)):
                break
        return [*finished, *worlds]

    def turn(self, worlds: list[World], block: Block, finished: list[World], body: int = 0) -> list[World]:
        """One turn of a loop: the worlds where it goes on."""
        going: list[World] = []
        for each in self.script(worlds, block.bodies[body]):
            if each.flow == "break":
                each.flow = ""
                finished.append(each)
            elif each.flow in ("", "continue"):
                each.flow = ""
                going.append(each)
            else:
                finished.append(each)
        return self.fewer(merged(going)) if len(going) > 1 else going

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
            return self._inside(inside)
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
        if not _is_plain(command):
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

        return self._inside(inside)

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
            return self._inside(inside)
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


def _short(text: str | Sequence[Word]) -> str:
    text = " ".join((text if isinstance(text, str) else source(text)).split())
    return text if len(text) <= _LONGEST_CONDITION else text[:_LONGEST_CONDITION] + "…"


def _sides(worlds: Sequence[World]) -> tuple[list[World], list[World]]:
    return [each for each in worlds if each.status], [each for each in worlds if not each.status]


def _value(world: World, name: str) -> object:
    if name.startswith("$"):
        return world.process.variables.get(name[1:])
    content = world.files.get(name)
    return content.text if content else None


def _covering(worlds: Sequence[World], names: Sequence[str]) -> list[World]:
    """As few of the worlds as hold every value that something has in one of them."""
    seen: set[tuple[str, object]] = set()
    first: list[World] = []
    rest: list[World] = []
    for world in worlds:
        values = {(name, _value(world, name)) for name in names} | {("flow", world.flow)}
        (rest if values <= seen else first).append(world)
        seen |= values
    return [*first, *rest][:MOST]


def _counts(block: Block) -> bool:
    """Whether a loop's condition is one that may end it: anything but `true` and `:`."""
    words = [
        source(node.words)
        for pipeline in block.bodies[0]
        for node in pipeline.nodes
        if isinstance(node, Simple)
    ]
    return words not in (["true"], [":"], ["false"])


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
