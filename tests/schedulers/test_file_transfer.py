"""Campaigns on a real HTCondor whose jobs see nothing of the campaign directory.

File transfer from end to end, evictions, removals, wall times, each measured by the digest of `hpcml
run`.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import toy

from hpcml.directory.opened import OpenCampaign

from .cluster_campaign import ClusterCampaign

pytestmark = pytest.mark.slow
WORKLOAD = Path(__file__).resolve().parent.parent / "isolated_workload.py"
Wait = Callable[[Callable[[], bool], float], None]


class Far(ClusterCampaign):
    """A campaign on a site without a shared file system."""

    def plan(self, **variables: object) -> None:
        shutil.copy(WORKLOAD, self.folder / "far.py")
        (self.folder / "data.txt").write_text("2.5")
        steps: list[dict[str, Any]] = [
            {"name": "first", "workload": "far.py:Reads", "inputs": {"data": "data.txt"}},
            {"name": "second", "workload": "far.py:Sums", "inputs": {"rows": "first"}},
        ]
        resources = {"ranks": 2, "shards": 8, "walltime": "5m", "memory": "150MB", **self.resources}
        job = toy.write_job(self.folder, *steps, resources=resources)
        self.options = {"shared_filesystem": False, "disk": "50 MB", **self.options}
        self.plan_job(job, **variables)

    def ended(self) -> Counter[str]:
        """How often each unit ended."""
        return Counter(line.key for line in toy.said(self.log, "end"))

    def busy(self, but: int = -1) -> int:
        """A shard of the first step in the middle of its 20 units; -1 when there is none."""
        ended = Counter(int(key[1:]) // 20 for key in self.ended() if key.startswith("u"))
        return next((shard for shard, count in ended.items() if 4 <= count <= 12 and shard != but), -1)

    def job(self, shard: int) -> str:
        """CLUSTER.PROC of a shard of the first step."""
        return str(self.status()["steps"][0]["shards"][shard]["job"])

    def outputs(self, step: str) -> str:
        logs = sorted(self.root.glob(f"submit/attempt-*/{step}/logs/[0-9]*.log"))
        return "".join(path.read_text() for path in logs)


@pytest.fixture
def far(real_htcondor: None, folder: Path) -> Iterator[Far]:
    names = ("CONDOR_CONFIG", "PATH")
    found = Far(folder, "htcondor", {name: os.environ[name] for name in names if name in os.environ})
    yield found
    if found.root.is_dir():
        found.hpcml("cancel", found.root)


def test_two_chained_steps_end_in_the_digest_of_a_run_here(far: Far, wait_until: Wait) -> None:
    far.plan()
    far.ok("submit", far.root)
    wait_until(far.complete, 180)
    assert far.digests() == far.reference()
    assert far.computed_twice() == 0 and len(far.ended()) == 320
    # the ranks were told nothing of where the campaign lies; where they read was asserted by the workload
    for script in far.root.glob("submit/attempt-0001/*/rank.sh"):
        assert str(far.root) not in script.read_text()
    assert not list((far.root / "incoming").glob("*"))
    assert set(far.shards()) == {"done"}
    assert "exit code 0" in far.ok("logs", far.root, "--step", "first", "--shard", "3")
    cost = far.ok("status", far.root, "--efficiency")
    assert "first" in cost


def test_an_eviction_loses_nothing_that_was_recorded(far: Far, wait_until: Wait) -> None:
    far.plan(TOY_SLEEP="0.8")
    far.ok("submit", far.root)
    wait_until(lambda: far.busy() >= 0, 90)
    evicted = far.busy()
    far.call("condor_vacate_job", far.job(evicted))
    wait_until(lambda: far.busy(but=evicted) >= 0, 90)
    held = far.busy(but=evicted)
    far.call("condor_hold", far.job(held))
    wait_until(lambda: far.shards()[held] == "held", 30)
    far.call("condor_release", far.job(held))
    wait_until(far.complete, 240)
    events = (far.root / "submit" / "attempt-0001" / "first" / "array.log").read_text()
    assert "Job was evicted" in events and "Job was held" in events
    assert far.digests() == far.reference()
    assert far.computed_twice() == 0


def test_removed_jobs_leave_what_came_back_and_resume_does_the_rest(far: Far, wait_until: Wait) -> None:
    far.plan(TOY_SLEEP="0.3")
    far.ok("submit", far.root)
    wait_until(lambda: "done" in far.shards(), 120)
    far.ok("cancel", far.root)
    wait_until(far.quiet, 60)
    missing = far.status()["steps"][0]["missing"]
    arrived = toy.done_units(OpenCampaign(far.root), "first")
    assert 0 < missing < 160 and len(arrived) == 160 - missing
    before = far.ended()
    far.ok("resume", far.root)
    wait_until(far.complete, 240)
    assert far.digests() == far.reference()
    again = far.ended() - before
    assert not arrived & set(again)
    assert sum(count for key, count in again.items() if key.startswith("u")) == missing


def test_a_wall_time_too_short_goes_on_in_the_same_folder(far: Far, wait_until: Wait) -> None:
    far.resources = {"shards": 1, "walltime": "40s"}
    far.plan(TOY_SLEEP="0.4")
    far.ok("submit", far.root)
    wait_until(far.complete, 240)
    assert far.digests() == far.reference()
    assert far.computed_twice() == 0
    said = far.outputs("first")
    assert "ends with exit code 85" in said and "restart 1" in said


def test_a_failing_unit_is_named_and_its_shard_not_computed_again(far: Far, wait_until: Wait) -> None:
    far.plan(TOY_FAIL="u00003")
    far.ok("submit", far.root)
    wait_until(lambda: far.quiet() and far.status()["steps"][0]["failed"] == 1, 120)
    assert "u00003" in far.ok("explain", far.root)
    assert far.computed_twice() == 0 and len(far.ended()) == 159
    far.plan()  # the cure: another environment, nothing else
    far.ok("resume", far.root, "--retry-failed")
    wait_until(far.complete, 120)
    assert far.digests() == far.reference()
    assert far.computed_twice() == 0


def test_a_killed_rank_sends_its_log(far: Far, wait_until: Wait) -> None:
    far.resources = {"shards": 2}
    far.plan(TOY_KILL="u00040", TOY_SLEEP="0.1")
    far.ok("submit", far.root)
    wait_until(lambda: far.ended()["u00159"] > 0 and far.quiet(), 120)
    assert far.outputs("first").count("ends with exit code") >= 2
    missing = far.status()["steps"][0]["missing"]
    assert 0 < missing <= 45  # of the 80 units of the shard, those up to the killer are there
    assert far.status()["steps"][0]["doubled"] > 0  # the second try began from the sandbox
    far.plan(TOY_SLEEP="0.1")
    before = far.ended()
    far.ok("resume", far.root)
    wait_until(far.complete, 120)
    assert far.digests() == far.reference()
    assert sum(count for key, count in (far.ended() - before).items() if key.startswith("u")) == missing


def test_a_changed_input_stops_the_chain_and_is_told(far: Far, wait_until: Wait) -> None:
    far.plan()
    (far.folder / "data.txt").write_text("2.51")
    far.ok("submit", far.root)
    wait_until(lambda: "has changed since it was planned" in far.ok("explain", far.root), 60)
    wait_until(far.quiet, 60)
    assert far.ended() == {}
