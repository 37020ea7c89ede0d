"""Describes a workload for people: its purpose, parameters, inputs and columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from hpcml.errors import UsageError

if TYPE_CHECKING:
    from hpcml.workload import Workload


def _plain(kind: Any) -> str:
    """A type as a person reads it: float, (float, float), 'a' or 'b'."""
    if get_origin(kind) is Literal:
        return " or ".join(repr(value) for value in get_args(kind))
    if get_origin(kind) is tuple:
        return f"({', '.join('...' if one is Ellipsis else _plain(one) for one in get_args(kind))})"
    return str(getattr(kind, "__name__", kind)) if not get_args(kind) else str(kind)


def purpose(workload: type[Workload]) -> str:
    """The first sentence of a workload's docstring, in one line."""
    words = " ".join((workload.__doc__ or "").strip().partition("\n\n")[0].split())
    first, end, _ = words.partition(". ")
    return first + end.strip()


def _required(one: dataclasses.Field[Any]) -> bool:
    return one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING


def _parameters(workload: type[Workload]) -> Iterator[str]:
    """A line per parameter: `NAME: TYPE = DEFAULT`, and what it is for."""
    hints = get_type_hints(workload.Parameters)
    for one in dataclasses.fields(workload.Parameters):
        use = ", lists units" if one.name in workload.unit_parameters else ""
        use = ", for the report alone" if one.name in workload.report_parameters else use
        if _required(one):
            yield f"  {one.name}: {_plain(hints[one.name])}, required{use}"
            continue
        factory = one.default_factory
        default = one.default if factory is dataclasses.MISSING else factory()
        for line in _values(one.name, hints[one.name], default):
            yield f"  {line}{use}"


def _values(name: str, kind: Any, default: Any) -> Iterator[str]:
    """`NAME: TYPE = DEFAULT`; the settings of a group are named as `--set` names them: `tree.depth`."""
    if not dataclasses.is_dataclass(default):
        yield f"{name}: {_plain(kind)} = {default!r}"
        return
    hints = get_type_hints(type(default))
    for part in dataclasses.fields(default):
        yield from _values(f"{name}.{part.name}", hints[part.name], getattr(default, part.name))


def describe(workload: type[Workload], name: str) -> Iterator[str]:
    """Lines: purpose, parameters with defaults, inputs, and the columns with units of measure."""
    yield f"{name} (version {workload.version})"
    if workload.__doc__:
        yield from (f"  {line.strip()}".rstrip() for line in workload.__doc__.strip().splitlines())
    yield "parameters:"
    if not dataclasses.is_dataclass(workload.Parameters):
        raise UsageError(f"workload {name!r}: its Parameters is not a dataclass")
    yield from _parameters(workload)
    if workload.inputs:
        yield "inputs:"
        for given in workload.inputs:
            yield f"  {given.name}: {given.meaning}" + ("" if given.required else " (optional)")
    if any(_required(one) for one in dataclasses.fields(workload.Parameters)):
        return
    try:
        tables = list(workload(workload.Parameters()).tables({}))
    except Exception:  # whatever an input that is not there leads to
        yield "tables: the columns depend on the inputs"
        return
    for table in tables:
        yield f"table {table.name} ({table.kind}):"
        for column in table.columns:
            shape = "".join(f"[{size}]" for size in column.shape)
            unit = f" {column.unit}" if column.unit else ""
            yield f"  {column.name}: {column.dtype}{shape}{unit}  {column.meaning}".rstrip()
