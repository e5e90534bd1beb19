"""Follows what a shell script does to a machine: variables, files that it writes, programs that it starts.

Nothing is executed. Where a script asks what only the machine knows, the world becomes two: one where the answer is
yes, one where it is no, each with its own variables and files. Both go on, and are one again once they stand alike.
What single programs do is programs/'s, which this shell is given.

Control flow takes a world and gives those that it becomes. How a world becomes two, and which are followed, is in
forks.py; single commands are in commands.py.
"""

from collections.abc import Sequence
from typing import Final

from ..machine.state import CONCERNS, UNKNOWN
from ..machine.world import Process, World, merged
from . import expansion, relevance
from .commands import Commands
from .patterns import glob
from .syntax import MAX_DEPTH, Block, Node, Pipeline, Script, Simple, Word, parse, source

_TURNS: Final = 30
_ENDLESS: Final = 4


class Shell(Commands):
    """A shell on a machine, in every world that it may be in."""

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
        self.relevant = relevance.Relevant(" ".join(argv))
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


def _sides(worlds: Sequence[World]) -> tuple[list[World], list[World]]:
    return [each for each in worlds if each.status], [each for each in worlds if not each.status]


def _counts(block: Block) -> bool:
    """Whether a loop's condition is one that may end it: anything but `true` and `:`."""
    words = [
        source(node.words)
        for pipeline in block.bodies[0]
        for node in pipeline.nodes
        if isinstance(node, Simple)
    ]
    return words not in (["true"], [":"], ["false"])
