"""Reads documents of Systems Manager: what they run on machines, as scripts that `boot` judges. Pure.

Documents that run commands (schemas 1.2 and 2.x) and automations (0.3). What they fetch to run is named. Sources: AWS
Systems Manager, "Command document plugin reference" and "Automation actions reference".
"""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml

from ..boot.formats import yamltree

READ: Final = frozenset({"Command", "Automation"})
"""The types of documents that run something on machines."""
_ELSEWHERE: Final = frozenset({"aws:downloadcontent", "aws:rundocument", "aws:applications", "aws:psmodule"})
_ELSEWHERE_DOCUMENTS: Final = re.compile(
    r"AWS-(?:RunRemoteScript|RunDocument|RunAnsiblePlaybook|ApplyAnsiblePlaybooks|ApplyChefRecipes|RunSaltState"
    r"|ApplyDSCMofs|InstallApplication|InstallPowerShellModule)"
)
OF_AWS: Final = re.compile(r"(?:.*/)?(?:AWS|Amazon)[A-Za-z]*-[\w-]+")
"""Names of AWS's own documents, which nobody else's may have."""
_REFERENCE: Final = re.compile(r"\{\{\s*([\w.:/-]{1,200})\s*\}\}", re.A)
_MOST: Final = 262_144
"""Characters that are read of what one document runs: it has at most 64 KiB, but parameters may repeat."""

Parameters = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Scripts:
    """What a document runs on a machine."""

    shell: list[str] = field(default_factory=list[str])
    powershell: list[str] = field(default_factory=list[str])
    user_data: list[str] = field(default_factory=list[str])
    """Of instances that it starts."""
    unread: list[str] = field(default_factory=list[str])
    """What it runs that does not stand in it, a clause each."""

    def texts(self) -> Iterator[str]:
        """The same as `boot.judge` takes it."""
        if self.shell:
            yield "#!/bin/bash\n" + "\n".join(self.shell) + "\n"
        if self.powershell:
            yield "<powershell>\n" + "\n".join(self.powershell) + "\n</powershell>\n"
        yield from self.user_data


def of_document(content: str, given: Parameters | None = None) -> Scripts:
    """What a document runs, with the parameters that are given to it, else with its own defaults."""
    scripts = Scripts()
    held = _parsed(content)
    if held is None:
        scripts.unread.append("it is neither a JSON nor a YAML map")
        return scripts
    parameters = {**_defaults(held.get("parameters")), **{k: "\n".join(v) for k, v in (given or {}).items()}}
    filler = _Filler(parameters)
    for action, inputs in _steps(held):
        _step(scripts, filler, action, inputs)
    if filler.left < 0:
        scripts.unread.append("it runs more than can be read")
    return scripts


def of_aws_document(name: str, given: Parameters) -> Scripts:
    """What one of AWS's own documents runs with these parameters."""
    scripts = Scripts()
    filler = _Filler({})
    _run(scripts, filler, name.rpartition("/")[2], given)
    if filler.left < 0:
        scripts.unread.append("it runs more than can be read")
    return scripts


def takes_commands(name: str) -> bool:
    """Whether what one of AWS's own documents runs depends on its parameters."""
    return name.rpartition("/")[2] in _RUNNERS


class _Filler:
    """Puts parameters into texts, up to a bound; what is not known becomes a variable, so that the rest is read."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters
        self.left = _MOST

    def lines(self, value: Any, variable: str = "${%s}") -> list[str]:
        """A list of texts, or one, filled."""
        found: list[str] = []
        for text in _texts(value):
            if self.left < 0:
                break
            filled = _REFERENCE.sub(lambda name: self._put(name[1], variable), text)
            self.left -= len(filled)
            found.append(filled)
        return found

    def _put(self, name: str, variable: str) -> str:
        return self._parameters.get(name, variable % ("parameter_" + re.sub(r"\W", "_", name)))


def _parsed(content: str) -> Mapping[str, Any] | None:
    try:
        held: Any = json.loads(content) if content.lstrip().startswith("{") else yamltree.loaded(content)
    except (ValueError, yaml.YAMLError, RecursionError):
        return None
    return _map(held)


def _map(value: Any) -> Mapping[str, Any] | None:
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else None


def _list(value: Any) -> Sequence[Any]:
    return cast(Sequence[Any], value) if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    for each in _list(value) if isinstance(value, list) else [value]:
        if isinstance(each, str | int | float):
            yield str(each)


def _defaults(declared: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, each in (_map(declared) or {}).items():
        text = "\n".join(_texts((_map(each) or {}).get("default")))
        if text and not text.lstrip().startswith("{{"):  # a reference to Parameter Store
            found[str(name)] = text
    return found


def _steps(held: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for step in _list(held.get("mainSteps")):
        if (known := _map(step)) is not None:
            yield str(known.get("action", "")), _map(known.get("inputs")) or {}
    for action, configured in (_map(held.get("runtimeConfig")) or {}).items():
        for inputs in _list((_map(configured) or {}).get("properties")):
            yield str(action), _map(inputs) or {}


def _step(scripts: Scripts, filler: _Filler, action: str, inputs: Mapping[str, Any]) -> None:
    match action.strip().lower():
        case "aws:runshellscript":
            scripts.shell += filler.lines(inputs.get("runCommand"))
        case "aws:runpowershellscript":
            scripts.powershell += filler.lines(inputs.get("runCommand"), "$%s")
        case "aws:rundockeraction":
            _docker_action(scripts, filler, inputs)
        case "aws:configuredocker":
            scripts.shell.append("yum install -y docker")
        case "aws:runcommand":
            name = "".join(filler.lines(inputs.get("DocumentName")))
            _run(scripts, filler, name.rpartition("/")[2], _map(inputs.get("Parameters")) or {})
        case "aws:runinstances":
            scripts.user_data += filler.lines(inputs.get("UserData"))
        case known if known in _ELSEWHERE:
            scripts.unread.append(f"{action.strip()} runs what stands elsewhere")
        case _:
            pass


_RUNNERS: Final = frozenset({"AWS-RunShellScript", "AWS-RunPowerShellScript", "AWS-RunDockerAction"})


def _run(scripts: Scripts, filler: _Filler, name: str, given: Mapping[str, Any]) -> None:
    match name:
        case "AWS-RunShellScript":
            scripts.shell += filler.lines(given.get("commands"))
        case "AWS-RunPowerShellScript":
            scripts.powershell += filler.lines(given.get("commands"), "$%s")
        case "AWS-RunDockerAction":
            _docker_action(scripts, filler, given)
        case "AWS-ConfigureDocker":
            scripts.shell.append("yum install -y docker")
        case _ if _ELSEWHERE_DOCUMENTS.fullmatch(name):
            scripts.unread.append(f"{name} runs what stands elsewhere")
        case _:
            pass


def _docker_action(scripts: Scripts, filler: _Filler, inputs: Mapping[str, Any]) -> None:
    action = " ".join(filler.lines(inputs.get("action"))).lower()
    if action not in ("run", "create") and "$" not in action:
        return
    words = ["docker", "run", "-d"]
    for option, name in (("-p", "publish"), ("-v", "volume"), ("-e", "env")):
        for item in filler.lines(inputs.get(name)):
            if item.strip():
                words += [option, item.strip()]
    image = " ".join(filler.lines(inputs.get("image"))).strip()
    command = " ".join(filler.lines(inputs.get("cmd")))
    scripts.shell.append(" ".join([shlex.join([*words, image or "image"]), command]))
