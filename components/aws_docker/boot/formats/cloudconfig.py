"""Reads cloud-config and Ignition into files, scripts and packages.

cloud-init's modules (write_files, runcmd, bootcmd, packages, snap), CoreOS's units, and Ignition's files and units.
"""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, cast

from ..machine.state import UNKNOWN
from . import yamltree
from .encodings import Undecodable, as_text, compression, data_url, decompress, unbase64
from .steps import InstallPackages, Phase, Reading, RunScript, WriteFile


def cloud_config(reading: Reading, tree: yamltree.Tree, label: str) -> None:
    prefix = f"{label}, " if label else ""
    if tree.problem:
        reading.unread.append(f"{label or 'the user-data'}: {tree.problem}")
    config = yamltree.mapping(tree)
    for key in ("write_files", "write-files"):
        for number, entry in enumerate(items(config.get(key)), 1):
            if isinstance(entry, Mapping):
                _write_file(reading, cast(Mapping[str, Any], entry), prefix, number)
    for key, phase in (("bootcmd", Phase.BOOTCMD), ("runcmd", Phase.RUNCMD)):
        _commands(reading, config.get(key), phase, prefix + key)
    snap = config.get("snap")
    if isinstance(snap, Mapping):
        commands: Any = cast(Mapping[str, Any], snap).get("commands")
        if isinstance(commands, Mapping):
            commands = list(cast(Mapping[str, Any], commands).values())
        _commands(reading, [_of_snap(each) for each in items(commands)], Phase.PACKAGES, prefix + "snap")
    names = _package_names(config.get("packages"))
    if names:
        reading.steps.append((Phase.PACKAGES, InstallPackages(tuple(names), prefix + "packages")))
    coreos = config.get("coreos")
    if isinstance(coreos, Mapping):
        _units(reading, cast(Mapping[str, Any], coreos).get("units"), prefix + "coreos unit")
    rancher = config.get("rancher")
    if isinstance(rancher, Mapping):
        text = json.dumps({"rancher": rancher}, default=str, ensure_ascii=False)
        path = "/var/lib/rancher/conf/cloud-config.d/user_config.yml"
        reading.steps.append((Phase.FILES, WriteFile(path, text, False, prefix + "rancher")))
    for key in ("ansible", "chef", "puppet", "salt_minion"):
        if config.get(key):
            reading.note_elsewhere(f"{prefix}{key}: what it sets up is not in the user-data")
    for where, text in yamltree.texts(config):
        reading.texts.append((prefix + where, text))


def _of_snap(command: Any) -> Any:
    # A list may leave the program's name out.
    if not isinstance(command, list):
        return command
    words = cast(list[Any], command)
    return words if words[:1] == ["snap"] else ["snap", *words]


def items(value: Any) -> list[Any]:
    if isinstance(value, list):
        return cast(list[Any], value)
    return [] if value is None else [value]


def _package_names(value: Any) -> list[str]:
    names: list[str] = []
    for item in items(value):
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
        reading.note_elsewhere(f"{where} comes from another address")
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
    for number, item in enumerate(items(value), 1):
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
    for item in items(value):
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
        for each in items(unit.get("drop-ins") or unit.get("drop_ins") or unit.get("dropins")):
            if isinstance(each, Mapping):
                drop_in = cast(Mapping[str, Any], each)
                path = f"/etc/systemd/system/{name}.d/{drop_in.get('name')}"
                text = str(drop_in.get("content") or drop_in.get("contents") or "")
                reading.steps.append(
                    (Phase.FILES, WriteFile(path, text, False, f"{label} {name}, {drop_in.get('name')}"))
                )


def patch(reading: Reading, tree: yamltree.Tree, label: str) -> None:
    config: dict[str, Any] = {}
    for operation in items(tree.value):
        if isinstance(operation, Mapping):
            each = cast(Mapping[str, Any], operation)
            key = str(each.get("path") or "").strip("/").partition("/")[0]
            value: Any = each.get("value")
            config[key] = [
                *items(config.get(key)),
                *(
                    items(value)
                    if isinstance(value, list) and not str(each.get("path")).endswith("-")
                    else [value]
                ),
            ]
    cloud_config(reading, yamltree.Tree(config, tree.problem), label)


# --- Ignition ---


def ignition(reading: Reading, tree: yamltree.Tree, label: str) -> None:
    prefix = f"{label}, " if label else ""
    if tree.problem:
        reading.unread.append(f"{label or 'the user-data'}: {tree.problem}")
    config = yamltree.mapping(tree)
    if re.search(r"['\"](?:merge|replace)['\"]: [\[{][^\]}]", str(config.get("ignition"))[:4096]):
        reading.note_elsewhere(f"{prefix}ignition: further configuration comes from other addresses")
    storage = config.get("storage")
    files = items(cast(Mapping[str, Any], storage).get("files")) if isinstance(storage, Mapping) else []
    for item in files:
        if isinstance(item, Mapping):
            entry = cast(Mapping[str, Any], item)
            path = str(entry.get("path") or "")
            contents = [(each, False) for each in items(entry.get("contents"))] + [
                (each, True) for each in items(entry.get("append"))
            ]
            for content, append in contents:
                if isinstance(content, Mapping):
                    given = cast(Mapping[str, Any], content)
                    _ignition_file(reading, path, given, append, f"{prefix}storage.files {path}")
    systemd = config.get("systemd")
    if isinstance(systemd, Mapping):
        _units(reading, cast(Mapping[str, Any], systemd).get("units"), prefix + "systemd unit")
    for where, text in yamltree.texts(config):
        reading.texts.append((prefix + where, text))


def _ignition_file(reading: Reading, path: str, entry: Mapping[str, Any], append: bool, where: str) -> None:
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
        reading.note_elsewhere(f"{where} comes from another address")
        data = UNKNOWN.encode()
    reading.texts.append((where, data))
    reading.steps.append((Phase.FILES, WriteFile(path, as_text(data), append, where)))
