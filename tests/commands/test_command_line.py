"""The commands that look and check, typed as a user types them: output, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import toy
import yaml

from hpcml import open_table

Capture = pytest.CaptureFixture[str]
JOBS = sorted((toy.ROOT / "jobs").glob("*.yaml"))


def test_validate_warns_of_absent_inputs_and_refuses_when_asked(tmp_path: Path, capsys: Capture) -> None:
    text = (toy.ROOT / "jobs" / "jets-lhco-tiny.yaml").read_text()
    job = tmp_path / "job.yaml"
    job.write_text(text.replace("${HPCML_TEST_DATA}/jets/lhco_rnd_tiny.h5", "nowhere.h5"))
    warned = toy.hpcml_here(capsys, "validate", job)
    assert warned.code == 0 and "is valid" in warned.stdout and "nowhere.h5" in warned.stderr
    for refused in (
        toy.hpcml_here(capsys, "validate", job, "--inputs"),
        toy.hpcml_here(capsys, "plan", job, "--dir", tmp_path / "c"),
    ):
        assert refused.code == 2 and "job.yaml:" in refused.stderr and "nowhere.h5" in refused.stderr
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_the_schema_for_editors_takes_our_job_files_and_no_unknown_key(job: Path, capsys: Capture) -> None:
    schema = json.loads(toy.hpcml_here(capsys, "validate", "--schema").stdout)
    content = yaml.safe_load(job.read_text())
    jsonschema.validate(content, schema)
    content["steps"][0]["workloud"] = content["steps"][0].pop("workload")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def test_plan_explains_where_each_value_comes_from_and_writes_nothing(
    tmp_path: Path, capsys: Capture
) -> None:
    job = toy.write_job(tmp_path, toy.step(parameters={"n": 12}))
    words = ("plan", job, "--dir", tmp_path / "c", "--explain", "--set", "steps.toy.parameters.n=9")
    lines = toy.hpcml_here(capsys, *words).stdout.splitlines()
    told = {line.split()[0]: line.split(None, 1)[1] for line in lines}
    assert told["steps.toy.parameters.n"] == "9  # --set"
    assert told["seed"].startswith("7  # ") and told["seed"].endswith("job.yaml:2")
    assert told["site.scheduler"].endswith("local  # config/sites/local.yaml:2")
    assert not (tmp_path / "c").exists()


def test_looking_at_a_campaign_for_programs(tmp_path: Path, capsys: Capture) -> None:
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 12}))
    step = json.loads(toy.hpcml_here(capsys, "status", opened.root, "--json").stdout)["steps"][0]
    assert (step["state"], step["done"], step["missing"]) == ("planned", 0, 12)
    assert toy.work_here(opened) == 0
    digests = toy.merge_here(opened)
    step = json.loads(toy.hpcml_here(capsys, "status", opened.root, "--json").stdout)["steps"][0]
    assert (step["state"], step["done"], step["missing"], step["merged"]) == ("merged", 12, 0, True)
    found = json.loads(toy.hpcml_here(capsys, "verify", opened.root, "--json").stdout)
    assert found["digests"] == {f"toy/{name}": digest for name, digest in digests.items()}
    assert found["problems"] == [] and found["files"] == 2
    rows = json.loads(toy.hpcml_here(capsys, "units", opened.root, "--json").stdout)
    assert [row["unit"] for row in rows] == [f"u{number:05d}" for number in range(12)]
    assert {row["state"] for row in rows} == {"done"}


def test_workloads_and_their_parameters(capsys: Capture) -> None:
    listed = toy.hpcml_here(capsys, "workloads").stdout
    assert {line.split()[0] for line in listed.splitlines()} >= {"jets.images", "jets.scan", "jets.synthetic"}
    told = toy.hpcml_here(capsys, "workloads", "jets.scan").stdout
    assert "k: int = 50" in told
    wrong = toy.hpcml_here(capsys, "workloads", "jets.scam")
    assert wrong.code == 2 and "jets.scan" in wrong.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_of_each_shell(shell: str, capsys: Capture) -> None:
    told = toy.hpcml_here(capsys, "completion", shell)
    assert told.code == 0 and "_HPCML_COMPLETE" in told.stdout


def test_resume_takes_another_number_of_shards(tmp_path: Path, capsys: Capture) -> None:
    opened = toy.planned(tmp_path, toy.step(parameters={"n": 12}, resources={"shards": 3}))
    assert toy.work_here(opened, shard=1) == 0
    done = toy.hpcml_here(capsys, "resume", opened.root, "--shards", "2", "--ranks", "1")
    assert done.code == 0, done.stderr
    found = toy.hpcml_here(capsys, "verify", opened.root, "--json")
    assert json.loads(found.stdout)["files"] == 4, "one part before, two of the resume, the table"


THREADS = """
import os
import numpy as np
from dataclasses import dataclass
from hpcml.workload import Column, Table, Unit, Workload

@dataclass(frozen=True)
class Parameters:
    pass

class Threads(Workload):
    name, version, Parameters = "threads", 1, Parameters
    def units(self, inputs):
        return [Unit(f"u{number}") for number in range(4)]
    def tables(self, inputs):
        return (Table("threads", (Column("omp", "i8"), Column("openblas", "i8"))),)
    def process(self, unit, shared, ctx):
        read = {name: int(os.environ[f"{name.upper()}_NUM_THREADS"]) for name in ("omp", "openblas")}
        return {"threads": {name: np.array([value]) for name, value in read.items()}}
"""


@pytest.mark.mpi
@pytest.mark.parametrize("ranks", [1, 2])
def test_run_pins_threads_before_python_starts(tmp_path: Path, ranks: int) -> None:
    (tmp_path / "threads.py").write_text(THREADS)
    step = {"name": "t", "workload": "threads.py:Threads"}
    job = toy.write_job(tmp_path, step, resources={"ranks": ranks, "cpus": 3, "shards": 1})
    ended = toy.hpcml("run", job, "--dir", tmp_path / "c", OMP_NUM_THREADS=64)
    assert ended.code == 0, ended.stderr
    frame = open_table(tmp_path / "c", "t").frame("threads")
    assert frame.omp.tolist() == frame.openblas.tolist() == [3] * 4
