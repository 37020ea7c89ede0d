"""What authors of workloads test with: a step in memory, and the checks of a workload."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_columns import Words
from toy_workloads import Behind, Files, Toy, ToyParameters

from hpcml import registry
from hpcml.testing import WorkloadProblem, check_workload, run_in_memory

MODULE = """
from dataclasses import dataclass
from hpcml.workload import Column, Table, Unit, Workload

@dataclass(frozen=True)
class Nothing:
    pass

class Mine(Workload):
    name, version, Parameters = "mine", 1, Nothing

    def units(self, inputs): return [Unit("only")]
    def tables(self, inputs): return (Table("t", (Column("x", "f8"),)),)
    def process(self, unit, shared, ctx): return {"t": {"x": 1.0}}
"""


def test_order_and_sweeps_in_memory() -> None:
    forward = run_in_memory(Words(ToyParameters(8)), seed=3)
    backward = run_in_memory(Words(ToyParameters(8)), seed=3, order=range(7, -1, -1))
    for name, column in forward.tables["words"].items():
        assert np.array_equal(column, backward.tables["words"][name])
    with pytest.raises(ValueError, match="each of the 8 units once"):
        run_in_memory(Words(ToyParameters(8)), seed=3, order=[0, 0])
    swept = run_in_memory(
        [({"width": width}, Words(ToyParameters(2, width=width))) for width in (3, 5)], seed=3
    )
    assert swept.keys() == ["width=3:u00000", "width=3:u00001", "width=5:u00000", "width=5:u00001"]
    assert swept.payload("width").tolist() == [3, 3, 5, 5]


def test_a_chain_and_artifacts_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = run_in_memory(Toy(ToyParameters()), seed=7)
    behind = run_in_memory(Behind(ToyParameters()), {"samples": samples}, seed=7)
    assert behind.rows() == 24 and behind.array("of").tolist() == list(range(24))
    (tmp_path / "x").write_text("x")
    monkeypatch.setenv("TOY_EXTERNAL", str(tmp_path / "x"))
    files = run_in_memory(Files(ToyParameters(4)), seed=7)
    assert [(key, name) for key, name, _ in files.files()] == [(f"u0000{n}", "model") for n in range(4)]
    assert [path.read_bytes()[-1:] for _, _, path in files.files()] == [b"0", b"0", b"1", b"1"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("def summarise(self, table): return {'x': table.array('y')}", "summarise() raised|no column 'y'"),
        ("def report(self, table, earlier): return [1 / 0]", "report() raised ZeroDivisionError"),
        (
            "def process(self, unit, shared, ctx): return {'t': {'x': float(self.parameters.n)}}",
            "unit 'u0': t/x differs when n is 4: a parameter under unit_parameters decides which units",
        ),
    ],
)
def test_check_workload_finds(tmp_path: Path, body: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(
        MODULE.replace("    pass", "    n: int = 3").replace(
            '[Unit("only")]', "[Unit(f'u{n}') for n in range(self.parameters.n)]"
        )
        + f"\nclass Wrong(Mine):\n    unit_parameters = frozenset({{'n'}})\n    {body}\n"
    )
    assert len(check_workload(registry.load("mine.py:Mine", tmp_path))) == 3
    with pytest.raises(WorkloadProblem) as error:
        check_workload(registry.load("mine.py:Wrong", tmp_path))
    assert any(word in str(error.value) for word in words.split("|"))
