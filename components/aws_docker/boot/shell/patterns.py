"""Patterns of shells and of sed and grep as Python's, so far as they take little time to match. Pure."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from .syntax import Word

UNREAD: Final = "(?!)"
"""A pattern that could not be read: it matches nowhere."""
_CLASSES: Final = (
    ("space", r"\s"),
    ("blank", r" \t"),
    ("digit", r"\d"),
    ("alnum", "A-Za-z0-9"),
    ("alpha", "A-Za-z"),
    ("upper", "A-Z"),
    ("lower", "a-z"),
)


def of_word(word: Word, texts: Sequence[str]) -> str:
    """The glob of a word whose parts became these texts: what was quoted stands for itself."""
    return "".join(
        re.sub(r"([*?\[\]\\])", r"\\\1", text) if part.quoted else text
        for part, text in zip(word, texts, strict=True)
    )


@lru_cache(maxsize=256)
def glob(pattern: str) -> "re.Pattern[str] | None":
    """A shell's pattern; None where it would take too long."""
    if pattern.count("*") > 4 or len(pattern) > 500:
        return None
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\" and at < len(pattern):
            out.append(re.escape(pattern[at]))
            at += 1
        elif char == "*":
            out.append(".*")
        elif char == "?":
            out.append(".")
        elif char == "[" and (close := _bracket(pattern, at)) > 0:
            inside = pattern[at:close]
            for name, characters in _CLASSES:
                inside = inside.replace(f"[:{name}:]", characters)
            negated = inside[:1] in ("!", "^")
            inside = (inside[1:] if negated else inside).replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"[{'^' if negated else ''}{inside}]")
            at = close + 1
        else:
            out.append(re.escape(char))
    try:
        return re.compile("".join(out), re.S)
    except re.error:
        return None


def posix(text: str, extended: bool) -> str:
    """A POSIX pattern as one of Python's; UNREAD where it might take long."""
    out: list[str] = []
    at = quantifiers = groups = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "[":
            end = _bracket(text, at)
            if end < 0:
                return UNREAD
            inside = text[at:end]
            for name, characters in _CLASSES:
                inside = inside.replace(f"[:{name}:]", characters)
            inside = inside.replace("\\", "\\\\").replace("\\\\s", "\\s").replace("\\\\d", "\\d")
            out.append("[" + inside.replace("[", "\\[") + "]")
            at = end + 1
            continue
        escaped = char == "\\" and at < len(text)
        if escaped:
            char = text[at]
            at += 1
        if char in "(){}|+?" and escaped != extended:
            groups += char == "("
            quantifiers += char in "+?"
            repeated = char == ")" and re.match(r"[*+?{]|\\[{+?]", text[at : at + 2])
            if char in "{}" or repeated:
                return UNREAD  # a repeated group can take for ever
            out.append(char)
        elif char == "*" and not escaped:
            quantifiers += 1
            out.append("*" if out and out[-1] not in "(|^" else r"\*")
        elif char in ".^$" and not escaped:
            special = char == "." or (char == "^" and (not out or out[-1] in "(|"))
            special = special or (char == "$" and (at == len(text) or text[at] in "|)\\"))
            out.append(char if special else re.escape(char))
        elif escaped and char in "sSwWbnt":
            out.append("\\" + char)
        elif escaped and char.isdigit():
            return UNREAD
        else:
            out.append(re.escape(char))
    if quantifiers > 2 or "".join(out).count("*+") or groups > 9:
        return UNREAD
    return "".join(out)


def _bracket(text: str, at: int) -> int:
    """Where the bracket closes whose inside starts here."""
    end = text.find("]", at + (2 if text[at : at + 1] == "^" else 1))
    while end > 0 and "[:" in text[at:end] and text.count("[:", at, end) > text.count(":]", at, end + 1):
        end = text.find("]", end + 1)
    if end > 0 and text[end - 1] == ":" and "[:" in text[at:end]:
        end = text.find("]", end + 1)
    return end


def search(pattern: str, text: str) -> "re.Match[str] | None":
    """Where a pattern of `posix` matches."""
    try:
        return re.search(pattern, text)
    except (re.error, RecursionError, OverflowError):
        return None
