"""What a resource or function takes and gives, as the installed Pulumi SDK declares it.

Read from the SDK's source: importing all of pulumi_aws would cost each start of a plugin seconds.
"""

import ast
import difflib
import functools
import importlib.util
import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.engine.providers.values import UNKNOWN


@dataclass(frozen=True)
class Field:
    """One argument: is it required, and of which type (an annotation's expression)."""

    required: bool
    type: ast.expr
    source: "Module"


@dataclass(frozen=True)
class Module:
    """One folder of an SDK, e.g. pulumi_aws/ec2."""

    folder: Path

    def class_fields(self, name: str) -> dict[str, Field]:
        """The arguments of an Args class, by their names on the wire."""
        return _class_fields(self.folder, name)


def package_folder(package: str) -> Path:
    found = importlib.util.find_spec(f"pulumi_{package}")
    if found is None or found.origin is None:
        raise RuntimeError(f"pulumi_{package} is not installed")
    return Path(found.origin).parent


def resource_inputs(token: str) -> dict[str, Field]:
    """The arguments of a resource such as `aws:ec2/eip:Eip`."""
    folder, file, name = _place(token)
    return _fields_in(Module(folder), _text(file), f"{name}Args")


@functools.cache
def resource_outputs(token: str) -> frozenset[str]:
    """Every property that a resource of this type has once it exists."""
    _, file, name = _place(token)
    text = _class_text(_text(file), name)
    return frozenset(_wire_names(text).values())


def function_inputs(token: str) -> dict[str, Field]:
    """The arguments of a function such as `aws:ec2/getVpc:getVpc`."""
    folder, file, name = _place(token)
    text = _text(file)
    start = text.index(f"\ndef {_snake(name)}_output(")
    # Up to the end of its signature.
    end = re.compile(r"\) -> .*:\n").search(text, start)
    assert end is not None
    signature = ast.parse(text[start : end.end()] + "    pass\n").body[0]
    assert isinstance(signature, ast.FunctionDef)
    wire = {snake: camel for camel, snake in re.findall(r"__args__\['(\w+)'\] = (\w+)", text)}
    positional = signature.args.args
    return {
        wire[argument.arg]: Field(False, argument.annotation, Module(folder))
        for argument in positional
        if argument.arg in wire and argument.annotation is not None
    }


def provider_inputs(package: str) -> dict[str, Field]:
    folder = package_folder(package)
    return _fields_in(Module(folder), _text(folder / "provider.py"), "ProviderArgs")


def problems(fields: dict[str, Field], given: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """(property, reason) for everything in `given` that these fields do not admit."""
    for name, value in given.items():
        where = f"{path}{name}"
        if name.startswith("__"):
            continue
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            yield where, f"there is no such argument: '{where}'{hint}"
        elif value is not None:
            yield from _type_problems(fields[name].type, fields[name].source, value, where)
    for name, field in fields.items():
        if field.required and given.get(name) is None:
            yield f"{path}{name}", f"missing required argument: '{path}{name}'"


def _type_problems(kind: ast.expr, source: Module, value: Any, where: str) -> Iterator[tuple[str, str]]:
    if value is UNKNOWN or value is None:
        return
    kind = _bare(kind)
    outer, inner = _generic(kind)
    if outer == "Sequence":
        if not isinstance(value, list):
            yield where, f"'{where}' must be a list, not {value!r}"
            return
        for index, item in enumerate(value):
            yield from _type_problems(inner[0], source, item, f"{where}[{index}]")
    elif outer == "Mapping":
        if not isinstance(value, dict):
            yield where, f"'{where}' must be a map, not {value!r}"
            return
        for key, item in value.items():
            yield from _type_problems(inner[1], source, item, f"{where}.{key}")
    elif isinstance(kind, ast.Constant) and str(kind.value).endswith("Args"):
        if not isinstance(value, dict):
            yield where, f"'{where}' must be an object, not {value!r}"
            return
        yield from problems(source.class_fields(str(kind.value)), value, f"{where}.")
    elif isinstance(kind, ast.Attribute):
        accepted = {"str": (str, bool, int, float), "int": int, "float": (int, float), "bool": bool}.get(
            kind.attr
        )
        # Numbers and booleans pass as strings and back, as they do through Terraform's types.
        as_number = (
            kind.attr in {"int", "float"} and isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value)
        )
        as_boolean = kind.attr == "bool" and value in ("true", "false")
        wrong = accepted is not None and not isinstance(value, accepted)
        wrong = wrong or (kind.attr in {"int", "float"} and isinstance(value, bool))
        if wrong and not as_number and not as_boolean:
            yield where, f"'{where}' must be of type {kind.attr}, not {value!r}"


def _bare(kind: ast.expr) -> ast.expr:
    """The type inside pulumi.Input, Optional and Union: of a union, the first alternative says enough."""
    while True:
        outer, inner = _generic(kind)
        if outer not in {"Input", "Optional", "Union", "InputType", "Awaitable"}:
            return kind
        kind = inner[0]


def _generic(kind: ast.expr) -> tuple[str, list[ast.expr]]:
    if not isinstance(kind, ast.Subscript):
        return "", []
    value = kind.value
    outer = (
        value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    )
    inner = kind.slice.elts if isinstance(kind.slice, ast.Tuple) else [kind.slice]
    return outer, inner


def _place(token: str) -> tuple[Path, Path, str]:
    package, module, name = token.split(":")
    folder = package_folder(package)
    area, _, leaf = module.partition("/")
    if area != "index":
        folder /= f"{area}_" if keyword.iskeyword(area) else area
    return folder, folder / f"{_snake(leaf)}.py", name


@functools.cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


@functools.cache
def _class_fields(folder: Path, name: str) -> dict[str, Field]:
    return _fields_in(Module(folder), _text(folder / "_inputs.py"), name)


def _fields_in(source: Module, text: str, name: str) -> dict[str, Field]:
    body = _class_text(text, name)
    wire = _wire_names(body)
    start = body.index("    def __init__(")
    end = body.index('"""', start) if '"""' in body[start:] else len(body)
    signature_end = body.rindex("):\n", start, end) + 3
    parsed = ast.parse("class _:\n" + body[start:signature_end] + "        pass\n").body[0]
    assert isinstance(parsed, ast.ClassDef)
    init = parsed.body[0]
    assert isinstance(init, ast.FunctionDef)
    return {
        wire[argument.arg]: Field(default is None, argument.annotation, source)
        for argument, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
        if argument.annotation is not None
    }


def _class_text(text: str, name: str) -> str:
    found = re.search(rf"\nclass {name}(\(.*\))?:\n", text)
    if found is None:
        raise KeyError(name)
    end = re.compile(r"\n(@pulumi\.\w+_type|class |@pulumi.type_token)").search(text, found.end())
    return text[found.start() : end.start() if end else len(text)]


def _wire_names(class_text: str) -> dict[str, str]:
    # Between the two may stand that the argument is deprecated.
    getters = re.findall(
        r'@pulumi\.getter(?:\(name="(\w+)"\))?\n(?:    @_utilities\.deprecated\(""".*?"""\)\n)?    def (\w+)\(self\)',
        class_text,
        re.DOTALL,
    )
    return {snake: camel or snake for camel, snake in getters}


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
