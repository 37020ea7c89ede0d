"""`hpcml site check`: is this site what its file says? Quick questions first, then a probe job.

The probe is a campaign of one shard that is submitted, computed and merged as any other.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hpcml.attempts.jobs import current_jobs
from hpcml.campaign import Campaign, Resources, SchedulerName, Site, StepPlan
from hpcml.commands.cancel import cancel
from hpcml.commands.explain import explain
from hpcml.commands.merge import merge
from hpcml.commands.plan import plan
from hpcml.commands.run import NoProgress, RunOptions, run
from hpcml.commands.submit import submit
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign
from hpcml.errors import HpcmlError, SchedulerError
from hpcml.schedulers import shell
from hpcml.schedulers.base import scheduler
from hpcml.schedulers.checks import Check
from hpcml.worker.allocation import pinned_environment

PROBE_RANKS = 2
WORLD = "from mpi4py import MPI; print(MPI.COMM_WORLD.size)"


@dataclass(frozen=True, slots=True)
class Finding:
    """One question and its answer; good is None where it is only worth knowing."""

    question: str
    answer: str
    good: bool | None


def check_here(site: Site) -> Iterator[Finding]:
    """What can be asked on this machine, without a job."""
    yield from map(_answer, scheduler(site.scheduler).checks(site))
    yield _two_ranks_here()


def check_with_job(
    site: Site, folder: Path, *, modules: tuple[str, ...], timeout: float, show: Callable[[str], None]
) -> Iterator[Finding]:
    """Submit, compute and merge a campaign of one shard with two ranks."""
    step = StepPlan(
        name="probe",
        workload="probe",
        version=1,
        parameters={"modules": list(modules), "units": 8},
        resources=Resources(ranks=PROBE_RANKS, memory=300_000_000, walltime=300),
    )
    opened = OpenCampaign(plan(Campaign(name="site-probe", seed=1, steps=(step,), site=site), folder).root)
    question = f"does a probe job with {PROBE_RANKS} ranks compute and merge?"
    try:
        if site.scheduler == SchedulerName.LOCAL:
            run(opened, RunOptions(), NoProgress())
        else:
            submit(opened)
            _wait(opened, timeout, show)
            if not opened.steps[0].finished():
                merge(opened, opened.steps[0])
    except HpcmlError as error:
        reasons = [f"{one.sentence} {one.remedy}" for one in explain(opened)]
        yield Finding(question, f"{error.message}. {' '.join(reasons)} (files: {folder})", False)
        return
    table = opened.steps[0].table()
    hosts = sorted({host.decode() for host in table.array("host").tolist()})
    pythons = sorted({python.decode() for python in table.array("python").tolist()})
    # every rank asserts that its world has the size it was asked for, so a merged table is the proof
    yield Finding(question, f"yes, on {', '.join(hosts)} with {', '.join(pythons)}", True)
    missing = sorted({word for words in table.array("missing").tolist() for word in words.decode().split()})
    if modules:
        answer = (
            f"no: {', '.join(missing)} cannot be imported there" if missing else f"yes: {', '.join(modules)}"
        )
        yield Finding("can a worker import the workload?", answer, not missing)
    shutil.rmtree(folder)


def _wait(opened: OpenCampaign, timeout: float, show: Callable[[str], None]) -> None:
    begun = time.monotonic()
    shown = ""
    while current_jobs(opened, History.read(opened.layout.journal)).live:
        if time.monotonic() - begun > timeout:
            reasons = "; ".join(one.sentence for one in explain(opened))
            cancel(opened)
            raise SchedulerError(
                f"the probe job did not end within {timeout:g} s ({reasons}); it was cancelled"
            )
        words = "; ".join(f"{one.who}: {one.sentence}" for one in explain(opened))
        if words != shown:
            show(words)
            shown = words
        time.sleep(2.0)


def _answer(check: Check) -> Finding:
    try:
        answer = check.read(shell.ask(check.command, timeout=30.0))
    except SchedulerError as error:
        return Finding(check.question, error.message, False)
    return Finding(check.question, answer.text, answer.good)


def _two_ranks_here() -> Finding:
    """Which mpiexec would start ranks, and do two ranks see each other?"""
    question = "which MPI starts ranks here?"
    beside = Path(sys.executable).parent / "mpiexec"
    mpiexec = str(beside) if beside.is_file() else shutil.which("mpiexec")
    if not mpiexec:
        return Finding(question, "none: no mpiexec (one rank per shard works without)", None)
    environment = pinned_environment(1)
    words = [f"{name}={environment[name]}" for name in environment if name.startswith(("OMPI_", "PRTE_"))]
    command = ["env", *words, mpiexec, "-n", str(PROBE_RANKS), sys.executable, "-c", WORLD]
    try:
        reply = shell.run(command, timeout=60.0)
    except SchedulerError as error:
        return Finding(question, error.message, False)
    sizes = reply.stdout.split()
    if reply.code == 0 and sizes == [str(PROBE_RANKS)] * PROBE_RANKS:
        return Finding(question, f"{mpiexec}: a world of {PROBE_RANKS} ranks", True)
    last = (reply.stderr.strip() or reply.stdout.strip() or "nothing").splitlines()[-1]
    return Finding(
        question, f"{mpiexec} gives {' '.join(sizes) or last}, not a world of {PROBE_RANKS}", False
    )
