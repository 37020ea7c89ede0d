"""submit on a SLURM that answers what a test tells it: calls, dry runs, splits, templates, steps run here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import toy
import yaml

from .conftest import Fakes


class Cluster:
    """A campaign of toys on a site of its own, and the calls of sbatch."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes) -> None:
        self.folder, self.capsys, self.fakes = folder, capsys, fakes
        self.root = folder / "campaign"

    def plan(self, *steps: dict[str, Any], options: dict[str, Any] | None = None, shards: int = 5) -> None:
        site = {"scheduler": "slurm", "options": options or {}}
        (self.folder / "config" / "hpcml" / "sites" / "made-up.yaml").write_text(yaml.safe_dump(site))
        resources = {"shards": shards, "memory": "500MB", "ranks": 1}
        job = toy.write_job(self.folder, *(steps or (toy.step(),)), resources=resources)
        assert self.say("plan", job, "--site", "made-up", "--dir", self.root).code == 0

    def say(self, *words: str | Path) -> toy.Ended:
        return toy.hpcml_here(self.capsys, *words)

    def answers(self, *jobs: str) -> None:
        for job in jobs:
            self.fakes.answer("sbatch", out=f"{job}\n")

    def calls(self) -> list[str]:
        return self.fakes.calls("sbatch")


@pytest.fixture
def cluster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> Cluster:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "config" / "hpcml" / "sites").mkdir(parents=True)
    return Cluster(tmp_path, capsys, fakes)


def test_a_dry_run_writes_files_and_submits_nothing(cluster: Cluster) -> None:
    cluster.plan()
    told = cluster.say("submit", cluster.root, "--dry-run")
    assert told.code == 0 and not cluster.calls()
    assert "sbatch" in told.stdout and "array.sbatch" in told.stdout and "merge.sbatch" in told.stdout
    folder = cluster.root / "submit" / "attempt-0001" / "toy"
    assert (folder / "array.sbatch").is_file() and (folder / "rank.sh").is_file()
    assert cluster.say("status", cluster.root).stdout.count("submitted") == 0
    # and what is then submitted is that, under the same number
    before = (folder / "array.sbatch").read_bytes()
    cluster.answers("11", "12")
    assert cluster.say("submit", cluster.root).code == 0
    assert (folder / "array.sbatch").read_bytes() == before
    assert [path.name for path in (cluster.root / "submit").iterdir()] == ["attempt-0001"]


def test_a_dry_run_of_resume(cluster: Cluster) -> None:
    cluster.plan()
    cluster.answers("11", "12")
    cluster.say("submit", cluster.root)
    gone = "".join(f"11|{shard}|TIMEOUT|0|0|n1|TimeLimit\n" for shard in range(5))
    cluster.fakes.answer("squeue", out=gone)
    told = cluster.say("resume", cluster.root, "--dry-run")
    assert told.code == 0 and len(cluster.calls()) == 2
    assert "ended by time" in told.stdout and "sbatch" in told.stdout
    again = cluster.say("resume", cluster.root, "--dry-run")
    assert again.stdout == told.stdout, "a dry run is no attempt"


def test_one_call_an_array_split_where_the_site_says(cluster: Cluster) -> None:
    cluster.plan(options={"max_array_size": 2})
    cluster.answers("11", "12", "13", "14")
    assert cluster.say("submit", cluster.root).code == 0
    *arrays, merge = cluster.calls()
    assert len(arrays) == 3 and all("--dependency" not in call for call in arrays)
    assert "--dependency=afterany:11:12:13" in merge
    scripts = sorted((cluster.root / "submit" / "attempt-0001" / "toy").glob("array*.sbatch"))
    spans = [next(line for line in path.read_text().splitlines() if "--array=" in line) for path in scripts]
    assert [span.partition("=")[2] for span in spans] == ["0-1", "0-1", "0"]


def test_an_array_that_is_refused_half_way(cluster: Cluster) -> None:
    cluster.plan(options={"max_array_size": 3})
    cluster.answers("11")
    refused = "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: AttemptSpec job submission failed\n"
    cluster.fakes.answer("sbatch", err=refused, code=1)
    ended = cluster.say("submit", cluster.root)
    assert ended.code == 4 and "AssocMaxSubmitJobLimit" in ended.error()
    assert "hpcml resume" in ended.stderr and "recorded" in ended.stderr
    # what went through is known, and left alone
    running = "".join(f"11|{shard}|RUNNING|0|0|n1|None\n" for shard in range(3))
    cluster.fakes.answer("squeue", out=running)
    assert cluster.say("submit", cluster.root).code == 2
    cluster.answers("12", "13", "14")
    told = cluster.say("resume", cluster.root)
    assert told.code == 0 and "units are left to jobs that are queued or running" in told.stdout
    first, second, merge = cluster.calls()[2:]
    assert "attempt-0002" in first and "attempt-0002" in second
    assert "--dependency=afterany:12:13:11" in merge


def test_a_busy_controller_is_asked_again(cluster: Cluster) -> None:
    cluster.plan()
    cluster.answers("11", "12")
    cluster.say("submit", cluster.root)
    cluster.fakes.answer("squeue", err="slurm_load_jobs error: Too many RPCs, retry later\n", code=1)
    cluster.fakes.answer("squeue", out="11|0|RUNNING|0|0|n1|None\n")
    told = cluster.say("status", cluster.root)
    assert told.code == 0 and "running" in told.stdout
    assert len(cluster.fakes.calls("squeue")) == 2


def test_submissions_are_not_repeated(cluster: Cluster) -> None:
    """A reply that got lost may be that of a job that is there."""
    cluster.plan()
    busy = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n"
    cluster.fakes.answer("sbatch", err=busy, code=1)
    ended = cluster.say("submit", cluster.root)
    assert ended.code == 4 and "temporarily unable" in ended.error()
    assert len(cluster.calls()) == 1


def test_templates_of_the_user(cluster: Cluster) -> None:
    """One block of a shipped template is replaced, all else stays."""
    mine = cluster.folder / "mine"
    (mine / "slurm").mkdir(parents=True)
    (mine / "slurm" / "array.sbatch").write_text(
        '{% extends "shipped/slurm/array.sbatch" %}\n{% block directives %}\n#SBATCH --comment=mine\n'
        "{{ super() }}{% endblock %}\n"
    )
    cluster.plan(options={"templates": [str(mine)]})
    cluster.answers("11", "12")
    assert cluster.say("submit", cluster.root).code == 0
    folder = cluster.root / "submit" / "attempt-0001" / "toy"
    array, merge = (folder / "array.sbatch").read_text(), (folder / "merge.sbatch").read_text()
    assert "#SBATCH --comment=mine\n" in array and "--array=0-4" in array
    assert "--comment=mine" not in merge


def test_steps_that_run_here_wait_for_the_scheduler(cluster: Cluster) -> None:
    steps = [toy.step("first"), toy.step("second", "Behind", inputs={"samples": "first"}, where="here")]
    cluster.plan(*steps)
    cluster.answers("11", "12")
    told = cluster.say("submit", cluster.root)
    assert told.code == 0 and "second" in told.stdout and len(cluster.calls()) == 2
    assert not (cluster.root / "submit" / "attempt-0001" / "second").exists()


def test_a_first_step_that_runs_here_comes_before(cluster: Cluster) -> None:
    steps = [toy.step("first", where="here"), toy.step("second", "Behind", inputs={"samples": "first"})]
    cluster.plan(*steps)
    ended = cluster.say("submit", cluster.root)
    assert ended.code == 2 and "`where: here`" in ended.error() and "--step first" in ended.stderr
    assert not cluster.calls()
