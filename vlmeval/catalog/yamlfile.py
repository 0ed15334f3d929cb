"""Read one YAML file into plain values, remembering the line of every key; validate it into a record.

In: a path and a record class. Out: the record, or a CatalogError that names file, line, key, what was expected and
what was found. Anchors and aliases are refused (they can make a small file explode), duplicate keys too.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from vlmeval.errors import CatalogError
from vlmeval.records import Record

KeyPath = tuple[str | int, ...]
R = TypeVar("R", bound=Record)
MAX_BYTES, MAX_DEPTH = 2_000_000, 50
QUOTE = "put the value in quotes, so that YAML takes it as text"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlFile:
    """A parsed YAML mapping and where its keys stand."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    def line_of(self, key: KeyPath) -> int | None:
        """Return the 1-based line of the nearest known ancestor of ``key``."""
        for end in range(len(key), -1, -1):
            if key[:end] in self.lines:
                return self.lines[key[:end]]
        return None


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file whose top level is a mapping.

    Raises
    ------
    CatalogError
        Not readable, not YAML, not a mapping, a duplicate key, an alias, nested too deeply, or over 2 MB.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CatalogError("the file is too large for a card", file=path, expected=f"at most {MAX_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError("the file cannot be read as UTF-8 text", file=path, found=str(error)) from error
    try:
        return _parse(path, text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise CatalogError("the file is not valid YAML", file=path, line=line, found=error.problem) from error
    except yaml.YAMLError as error:  # a control character
        raise CatalogError("the file is not valid YAML", file=path, found=str(error)) from error


def validate(record: type[R], file: YamlFile) -> R:
    """Return ``file`` as a record; raise CatalogError naming the first wrong key and listing the others."""
    try:
        return record.model_validate(file.values)
    except ValidationError as error:
        # A misspelt key shows up twice, as unknown and as missing: the unknown one tells more.
        details = sorted(error.errors(include_url=False), key=lambda d: d["type"] != "extra_forbidden")
        problems = [_problem(record, file, dict(detail)) for detail in details]
        first = problems[0]
        others = [f"also {p.where}: {p.message}" for p in problems[1:6]]
        if others:
            first.hint = "\n".join(([first.hint] if first.hint else []) + others)
        raise first from error


def _parse(path: Path, text: str) -> YamlFile:
    _check_depth(path, text)
    lines: dict[KeyPath, int] = {}
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise CatalogError("the file is not a card", file=path, line=1, expected="a mapping of keys to values")
        return YamlFile(path, _build(loader, node, (), lines, _Seen(path, set())), lines)
    finally:
        loader.dispose()


def _check_depth(path: Path, text: str) -> None:
    """Refuse what is nested so deeply that the parser, which calls itself, would run out of stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else None
            raise CatalogError(
                "the file is nested too deeply for a card", file=path, line=line, expected=f"at most {MAX_DEPTH} levels"
            )


@dataclass(frozen=True)
class _Seen:
    path: Path
    nodes: set[int]


def _build(loader: Any, node: yaml.Node, key: KeyPath, lines: dict[KeyPath, int], seen: _Seen) -> Any:
    """Turn a node into plain values, noting lines; a node met twice is an alias."""
    if id(node) in seen.nodes:
        line = lines.get(key, node.start_mark.line + 1)
        raise CatalogError("aliases are not allowed in cards", file=seen.path, line=line, key=dotted(key) or None)
    seen.nodes.add(id(node))
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _build_mapping(loader, node, key, lines, seen)
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*key, i), lines, seen) for i, item in enumerate(node.value)]
    try:
        return loader.construct_object(node, deep=True)
    except ValueError as error:  # a date such as 2024-13-45, a number of ten thousand digits
        line = node.start_mark.line + 1
        raise CatalogError(
            "the value cannot be read", file=seen.path, line=line, key=dotted(key), found=str(error), hint=QUOTE
        ) from error


def _build_mapping(
    loader: Any, node: yaml.MappingNode, key: KeyPath, lines: dict[KeyPath, int], seen: _Seen
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        name = str(key_node.value)
        line = key_node.start_mark.line + 1
        if name in result:
            raise CatalogError("the key stands twice", file=seen.path, line=line, key=dotted((*key, name)))
        lines[*key, name] = line
        result[name] = _build(loader, value_node, (*key, name), lines, seen)
    return result


def dotted(key: KeyPath) -> str:
    """Return a path of keys as errors write it: ``names.eczema[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).lstrip(".")


def _problem(record: type[BaseModel], file: YamlFile, detail: dict[str, Any]) -> CatalogError:
    key: KeyPath = tuple(detail["loc"])
    kind, found = detail["type"], repr(detail.get("input"))
    hint = None
    if kind == "missing":
        message, expected, found = f"the key {key[-1]!r} is missing", "a value", "nothing"
    elif kind == "extra_forbidden":
        message, expected = f"unknown key {key[-1]!r}", "a known key"
        near = difflib.get_close_matches(str(key[-1]), _field_names(record, key[:-1]), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else None
    else:
        message, expected = "the value is not valid", str(detail["msg"])
        if kind == "string_type" and not isinstance(detail["input"], dict | list | None):
            hint = QUOTE  # YAML reads no, 1 and 2024-01-01 as something else
    short = found if len(found) <= 120 else found[:117] + "..."
    return CatalogError(
        message, file=file.path, line=file.line_of(key), key=dotted(key), expected=expected, found=short, hint=hint
    )


def _field_names(record: type[BaseModel], key: KeyPath) -> list[str]:
    """Names of the fields of the record that stands at ``key`` inside ``record``."""
    for part in key:
        if isinstance(part, int):
            continue
        field = next((f for n, f in record.model_fields.items() if part in (n, f.alias)), None)
        inner = None if field is None else _inner_record(field.annotation)
        if inner is None:
            return []
        record = inner
    return [f.alias or n for n, f in record.model_fields.items()]


def _inner_record(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _inner_record(argument)
        if found is not None:
            return found
    return None
