"""Serves the components as a Pulumi plugin: to every language, with their documentation.

Pulumi's SDK infers the schema from the components' annotations, and their documentation from source text. It misses
what stands in a base class of arguments, and keeps the source's indentation: both are mended here, on its own class.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from typing import Any, Final, is_typeddict

from pulumi.provider.experimental import analyzer, component, component_provider_host

from .component import DockerHost
from .fleet import DockerFleet

NAME: Final = "aws-docker"
COMPONENTS: Final[list[Any]] = [DockerHost, DockerFleet]


class _Documented(analyzer.Analyzer):
    def get_docstring(self, typ: type, name: str) -> str | None:
        found = (super(_Documented, self).get_docstring(each, name) for each in _with_bases(typ))
        text = next((text for text in found if text), None)
        return inspect.cleandoc(text) if text else None


def _with_bases(typ: type) -> Iterator[type]:
    """The type, and the TypedDicts that it is made of, which it does not know itself at run time (PEP 589)."""
    yield typ
    if is_typeddict(typ):
        (source,) = ast.parse(inspect.getsource(typ)).body
        for base in source.bases if isinstance(source, ast.ClassDef) else ():
            known = (
                getattr(sys.modules[typ.__module__], base.id, None) if isinstance(base, ast.Name) else None
            )
            if isinstance(known, type) and is_typeddict(known):
                yield from _with_bases(known)


component.Analyzer = _Documented  # pyright: ignore[reportPrivateImportUsage, reportAttributeAccessIssue]


def provider(version: str) -> component.ComponentProvider:
    """What answers the engine."""
    return component.ComponentProvider(COMPONENTS, NAME, None, version)


def serve(version: str) -> None:
    """The plugin's process, until the engine ends it."""
    component_provider_host(name=NAME, components=COMPONENTS, version=version)
