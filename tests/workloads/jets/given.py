"""A step whose table is what a test says: events in another order, with other labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hpcml.testing import MemoryTable, run_in_memory
from hpcml.workload import Column, Context, Input, Table, Unit, Workload

SEED = 20240601


class Given(Workload):
    """Returns the arrays that it is made with, {column: array}, as table `images` of one unit."""

    name = "given"
    version = 1
    Parameters = dict

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        yield Unit("all")

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        columns = [Column(name, array.dtype.str, array.shape[1:]) for name, array in self.parameters.items()]
        return (Table("images", tuple(columns)),)

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        return {"images": self.parameters}


def events(columns: Mapping[str, np.ndarray[Any, Any]]) -> MemoryTable:
    """A merged step of events with these columns."""
    return run_in_memory(Given(dict(columns)), seed=SEED)
