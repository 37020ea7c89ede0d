"""What authors of workloads and damaged histories can do wrong: one line each, and nothing changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from toy import hpcml
from toy_workloads import Toy

from hpcml.commands.plan import plan
from hpcml.directory.history import History
from hpcml.errors import PlanConflict, UsageError
from hpcml.jobfile.resolve import resolve
from hpcml.jobfile.yaml_source import parse
from hpcml.store.journal import Journal
from hpcml.store.units import list_units, shard_bounds
from hpcml.testing import WorkloadProblem, check_workload
from hpcml.user_code import describe_exception
from hpcml.workload import Unit

WORKLOAD = """
import os, sys
from dataclasses import dataclass
import numpy as np
from hpcml.workload import Column, Figure, Table, Unit, Workload

class NoProgress(Exception):
    def __str__(self):
        raise RuntimeError

@dataclass(frozen=True)
class Parameters:
    how: str = ""
    n: int = 3

class W(Workload):
    name, version, Parameters, unit_parameters = "w", 1, Parameters, frozenset({"n"})

    def at(self, place):
        if self.parameters.how == place + "-raise":
            raise RuntimeError("boom")
        if self.parameters.how == place + "-exit":
            sys.exit(0)

    def units(self, inputs):
        self.at("units")
        return [Unit(f"u{i}", {"i": i}) for i in range(self.parameters.n)]

    def tables(self, inputs):
        self.at("tables")
        return (Table("t", (Column("x", "f8"),)),)

    def open(self, inputs):
        self.at("open")

    def process(self, unit, shared, ctx):
        result = {"t": {"x": np.zeros(1)}}
        if unit.payload["i"] == 1:
            self.at("process")
            if self.parameters.how == "scheduler_error":
                raise NoProgress
            if self.parameters.how == "half-a-character":
                raise ValueError("\\ud800 \\u2028 \\0" + "x" * 1_000_000)
            if self.parameters.how == "extra":
                return {**result, "more": {}}
            if self.parameters.how == "fork":
                child = os.fork()
                if child == 0:
                    return result
                os.waitpid(child, 0)
        return result

    def summarise(self, table):
        self.at("summarise")
        return {"object": object()} if self.parameters.how == "summary-object" else {}

    def report(self, table, earlier):
        self.at("report")
        return [Figure("../x", "", None)] if self.parameters.how == "figure" else ()
"""


def job(folder: Path, how: str = "", n: int = 3) -> Path:
    (folder / "w.py").write_text(WORKLOAD)
    path = folder / "job.yaml"
    path.write_text(
        "campaign: bad\nseed: 1\nresources: {ranks: 1, shards: 1}\nsteps:\n"
        f"- {{name: s, workload: 'w.py:W', parameters: {{how: '{how}', n: {n}}}}}\n"
    )
    return path


@pytest.mark.parametrize("place", ["units", "tables", "open", "summarise", "report"])
@pytest.mark.parametrize("way", ["raise", "exit"])
def test_what_a_workload_raises_is_told_with_its_line(tmp_path: Path, place: str, way: str) -> None:
    ended = hpcml("run", job(tmp_path, f"{place}-{way}"), "--dir", tmp_path / "c")
    assert ended.code == 2, ended.stderr
    assert f"{place}() raised" in ended.stderr and "w.py:" in ended.stderr
    assert "Traceback" not in ended.stderr and "a bug of hpcml" not in ended.stderr
    assert (tmp_path / "c").exists() == (place not in ("units", "tables"))  # a refused plan makes nothing


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("process-exit", "SystemExit"),
        ("scheduler_error", "NoProgress: (its text cannot be printed)"),
        ("half-a-character", r"ValueError: \ud800"),
        ("extra", "table 'more' is not in the schema"),
    ],
)
def test_such_a_unit_fails_alone(tmp_path: Path, how: str, why: str) -> None:
    ended = hpcml("run", job(tmp_path, how), "--dir", tmp_path / "c")
    assert ended.code == 3, ended.stderr
    assert "1 of 3 units are missing" in ended.stderr and why in ended.stderr
    assert len(ended.stderr) < 5000


def test_a_unit_that_forks_and_returns_twice_is_recorded_once(tmp_path: Path) -> None:
    ended = hpcml("run", job(tmp_path, "fork"), "--dir", tmp_path / "c")
    assert ended.code == 0 and "computed twice" not in ended.stderr, ended.stderr


@pytest.mark.parametrize(
    ("how", "why"), [("summary-object", "of type object"), ("figure", "has no attribute")]
)
def test_summaries_and_figures_of_a_wrong_kind(tmp_path: Path, how: str, why: str) -> None:
    ended = hpcml("run", job(tmp_path, how), "--dir", tmp_path / "c")
    assert ended.code == 2 and why in ended.stderr, ended.stderr


def test_a_summary_that_failed_is_made_by_the_next_merge(tmp_path: Path) -> None:
    path = job(tmp_path)
    assert hpcml("run", path, "--dir", tmp_path / "c").code == 0
    # of another length: Python takes a file of equal length and second for the one it has compiled
    text = WORKLOAD.replace(
        'self.at("summarise")\n        return {', 'return {"mean": 2.125}\n        return {'
    )
    (tmp_path / "w.py").write_text(text)
    assert hpcml("merge", tmp_path / "c").code == 0
    assert (tmp_path / "c" / "steps" / "s" / "summary.h5").is_file()


def test_a_refused_plan_leaves_the_campaign_as_it_was(tmp_path: Path) -> None:
    root = tmp_path / "c"
    plan(resolve(job(tmp_path), check_inputs=True)[0].campaign, root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(PlanConflict, match="not in the new plan"):
        plan(resolve(job(tmp_path, n=1), check_inputs=True)[0].campaign, root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_table_of_another_campaign_is_damage(tmp_path: Path) -> None:
    for name in ("c", "d"):
        assert hpcml("run", job(tmp_path), "--dir", tmp_path / name).code == 0
    table = Path("steps") / "s" / "table.h5"
    (tmp_path / "c" / table).write_bytes((tmp_path / "d" / table).read_bytes())
    ended = hpcml("verify", tmp_path / "c")
    assert ended.code == 5 and "of another campaign" in ended.error()


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_campaign_file_that_is_no_text_is_damage(tmp_path: Path, content: bytes | None) -> None:
    plan(resolve(job(tmp_path), check_inputs=True)[0].campaign, tmp_path / "c")
    path = tmp_path / "c" / "campaign.json"
    path.unlink()
    path.write_bytes(content) if content else path.mkdir()
    ended = hpcml("status", tmp_path / "c")
    assert ended.code == 5 and "campaign.json is damaged" in ended.error()


def test_a_file_where_a_folder_of_the_campaign_should_be(tmp_path: Path) -> None:
    path = job(tmp_path)
    ended = hpcml("plan", path, "--dir", path / "c")
    assert ended.code == 2 and "is a file" in ended.error()


def test_a_folder_where_the_table_should_be(tmp_path: Path) -> None:
    assert hpcml("run", job(tmp_path), "--dir", tmp_path / "c").code == 0
    table = tmp_path / "c" / "steps" / "s" / "table.h5"
    table.unlink()
    table.mkdir()
    ended = hpcml("resume", tmp_path / "c")
    assert ended.code == 3 and "cannot write" in ended.error()


@pytest.mark.parametrize("unit", ["a", Unit(3), Unit("a", None), Unit("a", cost="x"), Unit("a", cost=np.nan)])  # type: ignore[arg-type]
def test_units_of_a_wrong_kind(unit: Unit) -> None:
    with pytest.raises(UsageError):
        list_units([({}, [unit])])


def test_costs_whose_sum_is_beyond_a_float_still_partition() -> None:
    assert shard_bounds(np.full(10, 1e308), 2).tolist() == [0, 5, 10]


def test_lines_of_a_journal_that_are_no_words_are_skipped(tmp_path: Path) -> None:
    Journal(tmp_path).write("merged", text="\ud800\u2028")
    garbage = [
        b"5",
        b"[]",
        b'{"event": "merged"}',
        b'{"event": "merged", "time": "x"}',
        b"\xff\0",
        b"[" * 99999,
    ]
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(garbage) + b'\n{"time": 1, "event": ["merged"]}\n')
    assert [word["text"] for word in History.read(tmp_path).of("merged")] == ["\ud800\u2028"]
    assert len(History.read(tmp_path).entries) == 1


def test_yaml_that_is_nested_too_deeply() -> None:
    with pytest.raises(UsageError, match="nested too deeply"):
        parse("[" * 5000, "job.yaml")


def test_said_is_short_and_printable() -> None:
    assert describe_exception(UsageError("no column x", "name it")) == "UsageError: no column x (name it)"
    text = describe_exception(ValueError("\udcff\0" + "x" * 10**6))
    assert text.encode().startswith(b"ValueError: \\udcff\\x00x") and len(text) < 2000


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    plan(resolve(job(tmp_path, n=20_000), check_inputs=True)[0].campaign, tmp_path / "c")
    out, into = os.pipe()
    os.close(out)
    words = [sys.executable, "-m", "hpcml", "units", str(tmp_path / "c")]
    ended = subprocess.run(words, stdout=into, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(into)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_check_workload_checks_parameters_as_a_job_file_does() -> None:
    with pytest.raises(WorkloadProblem, match="n: must be a whole number, found '3'"):
        check_workload(Toy, {"n": "3"})
