"""submit and resume on a scheduler that answers what a test tells it: what is asked for, what is refused."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import toy
import yaml

from hpcml.attempts import submission
from hpcml.directory.attempts import shard_units
from hpcml.directory.opened import OpenCampaign

from .conftest import Fakes

OVER = "slurmstepd-n1: error: StepId=1.spec exceeded memory limit (700000000 > 524288000), being killed\n"


class Campaign:
    """Four shards on a SLURM that is made up. It has no memory of ended jobs but `squeue`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes) -> None:
        self.folder, self.capsys, self.fakes = folder, capsys, fakes
        self.root = folder / "campaign"
        self.jobs = 0

    def plan(self, **resources: Any) -> None:
        asked = {"shards": 4, "memory": "500MB", "ranks": 1, **resources}
        job = toy.write_job(self.folder, resources=asked)
        assert self.hpcml("plan", job, "--site", "made-up", "--dir", self.root).code == 0

    def hpcml(self, *words: str | Path) -> toy.Ended:
        return toy.hpcml_here(self.capsys, *words)

    def send(self, verb: str, *words: str) -> toy.Ended:
        """submit or resume; each attempt is an array and its merge."""
        for _ in range(2):
            self.jobs += 1
            self.fakes.answer("sbatch", out=f"{self.jobs}\n")
        return self.hpcml(verb, self.root, *words)

    def ended(self, *tasks: str, printed: str = "") -> None:
        """What squeue says from now on of the last array's tasks: STATE|WAIT STATUS|NODE|REASON."""
        array = self.jobs - 1
        lines = []
        for at, task in enumerate(tasks):
            state, status, node, reason = task.split("|")
            lines.append(f"{array}|{at}|{state}|{status}|0|{node}|{reason}\n")
            logs = sorted((self.root / "submit").glob("attempt-*"))[-1] / "toy" / "logs"
            (logs / f"{array}_{at}.log").write_text(printed)
        number = len(self.fakes.calls("squeue"))
        for suffix, text in (("out", "".join(lines)), ("err", ""), ("sleep", "0"), ("code", "0")):
            (self.fakes.folder / f"squeue.{number + 1}.{suffix}").write_text(text)

    def script(self, name: str = "array") -> str:
        return (sorted((self.root / "submit").glob("attempt-*"))[-1] / "toy" / f"{name}.sbatch").read_text()


@pytest.fixture
def campaign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> Campaign:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    sites = tmp_path / "config" / "hpcml" / "sites"
    sites.mkdir(parents=True)
    (sites / "made-up.yaml").write_text(
        yaml.safe_dump({"scheduler": "slurm", "options": {"memory_ceiling": "1GB"}})
    )
    return Campaign(tmp_path, capsys, fakes)


def test_memory_grows_to_the_ceiling_and_the_job_file_has_the_last_word(campaign: Campaign) -> None:
    campaign.plan()
    assert campaign.send("submit").code == 0
    assert "--mem-per-cpu=477M" in campaign.script()
    killed = "FAILED|9|n1|JobLaunchFailure"
    campaign.ended(killed, killed, killed, killed, printed=OVER)
    told = campaign.hpcml("explain", campaign.root).stdout
    assert "more memory than it had asked for" in told and "0.91 GB per rank instead of 0.5" in told
    assert "--exclude" not in told
    assert "4 shard(s) ended by memory" in campaign.send("resume").stdout
    assert "--mem-per-cpu=868M" in campaign.script() and "--exclude" not in campaign.script()
    campaign.ended(killed, killed, killed, killed, printed=OVER)
    assert campaign.send("resume", "--automatic", "2").code == 85, "a later attempt goes on"
    assert "--mem-per-cpu=954M" in campaign.script()
    campaign.ended(killed, killed, killed, killed, printed=OVER)
    stopped = campaign.hpcml("resume", campaign.root, "--automatic", "3")
    assert "no more than 1 GB per shard" in stopped.stdout and "not tried again by itself" in stopped.stdout
    assert stopped.code == 0, "the merge of the newest attempt tells how it ended"
    assert campaign.hpcml("resume", campaign.root, "--automatic", "2").code == 85, "that of an older does not"
    campaign.plan(memory="700MB")
    campaign.fakes.answer("sbatch", out="99\n")
    assert "ended by memory: what the job file asks for now" in campaign.hpcml("resume", campaign.root).stdout
    assert "--mem-per-cpu=668M" in campaign.script()


def test_merge_jobs_go_on_while_something_new_is_recorded(campaign: Campaign) -> None:
    """Five attempts in a row that bring nothing are enough; before them there may have been many that did."""
    campaign.plan()
    campaign.send("submit")
    timeout = "TIMEOUT|0|n1|TimeLimit"
    for attempt in range(1, 8):  # each of them gets a little further
        toy.work_here(OpenCampaign(campaign.root), shard=attempt, shards=10)
        campaign.ended(timeout, timeout, timeout, timeout)
        assert campaign.send("resume", "--automatic", str(attempt)).code == 85, "it goes on"
    for attempt in range(8, 12):
        campaign.ended(timeout, timeout, timeout, timeout)
        assert campaign.send("resume", "--automatic", str(attempt)).code == 85, "it goes on"
    campaign.ended(timeout, timeout, timeout, timeout)
    stopped = campaign.hpcml("resume", campaign.root, "--automatic", "12")
    assert "5 attempts in a row recorded nothing new" in stopped.stdout
    assert "not tried again by itself" in stopped.stdout
    assert len(OpenCampaign(campaign.root).step("toy").ledger().missing) > 0


def test_chosen_units_are_submitted_alone_and_retried_alone(campaign: Campaign) -> None:
    campaign.plan()
    sent = campaign.send("resume", "--units", "u0000[0-2]")
    assert sent.code == 0 and "toy: 21 other units are left" in sent.stdout
    step = OpenCampaign(campaign.root).step("toy")
    assert [numbers.tolist() for numbers in shard_units(step, 2)] == [[0], [1], [2]]
    campaign.ended(*["TIMEOUT|0|n1|TimeLimit"] * 3)
    toy.work_here(OpenCampaign(campaign.root), shard=0, shards=24)
    assert campaign.send("resume", "--automatic", "2").code == 85
    assert [numbers.tolist() for numbers in shard_units(step, 3)] == [[1], [2]]
    for shard in (1, 2):
        toy.work_here(OpenCampaign(campaign.root), shard=shard, shards=24)
    campaign.ended(*["COMPLETED|0|n1|None"] * 2)
    ended = campaign.hpcml("resume", campaign.root, "--automatic", "3")
    assert ended.code == 0 and "nothing to submit" in ended.stdout
    rest = campaign.send("resume")
    assert rest.code == 0 and "other units" not in rest.stdout
    assert sum(len(numbers) for numbers in shard_units(step, 4)) == 21


def test_two_resumes_at_once_submit_once(campaign: Campaign, fakes: Fakes) -> None:
    campaign.plan()
    campaign.send("submit")
    timeout = "TIMEOUT|0|n1|TimeLimit"
    campaign.ended(timeout, timeout, timeout, timeout)
    for job in ("11", "12"):
        fakes.answer("sbatch", out=f"{job}\n", sleep=1.5)
    names = ("PATH", "FAKE_REPLIES", "XDG_CONFIG_HOME")
    resume = [sys.executable, "-m", "hpcml", "resume", campaign.root]
    first = toy.start(resume, **{name: os.environ[name] for name in names})
    toy.wait_until(lambda: len(fakes.calls("sbatch")) == 3, what="the first submits")
    second = campaign.hpcml("resume", campaign.root)
    assert second.code == 2 and "another run or resume is active" in second.error()
    assert toy.finish(first, 30).code == 0
    assert len(fakes.calls("sbatch")) == 4


def test_a_bad_node_is_avoided_until_failures_are_forgiven(campaign: Campaign) -> None:
    campaign.plan()
    campaign.send("submit")
    lost = "FAILED|32512|n2|NonZeroExitCode"
    campaign.ended(lost, lost, lost, lost, printed="hpcml: step toy shard 0 ends with exit code 127, x\n")
    assert "avoids n2" in campaign.send("resume", "--automatic", "1").stdout
    assert "--exclude=n2\n" in campaign.script() and "--exclude=n2\n" in campaign.script("merge")
    timeout = "TIMEOUT|0|n1|TimeLimit"
    campaign.ended(timeout, timeout, timeout, timeout)
    campaign.send("resume")
    assert "--exclude=n2\n" in campaign.script(), "another failure does not change it"
    campaign.ended(timeout, timeout, timeout, timeout)
    campaign.send("resume", "--retry-failed")
    assert "--exclude" not in campaign.script()


def test_a_python_that_no_node_has_is_not_tried_again(campaign: Campaign) -> None:
    campaign.plan()
    campaign.send("submit")
    tasks = [f"FAILED|32512|{node}|NonZeroExitCode" for node in ("n1", "n2", "n3", "n3")]
    campaign.ended(*tasks, printed="hpcml: step toy shard 0 ends with exit code 127, x\n")
    assert "on every node that was tried: n1, n2, n3." in campaign.hpcml("explain", campaign.root).stdout
    ended = campaign.send("resume", "--automatic", "1")
    assert "ended by code" in ended.stdout and "not tried again by itself" in ended.stdout
    campaign.send("resume")
    assert "--exclude" not in campaign.script()


def test_a_file_in_the_place_of_the_logs_refuses_before_anything_is_submitted(
    campaign: Campaign, fakes: Fakes
) -> None:
    campaign.plan()
    logs = campaign.root / "submit" / "attempt-0001" / "toy" / "logs"
    logs.parent.mkdir(parents=True)
    logs.write_text("in the way")
    ended = campaign.send("submit")
    assert ended.code == 3 and str(logs) in ended.error()
    assert not fakes.calls("sbatch")
    logs.unlink()
    assert campaign.hpcml("submit", campaign.root).code == 0
    gone = "FAILED|4021|n1|JobLaunchFailure"
    campaign.ended(gone, gone, gone, gone)
    told = campaign.hpcml("explain", campaign.root).stdout
    assert "could not open the file for its output" in told and f"goes to {logs}." in told
    (campaign.root / "submit" / "attempt-0002").write_text("in the way")
    ended = campaign.hpcml("resume", campaign.root)
    assert ended.code == 3 and "attempt-0002" in ended.error()
    assert len(fakes.calls("sbatch")) == 2


def test_a_place_for_output_that_is_read_only_refuses_too(campaign: Campaign, fakes: Fakes) -> None:
    campaign.plan()
    # the logs lie elsewhere, as on sites whose homes are not for output
    logs = campaign.root / "submit" / "attempt-0001" / "toy" / "logs"
    logs.parent.mkdir(parents=True)
    with toy.small_disk(campaign.folder / "disk", "1m") as disk:
        logs.symlink_to(disk.path)
        disk.remount("ro")
        ended = campaign.send("submit")
        assert ended.code == 3 and str(logs) in ended.error() and "Read-only" in ended.error()
    assert not fakes.calls("sbatch")


def test_a_scheduler_that_does_not_answer_gets_nothing_twice(
    campaign: Campaign, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "SUBMIT_SECONDS", 0.5)
    campaign.plan()
    fakes.answer("sbatch", sleep=60)
    ended = campaign.hpcml("submit", campaign.root)
    assert ended.code == 4 and "did not answer within 0.5 s" in ended.error()
    fakes.answer("sbatch", out="42\n")
    # it took the array all the same: the job is found by what it carries
    tag = next(line for line in campaign.script().splitlines() if "--comment" in line).partition("=")[2]
    fakes.answer("squeue", out=f"41|{tag}\n")
    fakes.answer("squeue", out="".join(f"41|{at}|RUNNING|0|0|n1|None\n" for at in range(4)))
    ended = campaign.hpcml("submit", campaign.root)
    assert ended.code == 2 and "submitted already" in ended.error()
    ended = campaign.hpcml("resume", campaign.root)
    assert ended.code == 0 and "24 units are left to jobs that are queued or running" in ended.stdout
    assert len(fakes.calls("sbatch")) == 2, "the array once, and now its merge"


def test_a_silent_queue_stops_a_resume(campaign: Campaign, fakes: Fakes) -> None:
    campaign.plan()
    campaign.send("submit")
    shutil.rmtree(campaign.fakes.folder)
    campaign.fakes.folder.mkdir()
    fakes.answer("squeue", err="slurm_load_jobs error: Unknown error 1011\n", code=1)
    ended = campaign.hpcml("resume", campaign.root)
    assert ended.code == 4 and "Unknown error 1011" in ended.error()
    assert not fakes.calls("sbatch")
