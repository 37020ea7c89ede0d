"""Schedulers: rendering, status of many shards, and a campaign of trivial shards against `true`.

The last needs a real SLURM or HTCondor (tests/clusters/*-up); without one its row says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from hpcml.attempts.rendering import render
from hpcml.directory.history import History
from hpcml.directory.opened import OpenCampaign
from tests.benchmarks import running
from tests.benchmarks.rows import Row, figure_row, ratio_row
from tests.benchmarks.settings import ROUNDS

UNITS = 100_000
SHARDS = 1000
TRIVIAL = 100
STATES = {
    "slurm": Path(os.environ.get("SLURM_CLUSTER_STATE", "/tmp/slurm-cluster")),
    "htcondor": Path(os.environ.get("CONDOR_CLUSTER_STATE", "/tmp/condor-cluster")),
}


def measure() -> list[Row]:
    with _shared_scratch() as folder:
        rows = [_rendering(folder), _status(folder)]
        for name in STATES:
            rows += _trivial(folder, name)
    return rows


@contextmanager
def _shared_scratch() -> Iterator[Path]:
    """Not in /tmp, where DAGMan refuses to keep its logs."""
    folder = Path(tempfile.mkdtemp(prefix="hpcml-bench-clusters-", dir="/var/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plan(folder: Path, site: str, units: int, shards: int) -> Path:
    folder.mkdir(exist_ok=True)
    job = folder / "job.yaml"
    job.write_text(
        f"campaign: bench\nseed: 1\nsite: {site}\nresources: {{shards: {shards}, memory: 100MB}}\nsteps:\n"
        f"  - name: bench\n    workload: {running.WORKLOADS}:NoOp\n    parameters: {{units: {units}}}\n",
        encoding="utf-8",
    )
    place = folder / "planned"
    running.hpcml("plan", job, "--dir", place)
    return place


def _rendering(folder: Path) -> Row:
    opened = OpenCampaign(_plan(folder / "rendering", "slurm", UNITS, SHARDS))
    times = []
    for attempt in range(1, ROUNDS + 1):
        begun = time.perf_counter()
        out = opened.layout.attempt_folder(attempt)
        render(opened.root, opened.campaign, attempt=attempt, shards={"bench": range(SHARDS)}, out=out)
        times.append(time.perf_counter() - begun)
    return figure_row(f"render {UNITS:,} units in {SHARDS:,} shards", times, "s", most=1.0)


def _status(folder: Path) -> Row:
    """`hpcml status` of 1,000 submitted shards; sbatch and squeue are stand-ins that count their calls."""
    campaign = _plan(folder / "status", "slurm", UNITS, SHARDS)
    fakes = folder / "fakes"
    fakes.mkdir()
    calls = fakes / "calls"
    lines = folder / "squeue.txt"
    _fake(fakes / "sbatch", f"echo sbatch >> {calls}; echo $((70 + $(wc -l < {calls})))")
    _fake(fakes / "squeue", f"echo squeue >> {calls}; cat {lines}")
    path = f"{fakes}:{os.environ['PATH']}"
    running.hpcml("submit", campaign, PATH=path)
    lines.write_text(_squeue_lines("71", SHARDS), encoding="utf-8")
    calls.write_text("", encoding="utf-8")
    ran = [running.hpcml("status", campaign, PATH=path) for _ in range(ROUNDS + 1)]
    asked = calls.read_text(encoding="utf-8").split().count("squeue")
    if asked != len(ran) or " running " not in ran[0].out:
        raise running.Failed(f"{asked} calls for {len(ran)} times status:\n{ran[0].out[:500]}")
    what = f"`hpcml status` of {SHARDS:,} queued shards ({UNITS:,} units), one scheduler call, whole command"
    return figure_row(what, [one.seconds for one in ran[1:]], "s", most=1.0)


def _fake(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


def _squeue_lines(job: str, shards: int) -> str:
    """What squeue prints in the format that hpcml asks for, half of the shards running."""
    return "".join(
        f"{job}|{shard}|{'RUNNING|0|0|n1|None' if shard % 2 else 'PENDING|0|0||Resources'}\n"
        for shard in range(shards)
    )


def _trivial(folder: Path, name: str) -> list[Row]:
    """100 shards of one no-op unit each, against 100 times `true` by hand on the same scheduler.

    Both times end when the last job has ended, as the scheduler says it. A campaign is a chain (on HTCondor
    a DAG), so the same chain by hand is a second reference.
    """
    what = f"{TRIVIAL} trivial shards and their merge on {name}"
    environment = _cluster(STATES[name])
    if environment is None:
        return [Row(what, f"not measured: no {name} runs (tests/clusters)")]
    array, chain = (_slurm_array, _slurm_chain) if name == "slurm" else (_condor_array, _condor_chain)
    ours, plain, chained, starts = [], [], [], []
    for number in range(ROUNDS):
        plain.append(_timed(lambda: array(folder, environment)))
        chained.append(_timed(lambda: chain(folder, environment)))
        place = _plan(folder / f"{name}-{number}", name, TRIVIAL, TRIVIAL)
        ours.append(_timed(lambda place=place: _campaign(place, environment)))  # type: ignore[misc]
        starts.append(_python_starts(place))
        print(f"  round {number + 1}: {name}: {ours[-1]:.1f} s with {starts[-1]} starts of Python,"
              f" array {plain[-1]:.1f} s, chain {chained[-1]:.1f} s", file=sys.stderr)  # fmt: skip
    python = [_timed(lambda: running.command([sys.executable, "-c", "import numpy, h5py"])) for _ in range(5)]
    share = min(python) * median(starts) / len(os.sched_getaffinity(0))
    figure = (
        f"{median(ours):.1f} s, of which {median(starts):.0f} starts of Python"
        f" with numpy and h5py {share:.1f} s"
    )
    return [
        ratio_row(
            what, figure, f"array of {TRIVIAL} `true`: {median(plain):.1f} s",
            [a / b for a, b in zip(ours, plain, strict=True)], most=1.5,
        ),
        ratio_row(
            what, figure, f"that array and a `true` behind it, chained by hand: {median(chained):.1f} s",
            [a / b for a, b in zip(ours, chained, strict=True)],
        ),
    ]  # fmt: skip


def _python_starts(place: Path) -> int:
    words = History.read(OpenCampaign(place).layout.journal).of("shard-started")
    return sum("claimed_by" not in word for word in words)


def _timed(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _cluster(state: Path) -> dict[str, str] | None:
    """What env.sh of a cluster sets; None where none runs."""
    if not (state / "env.sh").is_file():
        return None
    text = subprocess.run(
        ["bash", "-c", f". {state}/env.sh && env -0"], capture_output=True, text=True, check=True
    ).stdout
    found = dict(item.split("=", 1) for item in text.split("\0") if "=" in item)
    return {name: found[name] for name in ("SLURM_CONF", "CONDOR_CONFIG", "PATH") if name in found}


def _slurm_array(folder: Path, environment: dict[str, str]) -> None:
    """100 times `true`, until none of them is left."""
    _until_none_is_left(_sbatch(folder, environment, f"--array=0-{TRIVIAL - 1}"), environment)


def _slurm_chain(folder: Path, environment: dict[str, str]) -> None:
    first = _sbatch(folder, environment, f"--array=0-{TRIVIAL - 1}")
    last = _sbatch(folder, environment, f"--dependency=afterany:{first}")
    _until_none_is_left(f"{first},{last}", environment)


def _sbatch(folder: Path, environment: dict[str, str], option: str) -> str:
    words = [
        "sbatch",
        "--parsable",
        option,
        "--mem=100",
        f"--output={folder}/true-%A-%a.log",
        "--wrap",
        "true",
    ]
    return running.command(words, **environment).out.strip()


def _until_none_is_left(jobs: str, environment: dict[str, str]) -> None:
    """`sbatch --wait` looks every few seconds only."""
    words = ["squeue", "--noheader", f"--jobs={jobs}", "--states=PENDING,RUNNING,COMPLETING"]
    while running.command(words, **environment).out.strip():
        time.sleep(0.1)


def _condor_array(folder: Path, environment: dict[str, str]) -> None:
    """100 times `true`, until the last has ended."""
    log = folder / f"true-{time.time_ns()}.log"
    running.command(["condor_submit", _submit_file(folder, "true", log, TRIVIAL)], **environment)
    running.command(["condor_wait", log], **environment)


def _condor_chain(folder: Path, environment: dict[str, str]) -> None:
    place = folder / f"dag-{time.time_ns()}"
    place.mkdir()
    first = _submit_file(place, "array", place / "array.log", TRIVIAL)
    last = _submit_file(place, "merge", place / "merge.log", 1)
    dag = place / "by-hand.dag"
    dag.write_text(f"JOB A {first}\nJOB M {last}\nPARENT A CHILD M\n", encoding="utf-8")
    running.command(["condor_submit_dag", "-usedagdir", dag], **environment)
    running.command(["condor_wait", f"{dag}.dagman.log"], **environment)


def _submit_file(folder: Path, name: str, log: Path, jobs: int) -> Path:
    path = folder / f"{name}.sub"
    lines = f"executable = /bin/true\nlog = {log}\nrequest_memory = 100\nqueue {jobs}\n"
    path.write_text(lines, encoding="utf-8")
    return path


def _campaign(place: Path, environment: dict[str, str]) -> None:
    """From `hpcml submit` until the table is there: its job is the last."""
    running.hpcml("submit", place, **environment)
    table = OpenCampaign(place).steps[0].layout.table
    end = time.monotonic() + 300
    while not table.is_file():
        if time.monotonic() > end:
            raise running.Failed(f"{place} did not end within 300 s")
        time.sleep(0.1)
