"""What goes wrong on clusters, really: memory, a bad node, no place for output, a bug.

Campaigns on a real SLURM and a real HTCondor whose failures have a class, a plain sentence and an exit
code, and end in the digest of `hpcml run`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import toy

from hpcml.directory.history import History

from .cluster_campaign import CONDOR_STATE, SLURM_STATE, UNITS, ClusterCampaign

pytestmark = pytest.mark.slow
CLUSTERS = Path(__file__).resolve().parent.parent / "clusters"
Wait = Callable[[Callable[[], bool], float], None]


# ---------------------------------------------------------------- memory


def _needs_limits(field: ClusterCampaign) -> None:
    if field.scheduler == "slurm":
        limited = "OverMemoryKill" in field.call("scontrol", "show", "config")
    else:
        limited = "MemoryUsage" in field.call("condor_config_val", "PREEMPT")
    if not limited:
        pytest.skip("NOT TESTED: this cluster lets jobs use more memory than they asked for")


def test_a_job_killed_for_memory_comes_back_with_more(either: ClusterCampaign, wait_until: Wait) -> None:
    _needs_limits(either)
    either.chained = False
    either.options = {"memory_ceiling": "900MB"}
    either.plan(TOY_HOG="u00003=300")
    either.ok("submit", either.root)
    wait_until(either.complete, 150)
    assert either.digests() == either.reference()
    assert len(toy.said(either.log, "begin")) > UNITS, "it was not killed"
    if either.scheduler == "slurm":  # the merge job resumed
        assert "1 shard(s) ended by memory" in either.merges_said()
        assert either.attempts() == ["attempt-0001", "attempt-0002"]
    else:  # HTCondor did it inside the job
        assert either.attempts() == ["attempt-0001"]
        events = (either.root / "submit" / "attempt-0001" / "first" / "array.log").read_text()
        assert "Code 21 Subcode 102" in events and "Job was released" in events


def test_at_the_memory_ceiling_it_stops_and_says_what_to_change(
    either: ClusterCampaign, wait_until: Wait
) -> None:
    _needs_limits(either)
    either.chained = False
    either.options = {"memory_ceiling": "350MB"}
    either.plan(TOY_HOG="u00003=230", TOY_HOG_TRIES=9)
    either.ok("submit", either.root)

    wanted = ("no more than 0.35 GB per shard at this site", "more memory", "use fewer ranks per shard")

    # a try that is still in the queue is explained as waiting
    def stopped() -> bool:
        told = either.ok("explain", either.root)
        return all(words in told for words in wanted)

    wait_until(stopped, 120)
    if either.scheduler == "slurm":
        wait_until(either.quiet, 60)
        assert "not tried again by itself" in either.merges_said()
        assert either.attempts() == ["attempt-0001", "attempt-0002"]
    else:
        assert "waits for 1 held jobs" in either.ok("resume", either.root)
        either.ok("cancel", either.root)
        wait_until(either.quiet, 60)
        assert "It was held, then cancelled." in either.ok("explain", either.root)
    either.resources = {"ranks": 1, "memory": "350MB"}
    either.plan(TOY_HOG="u00003=230", TOY_HOG_TRIES=0)
    either.ok("resume", either.root)
    wait_until(either.complete, 120)
    assert either.digests() == either.reference()


# ---------------------------------------------------------------- a node


@contextmanager
def _without_python(pid_file: Path) -> Iterator[None]:
    """An empty folder over our environment, in the mounts of one virtual node alone."""
    try:
        pid = int(pid_file.read_text())
        of_its_own = Path(f"/proc/{pid}/ns/mnt").readlink() != Path(f"/proc/{os.getpid()}/ns/mnt").readlink()
    except (FileNotFoundError, ValueError):
        of_its_own = False
    if not of_its_own:
        pytest.skip("NOT TESTED: this cluster was not started by tests/clusters, or by an older one")
    there = ["nsenter", "--target", str(pid), "--mount"]
    hidden = str(Path(sys.executable).parent)
    subprocess.run([*there, "mount", "-t", "tmpfs", "none", hidden], check=True, timeout=30)
    try:
        yield
    finally:
        subprocess.run([*there, "umount", "-l", hidden], check=True, timeout=30)


def test_slurm_a_node_without_python_is_named_and_avoided(slurm: ClusterCampaign, wait_until: Wait) -> None:
    slurm.chained = False
    slurm.plan(TOY_SLEEP="0.25")
    with _without_python(SLURM_STATE / "run" / "slurmd.n2.pid"):
        slurm.ok("submit", slurm.root)
        wait_until(lambda: "On node n2 all 2 jobs" in slurm.ok("explain", slurm.root), 60)
        told = slurm.ok("explain", slurm.root)
        assert "There was no Python, or no launcher" in told and "avoids that node" in told
        wait_until(lambda: slurm.complete() or slurm.quiet(), 120)
        if not slurm.complete():  # the merge itself was sent to that node
            slurm.ok("resume", slurm.root)
            wait_until(slurm.complete, 120)
    last = slurm.root / "submit" / slurm.attempts()[-1] / "first"
    for name in ("array.sbatch", "merge.sbatch"):
        assert "#SBATCH --exclude=n2\n" in (last / name).read_text()
    assert slurm.digests() == slurm.reference()
    assert slurm.computed_twice() == 0


def test_htcondor_a_node_without_python_is_named_and_avoided(
    htcondor: ClusterCampaign, wait_until: Wait
) -> None:
    htcondor.chained = False
    htcondor.plan(TOY_SLEEP="0.1")
    with _without_python(CONDOR_STATE / "run" / "startd.n2.pid"):
        htcondor.ok("submit", htcondor.root)
        # shards try again, and find that node free; the merge then refuses, there or here
        wait_until(lambda: "On node n2.hpcml.local all 2 jobs" in htcondor.ok("explain", htcondor.root), 60)
        told = htcondor.ok("explain", htcondor.root)
        assert "There was no Python, or no launcher" in told and "avoids that node" in told
        wait_until(htcondor.quiet, 60)
        htcondor.ok("resume", htcondor.root)
        wait_until(htcondor.complete, 120)
    assert htcondor.digests() == htcondor.reference()
    assert htcondor.computed_twice() == 0


def test_htcondor_retry_elsewhere_needs_nobody(htcondor: ClusterCampaign, wait_until: Wait) -> None:
    htcondor.chained = False
    htcondor.options = {"retry_elsewhere": True}
    htcondor.plan(TOY_SLEEP="0.1")
    with _without_python(CONDOR_STATE / "run" / "startd.n2.pid"):
        htcondor.ok("submit", htcondor.root)
        wait_until(htcondor.complete, 120)
    assert htcondor.digests() == htcondor.reference()
    assert htcondor.computed_twice() == 0 and htcondor.attempts() == ["attempt-0001"]


# ---------------------------------------------------------------- no place for what jobs print


def test_slurm_output_that_cannot_be_opened_is_told(slurm: ClusterCampaign, wait_until: Wait) -> None:
    slurm.chained = False
    slurm.site = {"directives": {"hold": True}}
    slurm.plan()
    slurm.ok("submit", slurm.root)
    logs = slurm.root / "submit" / "attempt-0001" / "first" / "logs"
    logs.rmdir()
    logs.write_text("in the way")
    for word in History.read(slurm.root / "journal").of("submitted"):
        slurm.call("scontrol", "release", word["job"])
    wait_until(slurm.quiet, 60)
    told = slurm.ok("explain", slurm.root)
    assert "SLURM could not open the file for its output" in told and f"goes to {logs}." in told
    assert "fix the folder" in told
    slurm.site = {}
    slurm.plan()
    slurm.ok("resume", slurm.root)
    wait_until(slurm.complete, 120)
    assert slurm.digests() == slurm.reference()


def test_htcondor_output_that_cannot_be_opened_is_told(htcondor: ClusterCampaign, wait_until: Wait) -> None:
    htcondor.chained = False
    htcondor.site = {"directives": {"requirements": "time() > QDate + 4"}}
    htcondor.plan()
    htcondor.ok("submit", htcondor.root)
    logs = htcondor.root / "submit" / "attempt-0001" / "first" / "logs"
    logs.rmdir()
    logs.write_text("in the way")
    wait_until(lambda: htcondor.shards().count("held") == 4, 60)
    told = htcondor.ok("explain", htcondor.root)
    assert "first shards 0-3: The file for its output could not be opened" in told
    assert f"Failed to open '{logs}/" in told and "fix the folder, then condor_release" in told
    logs.unlink()
    logs.mkdir()
    htcondor.call("condor_release", "-constraint", "HoldReasonCode =?= 7")
    wait_until(htcondor.complete, 120)
    assert htcondor.digests() == htcondor.reference()


# ---------------------------------------------------------------- a bug of the workload


def test_a_bug_in_every_unit_is_told_once_and_not_tried_again(
    either: ClusterCampaign, wait_until: Wait
) -> None:
    either.chained = False
    either.plan(TOY_FAIL="all")
    either.ok("submit", either.root)
    wait_until(lambda: either.quiet() and either.status()["steps"][0]["failed"] == UNITS, 120)
    told = either.ok("explain", either.root)
    assert told.count("They failed up to 2 times") == 1
    assert f"{UNITS} units, such as" in told and "RuntimeError: toy failure of u" in told
    ended = either.hpcml("resume", either.root)
    assert ended.code == 3 and "not tried again" in ended.error()
    assert either.attempts() == ["attempt-0001"]
    assert len(toy.said(either.log, "begin")) <= 2 * UNITS


def test_a_bug_in_open_is_told_and_not_tried_again(either: ClusterCampaign, wait_until: Wait) -> None:
    either.chained = False
    either.plan(TOY_OPEN_FAILS="0")
    either.ok("submit", either.root)
    wait_until(either.quiet, 120)
    told = either.ok("explain", either.root)
    assert "The workload's own code failed outside its units." in told
    assert "open() raised RuntimeError: toy cannot open its inputs on this rank" in told
    assert either.attempts() == ["attempt-0001"]
    if either.scheduler == "slurm":
        assert "ended by code" in either.merges_said()
    either.plan()  # the cure
    either.ok("resume", either.root)
    wait_until(either.complete, 120)
    assert either.digests() == either.reference()
