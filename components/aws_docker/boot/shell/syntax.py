"""Reads shell text into commands: words with their quoting, redirections, here-documents, blocks. Pure.

The grammar is POSIX sh with bash's everyday additions (arrays, `[[`, `<<<`, `$'...'`). Nothing is expanded or run here:
that is interpreter.py's. Text that is no shell at all still gives some commands, and never an error: user-data may hold
anything; `Parsed` says where a text is not one that a shell would take to its end.

One file, since a grammar's rules all call one another.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple


class Part(NamedTuple):
    """A piece of a word."""

    kind: str
    """text; variable (`text` is what stands inside `${}`); command (the script inside `$()`); arithmetic."""
    text: str
    quoted: bool


Word = tuple[Part, ...]


@dataclass(slots=True)
class Redirect:
    """`2>&1`, `> file`, `<<EOF`: the operator and where it leads. A here-document's word is its body."""

    operator: str
    descriptor: str
    word: Word


@dataclass(slots=True)
class Simple:
    """A command of words, after any assignments."""

    line: int
    words: list[Word] = field(default_factory=list[Word])
    assignments: list[tuple[str, str, list[Word]]] = field(default_factory=list[tuple[str, str, list[Word]]])
    """Name, operator ("=", "+=", or "=(" and "+=(" for arrays) and words."""
    redirects: list[Redirect] = field(default_factory=list[Redirect])
    plain: bool | None = None
    """Whether nothing runs inside its words: remembered by who asks."""


@dataclass(slots=True)
class Block:
    """A compound command."""

    kind: str
    """group, subshell, if, while, until, for, case, function."""
    line: int
    name: str = ""
    """The variable of a for loop, the name of a function."""
    words: list[Word] = field(default_factory=list[Word])
    """What a for loop goes through; the word of a case."""
    bodies: "list[Script]" = field(default_factory=list["Script"])
    """The lists of commands inside; in an if, condition and branch by turns."""
    patterns: list[tuple[list[Word], str]] = field(default_factory=list[tuple[list[Word], str]])
    """Of each arm of a case: its patterns, and what ends it (;; or ;& or ;;&)."""
    redirects: list[Redirect] = field(default_factory=list[Redirect])


Node = Simple | Block


class Pipeline(NamedTuple):
    """Commands joined by `|`."""

    joined: str
    """What joins them to the pipeline before: "", "&&" or "||"."""
    nodes: list[Node]
    negated: bool = False
    """Whether a `!` stands before them."""


Script = list[Pipeline]

MAX_DEPTH: Final = 40
_BLANK = re.compile(r"(?:[ \t\r]|\\\r?\n)+")
_PLAIN = re.compile(r"[^\s\\'\"$`;&|<>()]+")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(?:\[[^\]\n]{0,64}\])?(\+?=)", re.A)
_REDIRECT = re.compile(r"(\d{0,4}|\{\w{1,32}\})(&>>|&>|<<<|<<-|<<|<&|<>|>>|>\||>&|<|>)", re.A)
_KEYWORD = re.compile(
    r"(?:if|then|elif|else|fi|while|until|do|done|for|select|case|esac|function|[{}!]|time|coproc)(?=[\s;&|()<>]|$)"
)
_FUNCTION = re.compile(r"([\w.:@-]{1,64})[ \t]*\([ \t]*\)", re.A)
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]", re.A)
_IN_QUOTES = re.compile(r'[^"\\$`]+')
_PREFIX = re.compile(r"(?:!|time(?: -p)?|coproc)(?=[ \t\n])")
_FUNCTION_NAME = re.compile(r"[^\s(){};&|]*")
_PARENTHESES = re.compile(r"[ \t]*\([ \t]*\)")
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_IN = re.compile(r"in(?=\s)")
_ESAC = re.compile(r"esac(?=[\s;&|()]|$)")
_CASE_END = re.compile(r";;&|;;|;&")
_ESCAPED = re.compile(r"\$'((?:[^'\\]|\\.)*)'?", re.S)
_INNER = re.compile(r"[^\\'\"`(){}$#]+")
_BRACKETS = re.compile(r"\[\[(?=\s)")
_TEST_OPERATOR = re.compile(r"&&|\|\||[()<>]|!(?=\s)")
_NEVER: Final[frozenset[str]] = frozenset()


class Parsed(NamedTuple):
    """What `parse` read."""

    script: Script
    too_deep: bool
    """Whether something is nested deeper than MAX_DEPTH, and not read."""
    unclosed: bool
    """Whether a quote, bracket or block is open at the end: no shell would run the whole text."""


@lru_cache(maxsize=256)
def parse(text: str) -> Parsed:
    """The commands of a script, in order. Nobody changes them: one reading does for all worlds."""
    parser = _Parser(text.replace("\r\n", "\n"), 0)
    return Parsed(parser.script(), parser.too_deep, parser.unclosed)


def source(words: Sequence[Word]) -> str:
    """Words much as they were written, for people to read."""
    return " ".join("".join(_SOURCES.get(part.kind, "%s") % part.text for part in word) for word in words)


_SOURCES: Final = {
    "variable": "$%s",
    "command": "$(%s)",
    "arithmetic": "$((%s))",
    "process<": "<(%s)",
    "process>": ">(%s)",
}


def quoted_parts(text: str) -> Word:
    """A text read as inside double quotes: a here-document's body."""
    return tuple(_Parser(text, 0).in_quotes(stop=""))


class _Parser:
    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.end = len(text)
        self.at = 0
        self.depth = depth
        self.too_deep = False
        self.unclosed = False
        self.no_bracket = False  # looked up once: looking again for each of many would take for ever
        self.waiting: list[tuple[Redirect, str, bool, bool]] = []
        self.newlines = [found.start() for found in re.finditer("\n", text)]

    def line(self) -> int:
        return bisect_right(self.newlines, self.at - 1) + 1

    def script(self) -> Script:
        script: Script = []
        while self.at < self.end:
            before = self.at
            script += self.commands(_NEVER)
            if self.at == before or self.at < self.end:
                self.at = max(self.at, before) + 1  # a `)` or `done` that nothing opened
        return script

    # --- Lists and blocks ---

    def commands(self, stop: frozenset[str]) -> Script:
        """Pipelines up to a keyword in `stop`, `)`, `;;` or the end; what stopped it is left to be read."""
        script: Script = []
        joined = ""
        while self.at < self.end:
            self.blank()
            if self.at >= self.end:
                break
            char = self.text[self.at]
            if char == "\n":
                self.newline()
            elif char == "#":
                self.comment()
            elif self.text.startswith(";;", self.at) or char == ")":
                break
            elif char == ";" or (char == "&" and not self.text.startswith(("&&", "&>"), self.at)):
                self.at += 1
                joined = ""
            elif self.text.startswith(("&&", "||"), self.at):
                joined = self.text[self.at : self.at + 2]
                self.at += 2
            elif char == "|":
                self.at += 1
            else:
                keyword = _KEYWORD.match(self.text, self.at)
                if keyword and keyword[0] in stop:
                    break
                if keyword and keyword[0] in _CLOSERS:
                    self.at = keyword.end()  # one that nothing opened
                    continue
                before = self.at
                nodes, negated = self.pipeline()
                if nodes:
                    script.append(Pipeline(joined, nodes, negated))
                joined = ""
                if self.at == before:
                    self.at += 1
        return script

    def pipeline(self) -> tuple[list[Node], bool]:
        nodes: list[Node] = []
        negated = False
        while self.at < self.end:
            self.blank()
            while keyword := _PREFIX.match(self.text, self.at):
                negated = negated != (keyword[0] == "!")
                self.at = keyword.end()
                self.blank()
            node = self.node()
            if node is not None:
                nodes.append(node)
            self.blank()
            if self.text.startswith("|", self.at) and not self.text.startswith("||", self.at):
                self.at += 2 if self.text.startswith("|&", self.at) else 1
                self.blank_lines()
            else:
                break
        return nodes, negated

    def node(self) -> Node | None:
        keyword = _KEYWORD.match(self.text, self.at)
        opener = keyword[0] if keyword else ""
        if self.text.startswith("((", self.at):
            close = self.closing(self.at + 1)
            if close is not None and self.text.startswith("))", close):
                inside = self.text[self.at + 2 : close]
                command = Simple(
                    self.line(), [(Part("text", "((", True),), (Part("arithmetic", inside, True),)]
                )
                self.at = close + 2
                return command
        line = self.line()
        if self.text.startswith("(", self.at):
            opener = "("
        block: Block | None = None
        if opener in _BLOCKS:
            if self.depth >= MAX_DEPTH:
                self.too_deep = True
                self.at += 1
                return None
            self.at += len(opener)
            self.depth += 1
            block = self.block(opener, line)
            self.depth -= 1
        else:
            named = _FUNCTION.match(self.text, self.at)
            if named and self.depth < MAX_DEPTH:
                self.at = named.end()
                self.depth += 1
                block = self.function(named[1], line)
                self.depth -= 1
        if block is None:
            return self.simple(line)
        while True:
            self.blank()
            found = _REDIRECT.match(self.text, self.at)
            if not found:
                return block
            block.redirects.append(self.redirect(found))

    def block(self, opener: str, line: int) -> Block:
        match opener:
            case "{" | "(":
                body = self.commands(frozenset("}") if opener == "{" else _NEVER)
                self.close("}" if opener == "{" else ")")
                return Block("group" if opener == "{" else "subshell", line, bodies=[body])
            case "if":
                bodies: list[Script] = []
                while True:
                    bodies.append(self.commands(frozenset(("then", "elif", "else", "fi"))))
                    keyword = _KEYWORD.match(self.text, self.at)
                    if not keyword or keyword[0] not in ("then", "elif", "else", "fi"):
                        self.unclosed = True
                        break
                    self.at = keyword.end()
                    if keyword[0] == "fi":
                        break
                return Block("if", line, bodies=bodies)
            case "while" | "until":
                condition = self.commands(frozenset(("do",)))
                return Block(opener, line, bodies=[condition, self.do_done()])
            case "for" | "select":
                return self.for_loop(line)
            case "case":
                return self.case(line)
            case _:  # function
                self.blank()
                name = _FUNCTION_NAME.match(self.text, self.at)
                self.at = name.end() if name else self.at
                parentheses = _PARENTHESES.match(self.text, self.at)
                self.at = parentheses.end() if parentheses else self.at
                return self.function(name[0] if name else "", line)

    def function(self, name: str, line: int) -> Block:
        self.blank_lines()
        node = self.node()
        return Block("function", line, name, bodies=[[Pipeline("", [node])]] if node else [[]])

    def do_done(self) -> Script:
        self.blank_lines()
        if self.text.startswith(";", self.at):
            self.at += 1
            self.blank_lines()
        self.close("do")
        body = self.commands(frozenset(("done",)))
        self.close("done")
        return body

    def for_loop(self, line: int) -> Block:
        self.blank()
        words: list[Word] = []
        name = ""
        if self.text.startswith("((", self.at):
            close = self.closing(self.at)
            self.at = self.end if close is None else close + 1
        elif found := _IDENTIFIER.match(self.text, self.at):
            name = found[0]
            self.at = found.end()
            self.blank_lines()
            words = [(Part("variable", "@", True),)]
            if found := _IN.match(self.text, self.at):
                words = []
                self.at = found.end()
                self.blank()
                while self.at < self.end and self.text[self.at] not in "\n;&|()<>":
                    words.append(self.word())
                    self.blank()
        return Block("for", line, name, words, [self.do_done()])

    def case(self, line: int) -> Block:
        self.blank()
        block = Block("case", line)
        if self.at < self.end and self.text[self.at] not in "\n;&|()<>":
            block.words = [self.word()]
        self.blank_lines()
        self.expect("in")
        while True:
            self.blank_lines()
            if self.at >= self.end:
                self.unclosed = True
                return block
            if _ESAC.match(self.text, self.at):
                self.at += 4
                return block
            before = self.at
            patterns = self.case_patterns()
            block.bodies.append(self.commands(frozenset(("esac",))))
            found = _CASE_END.match(self.text, self.at)
            self.at = found.end() if found else self.at
            block.patterns.append((patterns, found[0] if found else ";;"))
            if self.at == before:
                self.at += 1

    def case_patterns(self) -> list[Word]:
        """The patterns of an arm, up to their parenthesis."""
        patterns: list[Word] = []
        self.at += self.text.startswith("(", self.at)
        while self.at < self.end and self.text[self.at] != ")":
            self.blank()
            if self.at < self.end and self.text[self.at] in "\n;&|<>(":
                self.at += 1
            elif self.at < self.end and self.text[self.at] != ")":
                patterns.append(self.word())
        self.at = min(self.at + 1, self.end)
        return patterns

    def close(self, keyword: str) -> None:
        """What must follow to end a block."""
        self.unclosed = not self.expect(keyword) or self.unclosed

    def expect(self, keyword: str) -> bool:
        if self.text.startswith(keyword, self.at):
            self.at += len(keyword)
            return True
        return False

    # --- Space between commands ---

    def blank(self) -> None:
        if found := _BLANK.match(self.text, self.at):
            self.at = found.end()

    def comment(self) -> None:
        newline = self.text.find("\n", self.at)
        self.at = self.end if newline < 0 else newline

    def blank_lines(self) -> None:
        while self.at < self.end:
            self.blank()
            if self.text.startswith("\n", self.at):
                self.newline()
            elif self.text.startswith("#", self.at):
                self.comment()
            else:
                return

    def newline(self) -> None:
        self.at += 1
        waiting, self.waiting = self.waiting, []
        for redirect, delimiter, quoted, tabs in waiting:
            lines: list[str] = []
            while self.at < self.end:
                newline = self.text.find("\n", self.at)
                newline = self.end if newline < 0 else newline
                line = self.text[self.at : newline]
                self.at = newline + 1
                if tabs:
                    line = line.lstrip("\t")
                if line.rstrip("\r") == delimiter:
                    break
                lines.append(line + "\n")
            self.at = min(self.at, self.end)
            body = "".join(lines)
            redirect.word = (Part("text", body, True),) if quoted else quoted_parts(body)

    # --- Commands ---

    def simple(self, line: int) -> Simple | None:
        command = Simple(line)
        while self.at < self.end:
            self.blank()
            if self.at >= self.end:
                break
            char = self.text[self.at]
            if char in "\n;)" or char == "|" or (char == "&" and not self.text.startswith("&>", self.at)):
                break
            if char == "#":
                self.comment()
                break
            if not command.words and _BRACKETS.match(self.text, self.at):
                self.brackets(command)
                continue
            found = _REDIRECT.match(self.text, self.at) if char in "0123456789{&<>" else None
            if found and not (found[2] in "<>" and self.text.startswith("(", found.end())):
                command.redirects.append(self.redirect(found))
                continue
            if found:  # <(...) and >(...)
                self.at = found.end()
                close = self.closing(self.at)
                inside = self.text[self.at + 1 : close] if close is not None else ""
                self.at = self.end if close is None else close + 1
                command.words.append((Part("process" + found[2], inside, True),))
                continue
            if char == "(":
                self.at += 1  # a stray one
                continue
            assigned = _ASSIGNMENT.match(self.text, self.at)
            if assigned and (not command.words or _declares(command.words[0])):
                self.at = assigned.end()
                operator = assigned[2]
                if self.text.startswith("(", self.at):
                    self.at += 1
                    operator += "("
                    words = self.array()
                else:
                    words = [self.word()]
                command.assignments.append((assigned[1], operator, words))
                continue
            command.words.append(self.word())
        if command.words or command.assignments or command.redirects:
            return command
        return None

    def brackets(self, command: Simple) -> None:
        """`[[ ... ]]`: operators inside are words, and end nothing."""
        while self.at < self.end:
            self.blank_lines()
            if self.text.startswith("]]", self.at):
                self.at += 2
                command.words.append((Part("text", "]]", False),))
                return
            if found := _TEST_OPERATOR.match(self.text, self.at):
                self.at = found.end()
                command.words.append((Part("operator", found[0], False),))
                continue
            before = self.at
            word = self.word()
            if word and word[-1].text == "=~" and len(word) == 1:
                command.words.append((Part("operator", "=~", False),))
                self.blank()
                command.words.append(self.regular_expression())
                continue
            command.words.append(word)
            if self.at == before:
                break
        self.unclosed = True

    def regular_expression(self) -> Word:
        """What stands after `=~`: brackets and bars are its own."""
        parts: list[Part] = []
        depth = 0
        while self.at < self.end:
            char = self.text[self.at]
            if char in " \t\r\n" and depth <= 0:
                break
            if char in "()|<>&; \t\r\n":
                depth += (char == "(") - (char == ")")
                parts.append(Part("text", char, False))
                self.at += 1
            else:
                parts += self.word() or (Part("text", char, False),)
        return tuple(parts)

    def array(self) -> list[Word]:
        words: list[Word] = []
        while self.at < self.end:
            self.blank_lines()
            if self.at >= self.end:
                break
            if self.text[self.at] == ")":
                self.at += 1
                break
            if self.text[self.at] in ";&|<>(":
                self.at += 1
                continue
            words.append(self.word())
        return words

    def redirect(self, found: re.Match[str]) -> Redirect:
        self.at = found.end()
        self.blank()
        operator = found[2]
        if operator in ("<<", "<<-"):
            word = self.word() if self.at < self.end and self.text[self.at] not in "\n;&|()<>" else ()
            redirect = Redirect("<<", found[1], ())
            delimiter = "".join(part.text for part in word)
            quoted = any(part.quoted for part in word)
            self.waiting.append((redirect, delimiter, quoted, operator == "<<-"))
            return redirect
        word = self.word() if self.at < self.end and self.text[self.at] not in "\n;&|()<>" else ()
        return Redirect(operator, found[1], word)

    # --- Words ---

    def word(self) -> Word:
        parts: list[Part] = []
        while self.at < self.end:
            char = self.text[self.at]
            if char in " \t\r\n;&|<>()":
                break
            if found := _PLAIN.match(self.text, self.at):
                parts.append(Part("text", found[0], False))
                self.at = found.end()
            elif char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                if following not in ("", "\n"):
                    parts.append(Part("text", following, True))
                self.at += 2
            elif char == "'":
                close = self.text.find("'", self.at + 1)
                if close < 0:
                    close, self.unclosed = self.end, True
                parts.append(Part("text", self.text[self.at + 1 : close], True))
                self.at = close + 1
            elif char == '"':
                self.at += 1
                parts.append(Part("text", "", True))
                parts += self.in_quotes(stop='"')
            elif self.text.startswith("$'", self.at):
                parts.append(Part("text", self.escaped(), True))
            elif self.text.startswith('$"', self.at):
                self.at += 1
            else:
                parts.append(self.expansion(quoted=False))
        self.at = min(self.at, self.end)
        return tuple(parts)

    def in_quotes(self, stop: str) -> list[Part]:
        parts: list[Part] = []
        while True:
            if self.at >= self.end:
                self.unclosed = self.unclosed or bool(stop)
                break
            char = self.text[self.at]
            if char == stop:
                self.at += 1
                break
            if found := _IN_QUOTES.match(self.text, self.at):
                parts.append(Part("text", found[0], True))
                self.at = found.end()
            elif char == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                if following in ("$", "`", "\\") or (following == '"' and stop):
                    parts.append(Part("text", following, True))
                elif following != "\n":
                    parts.append(Part("text", "\\" + following, True))
                self.at += 2
            elif char == '"':
                parts.append(Part("text", '"', True))
                self.at += 1
            else:
                parts.append(self.expansion(quoted=True))
        return parts

    def escaped(self) -> str:
        # $'...': ends at the next quote that no backslash escapes.
        found = _ESCAPED.match(self.text, self.at)
        if not found:
            self.at += 2
            return ""
        self.at = found.end()
        return unescape(found[1])

    def expansion(self, quoted: bool) -> Part:
        """What stands at a `$` or a backquote."""
        text = self.text
        if text[self.at] == "`":
            close = self.at + 1
            while close < self.end and text[close] != "`":
                close += 2 if text[close] == "\\" else 1
            inside = text[self.at + 1 : close]
            self.unclosed = self.unclosed or close >= self.end
            self.at = min(close + 1, self.end)
            return Part("command", re.sub(r"\\([$`\\])", r"\1", inside), quoted)
        if text.startswith("$(", self.at):
            close = self.closing(self.at + 1)
            if close is None:
                self.at += 2
                return Part("text", "$(", quoted)
            inside = text[self.at + 2 : close]
            self.at = close + 1
            if inside.startswith("(") and inside.endswith(")"):
                return Part("arithmetic", inside[1:-1], quoted)
            return Part("command", inside, quoted)
        if text.startswith("${", self.at):
            close = self.closing(self.at + 1)
            if close is None:
                self.at += 2
                return Part("text", "${", quoted)
            inside = text[self.at + 2 : close]
            self.at = close + 1
            return Part("variable", inside, quoted)
        name = _NAME.match(text, self.at + 1)
        if not name:
            self.at += 1
            return Part("text", "$", quoted)
        self.at = name.end()
        return Part("variable", name[0], quoted)

    def closing(self, at: int) -> int | None:
        """Where the bracket at this place closes, None where it does not."""
        if self.no_bracket:
            return None
        open_brackets = [self.text[at]]
        at += 1
        while at < self.end:
            if found := _INNER.match(self.text, at):
                at = found.end()
                continue
            char, top = self.text[at], open_brackets[-1]
            if char == "\\":
                at += 1
            elif char == '"':
                if top == '"':
                    open_brackets.pop()
                else:
                    open_brackets.append('"')
            elif self.text.startswith(("$(", "${"), at):
                at += 1
                open_brackets.append(self.text[at])
            elif top == '"':
                pass
            elif char == "'":
                at = self.text.find("'", at + 1)
                if at < 0:
                    break
            elif char == "#" and top == "(" and self.text[at - 1] in " \t\n":
                at = self.text.find("\n", at)
                if at < 0:
                    break
            elif char == "(" and top == "(":
                open_brackets.append("(")
            elif char + top in (")(", "}{"):
                open_brackets.pop()
                if not open_brackets:
                    return at
            at += 1
        self.unclosed = self.no_bracket = True
        return None


_BLOCKS: Final = frozenset(("{", "(", "if", "while", "until", "for", "select", "case", "function"))
_CLOSERS: Final = frozenset(("then", "elif", "else", "fi", "do", "done", "esac", "}"))
_DECLARING: Final = frozenset(("export", "declare", "typeset", "local", "readonly"))


def _declares(word: Word) -> bool:
    return "".join(part.text for part in word) in _DECLARING


_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,4})|(.))", re.S
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}


def unescape(text: str) -> str:
    """A text with the escapes of printf and `$'...'` replaced."""

    def replaced(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code:
            return chr(min(int(code, 16), 0x10FFFF))
        if found[4]:
            return chr(int(found[4], 8) & 0xFF)
        return _ESCAPES.get(found[5], found[5] if found[5] in "\\'\"?" else "\\" + found[5])

    return _ESCAPE.sub(replaced, text) if "\\" in text else text
