"""Finds private keys in text and bytes, and keeps them out of what is reported. Pure.

A key is reported by where it stands and never by a byte of it. A header without a body (`grep "BEGIN PRIVATE KEY"`, a
placeholder) is no key.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Final

from .encodings import Undecodable, as_text, compression, decompress, unbase64

_HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_BODY: Final = 2_000  # characters after a header that decide whether a key follows
_BREAKS = re.compile(r"(?:\\+[nrt]|\\u000[aA]|%0[aAdD]|[\s\"',+|>;\\])+")
_INFO = re.compile(r"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID):[^\n\\]{0,200}")
_OTHERS: Final = (
    re.compile(r"PuTTY-User-Key-File-[123]: "),
    re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{40}"),
)
_BLOB = re.compile(r"[A-Za-z0-9+/]{40,}(?:\s{1,40}[A-Za-z0-9+/]{8,}){0,2000}={0,2}")
# ASN.1 of PKCS #8 (plain), PKCS #1, SEC 1 and PKCS #12.
_DER = re.compile(
    rb"0(?:[\x00-\x7f]|\x81.|\x82..)\x02\x01"
    rb"(?:\x00(?:0.\x06|\x02[\x40-\x7f\x81\x82])|\x01(?:\x04[\x10-\x50]|0.\x06)|\x030)",
    re.S,
)
_HIDDEN: Final = "(hidden)"


def keys(text: str, depth: int = 3) -> Iterator[tuple[str, int]]:
    """The private keys in a text, also inside base64: a fingerprint each, and the line where it starts."""
    if "PRIVATE KEY" in text:
        for header in _HEADER.finditer(text):
            body = _body(text[header.end() : header.end() + _BODY])
            if body:
                yield _fingerprint(body), text.count("\n", 0, header.start()) + 1
    for pattern in _OTHERS:
        if found := pattern.search(text):
            yield (
                _fingerprint(text[found.start() : found.start() + 200]),
                text.count("\n", 0, found.start()) + 1,
            )
    if depth:
        for blob in _BLOB.finditer(text):
            try:
                data = unbase64(blob[0].encode())
            except Undecodable:
                continue
            for fingerprint in keys_in_bytes(data, depth - 1):
                yield fingerprint, text.count("\n", 0, blob.start()) + 1


def keys_in_bytes(data: bytes, depth: int = 3) -> Iterator[str]:
    """The fingerprints of the private keys in a file's bytes: PEM, DER, or either compressed."""
    if compression(data):
        try:
            data = decompress(data)
        except Undecodable:
            return
    if _DER.match(data):
        yield _fingerprint(data[:64].hex())
    elif b"PRIVATE KEY" in data or b"LS0tLS1CRUdJTi" in data or b"Key-File" in data or b"H4sI" in data:
        for fingerprint, _ in keys(as_text(data), depth):
            yield fingerprint


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


_RUN = re.compile(r"[A-Za-z0-9+/=_\-]{20,}")
_PEM = re.compile(r"-----BEGIN [^\n]*", re.S)


def hide(text: str, source: str) -> str:
    """A text to report without what a key could be: PEM, and long runs of base64 that occur in the source's keys."""
    if "-----BEGIN" in text:
        text = _PEM.sub(_HIDDEN, text)
    if "PRIVATE KEY" in source or _BLOB.search(source):
        text = _RUN.sub(lambda run: _HIDDEN if _secret(run[0]) else run[0], text)
    return text if len(text) <= 300 else text[:300] + "…"


def _secret(run: str) -> bool:
    # Paths and names have few digits and capitals next to each other; keys have them all through.
    return len(run) >= 40 or len(re.findall(r"[a-z][A-Z0-9]|[A-Z][a-z0-9]|[0-9][A-Za-z]", run)) * 4 >= len(
        run
    )
