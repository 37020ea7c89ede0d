"""A workload that looks around: `hpcml site check` sends it through a site's scheduler.

One unit that says where it runs and what it can import.
"""

from __future__ import annotations

import importlib.util
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hpcml.workload import Column, Context, Input, Table, Unit, Workload


@dataclass(frozen=True)
class Parameters:
    """modules: what the workload of interest needs. units: how many looks."""

    modules: tuple[str, ...] = ()
    units: int = 8


class Probe(Workload):
    """Host, Python and importable modules, as seen by a worker."""

    name = "probe"
    version = 1
    Parameters: ClassVar[type] = Parameters
    unit_parameters = frozenset({"units"})

    def units(self, inputs: Mapping[str, Input]) -> Iterable[Unit]:
        return (Unit(f"look-{number}") for number in range(self.parameters.units))

    def tables(self, inputs: Mapping[str, Input]) -> tuple[Table, ...]:
        text = "S256"
        return (
            Table(
                "looks",
                (
                    Column("host", text, meaning="where the unit was computed"),
                    Column("python", text, meaning="which Python computed it"),
                    Column("missing", text, meaning="modules that cannot be imported there"),
                ),
            ),
        )

    def process(self, unit: Unit, shared: Any, ctx: Context) -> dict[str, dict[str, Any]]:
        missing = [name for name in self.parameters.modules if importlib.util.find_spec(name) is None]
        words = {"host": socket.gethostname(), "python": sys.executable, "missing": " ".join(missing)}
        return {"looks": {name: np.array([word.encode()[:256]], "S256") for name, word in words.items()}}
