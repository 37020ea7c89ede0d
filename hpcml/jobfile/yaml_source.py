"""YAML text -> plain values, with the line that every one of them stands on.

Reading one YAML document strictly (no duplicate key, no tag, no second document), the marks that say
where a value came from, and the one-line form of a complaint about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from reprlib import Repr
from typing import Any

import yaml

from hpcml.errors import JobFileError

Key = tuple[str | int, ...]

_MERGE = "tag:yaml.org,2002:merge"
_STR = "tag:yaml.org,2002:str"
_SCALARS = {f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "null", "str")}


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2, which is what people expect: `1e-3` is a number,
    `no` and `2024-06-01` and `1:30:00` are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 PyYAML's own shape


for _kind, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)|[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), _first)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, at one key. `mark` is given when it stands in another file."""

    key: Key
    what: str
    found: Any
    hint: str = ""
    mark: str = ""


@dataclass(slots=True)
class Document:
    """A YAML file as plain values. marks: {key: `file:line`, or what replaced the value}."""

    label: str
    text: str
    value: dict[str, Any]
    marks: dict[Key, str] = field(default_factory=dict)

    def mark(self, key: Key) -> str:
        """Where the value at `key` came from; of what is absent, where its parent stands."""
        while key and key not in self.marks:
            key = key[:-1]
        return self.marks.get(key, f"{self.label}:1")

    def put(self, key: Key, value: Any, mark: str) -> None:
        """Replace or add the value at `key`; the mappings above it must be there already."""
        parent: Any = self.value
        for part in key[:-1]:
            parent = parent[part]
        parent[key[-1]] = value
        self.marks = {old: line for old, line in self.marks.items() if old[: len(key)] != key}
        self.marks[key] = mark

    def written(self, key: Key) -> str:
        """`key` as a person writes it, steps by their names: steps.scan.parameters.k"""
        text = ""
        for depth, part in enumerate(key):
            if depth == 1 and key[0] == "steps" and isinstance(part, int):
                name = self._step_name(part)
                text += f".{name}" if name else f"[{part}]"
            else:
                text += f"[{part}]" if isinstance(part, int) else f".{part}"
        return text.removeprefix(".")

    def _step_name(self, index: int) -> str:
        try:
            name = self.value["steps"][index]["name"]
        except (KeyError, IndexError, TypeError):
            return ""
        return name if isinstance(name, str) else ""

    def line(self, problem: Problem) -> str:
        """`file:line: key: what is wrong, found ...`"""
        mark = problem.mark or self.mark(problem.key)
        key = self.written(problem.key) or "file"
        return f"{mark}: {key}: {problem.what}, found {shown(problem.found)}"

    def fail(self, problems: Sequence[Problem]) -> None:
        """Raise the first problem, in the order of the file, if there is any."""
        if not problems:
            return
        first = min(problems, key=lambda problem: _position(problem.mark or self.mark(problem.key)))
        more = len(problems) - 1
        tail = f" (and {more} more error{'s' if more > 1 else ''})" if more else ""
        raise JobFileError(self.line(first) + tail, first.hint)


def shown(value: Any) -> str:
    """repr of a value in at most about 80 characters, on one line."""
    short = Repr()
    short.maxstring = short.maxother = 80
    short.maxlist = short.maxdict = short.maxtuple = 6
    return short.repr(value)


def read(path: Path, label: str) -> Document:
    """The YAML file at `path`, called `label` in messages."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = {FileNotFoundError: "no such file", IsADirectoryError: "is a directory, not a file"}
        what = reason.get(type(error), error.strerror or "cannot be read")
        raise JobFileError(f"{label}:1: file: {what}, found {str(path)!r}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = raw[error.start : error.start + 1]
        raise JobFileError(f"{label}:{line}: file: is not UTF-8 text, found {found!r}") from None
    return parse(text, label)


def parse(text: str, label: str) -> Document:
    """`text` as a mapping with marks."""
    document = Document(label, text, {})
    document.marks[()] = f"{label}:1"
    root = _compose(text, label)
    if root is None:
        raise JobFileError(f"{label}:1: file: is empty, found {shown(text.strip()[:40])}")
    if not isinstance(root, yaml.MappingNode):
        value = _plain(root, (), {}, label, ())
        line = root.start_mark.line + 1
        raise JobFileError(f"{label}:{line}: file: must be a mapping (key: value), found {shown(value)}")
    document.value = _plain(root, (), document.marks, label, ())
    return document


def parse_value(text: str, label: str) -> Any:
    """The value of a `--set key=value`, read as the job file would read it."""
    root = _compose(text, label)
    return None if root is None else _plain(root, (), {}, label, ())


def _compose(text: str, label: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_node()
        except RecursionError:
            raise JobFileError(f"{label}:1: YAML: is nested too deeply") from None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        lines = text.splitlines()
        found = lines[line - 1].strip() if line <= len(lines) else ""
        what = error.problem or "is not YAML"
        if error.context == "expected a single document in the stream":
            what = "has a second document ('---'), one is allowed"
        elif r"'\t'" in what:
            what = "has a tab, indent with spaces"
        raise JobFileError(f"{label}:{line}: YAML: {what}, found {shown(found)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise JobFileError(
            f"{label}:{line}: YAML: has a character that YAML forbids, found {chr(int(error.character))!r}"
        ) from None


def _plain(node: yaml.Node, key: Key, marks: dict[Key, str], label: str, above: tuple[int, ...]) -> Any:
    """`node` as dict, list or scalar; notes the line of everything below it in `marks`."""

    def refuse(at: yaml.Node, what: str, found: Any) -> JobFileError:
        place = ".".join(str(part) for part in key) or "file"
        return JobFileError(f"{label}:{at.start_mark.line + 1}: {place}: {what}, found {shown(found)}")

    if id(node) in above:
        raise refuse(node, "an anchor that contains itself", "*")
    above = (*above, id(node))
    if isinstance(node, yaml.ScalarNode):
        if node.tag not in _SCALARS:
            raise refuse(node, "tags are not allowed", node.tag)
        try:
            return _scalar(node)
        except ValueError:
            raise refuse(node, f"is not a {node.tag.rpartition(':')[2]}", node.value) from None
    if isinstance(node, yaml.SequenceNode):
        if node.tag != "tag:yaml.org,2002:seq":
            raise refuse(node, "tags are not allowed", node.tag)
        for index, item in enumerate(node.value):
            marks[(*key, index)] = f"{label}:{item.start_mark.line + 1}"
        return [_plain(item, (*key, i), marks, label, above) for i, item in enumerate(node.value)]
    if node.tag != "tag:yaml.org,2002:map":
        raise refuse(node, "tags are not allowed", node.tag)
    result: dict[str, Any] = {}
    inherited: dict[str, Any] = {}
    merges = [item for name, item in node.value if name.tag == _MERGE]
    for merge in merges:  # before the rest, so that marks of the mapping's own keys win
        for source in reversed(merge.value if isinstance(merge, yaml.SequenceNode) else [merge]):
            if not isinstance(source, yaml.MappingNode):
                raise refuse(merge, "`<<` needs a mapping", source.value)
            inherited |= _plain(source, key, marks, label, above)
    for name, item in node.value:
        if name.tag == _MERGE:
            continue
        if name.tag != _STR:
            raise refuse(name, "keys must be text", name.value if isinstance(name.value, str) else "[...]")
        if name.value in result:
            raise refuse(name, "duplicate key", name.value)
        below = (*key, name.value)
        marks[below] = f"{label}:{name.start_mark.line + 1}"
        result[name.value] = _plain(item, below, marks, label, above)
    return inherited | result


def _scalar(node: yaml.ScalarNode) -> Any:
    kind = node.tag.rpartition(":")[2]
    text = node.value
    if kind == "null":
        return None
    if kind == "bool":
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if kind == "int":
        return int(text, 16) if text.startswith("0x") else int(text.replace("_", ""))
    if kind == "float":
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _position(mark: str) -> tuple[int, str, int]:
    """Sorts marks in the order of a file, and what is not in a file before it."""
    file, _, line = mark.rpartition(":")
    return (1, file, int(line)) if line.isdigit() else (0, mark, 0)
