"""An engine in memory: just enough of Input and Context to run a workload from end to end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hpcml import seeds
from hpcml.errors import UsageError
from hpcml.workload import Unit, Workload
from hpcml.workloads.jets.parameters import ImageParameters, SyntheticParameters
from hpcml.workloads.jets.steps.events import JetImages, SyntheticEvents

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass
class FakeInput:
    """Columns by table and name, or a list of files."""

    paths: Sequence[Path] = ()
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    units: Sequence[Unit] = ()
    lengths: Mapping[str, Sequence[int]] = field(default_factory=dict)
    swept: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    artifacts: Sequence[tuple[str, str, Path]] = ()

    def array(self, column: str, table: str = "") -> Any:
        try:
            return self.tables[table or next(iter(self.tables))][column]
        except KeyError as error:
            raise UsageError(f"no column {error}") from error

    def keys(self) -> list[str]:
        return [unit.key for unit in self.units]

    def index(self, table: str = "") -> Any:
        lengths = np.array(self.lengths[table or next(iter(self.tables))], np.uint64)
        return np.stack([np.cumsum(lengths) - lengths, lengths], axis=1)

    def payload(self, name: str) -> Any:
        if name in self.swept:
            return np.array(self.swept[name])
        try:
            return np.array([unit.payload[name] for unit in self.units])
        except KeyError as error:
            raise UsageError(f"no payload {error}") from error

    def files(self) -> Sequence[tuple[str, str, Path]]:
        return self.artifacts


@dataclass
class FakeContext:
    unit: Unit
    folder: Path
    step: str = "step"
    seed: int = 20240601

    def artifact(self, name: str) -> Path:
        return self.folder / f"{self.unit.key}-{name}"

    def stream(self, *labels: int | str) -> np.random.Generator:
        return seeds.stream(self.seed, *(labels or (self.step, self.unit.key)))


def run(
    workload: Workload,
    inputs: Mapping[str, FakeInput] | None = None,
    *,
    sweep: tuple[str, Any] | None = None,
    seed: int = 20240601,
    order: int = 1,
) -> FakeInput:
    """All units of `workload` (in reverse with order=-1), merged in unit order."""
    inputs = inputs or {}
    units = list(workload.units(inputs))
    shared = workload.open(inputs)
    folder = Path(tempfile.mkdtemp(prefix="artifacts-"))
    results = {
        unit.key: workload.process(unit, shared, FakeContext(unit, folder, seed=seed))
        for unit in units[::order]
    }
    artifacts = [
        (unit.key, name, folder / f"{unit.key}-{name}")
        for unit in units
        for name in workload.artifacts
        if (folder / f"{unit.key}-{name}").is_file()
    ]
    tables: dict[str, dict[str, Any]] = {}
    lengths: dict[str, list[int]] = {}
    for table in workload.tables():
        for unit in units:
            given = results[unit.key][table.name]
            assert set(given) == {column.name for column in table.columns}
            for column in table.columns:
                shape = given[column.name].shape
                assert given[column.name].dtype == column.dtype, column.name
                assert (shape if table.kind == "sum" else shape[1:]) == column.shape, column.name
        parts = {c.name: [results[u.key][table.name][c.name] for u in units] for c in table.columns}
        if table.kind == "sum":
            tables[table.name] = {name: np.sum(values, axis=0) for name, values in parts.items()}
            continue
        tables[table.name] = {name: np.concatenate(values) for name, values in parts.items()}
        lengths[table.name] = [len(values) for values in parts[table.columns[0].name]]
    swept = {sweep[0]: [sweep[1]] * len(units)} if sweep else {}
    return FakeInput(tables=tables, units=units, lengths=lengths, swept=swept, artifacts=artifacts)


def joined(*runs: FakeInput) -> FakeInput:
    """The merged table of several sweep values."""
    first = runs[0]
    return FakeInput(
        tables={
            table: {name: np.concatenate([run.tables[table][name] for run in runs]) for name in columns}
            for table, columns in first.tables.items()
        },
        # the value is part of the key, as in the engine
        units=[replace(unit, key=f"{unit.key}.{n}") for n, run in enumerate(runs) for unit in run.units],
        lengths={table: [n for run in runs for n in run.lengths[table]] for table in first.tables},
        swept={name: [v for run in runs for v in run.swept[name]] for name in first.swept},
    )


@pytest.fixture(scope="session")
def jets_data() -> Path:
    """The folder of real jet data; skips with a reason where there is none."""
    root = Path(os.environ.get("HPCML_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    folder = root / "jets"
    if not folder.is_dir():
        pytest.skip(f"no real jet data in {folder}: set HPCML_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def engine() -> SimpleNamespace:
    """`run`, `joined`, `Input` of this file, for tests (a conftest cannot be imported by name)."""
    return SimpleNamespace(run=run, joined=joined, Input=FakeInput)


@pytest.fixture(scope="session")
def lhco(jets_data: Path) -> FakeInput:
    """The images of the 1,000 real events, without re-processing."""
    workload = JetImages(ImageParameters(block_size=250, reprocess="none"))
    return run(workload, {"events": FakeInput(paths=[jets_data / "lhco_rnd_tiny.h5"])})


@pytest.fixture(scope="session")
def simulated() -> FakeInput:
    """1,500 background and 120 signal events, re-processed."""
    return run(SyntheticEvents(SyntheticParameters(1500, 120, block_size=250)))
