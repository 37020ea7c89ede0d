"""What a workload is, for people: parameters, inputs, columns."""

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


def describe(workload: type[Workload], name: str) -> Iterator[str]:
    """Lines: purpose, parameters with defaults, inputs, and the columns with units of measure."""
    yield f"{name} (version {workload.version})"
    if workload.__doc__:
        yield from (f"  {line.strip()}" for line in workload.__doc__.strip().splitlines())
    yield "parameters:"
    if not dataclasses.is_dataclass(workload.Parameters):
        raise UsageError(f"workload {name!r}: its Parameters is not a dataclass")
    hints = get_type_hints(workload.Parameters)
    needs_values = False
    for one in dataclasses.fields(workload.Parameters):
        kind = _plain(hints[one.name])
        required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        needs_values = needs_values or required
        default = "required" if required else repr(one.default)
        use = ", lists units" if one.name in workload.unit_parameters else ""
        use = ", for the report alone" if one.name in workload.report_parameters else use
        yield f"  {one.name}: {kind} = {default}{use}"
    if workload.inputs:
        yield "inputs:"
        for given in workload.inputs:
            yield f"  {given.name}: {given.meaning}" + ("" if given.required else " (optional)")
    if needs_values:
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
            yield f"  {column.name}: {column.dtype}{shape}{unit}  {column.meaning}"
