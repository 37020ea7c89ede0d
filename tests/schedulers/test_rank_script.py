"""rank.sh itself, under bash: exit codes, signals, retries, and what it asks the scheduler for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hpcml.attempts.rendering import render
from hpcml.campaign import Campaign, Resources, Site, StepPlan

from .conftest import Fakes

# stands in for `python -m hpcml work`: notes its words, then does what DIR/behaviour says
PAYLOAD = """#!/bin/bash
dir=$4
printf '%s\\n' "$*" >>"$dir/calls"
env >"$dir/environment"
. "$dir/behaviour"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "it's a 100% campaign"
    root.mkdir()
    python = tmp_path / "python"
    python.write_text(PAYLOAD)
    python.chmod(0o755)
    return root


def _render(root: Path, scheduler: Any, behaviour: str, **site: Any) -> Path:
    (root / "behaviour").write_text(behaviour)
    options = {"python": str(root.parent / "python"), "max_restarts": 3, **site.pop("options", {})}
    step = StepPlan("scan", "toys.scan", 1, resources=Resources(cpus=3, walltime=240), max_attempts=2)
    step = replace(step, resources=replace(step.resources, **site.pop("resources", {})))
    campaign = Campaign("toys", 7, (step,), site=Site("x", scheduler, options=options, **site))
    out = root / "submit" / "attempt-0001"
    render(root, campaign, attempt=1, shards={"scan": [7]}, out=out)
    return out / "scan" / "rank.sh"


def _run(script: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(script), *words], capture_output=True, text=True, env={**os.environ, **environment}
    )


def _started(script: Path, root: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        ["bash", str(script), *words], stdout=subprocess.DEVNULL, text=True, env={**os.environ, **environment}
    )
    end = time.monotonic() + 10
    while not (root / "ready").exists():
        assert time.monotonic() < end
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("scheduler", ["slurm", "htcondor", "local"])
@pytest.mark.parametrize("code", [0, 1, 2, 3, 5, 77, 85])
def test_the_exit_code_is_the_worker_s(folder: Path, scheduler: str, code: int) -> None:
    script = _render(folder, scheduler, f"exit {code}")
    done = _run(script, "7")
    assert done.returncode == code
    assert "step scan shard 7 attempt 1 restart 0" in done.stdout.splitlines()[0]
    words = f"-m hpcml work {folder} --step scan --shard 7 --ranks 1 --attempt 1"
    claims = "" if scheduler == "local" else f" --claims {script.parent / 'claims'}"
    assert (folder / "calls").read_text() == f"{words}{claims}\n"


def test_without_a_shard_it_says_how(folder: Path) -> None:
    done = _run(_render(folder, "slurm", "exit 0"))
    assert done.returncode != 0 and "usage: bash rank.sh SHARD" in done.stderr


def test_the_environment_of_a_rank(folder: Path) -> None:
    value = "two words 'and' \"quotes\" $x %j"
    site = {"setup": ("export FROM_SETUP=yes",), "environment": {"TOY": value, "MKL_NUM_THREADS": "1"}}
    script = _render(folder, "slurm", "exit 0", kernel="Haswell", **site)
    subprocess.run(["/bin/bash", str(script), "7"], check=True, env={"PATH": os.environ["PATH"]})
    found = dict(
        line.split("=", 1) for line in (folder / "environment").read_text().splitlines() if "=" in line
    )
    for library in ("OMP", "OPENBLAS", "NUMEXPR", "NUMBA", "BLIS"):
        assert found[f"{library}_NUM_THREADS"] == "3"
    assert found["VECLIB_MAXIMUM_THREADS"] == "3" and found["MKL_NUM_THREADS"] == "1"
    assert found["HDF5_USE_FILE_LOCKING"] == "FALSE" and found["OPENBLAS_CORETYPE"] == "Haswell"
    assert found["TOY"] == value and found["FROM_SETUP"] == "yes"
    assert found["HOME"] == "/tmp"


OBEDIENT = 'trap "exit 85" USR1; trap "exit 99" TERM; touch "$dir/ready"; while :; do sleep 0.02; done'


@pytest.mark.parametrize("scheduler", ["slurm", "htcondor", "local"])
@pytest.mark.parametrize("sent", [signal.SIGUSR1, signal.SIGTERM])
def test_a_signal_reaches_the_worker_as_usr1(folder: Path, scheduler: str, sent: signal.Signals) -> None:
    script = _render(folder, scheduler, OBEDIENT)
    process = _started(script, folder, "7")
    process.send_signal(sent)
    assert process.wait(10) == 85


def test_a_worker_that_takes_its_time_is_waited_for(folder: Path) -> None:
    slow = 'trap "sleep 1; exit 85" USR1; touch "$dir/ready"; while :; do sleep 0.02; done'
    process = _started(_render(folder, "slurm", slow), folder, "7")
    process.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 85


def test_a_worker_that_finishes_all_the_same_is_done(folder: Path) -> None:
    stubborn = 'trap "" USR1; touch "$dir/ready"; sleep 0.5; exit 0'
    process = _started(_render(folder, "slurm", stubborn), folder, "7")
    process.send_signal(signal.SIGUSR1)
    assert process.wait(10) == 0


# how ranks under Open MPI's mpiexec end before they listen, and what MPICH's makes of it
DEAF = 'touch "$dir/ready"; while :; do sleep 0.02; done'
DEAF_UNDER_MPICH = f'trap "exit 10" USR1; {DEAF}'


@pytest.mark.parametrize("deaf", [DEAF, DEAF_UNDER_MPICH])
def test_a_signal_before_python_listens_is_an_interruption(folder: Path, deaf: str) -> None:
    process = _started(_render(folder, "slurm", deaf), folder, "7")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 85


@pytest.mark.parametrize("killed", ["kill -9 $$", "exit 9"])
def test_a_worker_that_is_killed_is_not_an_interruption(folder: Path, killed: str) -> None:
    assert _run(_render(folder, "slurm", killed), "7").returncode == 137


def test_slurm_requeues_its_own_task_and_no_sibling(folder: Path, fakes: Fakes) -> None:
    fakes.answer("scontrol")
    script = _render(folder, "slurm", "exit 85")
    task = {"SLURM_JOB_ID": "40", "SLURM_ARRAY_JOB_ID": "40", "SLURM_ARRAY_TASK_ID": "7"}
    done = _run(script, "7", **task)
    assert done.returncode == 85 and fakes.calls("scontrol") == ["requeue 40_7"]
    again = _run(script, "7", **task, SLURM_RESTART_COUNT="3")
    assert again.returncode == 85 and len(fakes.calls("scontrol")) == 1
    assert "restart 3" in again.stdout and "not again by itself" in again.stdout


def test_slurm_without_scontrol_says_85(folder: Path, fakes: Fakes) -> None:
    fakes.answer("scontrol", code=1)
    done = _run(_render(folder, "slurm", "exit 85"), "7", SLURM_ARRAY_JOB_ID="40", SLURM_ARRAY_TASK_ID="7")
    assert done.returncode == 85 and "hpcml resume" in done.stdout


@pytest.mark.parametrize(
    ("code", "completions", "expected"),
    [
        (0, 0, 0),
        (2, 1, 2),
        (85, 1, 85),
        (3, 0, 3),
        (3, 1, 0),
        (1, 0, 0),
        (5, 0, 0),
        (137, 0, 137),
        (137, 1, 0),
    ],
)
def test_in_a_dag_the_merge_has_the_last_word(
    folder: Path, code: int, completions: int, expected: int
) -> None:
    script = _render(folder, "htcondor", f"exit {code}")
    ad = folder / "job.ad"
    ad.write_text(f'MyType = "Job"\nNumJobCompletions = {completions}\nNumJobStarts = {completions}\n')
    assert _run(script, "7", "merge", _CONDOR_JOB_AD=str(ad)).returncode == expected
    assert _run(script, "7", "own", _CONDOR_JOB_AD=str(ad)).returncode == code


def test_htcondor_starts_that_end_in_85_are_bounded(folder: Path) -> None:
    script = _render(folder, "htcondor", "exit 85")
    codes = [_run(script, "7", _CONDOR_SCRATCH_DIR=str(folder)).returncode for _ in range(5)]
    assert codes == [85, 85, 85, 3, 3]


def test_htcondor_has_a_clock_of_its_own(folder: Path) -> None:
    script = _render(folder, "htcondor", OBEDIENT, resources={"walltime": 2}, options={"signal_margin": 1})
    assert _run(script, "7").returncode == 85  # the worker itself would never end


def test_the_local_script_does_all_in_order(folder: Path) -> None:
    script = _render(folder, "local", "exit 0")
    subprocess.run(["bash", str(script.parent.parent / "run.sh")], check=True, stdout=subprocess.DEVNULL)
    calls = (folder / "calls").read_text().splitlines()
    assert [call.split()[2] for call in calls] == ["work", "merge"]


@pytest.mark.parametrize(("resume", "told"), [(0, ["toys 3"]), (4, ["toys 3"]), (85, [])])
def test_the_message_at_the_end_knows_the_exit_code(folder: Path, resume: int, told: list[str]) -> None:
    """And waits while a later attempt is under way (85), whose merge tells."""
    (folder / "behaviour").write_text(f'[ "$3" = resume ] && exit {resume}; exit 3')
    step = StepPlan("scan", "toys.scan", 1)
    site = Site("x", "slurm", options={"python": str(folder.parent / "python")})
    notify = {"command": 'printf "%s %s" "$HPCML_CAMPAIGN" "$HPCML_EXIT_CODE" >"$HPCML_DIR/told"'}
    campaign = Campaign("toys", 7, (step,), site=site, notify=notify)
    out = folder / "submit" / "attempt-0001"
    render(folder, campaign, attempt=1, shards={"scan": []}, out=out)
    assert subprocess.run(["bash", str(out / "scan" / "merge.sh")], stdout=subprocess.DEVNULL).returncode == 3
    assert [path.read_text() for path in folder.glob("told")] == told
    assert (folder / "calls").read_text().splitlines()[-1].endswith(" --automatic 1")


@pytest.mark.parametrize("scheduler", ["slurm", "htcondor"])
def test_a_start_notes_that_its_shard_has_claims_and_may_come_back(folder: Path, scheduler: str) -> None:
    script = _render(folder, scheduler, "exit 0")
    claims = script.parent / "claims"
    for _ in range(2):  # a requeue finds its own note
        assert _run(script, "7").returncode == 0
    assert (claims / "7").read_text() == "7\n"
    calls = (folder / "calls").read_text().splitlines()
    assert len(calls) == 2 and all(line.endswith(f"--claims {claims}") for line in calls)


def _without_sleep(folder: Path, does: str = ":") -> dict[str, str]:
    """A `sleep` on PATH that does something else."""
    beside = folder / "beside"
    beside.mkdir()
    (beside / "sleep").write_text(f"#!/bin/sh\n{does}\n")
    (beside / "sleep").chmod(0o755)
    return {"PATH": f"{beside}:{os.environ['PATH']}"}


@pytest.mark.parametrize("scheduler", ["slurm", "htcondor"])
def test_a_shard_that_another_took_along_starts_no_python(folder: Path, scheduler: str) -> None:
    script = _render(folder, scheduler, "exit 1")
    claims = script.parent / "claims"
    claims.mkdir()
    (claims / "7").write_text("3\n")
    # the other is still at it: done comes while this one waits
    done = _run(script, "7", **_without_sleep(folder, f"touch '{claims}/7.done'".replace("it's", "it'\\''s")))
    assert done.returncode == 0 and "shard 7 was claimed by the job of shard 3" in done.stdout
    assert not (folder / "calls").exists()


def test_a_shard_that_another_took_and_did_not_end_is_computed(folder: Path) -> None:
    script = _render(folder, "slurm", "exit 0")
    claims = script.parent / "claims"
    claims.mkdir()
    (claims / "7").write_text("3\n")
    assert _run(script, "7", **_without_sleep(folder)).returncode == 0
    assert (folder / "calls").exists()


def test_a_folder_that_cannot_be_written_only_means_that_each_job_does_its_own(folder: Path) -> None:
    script = _render(folder, "slurm", "exit 0")
    (script.parent / "claims").write_text("a file in its place")
    assert _run(script, "7", **_without_sleep(folder, "exit 99")).returncode == 0
    assert (folder / "calls").exists()


@pytest.mark.parametrize("scheduler", ["slurm", "htcondor", "local"])
def test_a_python_that_is_not_there_is_127_whatever_the_launcher_calls_it(
    folder: Path, scheduler: str
) -> None:
    beside = folder / "beside"
    beside.mkdir()
    (beside / "mpiexec").write_text("#!/bin/sh\nexit 183\n")  # Open MPI's; MPICH says 255
    (beside / "mpiexec").chmod(0o755)
    words = {"launcher": "mpiexec", "resources": {"ranks": 2}, "options": {"python": "/nowhere/python"}}
    script = _render(folder, scheduler, "exit 0", **words)
    done = _run(script, "7", PATH=f"{beside}:{os.environ['PATH']}")
    assert done.returncode == 127 and "/nowhere/python" in done.stderr
