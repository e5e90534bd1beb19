"""Reads the formats of user-data into files and scripts, in the order in which a machine gets to them.

Base64 and gzip around the whole, MIME, cloud-config's relatives, shell scripts, PowerShell (cloud-init's "User-data
formats"). What files and scripts mean is for others. What cannot be read is said.
"""

import json
import re
from collections.abc import Callable, Mapping
from email import message_from_string
from email.message import Message
from typing import Any, Final, cast

from ..machine.state import UNKNOWN
from . import cloudconfig, nix, yamltree
from .encodings import LIMIT, Undecodable, as_text, compression, decompress, is_text, unbase64
from .steps import Phase, Reading, RunScript, WriteFile

_SCRIPT_TYPES: Final = (
    "text/x-shellscript",
    "text/x-shellscript-per-boot",
    "text/x-shellscript-per-once",
    "text/x-shellscript-per-instance",
)
_BY_START: Final = {
    # In cloud-init's order: the longer first.
    "#include-once": "text/x-include-once-url",
    "#include": "text/x-include-url",
    "#!": "text/x-shellscript",
    "#cloud-config-archive": "text/cloud-config-archive",
    "#cloud-config-jsonp": "text/cloud-config-jsonp",
    "#cloud-config": "text/cloud-config",
    "#cloud-boothook": "text/cloud-boothook",
    "#part-handler": "text/part-handler",
    "#upstart-job": "text/upstart-job",
    "## template: jinja": "text/jinja2",
    "<powershell": "windows",
    "<script": "windows",
    "<persist": "windows",
    "version: 1.1\ntasks:": "windows",
    "version: 1.0\ntasks:": "windows",
}
_LONGEST: Final = 1 << 18
_PARTS: Final = 100
_KEYS_AT_START = re.compile(
    r"(?:rancher|write_files|runcmd|bootcmd|packages|coreos|write-files)[ \t]*:", re.M
)


def read(user_data: str | bytes) -> Reading:
    """Reads user-data in whatever it is wrapped."""
    reading = Reading()
    if isinstance(user_data, str):
        # Compressed bytes in a text: one byte a character.
        binary = user_data.startswith(("\x1f\x8b", "BZh")) and max(user_data, default="") < "\u0100"
        data = user_data.encode("latin-1" if binary else "utf-8", "replace")
    else:
        data = bytes(user_data)
    if len(data) > LIMIT:
        reading.unread.append("the user-data is larger than EC2 accepts and is not read beyond its first MiB")
        data = data[:LIMIT]
    data = _unwrapped(reading, data, "the user-data", 6)
    _document(reading, data, "", 0)
    return reading


def _unwrapped(reading: Reading, data: bytes, what: str, depth: int) -> bytes:
    """What is left without base64 and compression around it."""
    while depth:
        depth -= 1
        if compression(data):
            try:
                data = decompress(data)
            except Undecodable as error:
                reading.unread.append(f"{what} {error}")
                return b""
            continue
        packed = data.strip()
        if len(packed) < 8 or not re.fullmatch(rb"[A-Za-z0-9+/_\-\s]+={0,2}", packed):
            return data
        try:
            inner = unbase64(packed)
        except Undecodable:
            return data
        if compression(inner) or (is_text(inner) and inner.strip()):
            data = inner
            continue
        if len(packed) >= 40 and not re.search(rb"\s", packed):
            reading.unread.append(f"{what} is base64 of something that is neither text nor gzip")
            reading.texts.append((what, inner))
        return data
    reading.unread.append(f"{what} is wrapped too many times to unwrap")
    return b""


def _document(
    reading: Reading, data: bytes, label: str, depth: int, kind: str | None = None, name: str = ""
) -> None:
    text = as_text(data)
    if len(text) > _LONGEST:
        reading.unread.append(
            f"{label or 'the user-data'} is too long to read beyond its first {_LONGEST >> 10} KiB"
        )
        text = text[:_LONGEST]
    if depth > 5:
        reading.unread.append(f"{label or 'the user-data'} holds parts inside parts, too deep to read")
        return
    head = text[:4096].lower()
    if kind is None and ("mime-version:" in head or head.lstrip().startswith("content-type:")):
        _mime(reading, text.lstrip("\ufeff\r\n \t"), label, depth)
        return
    bare = text.lstrip("\ufeff \t\r\n")
    kind = kind or _kind(bare)
    _of_kind(reading, kind, text, bare, label, depth)


def _kind(bare: str) -> str:
    head = bare[:64].lower()
    found = next((kind for start, kind in _BY_START.items() if head.startswith(start)), None)
    if found:
        return found
    if nix.is_nix(bare) and (bare[:1] != "{" or _json(bare) is None):
        return "nix"
    if bare.startswith("{"):
        return "json"
    if re.search(r"^variant:\s*(?:fcos|flatcar|rhcos|r4e|fiot)", bare[:4096], re.M):
        return "ignition"
    if _KEYS_AT_START.match(bare) or (
        re.search(r"^(?:write_files|runcmd|bootcmd):", bare, re.M) and not bare.startswith("#!")
    ):
        return "text/cloud-config"
    if re.search(r"<(?:powershell|script)>", bare[:4096], re.I):
        return "windows"
    return "text"


def _of_kind(reading: Reading, kind: str, text: str, bare: str, label: str, depth: int) -> None:
    what = label or "the user-data"
    match kind:
        case "text/x-include-url" | "text/x-include-once-url":
            reading.note_elsewhere(f"{what} includes what stands at other addresses")
        case "text/part-handler":
            reading.note_elsewhere(f"{what} is a part handler, a program for other parts")
        case "text/cloud-config":
            cloudconfig.cloud_config(reading, yamltree.load(text), label)
        case "text/cloud-config-jsonp":
            cloudconfig.patch(
                reading, yamltree.load(bare.partition("\n")[2] if bare.startswith("#") else bare), label
            )
        case "text/cloud-config-archive":
            _archive(reading, yamltree.load(text), label, depth)
        case "text/cloud-boothook":
            script = re.sub(r"\A#cloud-boothook[^\n]*\n?", "\n", bare, flags=re.I)
            _script(reading, Phase.BOOTHOOK, script, label)
        case "text/upstart-job":
            _script(
                reading,
                Phase.SCRIPTS,
                re.sub(r"(?m)^\s*(?:pre-start |post-start |end )?script\s*$", "", text),
                label,
            )
        case "text/jinja2":
            rest = _jinja(reading, bare.partition("\n")[2], what)
            _document(reading, rest.encode("utf-8", "replace"), label, depth + 1)
        case "windows":
            reading.steps.append((Phase.SCRIPTS, RunScript(text, _lines(label), "windows")))
        case "nix":
            path = "/etc/nixos/configuration.nix"
            reading.steps.append(
                (Phase.FILES, WriteFile(path, text, False, label or "the NixOS configuration"))
            )
        case "ignition":
            cloudconfig.ignition(reading, yamltree.load(text), label)
        case "json":
            tree = _json(bare)
            if isinstance(tree, Mapping) and "ignition" in tree:
                cloudconfig.ignition(reading, yamltree.Tree(tree), label)
            elif isinstance(tree, Mapping) and any(
                key in tree for key in ("runcmd", "write_files", "bootcmd")
            ):
                cloudconfig.cloud_config(reading, yamltree.Tree(tree), label)
            else:
                _script(reading, Phase.SCRIPTS, text, label)
        case _:
            _script(reading, Phase.SCRIPTS, text, label)
    reading.texts.append((what, text))


def _script(reading: Reading, phase: Phase, text: str, label: str) -> None:
    reading.steps.append((phase, RunScript(text, _lines(label))))


def _lines(label: str) -> Callable[[int], str]:
    return lambda line: f"{label}, line {line}" if label else f"line {line}"


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


# --- MIME ---


def _mime(reading: Reading, text: str, label: str, depth: int) -> None:
    try:
        message = message_from_string(text)
        parts = [part for part in message.walk() if not part.is_multipart()][: _PARTS + 1]
    except Exception:  # the parser's own mistakes on malformed mail are many
        reading.unread.append(f"{label or 'the user-data'} is MIME that cannot be read")
        return
    if len(parts) > _PARTS:
        reading.unread.append(f"{label or 'the user-data'} has more than {_PARTS} parts")
        parts = parts[:_PARTS]
    for part in parts:
        reading.parts += 1
        _part(reading, part, reading.parts, depth)


def _part(reading: Reading, part: Message, number: int, depth: int) -> None:
    try:
        kind = part.get_content_type()
        payload = part.get_payload(decode=True)
    except Exception:
        reading.unread.append(f"part {number} cannot be decoded")
        return
    data = payload if isinstance(payload, bytes) else b""
    label = f"part {number} ({re.sub(r'[^a-z0-9/+.-]', '', kind)[:60]})"
    data = _unwrapped(reading, data, label, 4)
    known = kind if kind in _BY_START.values() else "text/x-shellscript" if kind in _SCRIPT_TYPES else None
    bare = as_text(data[:200]).lstrip("\ufeff \t\r\n").lower()
    if known == "text/x-shellscript" and not bare.startswith("#!"):
        known = None  # what it starts with is as telling
    if bare.startswith("## template: jinja"):
        known = "text/jinja2"
    _document(reading, data, label, depth + 1, known)


_HARMLESS = re.compile(
    r"\s*-?\s*(?:v1[._]\w|ds[._]meta_data|ds\.|instance_id|local_hostname|region|availability_zone|cloud_name|platform"
    r"|public_)[\w.\-\[\]'\" |]*"
)


def _jinja(reading: Reading, text: str, what: str) -> str:
    # Instance data is put in by cloud-init itself; anything else may change what is done.
    if "{%" in text or any(
        not _HARMLESS.fullmatch(found) for found in re.findall(r"\{\{(.{0,200}?)\}\}", text, re.S)
    ):
        reading.note_elsewhere(f"{what} is a template, and what it becomes depends on the machine")
    text = re.sub(r"\{#.{0,2000}?#\}", "", text, flags=re.S)
    text = re.sub(r"\{%.{0,500}?%\}", "", text, flags=re.S)
    return re.sub(r"\{\{.{0,500}?\}\}", UNKNOWN, text, flags=re.S)


def _archive(reading: Reading, tree: yamltree.Tree, label: str, depth: int) -> None:
    if tree.problem:
        reading.unread.append(f"{label or 'the user-data'}: {tree.problem}")
    for item in cloudconfig.items(tree.value)[:_PARTS]:
        reading.parts += 1
        entry: Mapping[str, Any] = (
            cast(Mapping[str, Any], item) if isinstance(item, Mapping) else {"content": item}
        )
        content = entry.get("content")
        data = content if isinstance(content, bytes) else str(content or "").encode("utf-8", "replace")
        kind = str(entry.get("type") or "")
        where = f"part {reading.parts} ({re.sub(r'[^a-z0-9/+.-]', '', kind)[:60] or 'archive'})"
        known = kind if kind in _BY_START.values() else None
        if known == "text/x-shellscript" and not data.lstrip().startswith(b"#!"):
            known = None
        _document(reading, _unwrapped(reading, data, where, 4), where, depth + 1, known)
