"""Workloads that compute nothing worth mentioning: what is left is the engine."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hpcml.workload import Column, Context, Input, Table, Unit, Workload, block_units

VALUES = 64
NOTES = "HPCML_BENCH_NOTES"


@dataclass(frozen=True)
class Size:
    units: int = 1000


class NoOp(Workload):
    """float32[64] a unit. Each rank notes when it is about to compute its first one."""

    name: ClassVar[str] = "bench.noop"
    version: ClassVar[int] = 1
    Parameters: ClassVar[type] = Size

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return (Unit(f"u{number:07d}", {"number": number}) for number in range(self.parameters.units))

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("rows", (Column("value", "f4", (VALUES,), meaning="the number of the unit"),)),)

    def open(self, inputs: Mapping[str, Input]) -> Any:
        folder = os.environ.get(NOTES)
        if folder:
            (Path(folder) / str(os.getpid())).write_text(str(time.time()), encoding="utf-8")
        return None

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        return {"rows": {"value": np.full((1, VALUES), unit.payload["number"], np.float32)}}


@dataclass(frozen=True)
class Pictures:
    units: int = 1000


class Images(Workload):
    """Rows of 16x16 images, some 37 a unit; its parts are made by the benchmark, not by ranks."""

    name: ClassVar[str] = "bench.images"
    version: ClassVar[int] = 1
    Parameters: ClassVar[type] = Pictures

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return (Unit(f"u{number:07d}", {}) for number in range(self.parameters.units))

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("images", (Column("image", "f4", (16, 16), meaning="noise"),)),)

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        raise NotImplementedError("its parts are written by the benchmark")


@dataclass(frozen=True)
class Width:
    columns: int = 3000
    rows: int = 20_000
    block_size: int = 200


class ManyColumns(Workload):
    """As many float32 columns as data with hundreds of features or branches have."""

    name: ClassVar[str] = "bench.many-columns"
    version: ClassVar[int] = 1
    Parameters: ClassVar[type] = Width
    parameters: Width

    def units(self, inputs: Mapping[str, Input]) -> Iterator[Unit]:
        return block_units("rows", self.parameters.rows, self.parameters.block_size)

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        names = (f"branch_{number:04d}" for number in range(self.parameters.columns))
        return (Table("rows", tuple(Column(name, "f4", meaning="noise") for name in names)),)

    def open(self, inputs: Mapping[str, Input]) -> Any:
        p = self.parameters
        noise = np.random.default_rng(1).random((p.columns, p.block_size), np.float32)
        return {f"branch_{number:04d}": column for number, column in enumerate(noise)}

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Mapping[str, Any]]:
        return {"rows": shared}


class OneWideColumn(ManyColumns):
    """The same bytes as one column of rows."""

    name: ClassVar[str] = "bench.one-wide-column"

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("rows", (Column("branches", "f4", (self.parameters.columns,), meaning="noise"),)),)

    def open(self, inputs: Mapping[str, Input]) -> Any:
        p = self.parameters
        return {"branches": np.random.default_rng(1).random((p.block_size, p.columns), np.float32)}
