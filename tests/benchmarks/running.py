"""Starting what is measured: fresh processes, timed from outside, with their peak memory.

Commands of hpcml, campaigns to measure on, scratch folders.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hpcml.worker.allocation import pinned_environment

ROOT = Path(__file__).resolve().parent.parent.parent
WORKLOADS = Path(__file__).resolve().parent / "workloads.py"

QUIET = 0.2  # cores that others may use while something is timed ...
QUIET_LIMIT = float(os.environ.get("HPCML_BENCH_PATIENCE", "60"))  # ... and how long one waits for that

others: list[float] = []  # cores that others used during each run


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended well. `peak` is the largest resident size of one of its processes, in bytes."""

    seconds: float
    peak: int
    out: str


class Failed(RuntimeError):
    """A measured command did not end with 0."""


@contextmanager
def scratch(name: str, beside: Path | None = None) -> Iterator[Path]:
    """A folder in `beside`, by default on the disk of the temporary folder, removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"hpcml-bench-{name}-", dir=beside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def command(words: Sequence[str | Path], *, cwd: str | Path | None = None, **variables: str) -> Ran:
    """Run a command to its end with threads pinned; Failed with what it printed otherwise."""
    environment = {**pinned_environment(1), **variables}
    # this checkout, whatever is installed; file.py:Class of a workload imports nothing of tests/
    environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryFile() as out:
        busy, begun = _busy_seconds(), time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in words], stdout=out, stderr=subprocess.STDOUT, cwd=cwd, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        others.append((_busy_seconds() - busy - usage.ru_utime - usage.ru_stime) / seconds)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if process.returncode:
        raise Failed(f"{' '.join(map(str, words))} ended with {process.returncode}:\n{text}")
    return Ran(seconds, usage.ru_maxrss * 1024, text)


def hpcml(*words: str | Path, ranks: int = 1, **variables: str) -> Ran:
    """`hpcml ...` in a fresh process, or in `ranks` of them under mpiexec."""
    return command([*launcher(ranks), sys.executable, "-m", "hpcml", *words], **variables)


def launcher(ranks: int) -> list[str]:
    if ranks == 1:
        return []
    beside = Path(sys.executable).parent / "mpiexec"
    return [str(beside) if beside.is_file() else "mpiexec", "-n", str(ranks)]


def reference(name: str, *words: str | Path) -> Ran:
    """One of the plain tools of references.py in a fresh process."""
    return command([sys.executable, "-m", "tests.benchmarks.references", name, *words])


def plan(folder: Path, workload: str, parameters: str) -> Path:
    """A campaign directory with one step `bench`, planned by `hpcml plan`."""
    timed_plan(folder, workload, parameters)
    return folder / "planned"


def timed_plan(folder: Path, workload: str, parameters: str) -> Ran:
    """The same: how `hpcml plan` of the campaign folder/planned went."""
    folder.mkdir(exist_ok=True)
    job = folder / "job.yaml"
    job.write_text(
        f"campaign: bench\nseed: 1\nsteps:\n  - name: bench\n    workload: {WORKLOADS}:{workload}\n"
        f"    parameters: {parameters}\n",
        encoding="utf-8",
    )
    return hpcml("plan", job, "--dir", folder / "planned")


def settle() -> None:
    """Nothing of the run before is left for the disk, and others are quiet if they ever are.

    A file that was removed keeps the disk at work for seconds after `sync` (its blocks are discarded).
    """
    os.sync()
    end = time.monotonic() + QUIET_LIMIT
    while time.monotonic() < end:
        busy, disk = _busy_seconds(), _disk_seconds()
        time.sleep(1.0)
        if _busy_seconds() - busy < QUIET and _disk_seconds() - disk < QUIET:
            break


def _disk_seconds() -> float:
    """Seconds that the disks of this machine have been at work since it started."""
    lines = Path("/proc/diskstats").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[12]) for line in lines) / 1000


def _busy_seconds() -> float:
    """Processor seconds that this machine has spent on anything since it started."""
    line = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0]
    user, nice, system, _, _, *rest = (int(word) for word in line.split()[1:])
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")
