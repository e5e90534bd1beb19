"""Reads the formats of user-data into files and scripts, in the order in which a machine gets to them.

Base64 and gzip around the whole, MIME, cloud-config and its relatives, shell scripts, Ignition, PowerShell (cloud-init's
"User-data formats"; Ignition's specification). What files and scripts mean is for others. What cannot be read is said.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_string
from email.message import Message
from enum import IntEnum
from typing import Any, Final, cast

from . import yamltree
from .encodings import LIMIT, Undecodable, as_text, compression, data_url, decompress, is_text, unbase64
from .machine import UNKNOWN


class Phase(IntEnum):
    """When cloud-init gets to something (cloud.cfg: cloud_init_modules, cloud_config_modules, cloud_final_modules)."""

    BOOTHOOK = 0
    BOOTCMD = 1
    FILES = 2
    PACKAGES = 3
    DEFERRED_FILES = 4
    SCRIPTS = 5
    RUNCMD = 6


@dataclass(frozen=True, slots=True)
class WriteFile:
    path: str
    content: str
    append: bool
    where: str


@dataclass(frozen=True, slots=True)
class RunScript:
    text: str
    where: Callable[[int], str]
    language: str = "shell"


@dataclass(frozen=True, slots=True)
class InstallPackages:
    names: tuple[str, ...]
    where: str


Step = WriteFile | RunScript | InstallPackages


@dataclass(slots=True)
class Reading:
    """What was read so far."""

    steps: list[tuple[Phase, Step]] = field(default_factory=list[tuple[Phase, Step]])
    unread: list[str] = field(default_factory=list[str])
    texts: list[tuple[str, str | bytes]] = field(default_factory=list[tuple[str, str | bytes]])
    """What was decoded, with where it stands: to be searched for keys."""
    parts: int = 0

    def in_order(self) -> list[Step]:
        """The steps as a machine takes them."""
        return [step for _, step in sorted(self.steps, key=lambda each: each[0])]


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
_KEYS_AT_START = re.compile(r"(?:write_files|runcmd|bootcmd|packages|coreos|write-files)[ \t]*:", re.M)


def read(user_data: str | bytes) -> Reading:
    """Reads user-data in whatever it is wrapped."""
    reading = Reading()
    data = user_data.encode("utf-8", "replace") if isinstance(user_data, str) else bytes(user_data)
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
            reading.unread.append(f"{what} includes what stands at other addresses")
        case "text/part-handler":
            reading.unread.append(f"{what} is a part handler, a program for other parts")
        case "text/cloud-config":
            _cloud_config(reading, yamltree.load(text), label)
        case "text/cloud-config-jsonp":
            _patch(reading, yamltree.load(bare.partition("\n")[2] if bare.startswith("#") else bare), label)
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
        case "ignition":
            _ignition(reading, yamltree.load(text), label)
        case "json":
            tree = _json(bare)
            if isinstance(tree, Mapping) and "ignition" in tree:
                _ignition(reading, yamltree.Tree(tree), label)
            elif isinstance(tree, Mapping) and any(
                key in tree for key in ("runcmd", "write_files", "bootcmd")
            ):
                _cloud_config(reading, yamltree.Tree(tree), label)
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


# --- cloud-config ---


def _cloud_config(reading: Reading, tree: yamltree.Tree, label: str) -> None:
    prefix = f"{label}, " if label else ""
    if tree.problem:
        reading.unread.append(f"{label or 'the user-data'}: {tree.problem}")
    if not isinstance(tree.value, Mapping):
        return
    config = cast(Mapping[str, Any], tree.value)
    for key in ("write_files", "write-files"):
        for number, entry in enumerate(_items(config.get(key)), 1):
            if isinstance(entry, Mapping):
                _write_file(reading, cast(Mapping[str, Any], entry), prefix, number)
    for key, phase in (("bootcmd", Phase.BOOTCMD), ("runcmd", Phase.RUNCMD)):
        _commands(reading, config.get(key), phase, prefix + key)
    snap = config.get("snap")
    if isinstance(snap, Mapping):
        commands = cast(Mapping[str, Any], snap).get("commands")
        listed: Any = (
            list(cast(Mapping[str, Any], commands).values()) if isinstance(commands, Mapping) else commands
        )
        as_snap = [
            ["snap", *each] if isinstance(each, list) and each[:1] != ["snap"] else each
            for each in _items(listed)
        ]
        _commands(reading, as_snap, Phase.PACKAGES, prefix + "snap")
    names = _package_names(config.get("packages"))
    if names:
        reading.steps.append((Phase.PACKAGES, InstallPackages(tuple(names), prefix + "packages")))
    coreos = config.get("coreos")
    if isinstance(coreos, Mapping):
        _units(reading, cast(Mapping[str, Any], coreos).get("units"), prefix + "coreos unit")
    for key in ("ansible", "chef", "puppet", "salt_minion"):
        if config.get(key):
            reading.unread.append(f"{prefix}{key}: what it sets up is not in the user-data")
    for where, text in yamltree.texts(config):
        reading.texts.append((prefix + where, text))


def _items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return cast(list[Any], value)
    return [] if value is None else [value]


def _package_names(value: Any) -> list[str]:
    names: list[str] = []
    for item in _items(value):
        if isinstance(item, str):
            names += item.split()
        elif isinstance(item, list) and item:
            names.append(str(cast(list[Any], item)[0]))
        elif isinstance(item, Mapping):
            for each in cast(Mapping[str, Any], item).values():
                names += _package_names(each)
    return names


def _write_file(reading: Reading, entry: Mapping[str, Any], prefix: str, number: int) -> None:
    path = str(entry.get("path") or "")
    where = f"{prefix}write_files {path or number}"
    content = entry.get("content")
    text: str | bytes = (
        content if isinstance(content, str | bytes) else "" if content is None else str(content)
    )
    encoding = str(entry.get("encoding") or "").lower().strip().replace("base64", "b64").replace("gzip", "gz")
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    try:
        if "b64" in encoding:
            data = unbase64(data)
        if "gz" in encoding:
            data = decompress(data)
    except Undecodable as error:
        reading.unread.append(f"{where} {error}")
        data = b""
    if entry.get("source"):
        reading.unread.append(f"{where} comes from another address")
        if content is None:
            data = UNKNOWN.encode()
    reading.texts.append((where, data))
    late = str(entry.get("defer")).lower() in ("true", "yes", "on", "1")
    append = str(entry.get("append")).lower() in ("true", "yes", "on", "1")
    if path:
        phase = Phase.DEFERRED_FILES if late else Phase.FILES
        reading.steps.append((phase, WriteFile(path, as_text(data), append, where)))


def _commands(reading: Reading, value: Any, phase: Phase, label: str) -> None:
    # cloud-init makes one script of them: lists are words, strings are lines.
    lines: list[str] = []
    labels: list[str] = []
    for number, item in enumerate(_items(value), 1):
        if isinstance(item, list):
            text = " ".join(shlex.quote(str(word)) for word in cast(list[Any], item))
        elif isinstance(item, str):
            text = item
        else:
            continue
        new = text.rstrip("\n").split("\n")
        lines += new
        labels += [
            f"{label}, line {number}" if len(new) == 1 else f"{label}, entry {number}, line {at}"
            for at in range(1, len(new) + 1)
        ]
    if lines:

        def where(line: int) -> str:
            return labels[min(max(line, 1), len(labels)) - 1]

        reading.steps.append((phase, RunScript("\n".join(lines) + "\n", where)))


def _units(reading: Reading, value: Any, label: str) -> None:
    for item in _items(value):
        if not isinstance(item, Mapping):
            continue
        unit = cast(Mapping[str, Any], item)
        name = str(unit.get("name") or "")
        content = unit.get("content") or unit.get("contents")
        if content:
            reading.steps.append(
                (
                    Phase.FILES,
                    WriteFile(f"/etc/systemd/system/{name}", str(content), False, f"{label} {name}"),
                )
            )
        for each in _items(unit.get("drop-ins") or unit.get("drop_ins") or unit.get("dropins")):
            if isinstance(each, Mapping):
                drop_in = cast(Mapping[str, Any], each)
                path = f"/etc/systemd/system/{name}.d/{drop_in.get('name')}"
                text = str(drop_in.get("content") or drop_in.get("contents") or "")
                reading.steps.append(
                    (Phase.FILES, WriteFile(path, text, False, f"{label} {name}, {drop_in.get('name')}"))
                )


def _patch(reading: Reading, tree: yamltree.Tree, label: str) -> None:
    config: dict[str, Any] = {}
    for operation in _items(tree.value):
        if isinstance(operation, Mapping):
            each = cast(Mapping[str, Any], operation)
            key = str(each.get("path") or "").strip("/").partition("/")[0]
            value: Any = each.get("value")
            config[key] = [
                *_items(config.get(key)),
                *(
                    _items(value)
                    if isinstance(value, list) and not str(each.get("path")).endswith("-")
                    else [value]
                ),
            ]
    _cloud_config(reading, yamltree.Tree(config, tree.problem), label)


def _archive(reading: Reading, tree: yamltree.Tree, label: str, depth: int) -> None:
    if tree.problem:
        reading.unread.append(f"{label or 'the user-data'}: {tree.problem}")
    for item in _items(tree.value)[:_PARTS]:
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


_HARMLESS = re.compile(
    r"\s*-?\s*(?:v1[._]\w|ds[._]meta_data|ds\.|instance_id|local_hostname|region|availability_zone|cloud_name|platform|public_)[\w.\-\[\]'\" |]*"
)


def _jinja(reading: Reading, text: str, what: str) -> str:
    # Instance data is put in by cloud-init itself; anything else may change what is done.
    if "{%" in text or any(
        not _HARMLESS.fullmatch(found) for found in re.findall(r"\{\{(.{0,200}?)\}\}", text, re.S)
    ):
        reading.unread.append(f"{what} is a template, and what it becomes depends on the machine")
    text = re.sub(r"\{#.{0,2000}?#\}", "", text, flags=re.S)
    text = re.sub(r"\{%.{0,500}?%\}", "", text, flags=re.S)
    return re.sub(r"\{\{.{0,500}?\}\}", UNKNOWN, text, flags=re.S)


# --- Ignition ---


def _ignition(reading: Reading, tree: yamltree.Tree, label: str) -> None:
    prefix = f"{label}, " if label else ""
    if tree.problem:
        reading.unread.append(f"{label or 'the user-data'}: {tree.problem}")
    if not isinstance(tree.value, Mapping):
        return
    config = cast(Mapping[str, Any], tree.value)
    if re.search(r"['\"](?:merge|replace)['\"]: [\[{][^\]}]", str(config.get("ignition"))[:4096]):
        reading.unread.append(f"{prefix}ignition: further configuration comes from other addresses")
    storage = config.get("storage")
    files = _items(cast(Mapping[str, Any], storage).get("files")) if isinstance(storage, Mapping) else []
    for item in files:
        if isinstance(item, Mapping):
            entry = cast(Mapping[str, Any], item)
            path = str(entry.get("path") or "")
            contents = [(each, False) for each in _items(entry.get("contents"))] + [
                (each, True) for each in _items(entry.get("append"))
            ]
            for content, append in contents:
                _ignition_file(reading, path, content, append, f"{prefix}storage.files {path}")
    systemd = config.get("systemd")
    if isinstance(systemd, Mapping):
        _units(reading, cast(Mapping[str, Any], systemd).get("units"), prefix + "systemd unit")
    for where, text in yamltree.texts(config):
        reading.texts.append((prefix + where, text))


def _ignition_file(reading: Reading, path: str, content: Any, append: bool, where: str) -> None:
    entry = cast(Mapping[str, Any], content) if isinstance(content, Mapping) else {}
    source = str(entry.get("source") or "")
    data = str(entry.get("inline") or "").encode("utf-8", "replace")
    if source.lower().startswith("data:"):
        try:
            data = data_url(source)
            if compression(data):
                data = decompress(data)
        except Undecodable as error:
            reading.unread.append(f"{where} {error}")
    elif source or entry.get("local"):
        reading.unread.append(f"{where} comes from another address")
        data = UNKNOWN.encode()
    reading.texts.append((where, data))
    reading.steps.append((Phase.FILES, WriteFile(path, as_text(data), append, where)))
