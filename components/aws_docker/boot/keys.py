"""Finds private keys and the keys of Swarms in text and bytes, and keeps them out of what is reported. Pure.

A key is reported by where it stands and never by a byte of it. A header without a body (`grep "BEGIN PRIVATE KEY"`, a
placeholder) is no key.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from .formats.encodings import Undecodable, as_text, compression, decompress, unbase64

_HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_BODY: Final = 2_000  # characters after a header that decide whether a key follows
_BREAKS = re.compile(r"(?:\\+[nrt]|\\u000[aA]|%0[aAdD]|[\s\"',+|>;\\])+")
_INFO = re.compile(r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID):[^\n\\]{0,200}")
_OTHERS: Final = (
    re.compile(r"PuTTY-User-Key-File-[123]: "),
    re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{40}"),
)
# moby/swarmkit, ca/config.go: a digest and a secret in base 36; manager/encryption/encryption.go: 32 bytes in base64.
_SWARM: Final = re.compile(
    r"SWMTKN-(?:1|2-[01])-(?P<token>[0-9a-z]{50}-[0-9a-z]{25})(?![0-9a-z])"
    r"|SWMKEY-1-(?P<key>[A-Za-z0-9+/]{43})(?![A-Za-z0-9+/])"
)
_DIFFERENT: Final = 8
"""Characters that differ from each other in what is no placeholder, such as "xxxx…": of 43 at random, many more do."""
_BLOB = re.compile(r"[A-Za-z0-9+/]{40,}(?:\s{1,40}[A-Za-z0-9+/]{8,}){0,2000}={0,2}")
# ASN.1 of PKCS #8 (plain), PKCS #1, SEC 1 and PKCS #12.
_DER = re.compile(
    rb"0(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01"
    rb"(?:\x00(?:0.\x06|\x02[\x40-\x7f\x81\x82])|\x01(?:\x04[\x10-\x50]|0.\x06)|\x030)",
    re.S,
)
_MARKS: Final = (
    b"PRIVATE KEY",
    b"Key-File",
    b"AGE-SECRET",
    b"LS0tLS1CRUdJTi",
    b"H4sI",
    b"MII",
    b"MIG",
    b"MHc",
    b"MC4",
    b"SWMTKN-",
    b"SWMKEY-",
    b"U1dNVEtOL",
    b"U1dNS0VZL",
)
_HIDDEN: Final = "(hidden)"


class Key(NamedTuple):
    """A private key that was found, or what opens a Swarm."""

    fingerprint: str
    line: int
    material: str
    """What must not be shown: the key's text, and the base64 around it. Never leaves this package."""
    of_swarm: bool = False
    """Whether it is a Swarm's: a token to join it, or the key that unlocks its managers."""


def keys(text: str, depth: int = 3) -> Iterator[Key]:
    """The private keys in a text, also inside base64."""
    if "PRIVATE KEY" in text:
        for header in _HEADER.finditer(text):
            body = _body(text[header.end() : header.end() + _BODY])
            if body:
                yield Key(_fingerprint(body), _line(text, header.start()), body)
    for pattern in _OTHERS:
        if found := pattern.search(text):
            rest = text[found.start() : found.start() + _BODY]
            yield Key(_fingerprint(found[0]), _line(text, found.start()), rest)
    for found in _SWARM.finditer(text):
        secret = found["token"] or found["key"]
        if len(set(secret)) >= _DIFFERENT:
            yield Key(_fingerprint(secret), _line(text, found.start()), found[0], of_swarm=True)
    if depth:
        for blob in _BLOB.finditer(text):
            try:
                data = unbase64(blob[0].encode())
            except Undecodable:
                continue
            for key in keys_in_bytes(data, depth - 1):
                material = f"{key.material} {''.join(blob[0].split())}"
                yield Key(key.fingerprint, _line(text, blob.start()), material, key.of_swarm)


def keys_in_bytes(data: bytes, depth: int = 3) -> Iterator[Key]:
    """The private keys in a file's bytes: PEM, DER, or either compressed."""
    if compression(data):
        try:
            data = decompress(data)
        except Undecodable:
            return
    if _DER.match(data):
        yield Key(_fingerprint(data[:64].hex()), 1, b64encode(data).decode())
    elif any(mark in data for mark in _MARKS):
        yield from keys(as_text(data), depth)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _body(rest: str) -> str | None:
    rest = rest.partition("-----END")[0]
    informed = _INFO.search(rest)
    packed = re.match(r"[A-Za-z0-9+/=]*", _BREAKS.sub("", _INFO.sub("", rest)))
    body = packed[0] if packed else ""
    if len(body) < 32:
        return None
    # ASN.1 starts with a sequence, OpenSSH with its name; the rest must at least look as random as base64 does.
    if body.startswith("M") or body.startswith("b3BlbnNz"):
        return body
    mixed = all(re.search(kind, body) for kind in ("[a-z]", "[A-Z]", "[0-9+/]"))
    return body if informed or mixed else None


def _fingerprint(body: str) -> str:
    return hashlib.sha256(body[:64].encode(errors="replace")).hexdigest()


_FRAGMENT: Final = 6
"""Letters and digits from which on a piece of a key is not shown."""
_PEM = re.compile(r"-----BEGIN .*", re.S)
_AROUND: Final = "+/="


def hide(text: str, material: str) -> str:
    """A text that may be shown: without PEM, and without any piece of a key, whatever cut it out.

    Letters and digits alone are compared, in small letters: a piece is one whatever stands between or is left of it.
    """
    if "-----BEGIN" in text:
        text = _PEM.sub(_HIDDEN, text)
    text = text if len(text) <= 300 else text[:300] + "…"
    if not material:
        return text
    pieces = _pieces(material)
    places = [at for at, char in enumerate(text) if char.isascii() and char.isalnum()]
    bare = "".join(text[at] for at in places).lower()
    hidden: set[int] = set()
    for at in range(len(bare) - _FRAGMENT + 1):
        if bare[at : at + _FRAGMENT] in pieces:
            hidden.update(range(places[at], places[at + _FRAGMENT - 1] + 1))
    shown: list[str] = []
    for at, char in enumerate(text):
        if at not in hidden and not (char in _AROUND and (at - 1 in hidden or at + 1 in hidden)):
            shown.append(char)
        elif not shown or shown[-1] != _HIDDEN:
            shown.append(_HIDDEN)
    return "".join(shown)


@lru_cache(maxsize=4)
def _pieces(material: str) -> frozenset[str]:
    bare = re.sub(r"[^a-z0-9]", "", material.lower())
    return frozenset(bare[at : at + _FRAGMENT] for at in range(len(bare) - _FRAGMENT + 1))
