"""What a workload is, for people: parameters, inputs, columns. Printing is cli.py's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, get_type_hints

if TYPE_CHECKING:
    from hpcml.workload import Workload


def describe(workload: type[Workload], name: str) -> Iterator[str]:
    """Lines: purpose, parameters with defaults, inputs, and the columns with units of measure."""
    yield f"{name} (version {workload.version})"
    if workload.__doc__:
        yield from (f"  {line.strip()}" for line in workload.__doc__.strip().splitlines())
    yield "parameters:"
    hints = get_type_hints(workload.Parameters)
    needs_values = False
    for one in dataclasses.fields(workload.Parameters):
        kind = getattr(hints[one.name], "__name__", str(hints[one.name]))
        required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
        needs_values = needs_values or required
        default = "required" if required else repr(one.default)
        listing = ", lists units" if one.name in workload.listing else ""
        yield f"  {one.name}: {kind} = {default}{listing}"
    if workload.inputs:
        yield "inputs:"
        for given in workload.inputs:
            yield f"  {given.name}: {given.meaning}" + ("" if given.required else " (optional)")
    if needs_values:
        return
    for table in workload(workload.Parameters()).tables():
        yield f"table {table.name} ({table.kind}):"
        for column in table.columns:
            shape = "".join(f"[{size}]" for size in column.shape)
            unit = f" {column.unit}" if column.unit else ""
            yield f"  {column.name}: {column.dtype}{shape}{unit}  {column.meaning}"
