"""A real SLURM without its controller, a real HTCondor without its schedd: refused, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import toy

from .cluster_campaign import SLURM_STATE, ClusterCampaign

pytestmark = pytest.mark.slow
CLUSTERS = Path(__file__).resolve().parent.parent / "clusters"
Wait = Callable[[Callable[[], bool], float], None]


def test_slurm_without_its_controller_refuses_and_loses_nothing(
    slurm: ClusterCampaign, wait_until: Wait
) -> None:
    pid_file = SLURM_STATE / "run" / "slurmctld.pid"
    if not pid_file.is_file():
        pytest.skip("NOT TESTED: this SLURM was not started by tests/clusters/slurm-up")
    # SLURM's commands wait for so long for a controller
    impatient = slurm.folder / "slurm.conf"
    impatient.write_text(Path(slurm.environment["SLURM_CONF"]).read_text() + "MessageTimeout=2\n")
    slurm.chained = False
    slurm.plan()
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    try:
        toy.wait_until(lambda: not pid_file.exists(), 30, "slurmctld does not end")
        usual, slurm.environment["SLURM_CONF"] = slurm.environment["SLURM_CONF"], str(impatient)
        ended = slurm.hpcml("submit", slurm.root)
        assert ended.code == 4 and "slurm controller" in ended.error()
        ended = slurm.hpcml("submit", slurm.root)
        assert ended.code == 4 and "still does not answer" in ended.error()
        assert "It does not answer" in slurm.ok("explain", slurm.root)
    finally:
        subprocess.run([CLUSTERS / "slurm-up"], check=True, capture_output=True, timeout=120)
    slurm.environment["SLURM_CONF"] = usual
    slurm.ok("submit", slurm.root)
    assert slurm.hpcml("submit", slurm.root).code == 2
    wait_until(slurm.complete, 120)
    assert slurm.digests() == slurm.reference()
    assert slurm.computed_twice() == 0


def test_htcondor_without_its_schedd_refuses_and_loses_nothing(
    htcondor: ClusterCampaign, wait_until: Wait
) -> None:
    htcondor.chained = False
    htcondor.plan(TOY_SLEEP="0.2")

    def up() -> bool:
        environment = {**os.environ, **htcondor.environment}
        return subprocess.run(["condor_q", "-totals"], env=environment, capture_output=True).returncode == 0

    htcondor.call("condor_off", "-daemon", "schedd", "-fast")
    try:
        wait_until(lambda: not up(), 30)
        ended = htcondor.hpcml("submit", htcondor.root)
        assert ended.code == 4 and "Can't find address of local schedd" in ended.error()
        ended = htcondor.hpcml("submit", htcondor.root)
        assert ended.code == 4 and "still does not answer" in ended.error()
    finally:
        htcondor.call("condor_on", "-daemon", "schedd")
        wait_until(up, 60)
    htcondor.ok("submit", htcondor.root)
    assert htcondor.hpcml("submit", htcondor.root).code == 2
    wait_until(htcondor.running, 60)
    htcondor.call("condor_off", "-daemon", "schedd", "-fast")  # with jobs at work
    try:
        wait_until(lambda: not up(), 30)
        assert htcondor.hpcml("resume", htcondor.root).code == 4
    finally:
        htcondor.call("condor_on", "-daemon", "schedd")
        wait_until(up, 60)
    wait_until(htcondor.complete, 150)
    assert htcondor.digests() == htcondor.reference()
    assert htcondor.computed_twice() == 0
