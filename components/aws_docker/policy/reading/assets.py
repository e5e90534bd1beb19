"""Reads assets: texts and local files that a program hands to a resource. What they mean is for the readers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from pulumi import AssetArchive, FileAsset, RemoteAsset, StringAsset

from .values import Unknown, Value

_MOST: Final = 1_048_576


def content(source: Value) -> Iterator[tuple[str, Value]]:
    """The texts of an asset, or of an archive of assets, by their names in it.

    A folder or a packed archive is not opened: of those nothing is given.
    """
    raw = source.raw
    if isinstance(raw, AssetArchive):
        for name, each in cast(Mapping[str, Any], raw.assets).items():
            yield from ((name, value) for _, value in content(Value(each, f"{source.where}.{name}")))
    elif isinstance(raw, StringAsset):
        yield "", Value(raw.text, source.where)
    elif isinstance(raw, FileAsset):
        yield "", _file(Path(str(raw.path)), source.where)
    elif isinstance(raw, str):
        yield "", _file(Path(raw), source.where)
    elif isinstance(raw, RemoteAsset):
        yield (
            "",
            Value(Unknown("is fetched from elsewhere and cannot be read here", final=True), source.where),
        )
    elif source.doubt:
        yield "", source


def _file(path: Path, where: str) -> Value:
    try:
        if path.is_file() and path.stat().st_size <= _MOST:
            return Value(path.read_bytes().decode("utf-8", "replace"), where)
    except OSError:
        pass
    return Value(Unknown("is a file that cannot be read here", final=True), where)
