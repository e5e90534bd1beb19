"""Decodes what user-data and the files in it are wrapped in: base64, compression, character sets. Pure.

Never more than a bounded size comes out, so that a decompression bomb costs nothing. What the decoded text means is
for others.
"""

import base64
import binascii
import bz2
import lzma
import re
import urllib.parse
import zlib
from typing import Final

LIMIT: Final = 1 << 20
"""Bytes that one decoded thing may have. EC2's user-data has 16 KiB at most, which honest text blows up to less."""

_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]*={0,2}\s*")
_MAGIC: Final = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}


class Undecodable(Exception):
    """Why something could not be decoded: the rest of a sentence."""


def compression(data: bytes) -> str | None:
    """How the data is compressed, by its first bytes; None where it is not."""
    return next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)


def decompress(data: bytes) -> bytes:
    """The data inside gzip (all its members), bzip2 or xz. Raises Undecodable: broken, cut off, or too large."""
    kind = compression(data)
    out = bytearray()
    while data:
        if kind == "gzip":
            stream = zlib.decompressobj(31)
        elif kind == "bzip2":
            stream = bz2.BZ2Decompressor()
        elif kind == "xz":
            stream = lzma.LZMADecompressor(memlimit=64 << 20)
        else:
            raise Undecodable("is not compressed in a known way")
        try:
            out += stream.decompress(data, LIMIT + 1 - len(out))
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise Undecodable(f"is broken {kind}") from error
        if len(out) > LIMIT:
            raise Undecodable(f"unpacks to more than {LIMIT >> 20} MiB")
        if not stream.eof:
            raise Undecodable(f"is {kind} that is cut off")
        data = stream.unused_data
        if compression(data) != kind:
            break  # padding after the last member, which gzip ignores
    return bytes(out)


def unbase64(data: bytes) -> bytes:
    """What base64 holds; spaces and line ends do not count, and padding may be missing. Raises Undecodable."""
    if not _BASE64.fullmatch(data):
        if not re.fullmatch(rb"[A-Za-z0-9_\-\s]*={0,2}\s*", data):
            raise Undecodable("is not base64")
        data = data.translate(bytes.maketrans(b"-_", b"+/"))
    packed = b"".join(data.split()).rstrip(b"=")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4))
    except (binascii.Error, ValueError) as error:
        raise Undecodable("is broken base64") from error


def data_url(url: str) -> bytes:
    """What a data: URL (RFC 2397) holds. Raises Undecodable."""
    kind, comma, payload = url.partition(",")
    if not comma:
        raise Undecodable("is a data: URL without data")
    raw = urllib.parse.unquote_to_bytes(payload)
    return unbase64(raw) if kind.lower().rstrip().endswith(";base64") else raw


def as_text(data: bytes) -> str:
    """The text: UTF-8, or what a byte order mark says. Bytes that are no text become replacement characters."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace")


def is_text(data: bytes) -> bool:
    """Whether the bytes are plausibly text: UTF-8 (or marked UTF-16) without control characters."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not re.search(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]", data)
