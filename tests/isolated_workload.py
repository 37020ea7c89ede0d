"""Two steps for a site without a shared file system, which refuse to read anything outside the job's scratch.

A workload file that travels with the job; it imports nothing of the tests.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hpcml.workload import Arrays, Column, Context, Input, InputSpec, Table, Unit, Workload


@dataclass(frozen=True)
class Parameters:
    n: int = 160


def say(word: str, key: str) -> None:
    """One line in a log that belongs to the test alone; its folder is shared, the campaign's is not."""
    if path := os.environ.get("TOY_LOG"):
        handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        os.write(handle, f"{word} {key} {os.getpid()} {time.time():.6f} 0\n".encode())
        os.close(handle)


def in_scratch(path: Path) -> Path:
    """`path`, which inside a job must lie in its scratch folder, as must this file."""
    if scratch := os.environ.get("_CONDOR_SCRATCH_DIR"):
        for one in (path, Path(__file__)):
            assert one.is_relative_to(scratch), f"{one} is not in {scratch}"
            assert one.resolve().is_relative_to(Path(scratch).resolve())
    return path


class Reads(Workload):
    """Rows from a number in a file and the unit's stream."""

    name = "reads"
    version = 1
    Parameters = Parameters
    unit_parameters = frozenset({"n"})
    inputs = (InputSpec("data", "a file with a number"),)

    def units(self, inputs: Mapping[str, Input]) -> Iterable[Unit]:
        for number in range(self.parameters.n):
            yield Unit(f"u{number:05d}", {"number": number})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("rows", (Column("value", "f8", (4,)),)),)

    def open(self, inputs: Mapping[str, Input]) -> Any:
        (path,) = inputs["data"].paths
        return float(in_scratch(path).read_text())

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        say("begin", unit.key)
        time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
        if unit.key == os.environ.get("TOY_FAIL"):
            raise RuntimeError(f"toy failure of {unit.key}")
        if unit.key == os.environ.get("TOY_KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        rng = ctx.stream()
        value = shared * rng.normal(size=(int(rng.integers(1, 4)), 4))
        say("end", unit.key)
        return {"rows": {"value": value}}


class Sums(Workload):
    """One unit for each of the first step, which reads that step's table."""

    name = "sums"
    version = 1
    Parameters = Parameters
    inputs = (InputSpec("rows", "a Reads step"),)

    def units(self, inputs: Mapping[str, Input]) -> Iterable[Unit]:
        for number, key in enumerate(inputs["rows"].keys()):
            yield Unit(f"of-{key}", {"number": number})

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        return (Table("sums", (Column("total", "f8"),)),)

    def open(self, inputs: Mapping[str, Input]) -> Any:
        table = inputs["rows"]
        in_scratch(table.paths[0])
        return table.array("value"), table.index()

    def process(self, unit: Unit, shared: Any, ctx: Context) -> Mapping[str, Arrays]:
        values, index = shared
        first, rows = (int(value) for value in index[int(unit.payload["number"])])
        say("end", unit.key)
        return {"sums": {"total": np.array([values[first : first + rows].sum()])}}
